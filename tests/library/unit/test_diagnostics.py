"""equivariance_error: right on known encoders, and not fooled by collapsed ones."""

import math

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import RotateFlip2d
from regrep.diagnostics import CollapseWarning
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from tolerance import assert_near

G = dihedral(4)
ACT = RotateFlip2d(G)
RHO = regrep.regular(G)
X = torch.randn(40, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def orbit_encoder(x):
    """E(x)[k] = phi(k^-1 x), exactly equivariant."""
    phi = torch.randn(36, dtype=x.dtype, generator=torch.Generator().manual_seed(1))
    turned = [ACT(x, torch.full((len(x),), int(G.inverse[k]))).flatten(1) @ phi for k in range(8)]
    return torch.stack(turned, dim=1)


def test_zero_for_an_equivariant_encoder():
    error = regrep.equivariance_error(orbit_encoder, X, ACT, RHO)
    assert error.elements == G.names
    assert error.absolute.max() < 1e-12
    assert error.uncentred.max() < 1e-12
    assert not error.collapsed


def test_by_hand_for_an_invariant_encoder():
    """z = (1 + u, 0, ..) with u invariant: moving e_0 to e_g leaves error √2 |z|."""

    def encode(x):
        z = torch.zeros(len(x), 8, dtype=x.dtype)
        z[:, 0] = 1 + x.square().sum(dim=(1, 2))
        return z

    error = regrep.equivariance_error(encode, X, ACT, RHO)
    assert_near(error.uncentred[1:], torch.full((7,), math.sqrt(2), dtype=torch.float64))
    assert error.uncentred[0] == 0
    assert_near(error.absolute[1:], math.sqrt(2) * torch.full((7,), error.scale, dtype=torch.float64))
    assert error.mean_uncentred == pytest.approx(math.sqrt(2))


def test_batches_make_no_difference():
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.BatchNorm1d(8), nn.Dropout(0.5)).double()
    encoder.train()
    whole = regrep.equivariance_error(encoder, X, ACT, RHO)
    parts = regrep.equivariance_error(encoder, X, ACT, RHO, batch_size=7)
    assert_near(whole.absolute, parts.absolute)
    assert_near(whole.uncentred, parts.uncentred)
    assert all(module.training for module in encoder.modules())
    assert encoder[2].running_mean.abs().max() == 0  # measured in evaluation mode


def test_errors_do_not_see_scale():
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(36, 8)).double()
    one = regrep.equivariance_error(encoder, X, ACT, RHO)
    small = regrep.equivariance_error(lambda x: 1e-3 * encoder(x), X, ACT, RHO)
    assert_near(one.uncentred, small.uncentred)
    assert_near(one.error, small.error)
    assert_near(1e-3 * one.absolute, small.absolute)


@pytest.mark.parametrize("latent", [torch.zeros(8), torch.ones(8), torch.full((8,), 1e3)])
def test_a_collapsed_latent_cannot_score(latent):
    with pytest.warns(CollapseWarning, match="constant over these 40 samples"):
        error = regrep.equivariance_error(lambda x: latent.expand(len(x), 8).clone(), X, ACT, RHO)
    assert error.collapsed
    assert error.uncentred.isnan().all()
    assert error.as_dict()["whitened_error"] == [None] * 8


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (lambda x: (orbit_encoder(x), x), "a latent is one tensor, got a tuple"),
        (lambda x: orbit_encoder(x) + 0j, "a real tensor .* got complex128"),
        (lambda x: orbit_encoder(x) * math.nan, "finite, got NaN"),
    ],
)
def test_an_encoder_returns_finite_real_latents(encoder, message):
    with pytest.raises(RegrepError, match=message):
        regrep.equivariance_error(encoder, X, ACT, RHO)


def test_any_layer_of_a_model():
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    by_name = regrep.equivariance_error(model, X, ACT, RHO, layer="1")
    direct = regrep.equivariance_error(model[:2], X, ACT, RHO)
    assert_near(by_name.absolute, direct.absolute)
    with pytest.raises(RegrepError, match="no layer 'nine'"):
        regrep.equivariance_error(model, X, ACT, RHO, layer="nine")
    with pytest.raises(RegrepError, match="the encoder is a function"):
        regrep.equivariance_error(orbit_encoder, X, ACT, RHO, layer="1")


def test_prints_a_table():
    text = str(regrep.equivariance_error(orbit_encoder, X, ACT, RHO))
    assert all(name in text for name in G.names)
    assert "latent scale" in text


def test_refuses_wrong_input():
    with pytest.raises(RegrepError, match="at least one sample"):
        regrep.equivariance_error(orbit_encoder, X[:0], ACT, RHO)
    with pytest.raises(RegrepError, match="representation of C4, but D4 acts"):
        regrep.equivariance_error(orbit_encoder, X, ACT, regrep.regular(cyclic(4)))
