"""Group averages at test time: equivariant whatever the network is."""

import math

import pytest
import torch
from torch import nn

from regrep.actions import Rotate3d, RotateFlip2d, VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, octahedral
from regrep.nn.averaged import GroupAveraged
from regrep.objectives import roll_out
from regrep_paper.data.double_digits import action_of
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.volume_cnn import VolumeCNN
from tolerance import assert_near


def settled(network):
    """In evaluation mode, with statistics of batch normalisation and weights that are no symmetric accident."""
    torch.manual_seed(0)
    for module in network.modules():
        if hasattr(module, "running_mean"):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)):
            module.weight.data *= 3
    return network.eval()


CASES = {
    "DDMNIST C4": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("C4"), None, (1, 56, 56)),
    "DDMNIST D1": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("D1"), None, (1, 56, 56)),
    "DDMNIST D4": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("D4"), None, (1, 56, 56)),
    "MedMNIST3D": (lambda: VolumeCNN(3, 2, 14), Rotate3d(octahedral()), None, (1, 14, 14, 14)),
    "SMOKE": (
        lambda: SmokeCNN(4, 2),
        VectorField2d(cyclic(4), rows="up"),
        VectorField2d(cyclic(4), rows="up"),
        (4, 8, 8),
    ),
}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_the_average_is_equivariant_over_the_whole_group_and_the_network_is_not(case):
    make, act, move, shape = CASES[case]
    network, x = settled(make()), torch.randn(1, *shape)
    every = torch.arange(act.group.order)
    moved = act(x.expand(len(every), *shape), every)
    mean = GroupAveraged(network, act, move, probabilities=move is None).eval()

    def expected(y):
        y = y.expand(len(every), *y.shape[1:])
        return y if move is None else move(y, every)

    assert_near(mean(moved), expected(mean(x)))
    assert float((network(moved) - expected(network(x))).abs().max()) > 1e-2 * float(network(x).abs().max())


@torch.no_grad()
def test_the_mean_is_that_of_all_elements_one_by_one_whatever_the_chunk():
    act = VectorField2d(cyclic(4), rows="up")
    network, x = settled(SmokeCNN(4, 2)).double(), torch.randn(3, 4, 8, 8).double()
    sum_ = 0
    for k in range(4):
        g = torch.full((3,), k)
        sum_ = sum_ + act(network(act(x, g)), act.group.inverse[g])
    for chunk in (1, 5, 256):
        assert_near(GroupAveraged(network, act, act, chunk=chunk)(x), sum_ / 4)
    scores = DoubleDigitCNN(66, 3, width=2).eval().double()
    both, y = action_of("D1"), torch.randn(2, 1, 56, 56).double()
    found = GroupAveraged(scores, both, probabilities=True, chunk=3)(y)
    views = [scores(both(y, torch.full((2,), k))).softmax(dim=1) for k in range(4)]
    assert_near(found.exp(), torch.stack(views).mean(dim=0))
    assert_near(found.softmax(dim=1), found.exp())


def test_probabilities_near_zero_keep_their_logarithm():
    mean = GroupAveraged(lambda x: x.flatten(1)[:, :2] * 1e3, RotateFlip2d(cyclic(2)), probabilities=True)
    found = mean(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))  # sure of one class, and, turned, of the other
    assert_near(found, torch.tensor([[math.log(0.5), math.log(0.5)]]))
    assert_near(mean(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])), torch.tensor([[-1e3, 0.0]]))


@torch.no_grad()
def test_every_step_of_a_roll_out_is_averaged():
    """A roll-out of averages commutes with the group; turning the roll-out of the network itself does not."""
    act = VectorField2d(cyclic(4), rows="up")
    network, x = settled(SmokeCNN(4, 2)), torch.randn(2, 4, 8, 8)
    g = torch.tensor([1, 3])

    def gap(model):
        frames, turned = roll_out(model, x, 3), roll_out(model, act(x, g), 3)
        return float((turned - torch.stack([act(f, g) for f in frames.unbind(1)], dim=1)).norm() / frames.norm())

    assert gap(GroupAveraged(network, act, act)) < 1e-5
    assert gap(network) > 0.1


def test_gradients_flow_and_the_state_is_that_of_the_network():
    network = DoubleDigitCNN(66, 3, width=2)
    mean = GroupAveraged(network, action_of("D1"), probabilities=True)
    mean(torch.randn(2, 1, 56, 56))[:, 0].sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert [key.removeprefix("encoder.network.") for key in mean.state_dict()] == list(network.state_dict())


def test_wrong_settings_are_refused():
    act = RotateFlip2d(cyclic(4))
    with pytest.raises(RegrepError, match="an action of a group on inputs, got None"):
        GroupAveraged(nn.Identity(), None)
    with pytest.raises(RegrepError, match="at least 1 transformed input per forward pass, got 0"):
        GroupAveraged(nn.Identity(), act, chunk=0)
    with pytest.raises(RegrepError, match="C2 acts on the outputs, but C4 on the inputs"):
        GroupAveraged(nn.Identity(), act, RotateFlip2d(cyclic(2)))
