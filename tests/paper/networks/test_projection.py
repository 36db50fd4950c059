"""The penalty on the part of the weights that is not equivariant."""

import copy

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import Rotate3d, RotateFlip2d, VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral, parse
from regrep.nn.projection import ProjectionPenalty, Reynolds, axes_of, hidden
from regrep.representations import irreps, latent, regular, trivial
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.projected_cnns import (
    ProjectionDoubleDigitCNN,
    ProjectionSmokeCNN,
    ProjectionVolumeCNN,
)
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.volume_cnn import VolumeCNN
from tolerance import assert_near

CASES = {
    "C4": (lambda: ProjectionDoubleDigitCNN("C4"), RotateFlip2d(parse("C4")), None, (1, 57, 57)),
    "D1": (lambda: ProjectionDoubleDigitCNN("D1"), RotateFlip2d(parse("D1")), None, (1, 57, 57)),
    "D4": (lambda: ProjectionDoubleDigitCNN("D4"), RotateFlip2d(parse("D4")), None, (1, 57, 57)),
    "S4": (lambda: ProjectionVolumeCNN(3), Rotate3d(octahedral()), None, (1, 29, 29, 29)),
    "S4, small": (lambda: ProjectionVolumeCNN(3, size=14), Rotate3d(octahedral()), None, (1, 15, 15, 15)),
    "smoke": (
        lambda: ProjectionSmokeCNN(10, 2, 8),
        VectorField2d(cyclic(4), rows="up"),
        VectorField2d(cyclic(4), rows="up"),
        (4, 8, 8),
    ),
}
"""Networks, actions and inputs of odd size where strides and doubled lines would break the symmetry otherwise."""


def random_scales(network):
    """Batch normalisations that scale and shift every channel by its own amount, and amplify, so that signals last."""
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            nn.init.uniform_(layer.weight, 0.5, 2)
            nn.init.normal_(layer.bias)
            layer.running_var.fill_(0.05)
    return network.eval()


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_projected_weights_make_an_equivariant_network_and_random_ones_do_not(case):
    torch.manual_seed(0)
    make, act, move, shape = CASES[case]
    network, x = random_scales(make()), torch.randn(1, *shape)
    every = torch.arange(act.group.order)
    moved = act(x.expand(len(every), *shape), every)

    def error():
        y = network(x)
        y = y.expand(len(every), *y.shape[1:])
        expected = y if move is None else move(y, every)
        return float((network(moved) - expected).norm() / expected.norm())

    assert error() > 1e-2
    assert network.regularizer() > 0.1
    network.project_()
    assert error() < 1e-5
    assert network.regularizer() < 1e-10
    assert (network(x) - network(-x)).norm() > 1e-2 * network(x).norm()  # it is not constant


@pytest.mark.parametrize("group", [cyclic(4), dihedral(4)], ids=["C4", "D4"])
def test_the_projection_is_the_mean_over_the_group_layer_by_layer(group):
    """By matrices and by moving kernels as pictures, one element after the other."""
    torch.manual_seed(0)
    act, out, inn = RotateFlip2d(group), latent(group, 10), trivial(group, 2) + regular(group)
    w, b = torch.randn(10, inn.dim, 5, 5).double(), torch.randn(10).double()
    kernels, shifts = 0, 0
    for k in range(group.order):
        turned = act(w.flatten(0, 1), torch.full((10 * inn.dim,), k)).reshape(w.shape)
        kernels = kernels + torch.einsum("ab,bcij,dc->adij", out.stack()[k], turned, inn.stack()[k])
        shifts = shifts + out.stack()[k] @ b
    operator = Reynolds([[out, inn, act.pixels(5)], [out]])
    found = operator.double()(torch.cat([w.flatten(), b]))
    assert_near(found, torch.cat([kernels.flatten(), shifts]) / group.order)
    assert_near(operator(found), found)
    wrong = Reynolds([[inn, out, act.pixels(5)], [out]]).double()(torch.cat([w.flatten(), b]))
    assert (wrong - found).abs().max() > 0.1


def test_signs_that_cancel_leave_nothing():
    """No vector is fixed by all quarter turns; a constant map from vectors to scalars is projected to zero."""
    turned = irreps(cyclic(2))[1]
    operator = Reynolds([[turned, trivial(cyclic(2), 3)]])
    assert_near(operator(torch.randn(3)), torch.zeros(3))
    with pytest.raises(RegrepError, match="permute coordinates up to signs"):
        Reynolds([[irreps(cyclic(3))[1]]])


def test_the_number_of_free_weights_is_that_of_equivariant_maps():
    """The trace of the projection is the mean of the characters' product."""
    group = dihedral(4)
    rho, points = hidden(group, 12), RotateFlip2d(group).pixels(3)
    n = rho.dim * rho.dim * 9
    trace = torch.trace(torch.stack([Reynolds([[rho, rho, points]])(row) for row in torch.eye(n)]))
    assert round(float(trace)) == round(float((rho.character**2 * points.character).mean()))


def test_the_penalty_is_the_squared_distance_and_its_gradient_is_twice_the_difference():
    network = ProjectionDoubleDigitCNN("D4", weight=0.5)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    value = network.regularizer()
    value.backward()
    twin = copy.deepcopy(network)
    twin.project_()
    distances = {name: before[name] - p.detach() for name, p in twin.named_parameters()}
    assert_near(value.detach(), 0.5 * sum(d.square().sum() for d in distances.values()))
    for name, parameter in network.named_parameters():
        if distances[name].abs().max() > 1e-4:
            assert_near(parameter.grad, distances[name])
    assert ProjectionDoubleDigitCNN("D4", weight=0.0).regularizer() == 0


def test_descent_on_the_penalty_alone_makes_the_network_equivariant():
    network = random_scales(ProjectionSmokeCNN(8, 2, 8, weight=1.0))
    target = copy.deepcopy(network)
    target.project_()
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        value = network.regularizer()
        value.backward()
        optimiser.step()
        values.append(value.item())
    assert values == sorted(values, reverse=True)
    assert values[-1] < 1e-8 * values[0]
    for one, other in zip(network.parameters(), target.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)  # and it arrives at the nearest one


@pytest.mark.parametrize(
    ("network", "plain"),
    [
        (lambda: ProjectionDoubleDigitCNN("D4"), DoubleDigitCNN),
        (lambda: ProjectionVolumeCNN(3, 6, 14), lambda: VolumeCNN(3, 6, 14)),
        (lambda: ProjectionSmokeCNN(12, 3, 8), lambda: SmokeCNN(12, 3, 8)),
    ],
)
def test_state_and_function_are_those_of_the_plain_network(network, plain):
    torch.manual_seed(0)
    own = network()
    torch.manual_seed(0)
    other = plain()
    assert list(own.state_dict()) == list(other.state_dict())
    own.load_state_dict(other.state_dict())
    shape = {DoubleDigitCNN: (1, 56, 56), VolumeCNN: (1, 14, 14, 14), SmokeCNN: (6, 8, 8)}[type(other)]
    x = torch.randn(2, *shape)
    assert torch.equal(own.eval()(x), other.eval()(x))
    assert getattr(own, "latent_shape", None) == getattr(other, "latent_shape", None)
    own.train()(x).square().mean().add(own.regularizer()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in own.parameters())


def test_other_layers_and_weights_are_refused():
    class Other(ProjectionPenalty):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = nn.Sequential(nn.Conv2d(1, 4, 3), nn.PReLU()), nn.Linear(4, 2)

    group = cyclic(4)
    with pytest.raises(RegrepError, match=r"got the parameter encoder\.1\.weight"):
        axes_of(Other(), RotateFlip2d(group).pixels, trivial(group), trivial(group, 2))
    with pytest.raises(RegrepError, match="at least 0, got -1"):
        ProjectionDoubleDigitCNN("D4", weight=-1.0)
    with pytest.raises(RegrepError, match="C5 does not permute pixels"):
        ProjectionDoubleDigitCNN("C5")
    assert regrep.latent(group, 9).dim == hidden(group, 9).dim == 9
