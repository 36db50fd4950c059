import copy

import pytest
import torch

pytest.importorskip("escnn")

from regrep.actions.images import plane_matrices
from regrep.errors import RegrepError
from regrep.groups import parse
from regrep_paper.networks.pscnn import PSCNN, averaged, field_representation
from regrep_paper.steerable.averaged_convolution import AveragedConv2d
from regrep_paper.steerable.convolution import SteerableConvolution
from regrep_paper.steerable.fields import Fields, irreps_up_to, scalars, space

COUNTS = {"C4": (447_496, 509_416), "D1": (38_596, 38_596), "D4": (1_040_332, 1_226_092)}
MOVES = {
    "C4": [lambda x: torch.rot90(x, 1, (-2, -1))],
    "D1": [lambda x: x.flip(-1)],
    "D4": [lambda x: torch.rot90(x, 1, (-2, -1)), lambda x: x.flip(-1)],
}


@pytest.fixture(autouse=True)
def _kernels_elsewhere(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path_factory.getbasetemp()))


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_with_and_without_those_of_the_published_code(group):
    net = PSCNN(group, 48)
    assert (sum(p.numel() for p in net.parameters()), net.parameters_as_published()) == COUNTS[group]
    assert len(net.likelihoods) == 6


@pytest.mark.parametrize("group", COUNTS)
def test_invariant_when_new_and_not_after_its_likelihood_moved(group):
    torch.manual_seed(0)
    net, x = PSCNN(group), torch.randn(3, 1, 56, 56)
    net(x)  # statistics that are no longer 0 and 1
    net.eval()

    def difference():
        with torch.no_grad():
            z = net.encoder(x)
            return max((net.encoder(move(x)) - z).abs().max() / z.abs().max() for move in MOVES[group])

    assert difference() < 1e-5
    with torch.no_grad():
        net.likelihoods[1].coefficients[1] += 1
    assert difference() > 1e-3


def test_the_mirror_network_does_not_see_turns():
    torch.manual_seed(0)
    net, x = PSCNN("D1").eval(), torch.randn(3, 1, 56, 56)
    with torch.no_grad():
        z = net.encoder(x)
        assert (net.encoder(torch.rot90(x, 1, (-2, -1))) - z).abs().max() > 1e-3 * z.abs().max()


@pytest.mark.parametrize("group", COUNTS)
def test_elements_move_the_plane_as_those_of_the_library(group):
    plane = parse(group)
    base = space(group).basespace_action
    two = field_representation(irreps_up_to("D4", 1, 1)) if group == "D4" else None
    for matrix, g in zip(plane_matrices(plane), range(plane.order), strict=True):
        assert any(torch.allclose(torch.as_tensor(base(e)), matrix) for e in space(group).fibergroup.elements)
        if two is not None:
            assert abs(torch.trace(two.matrix(g)[-2:, -2:]) - torch.trace(matrix)) < 1e-6


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("group", COUNTS)
def test_equivariant_kernels_span_those_of_the_library(group, size):
    every = tuple(space(group).fibergroup.bl_irreps(1 if group == "D1" else 2))
    field = scalars(group, 1) if size == 7 else Fields(group, every, 1)  # the networks have 7 x 7 at their input only
    gated = Fields(group, every, 1).gated
    basis = SteerableConvolution(field, gated, size).basis.flatten(1).double()
    layer = averaged(0, field, gated, size, 1, 0, True).double()
    average = layer.average(torch.ones(layer.likelihood.group.order).double())
    average = average.view(layer.field_out.dim, layer.field_in.dim, len(layer.samples), -1)
    ours = torch.einsum("pqbw,bx->wpqx", average, layer.samples).flatten(1)
    assert torch.linalg.matrix_rank(ours, rtol=1e-5) == torch.linalg.matrix_rank(basis, rtol=1e-5)
    for one, other in ((ours, basis), (basis, ours)):
        assert outside(one, other) < 1e-5
    free = torch.randn(3, ours.shape[1], generator=torch.Generator().manual_seed(0)).double()
    assert outside(free, basis) > 0.1


def outside(vectors, others):
    """Largest part of some vectors that is not in the span of others, relative to the largest vector."""
    left, values, _ = torch.linalg.svd(others.T, full_matrices=False)
    span = left[:, values > 1e-5 * values[0]]
    return (vectors.T - span @ (span.T @ vectors.T)).norm(dim=0).max() / vectors.norm(dim=1).max()


def test_a_step_after_evaluation_moves_every_parameter():
    torch.manual_seed(0)
    net, x = PSCNN("C4", 8, 3), torch.randn(4, 1, 56, 56)
    with torch.no_grad():
        net.eval()(x)
    before = copy.deepcopy(net.train())
    assert set(net.state_dict()) == set(before.eval().state_dict())
    (torch.nn.functional.cross_entropy(net(x), torch.tensor([0, 1, 2, 0])) + net.regularizer()).backward()
    for name, p in net.named_parameters():
        assert p.grad is not None, name
        assert torch.isfinite(p.grad).all(), name
    assert all(likelihood.coefficients.grad[1:].abs().max() > 0 for likelihood in net.likelihoods)
    assert all(type(v) is torch.Tensor for v in net.state_dict().values())


def test_the_latent_has_a_convolution_without_bias_and_unknown_groups_are_named():
    assert averaged(5, scalars("C4", 3), scalars("C4", 4), 1, 1, 0, False).bias is None
    assert isinstance(PSCNN("D1", 4, 2).convolutions[-1], AveragedConv2d)
    with pytest.raises(RegrepError, match="not the group 'C5'"):
        PSCNN("C5")
