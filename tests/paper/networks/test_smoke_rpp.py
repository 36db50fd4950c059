"""The residual pathway prior of Table 6: both paths and their priors."""

import pytest
import torch

pytest.importorskip("escnn")

from forecasters_fixture import errors

from regrep_paper.networks.smoke_rpp import SmokeRPP, TwoPathConv
from tolerance import assert_near


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_rpp_is_equivariant_without_its_free_path():
    network = SmokeRPP(width=6, size=8)
    rho = network.latent_representation()
    assert errors(network.encoder, rho)[1:].min() > 0.1
    assert errors(network)[1:].min() > 0.1
    for conv in network.modules():
        if isinstance(conv, TwoPathConv):
            conv.free.weight.data.zero_()
            conv.free.bias.data.zero_()
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4


def test_both_paths_of_rpp_are_summed():
    conv, x = TwoPathConv(2, 3), torch.randn(2, 8, 5, 5)
    conv.equivariant.bias.data.normal_()
    assert_near(conv(x), conv.equivariant(x) + conv.free(x))


def test_the_priors_of_rpp():
    network, published = SmokeRPP(width=4, size=8), SmokeRPP(width=4, size=8, as_published=True)
    named = dict(network.named_parameters())
    free = sum(p.square().sum().item() for name, p in named.items() if ".free." in name)
    steered = sum(p.square().sum().item() for name, p in named.items() if ".equivariant." in name)
    assert_near(network.regularizer(), torch.tensor(1e-5 * steered + 1e-3 * free))
    named = dict(published.named_parameters())
    kernels = sum(p.square().sum().item() for name, p in named.items() if name.endswith("free.weight"))
    assert_near(published.regularizer() * 1e12, torch.tensor(kernels**2))
