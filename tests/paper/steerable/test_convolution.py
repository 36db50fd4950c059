import numpy as np
import pytest
import torch

pytest.importorskip("escnn")

from regrep.errors import RegrepError
from regrep_paper.steerable import convolution
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.convolution import SteerableConvolution, kernel_basis
from regrep_paper.steerable.fields import irreps_up_to, scalars, space
from tolerance import assert_near

IN, OUT = scalars("C4", 1), irreps_up_to("C4", 2, 1).gated


def types(fields):
    """escnn's type of the fields."""
    return space(fields.group).type(*[fields.representation()] * fields.copies)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of kernels, and none in memory."""
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path))
    kernel_basis.cache_clear()
    yield tmp_path / "kernels"
    kernel_basis.cache_clear()


@pytest.mark.parametrize(("group", "kernel", "stride"), [("C4", 5, 1), ("D4", 3, 2), ("SO3", 3, 1), ("O3", 1, 1)])
def test_convolutions_and_their_start_are_those_of_escnn(group, kernel, stride):
    field = irreps_up_to(group, 2, 1)
    source, target = irreps_up_to(group, 2, 2), irreps_up_to(group, 2, 3).gated
    ours = SteerableConvolution(source, target, kernel, stride, padding=1)
    layers = steerable_library().nn
    convolution = (layers.R2Conv, layers.R3Conv)[source.dimension - 2]
    theirs = convolution(types(source), types(target), kernel, stride=stride, padding=1)
    with torch.no_grad():
        ours.bias.normal_()
        theirs.weights.copy_(ours.weights.flatten())
        theirs.bias.copy_(ours.bias.flatten())
    x = torch.randn(2, source.channels, *[7] * source.dimension)
    assert_near(ours(x), theirs(types(source)(x)).tensor)
    expected = layers.init._generalized_he_init_variances(theirs.basisexpansion)
    _, deviation = kernel_basis(field, field.gated, kernel)
    assert_near((deviation / 2**0.5).expand_as(ours.weights).flatten(), expected)


def test_weights_start_with_the_deviations_of_he():
    torch.manual_seed(0)
    wide = SteerableConvolution(irreps_up_to("C4", 2, 40), irreps_up_to("C4", 2, 40).gated, 3)
    _, deviation = kernel_basis(irreps_up_to("C4", 2, 1), irreps_up_to("C4", 2, 1).gated, 3)
    ratio = wide.weights.std((0, 1)) / (deviation / 40**0.5)
    assert (ratio - 1).abs().max() < 0.1
    assert not wide.bias.any()


def test_a_basis_is_solved_once_and_read_again(folder, monkeypatch):
    basis, deviation = kernel_basis(IN, OUT, 3)
    assert len(list(folder.iterdir())) == 1
    kernel_basis.cache_clear()
    monkeypatch.setattr(convolution, "solve", lambda *_: pytest.fail("solved twice"))
    again = kernel_basis(IN, OUT, 3)
    assert torch.equal(again[0], basis)
    assert torch.equal(again[1], deviation)


def test_every_definition_has_a_file_of_its_own(folder, monkeypatch):
    kernel_basis(IN, OUT, 3)
    kernel_basis(IN, OUT, 5)
    kernel_basis(scalars("C1", 1), scalars("C1", 1), 3)
    kernel_basis(scalars("D1", 1), scalars("D1", 1), 3)
    monkeypatch.setattr(steerable_library(), "__version__", "another")
    kernel_basis.cache_clear()
    kernel_basis(IN, OUT, 3)
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not whole"])
def test_a_damaged_file_is_solved_anew(folder, content):
    basis, _ = kernel_basis(IN, OUT, 3)
    (file,) = folder.iterdir()
    file.write_bytes(content)
    kernel_basis.cache_clear()
    assert_near(kernel_basis(IN, OUT, 3)[0], basis)
    assert np.load(file)["basis"].shape == basis.shape


def test_a_folder_that_cannot_be_written_is_no_obstacle(tmp_path, folder, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path / "file"))
    assert kernel_basis(IN, OUT, 3)[0].shape[1:] == (7, 1, 3, 3)


def test_weights_do_not_depend_on_whether_a_basis_was_stored(folder):
    field = irreps_up_to("D4", 2, 1)
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        drawn.append((SteerableConvolution(field, field.gated, 3).weights, np.random.rand()))  # noqa: NPY002
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert drawn[0][1] == drawn[1][1]


def test_convolutions_share_no_memory():
    one, two = SteerableConvolution(IN, OUT, 3), SteerableConvolution(IN, OUT, 3)
    one.basis.zero_()
    assert two.basis.any()


def test_fields_of_two_groups_are_refused():
    with pytest.raises(RegrepError, match="fields of the same group, got C4 and D4"):
        SteerableConvolution(scalars("C4", 2), scalars("D4", 2), 3)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_null_spaces_take_matrices_of_numpy_and_are_wrapped_once():
    steerable_library()
    import escnn.group._numerical as numerical

    first = numerical.null
    steerable_library.cache_clear()
    steerable_library()
    assert numerical.null is first
    assert not hasattr(first.__wrapped__, "__wrapped__")
    assert len(numerical.null(np.asmatrix([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), False)) == 3
