"""Relaxed steerable convolutions: when they are equivariant, and their penalty."""

import pytest
import torch

pytest.importorskip("escnn")

from forecasters_fixture import errors

from regrep_paper.networks.relaxed_steerable import RelaxedSteerableConv, RSteer
from regrep_paper.steerable.regular_fields import SteerableConv
from tolerance import assert_near


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_rsteer_is_equivariant_with_weights_constant_over_the_cells():
    network = RSteer(width=6, size=8)
    rho = network.latent_representation()
    assert errors(network.encoder, rho)[1:].min() > 0.05
    assert errors(network)[1:].min() > 0.05
    for conv in network.modules():
        if isinstance(conv, RelaxedSteerableConv):
            conv.weight.data[:] = conv.weight.data.mean(dim=-1, keepdim=True)
    assert errors(network.encoder, rho)[1:].min() > 1e-3  # a bias per channel is still no bias per field
    for conv in network.modules():
        if isinstance(conv, RelaxedSteerableConv):
            conv.bias.data = conv.bias.data[::4].repeat_interleave(4) if len(conv.bias) > 2 else conv.bias.data * 0
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4
    assert network.regularizer().item() < 1e-9


@pytest.mark.parametrize(("source", "target"), [("vector", "regular"), ("regular", "regular"), ("regular", "vector")])
def test_constant_relaxed_weights_are_steerable_ones(source, target):
    relaxed, strict = RelaxedSteerableConv(2, 3, source, target), SteerableConv(2, 3, source, target)
    relaxed.weight.data[:] = strict.weight.data.transpose(1, 2)[..., None]
    relaxed.bias.data.zero_()
    x = torch.randn(2, 2 * strict.basis.shape[2], 5, 5)
    assert_near(relaxed(x), strict(x))


def test_the_penalty_of_rsteer_is_linear_unless_as_published():
    for as_published in (False, True):
        network = RSteer(width=4, size=8, as_published=as_published)
        layers = [part for part in network.modules() if isinstance(part, RelaxedSteerableConv)]
        expected = 0.0
        for layer in layers:
            w = layer.weight.detach()
            expected += float(sum((w[..., k + 1] - w[..., k]).abs().mean() for k in range(8))) / 8
        assert len(layers) == 5
        scale = 1e10 if as_published else 1e5
        assert_near(network.regularizer() * scale, torch.tensor(expected**2 if as_published else expected))


def test_first_weights_are_as_wide_as_those_of_a_convolution():
    conv = RelaxedSteerableConv(25, 40)
    for values in (conv.weight, conv.bias):
        assert 0.9 / 15 < values.abs().max() <= 1 / 15  # 9 points of 25 fields


def test_one_field_is_a_network():
    assert RSteer(width=1, size=8).latent_shape == (4, 8, 8)
