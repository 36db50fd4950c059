import pytest
import torch

pytest.importorskip("escnn")

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.experiments.competitors.steerable import SteerableConvolution, steerable
from regrep.experiments.competitors.volumes import VolumeSCNN
from regrep.groups import full_octahedral, octahedral
from tolerance import assert_near

COUNTS = {
    "SO3": (128450, [156, 4884, 384, 12792, 38196, 19188, 42912, 1728, 6960]),
    "O3": (192800, [246, 7860, 492, 17448, 52092, 26172, 78012, 1728, 6960]),
}


@pytest.fixture(autouse=True)
def _kernels_elsewhere(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path_factory.getbasetemp()))


def size(module):
    return sum(p.numel() for p in module.parameters())


def used(net, x):
    """A network whose statistics and weights have moved, in evaluation."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return net.eval()


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_are_those_of_the_paper(group):
    net = VolumeSCNN(group, classes=2)
    assert size(net) == COUNTS[group][0]
    assert [size(m) for m in net.modules() if isinstance(m, SteerableConvolution)] == COUNTS[group][1]


@pytest.mark.parametrize("group", COUNTS)
def test_the_latent_is_invariant_under_all_turns_and_with_o3_under_inversion(group):
    torch.manual_seed(0)
    action = Rotate3d(full_octahedral())
    x = torch.randn(2, 1, 14, 14, 14)
    net = used(VolumeSCNN(group, classes=3, width=1, size=14), x)
    order, turns = full_octahedral().order, octahedral().order
    with torch.no_grad():
        z = net.encoder(action(x[:1].expand(order, *x.shape[1:]), torch.arange(order)))
    assert z.shape == (order, 8)
    assert_near(z[:turns], z[:1].expand(turns, -1))
    if group == "O3":
        assert_near(z, z[:1].expand(order, -1))
    else:
        assert (z[turns:] - z[:1]).abs().amax(1).min() > 1e-3 * z.abs().max()


@pytest.mark.parametrize("points", [14, 15, 28, 32])
def test_any_size_of_volumes_comes_to_one_point(points):
    net = VolumeSCNN("SO3", classes=3, width=1, size=points)
    assert net.eval()(torch.randn(1, 1, points, points, points)).shape == (1, 3)


def test_second_convolutions_and_skips_are_made_by_the_argument():
    made = []

    def convolution(index, *rest):
        made.append((index, *rest[2:]))
        return steerable(index, *rest)

    VolumeSCNN("SO3", classes=2, width=1, convolution=convolution)
    assert made == [
        (0, 5, 1, 2, True),
        (0, 7, 1, 2, True),
        (1, 3, 2, 2, True),
        (1, 3, 1, 0, True),
        (2, 1, 1, 0, False),
        (2, 3, 1, 0, True),
    ]


def test_both_ways_of_the_first_blocks_share_the_bias_of_their_gate():
    net = VolumeSCNN("SO3", classes=2, width=1)
    for block in (net.encoder[1], net.encoder[3]):
        assert block.block[-1][-1] is block.skip[-1]


def test_an_unknown_group_is_refused():
    with pytest.raises(RegrepError, match="not 'C4'"):
        VolumeSCNN("C4", classes=2)
