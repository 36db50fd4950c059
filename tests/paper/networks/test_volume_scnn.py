import pytest
import torch

pytest.importorskip("escnn")

from networks_fixture import parameters, used

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import full_octahedral, octahedral
from regrep_paper.networks.volume_scnn import VolumeSCNN
from regrep_paper.steerable.convolution import SteerableConvolution, steerable
from tolerance import assert_near

COUNTS = {
    "SO3": (128450, [156, 4884, 384, 12792, 38196, 19188, 42912, 1728, 6960]),
    "O3": (192800, [246, 7860, 492, 17448, 52092, 26172, 78012, 1728, 6960]),
}


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_are_those_of_the_paper(group):
    net = VolumeSCNN(group, classes=2)
    assert parameters(net) == COUNTS[group][0]
    assert [parameters(m) for m in net.modules() if isinstance(m, SteerableConvolution)] == COUNTS[group][1]


@pytest.mark.parametrize(("points", "stride"), [(14, 1), (28, 5)])
@pytest.mark.parametrize("group", COUNTS)
def test_the_latent_is_invariant_under_turns_and_with_o3_under_inversion(group, points, stride):
    torch.manual_seed(0)
    action = Rotate3d(full_octahedral())
    x = torch.randn(2, 1, points, points, points)
    net = used(VolumeSCNN(group, classes=3, width=1, size=points), x)
    elements = torch.arange(0, full_octahedral().order, stride)
    turns = elements < octahedral().order
    with torch.no_grad():
        z = net.encoder(action(x[:1].expand(len(elements), *x.shape[1:]), elements))
    assert z.shape == (len(elements), 8)
    assert_near(z[turns], z[:1].expand(int(turns.sum()), -1))
    if group == "O3":
        assert_near(z, z[:1].expand_as(z))
    else:
        assert (z[~turns] - z[:1]).abs().amax(1).min() > 1e-3 * z.abs().max()


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
