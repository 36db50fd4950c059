"""The plain network of SMOKE, and the layouts of its latent."""

import pytest
import torch
from smoke_fixture import SIZE
from torch import nn

import regrep
from regrep.actions import VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep.objectives import equivariance_loss
from regrep_paper.data.smoke_windows import action
from regrep_paper.networks.smoke_cnn import SmokeCNN, latent_representation


def test_network_and_layouts():
    network = SmokeCNN()
    assert sum(p.numel() for p in network.parameters()) == 247_850  # 0.25 million in Table 6
    x = torch.randn(2, 20, SIZE, SIZE)
    assert network.encoder(x).shape == (2, 92, SIZE, SIZE)
    assert (network.encoder(x) >= 0).all()
    assert network(x).shape == (2, 2, SIZE, SIZE)
    assert SmokeCNN(width=1, frames=2)(x[:, :4]).shape == (2, 2, SIZE, SIZE)
    with pytest.raises(RegrepError, match="width is the number of channels, at least 1, got 0"):
        SmokeCNN(width=0)
    act = action()
    for layout in ("grid", "channels", "both"):
        rho = latent_representation(act, layout, (8, 4, 4))
        assert rho.shape == (8, 4, 4)
    with pytest.raises(RegrepError, match=r"odd grid \(5 x 5\)"):
        latent_representation(act, "grid", (4, 5, 5))
    assert latent_representation(act, "channels", (4, 5, 5)).shape == (4, 5, 5)
    with pytest.raises(RegrepError, match='"grid", "channels" and "both"'):
        latent_representation(act, "pixels", (4, 4, 4))


@pytest.mark.parametrize("rows", ["up", "down"])
def test_pixels_of_the_latent_turn_as_those_of_the_data(rows):
    """The layout grid belongs to scalars made by kernels that do not change under quarter turns."""
    act = VectorField2d(regrep.groups.cyclic(4), rows)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    rho = latent_representation(act, "grid", (4, 6, 6))
    x, g = torch.randn(4, 6, 6, 6), torch.arange(4)

    def penalty(rho=rho):
        z, z_g = (conv(field.unflatten(1, (3, 2)).square().sum(2)) for field in (x, act(x, g)))
        return equivariance_loss(z, z_g, g, rho)

    assert penalty() > 1e-3
    with torch.no_grad():
        conv.weight.copy_(torch.stack([torch.rot90(conv.weight, k, (2, 3)) for k in range(4)]).mean(0))
    assert penalty() < 1e-10
    other = VectorField2d(act.group, "down" if rows == "up" else "up")
    assert penalty(latent_representation(other, "grid", (4, 6, 6))) > 1e-3


def test_a_latent_of_another_shape_is_refused():
    with pytest.raises(RegrepError, match=r"got shape \[4, 4\]"):
        latent_representation(VectorField2d(cyclic(4), rows="up"), "grid", (4, 4))
