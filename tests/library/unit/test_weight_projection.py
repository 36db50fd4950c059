"""The penalty on weights: on a small network, one layer and one element after the other."""

import pytest
import torch
from torch import nn

from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from regrep.nn.projection import ProjectionPenalty, Reynolds, axes_of, hidden, signed
from regrep.representations import irreps, latent, regular, representation_from, trivial
from tolerance import assert_near

C4 = cyclic(4)
ACT = RotateFlip2d(C4)
IN, OUT = trivial(C4, 2), regular(C4)


class Small(ProjectionPenalty):
    """Two convolutions on 5 x 5 points, the second one narrower than the group, and a linear layer."""

    def __init__(self, weight=0.5, more=None):
        super().__init__()
        layers = [nn.Conv2d(2, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 3, 3), nn.Flatten()]
        self.encoder, self.head = nn.Sequential(*layers, *([more] if more else [])), nn.Linear(3, 4)
        self.penalise(ACT.pixels, IN, OUT, weight)


def projected(network):
    """Name -> projection of each parameter, by loops over the group."""
    first, second, scales, head = network.encoder[0], network.encoder[3], network.encoder[1], network.head
    wide, narrow = latent(C4, 6), trivial(C4, 3)

    def mean(weight, out, inn=None):
        total = torch.zeros_like(weight)
        for g in range(4):
            part = weight.rot90(g, (2, 3)) if weight.dim() == 4 else weight
            part = torch.einsum("ab,b...->a...", out.stack()[g].float(), part)
            total += part if inn is None else torch.einsum("ab...,cb->ac...", part, inn.stack()[g].float())
        return total / 4

    with torch.no_grad():
        return {
            "encoder.0.weight": mean(first.weight, wide, IN), "encoder.0.bias": mean(first.bias, wide),
            "encoder.1.weight": mean(scales.weight, wide), "encoder.1.bias": mean(scales.bias, wide),
            "encoder.3.weight": mean(second.weight, narrow, wide), "encoder.3.bias": mean(second.bias, narrow),
            "head.weight": mean(head.weight, OUT, narrow), "head.bias": mean(head.bias, OUT),
        }  # fmt: skip


@pytest.fixture
def network():
    torch.manual_seed(0)
    found = Small()
    nn.init.normal_(found.encoder[1].weight)
    nn.init.normal_(found.encoder[1].bias)
    return found


def test_value_and_gradient_are_those_of_the_loops(network):
    expected = projected(network)
    assert list(expected) == [name for name, _ in network.named_parameters()]
    rest = {name: parameter.detach() - expected[name] for name, parameter in network.named_parameters()}
    value = network.regularizer()
    assert_near(value, 0.5 * sum(one.square().sum() for one in rest.values()))
    value.backward()
    for name, parameter in network.named_parameters():
        assert_near(parameter.grad, rest[name])  # 2 times 0.5
        assert rest[name].abs().max() > 1e-3 or name == "encoder.3.bias"


def test_projecting_gives_the_nearest_equivariant_network(network):
    expected = projected(network)
    network.project_()
    for name, parameter in network.named_parameters():
        assert_near(parameter.detach(), expected[name])
    assert network.regularizer() < 1e-10
    x = torch.randn(2, 2, 5, 5)
    with torch.no_grad():
        y = network.eval()(x)
        for g in range(4):
            assert_near(network(ACT(x, torch.full((2,), g))), OUT(y, torch.full((2,), g)))
    assert set(network.state_dict()) == set(Small().state_dict()) - {"reynolds.orbits", "reynolds.signs"}


def test_layers_have_the_representations_of_their_channels(network):
    axes = axes_of(network, ACT.pixels, IN, OUT)
    assert {name: [rho.dim for rho in one] for name, one in axes.items()} == {
        "encoder.0.weight": [6, 2, 9], "encoder.0.bias": [6], "encoder.1.weight": [6], "encoder.1.bias": [6],
        "encoder.3.weight": [3, 6, 9], "encoder.3.bias": [3], "head.weight": [4, 3], "head.bias": [4],
    }  # fmt: skip
    assert [hidden(dihedral(4), n).invariant_dim for n in (7, 8, 9)] == [7, 1, 2]
    with pytest.raises(RegrepError, match=r"can be projected, got the parameter encoder\.5\.weight"):
        Small(more=nn.LayerNorm(3))
    with pytest.raises(RegrepError, match="weight is a finite number of at least 0, got -1"):
        Small(weight=-1)


def test_only_signed_permutations_are_projected():
    sign = irreps(cyclic(2))[1]
    assert_near(Reynolds([[sign, trivial(cyclic(2), 3)]])(torch.randn(3)), torch.zeros(3))
    turned = Reynolds([[sign + trivial(cyclic(2)), sign]])
    assert turned(torch.tensor([1.0, 2.0])).tolist() == [1.0, 0.0]
    index, signs = signed(sign + regular(cyclic(2)))
    assert index.tolist() == [[0, 1, 2], [0, 2, 1]]
    assert signs.tolist() == [[1, 1, 1], [-1, 1, 1]]
    half = -(0.5**0.5)
    turn = torch.tensor([[half, half], [half, -half]], dtype=torch.float64)  # entries by rounding, not to the last bit
    index, signs = signed(
        representation_from(cyclic(2), {"r": turn @ torch.diag(torch.tensor([1.0, -1.0]).double()) @ turn})
    )
    assert (index.tolist(), signs.tolist()) == ([[0, 1], [1, 0]], [[1, 1], [1, 1]])
    for wrong in (irreps(cyclic(3))[1], 0.5 * torch.eye(2)):
        with pytest.raises(RegrepError):
            Reynolds([[wrong]])
    for wrong in (None, [], [[]], [regular(C4)], [[regular(C4)], [3]]):
        with pytest.raises(RegrepError, match="axes are lists of representations, one list per tensor"):
            Reynolds(wrong)


@pytest.mark.parametrize(
    "rho",
    [representation_from(cyclic(2), {"r": matrix}) for matrix in ([[0, 1.25], [0.8, 0]], [[1, 1], [0, -1]])],
    ids=["other entries than 0, 1 and -1", "two of them in a row"],
)
def test_representations_that_mix_coordinates_are_refused(rho):
    with pytest.raises(RegrepError, match="that permute coordinates up to signs, and .* does not"):
        signed(rho)
