import copy
import pickle

import pytest
import torch

pytest.importorskip("escnn")

from networks_fixture import parameters, used

from regrep.errors import RegrepError
from regrep_paper.networks.scnn import SCNN
from regrep_paper.steerable.convolution import SteerableConvolution
from tolerance import assert_near

COUNTS = {
    "C4": (116632, [204, 5592, 12192, 36432, 54576, 1728]),
    "D1": (28132, [144, 1032, 2352, 6984, 10440, 1728]),
    "D4": (145636, [240, 6984, 15408, 46008, 68904, 1728]),
}
MOVES = {
    "turn": lambda x: torch.rot90(x, 1, (-2, -1)),
    "mirror": lambda x: x.flip(-1),
    "upside down": lambda x: x.flip(-2),
}
SYMMETRIES = {"C4": ["turn"], "D1": ["mirror"], "D4": ["turn", "mirror", "upside down"]}


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_are_those_of_the_paper_with_48_latent_channels(group):
    net = SCNN(group, 48)
    assert parameters(net) == COUNTS[group][0]
    assert [parameters(m) for m in net.encoder if isinstance(m, SteerableConvolution)] == COUNTS[group][1]


@pytest.mark.parametrize("group", COUNTS)
def test_the_latent_is_invariant_under_the_group_and_nothing_else(group):
    torch.manual_seed(0)
    x = torch.randn(4, 1, 56, 56)
    net = used(SCNN(group, 48), x)
    with torch.no_grad():
        z = net.encoder(x)
        assert z.shape == (4, 48)
        assert net(x).shape == (4, 100)
        for name, move in MOVES.items():
            moved = net.encoder(move(x))
            if name in SYMMETRIES[group]:
                assert_near(moved, z)
            else:
                assert (moved - z).abs().max() > 1e-3 * z.abs().max()


def test_evaluation_and_training_take_turns_and_keep_the_state():
    torch.manual_seed(0)
    x = torch.randn(2, 1, 56, 56)
    net = SCNN("C4", 48)
    names = list(net.state_dict())
    before = used(net, x)(x)
    assert list(net.state_dict()) == names
    twin = SCNN("C4", 48).eval()
    twin.load_state_dict(copy.deepcopy(net).state_dict())
    assert torch.equal(twin(x), before)
    assert not torch.equal(used(net.train(), x)(x), before)


def test_every_parameter_has_a_gradient():
    net = SCNN("D4", 48)
    net(torch.randn(2, 1, 56, 56)).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_networks_are_pickled_laid_out_and_cast():
    net = SCNN("C4", 8).eval()
    x = torch.randn(2, 1, 56, 56)
    expected = net(x)
    assert torch.equal(pickle.loads(pickle.dumps(net))(x), expected)
    assert_near(copy.deepcopy(net).double()(x.double()), expected)
    net.to(memory_format=torch.channels_last)
    assert_near(net(x.contiguous(memory_format=torch.channels_last)), expected)


def test_mixed_precision_trains():
    net = SCNN("C4", 8)
    with torch.autocast("cpu", torch.bfloat16):
        net(torch.randn(2, 1, 56, 56)).float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in net.parameters())
    assert all(b.dtype == torch.float32 for b in net.state_dict().values() if b.is_floating_point())


def test_convolutions_are_made_by_the_argument():
    made = []

    def convolution(index, source, target, kernel, stride, padding, bias):
        made.append((index, source.channels, target.channels, kernel, stride, padding, bias))
        return torch.nn.Conv2d(source.channels, target.channels, kernel, stride, padding, bias=bias)

    assert SCNN("C4", 48, convolution=convolution)(torch.randn(2, 1, 56, 56)).shape == (2, 100)
    assert made[1:] == [
        (1, 24, 84, 5, 1, 2, True),
        (2, 48, 168, 3, 2, 2, True),
        (3, 96, 252, 3, 2, 0, True),
        (4, 144, 252, 3, 1, 1, True),
        (5, 144, 48, 1, 1, 0, False),
    ]


def test_an_unknown_group_is_refused():
    with pytest.raises(RegrepError, match="not the group 'C3'"):
        SCNN("C3")
