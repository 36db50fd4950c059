import pytest
import torch

pytest.importorskip("escnn")

from networks_fixture import parameters, used

from regrep_paper.networks.rpp import RPP
from regrep_paper.networks.volume_rpp import VolumeRPP
from regrep_paper.steerable.convolution import SteerableConvolution
from tolerance import assert_near

COUNTS = {"C4": 793696, "D1": 78340, "D4": 1733404}
VOLUMES = {"SO3": 18263786, "O3": 29292200}


def squares(modules):
    return sum(float(p.detach().double().square().sum()) for m in modules for p in m.parameters())


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_are_those_of_the_paper_with_48_latent_channels(group):
    assert parameters(RPP(group, 48)) == COUNTS[group]


@pytest.mark.parametrize("group", VOLUMES)
def test_parameters_on_volumes_are_those_of_the_paper(group):
    assert parameters(VolumeRPP(group, classes=2)) == VOLUMES[group]


def test_the_regularizer_is_the_sum_of_squares_over_every_convolution():
    net = RPP("D4", 48, equivariant_decay=0.3, free_decay=0.7)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.1)
    equivariant = squares(m for m in net.modules() if isinstance(m, SteerableConvolution))
    free = squares(m for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    value = net.regularizer().detach()
    assert_near(value, torch.tensor(0.3 * equivariant + 0.7 * free))
    assert abs(float(value) / (0.7 * equivariant + 0.3 * free) - 1) > 0.1


def test_the_regularizer_on_volumes_covers_whole_blocks():
    net = VolumeRPP("SO3", classes=2, width=1, size=14, equivariant_decay=0.3, free_decay=0.7)
    free = [m for m in net.encoder.modules() if isinstance(m, torch.nn.Conv3d | torch.nn.BatchNorm3d)]
    everything = squares([net.encoder])
    assert_near(net.regularizer(), torch.tensor(0.3 * (everything - squares(free)) + 0.7 * squares(free)))


@pytest.mark.parametrize("net", [lambda: RPP("C4", 48), lambda: VolumeRPP("O3", 2, width=1)], ids=["digits", "volumes"])
def test_the_regularizer_draws_every_pathway_to_zero_by_the_published_weights(net):
    net = net()
    net.regularizer().backward()
    drawn = {name: p for name, p in net.named_parameters() if p.grad is not None}
    assert all(("equivariant" in name) != ("free" in name) for name in drawn)
    for name, p in drawn.items():
        assert_near(p.grad, 2 * (1e-3 if "free" in name else 1e-5) * p)
    assert {name for name in set(dict(net.named_parameters())) - set(drawn) if ".free." in name} == set()


def test_free_ways_break_the_invariance():
    torch.manual_seed(0)
    x = torch.randn(2, 1, 56, 56)
    net = used(RPP("C4", 48), x)
    with torch.no_grad():
        z = net.encoder(x)
        assert z.shape == (2, 48)
        assert (net.encoder(x.rot90(1, (-2, -1))) - z).abs().max() > 1e-3 * z.abs().max()
        for name, p in net.named_parameters():
            if ".free." in name:
                p.zero_()
        assert_near(net.encoder(x.rot90(1, (-2, -1))), net.encoder(x))


@pytest.mark.parametrize("points", [14, 28])
def test_volumes_come_to_the_latent(points):
    net = VolumeRPP("SO3", classes=3, width=1, size=points).eval()
    x = torch.randn(1, 1, points, points, points)
    assert net.encoder(x).shape == (1, 8)
    assert net(x).shape == (1, 3)
    assert [m.out_channels for m in net.modules() if isinstance(m, torch.nn.Conv3d)] == [
        *(9, 32, 32),
        *(64, 96, 96),
        *(54, 8, 8),
    ]
