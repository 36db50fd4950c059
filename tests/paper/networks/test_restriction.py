import pytest
import torch

pytest.importorskip("escnn")

from networks_fixture import parameters, used

from regrep_paper.networks.restriction import Restriction
from regrep_paper.steerable.convolution import SteerableConvolution
from regrep_paper.steerable.fields import Gate
from tolerance import assert_near

COUNTS = {"C4": (124192, 62280), "D1": (33316, 15624), "D4": (169828, 93384)}


@pytest.mark.parametrize("group", COUNTS)
def test_parameters_are_those_of_the_paper_with_48_latent_channels(group):
    net = Restriction(group, 48)
    assert parameters(net) == COUNTS[group][0]
    assert [parameters(m) for m in net.encoder if isinstance(m, SteerableConvolution)][4] == COUNTS[group][1]


@pytest.mark.parametrize("group", COUNTS)
def test_only_the_last_two_convolutions_break_the_symmetry(group):
    torch.manual_seed(0)
    x = torch.randn(4, 1, 56, 56)
    net = used(Restriction(group, 48), x)

    def move(y):
        return y.flip(-1) if group == "D1" else y.rot90(2, (-2, -1))

    with torch.no_grad():
        z = net.encoder(x)
        assert z.shape == (4, 48)
        assert (net.encoder(move(x)) - z).abs().max() > 1e-3 * z.abs().max()
        *_, fourth = (i for i, m in enumerate(net.encoder[:15]) if isinstance(m, Gate))
        kept = net.encoder[: fourth + 1]
        assert_near(kept(move(x))[:, 0], move(kept(x)[:, 0]))  # the first channel of a field is a scalar
