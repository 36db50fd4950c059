import pytest
import torch

pytest.importorskip("escnn")

from regrep.errors import RegrepError
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.fields import (
    BallMask,
    FieldNorm,
    Gate,
    GaussianPool,
    irreps_up_to,
    scalars,
    space,
)
from tolerance import assert_near

SIZES = {
    ("C4", 2): (7, 4),
    ("D4", 2): (11, 6),
    ("D1", 2): (2, 1),
    ("SO3", 2): (12, 9),
    ("SO3", 3): (20, 16),
    ("O3", 2): (24, 18),
}


def types(fields):
    """escnn's type of the fields."""
    return space(fields.group).type(*[fields.representation()] * fields.copies)


def volume(fields, side=5):
    return torch.randn(3, fields.channels, *[side] * fields.dimension)


@pytest.mark.parametrize(("group", "frequency"), SIZES)
def test_sizes_of_fields_before_and_after_the_gate(group, frequency):
    fields = irreps_up_to(group, frequency, 5)
    assert (fields.gated.size, fields.size) == SIZES[group, frequency]
    assert (fields.gated.channels, fields.channels) == tuple(5 * size for size in SIZES[group, frequency])


def test_invariant_channels_are_those_of_trivial_irreps():
    assert irreps_up_to("D4", 2, 1).gated.invariant_channels == [0, 1, 2, 3, 4, 5]
    assert irreps_up_to("O3", 2, 1).invariant_channels == [0]


def test_under_the_trivial_group_every_channel_is_a_scalar():
    assert irreps_up_to("C4", 2, 36).under("C1") == scalars("C1", 144)


def test_an_unknown_group_is_refused():
    with pytest.raises(RegrepError, match="not the group 'C8'"):
        scalars("C8", 1)


@pytest.mark.parametrize("group", ["D4", "O3"])
def test_gates_are_those_of_escnn(group):
    fields = irreps_up_to(group, 2, 3)
    gate, theirs = Gate(fields), steerable_library().nn.GatedNonLinearityUniform(types(fields.gated))
    theirs.load_state_dict({"bias": gate.bias[None]}, strict=False)
    x = volume(fields.gated)
    assert_near(gate(x), theirs(types(fields.gated)(x)).tensor)


@pytest.mark.parametrize("group", ["C4", "SO3"])
def test_normalisation_its_statistics_and_its_gradient_are_those_of_escnn(group):
    fields = irreps_up_to(group, 2, 3).gated
    layers = steerable_library().nn
    theirs = (layers.IIDBatchNorm2d, layers.IIDBatchNorm3d)[fields.dimension - 2](types(fields))
    norm = FieldNorm(fields)
    assert set(norm.state_dict()) == {"weight", "bias", "running_mean", "running_var"}
    for p in (*theirs.parameters(), *norm.parameters()):
        torch.nn.init.constant_(p, 0.7)
    for training in (True, True, False):
        ours, reference = (module.train(training) for module in (norm, theirs))
        x = (volume(fields) * 2 + 1).requires_grad_()
        y, z = ours(x), reference(types(fields)(x)).tensor
        assert_near(y, z)
        probe = torch.randn_like(y)
        assert_near(*(torch.autograd.grad((out * probe).sum(), x)[0] for out in (y, z)))
    plain = torch.nn.functional.batch_norm(x, None, None, training=True)
    assert (plain - y).abs().max() > 0.1


@pytest.mark.parametrize("group", ["C4", "SO3"])
@pytest.mark.parametrize(("stride", "padding"), [(2, 1), (1, 1), (2, 0)])
def test_pooling_is_that_of_escnn(group, stride, padding):
    fields = scalars(group, 2)
    layers = steerable_library().nn
    pool = (layers.PointwiseAvgPoolAntialiased2D, layers.PointwiseAvgPoolAntialiased3D)[fields.dimension - 2]
    x = volume(fields, 13)
    theirs = pool(types(fields), 0.66, stride, padding)(types(fields)(x)).tensor
    assert_near(GaussianPool(13, stride, padding)(x), theirs)


@pytest.mark.parametrize("group", ["C4", "SO3"])
def test_mask_is_that_of_escnn(group):
    fields = scalars(group, 1)
    theirs = steerable_library().nn.MaskModule(types(fields), 9, margin=1)
    x = volume(fields, 9)
    assert_near(BallMask(9, fields.dimension)(x), theirs(types(fields)(x)).tensor)
    assert not torch.allclose(BallMask(9, fields.dimension)(x), x)
