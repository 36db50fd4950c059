"""The lift expansion: size, where its symmetry breaks, what it refuses."""

import pytest
import torch
from forecasters_fixture import randomised
from networks_fixture import parameters as count

pytest.importorskip("escnn")

from forecasters_fixture import errors

from regrep.errors import RegrepError
from regrep_paper.networks.lift import Lift


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_parameters_of_the_lift_for_other_data():
    first = 2 * 10 * 92  # weights per config of its first layer
    assert count(Lift()) - first * (64 * 64 - 62 * 23) == 3_314_852


def test_the_code_of_the_lift_alone_breaks_its_symmetry():
    network = randomised(Lift(width=8, size=8))
    network.encoder.code[-1].weight.data *= 10
    rho = network.latent_representation()
    assert errors(network.encoder.trunk, rho).max() < 1e-4
    assert errors(network.encoder, rho)[1:].min() > 0.02
    assert errors(network)[1:].min() > 0.02
    network.encoder.code[-1].weight.data.zero_()
    network.encoder.code[-1].bias.data = torch.randn(2).repeat_interleave(4)
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4


def test_what_the_lift_refuses():
    with pytest.raises(RegrepError, match="got width 6"):
        Lift(width=6)
    with pytest.raises(RegrepError, match="got data 20 x 62 x 23"):
        Lift(width=8, size=8)(torch.zeros(2, 20, 62, 23))
