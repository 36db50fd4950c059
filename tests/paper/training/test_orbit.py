"""Latents that are encoded once give what every measurement would find by itself."""

import torch
from torch import nn

import regrep
from regrep.actions import RotateFlip2d
from regrep.groups import cyclic, dihedral
from regrep_paper.training.orbit import Orbit


class Counted(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.samples = nn.Sequential(nn.Flatten(), nn.Linear(25, 18), nn.Tanh()), 0

    def forward(self, x):
        self.samples += len(x)
        return self.layers(x)


def test_every_sample_and_element_is_encoded_once_and_measured_as_before():
    for group in (cyclic(4), dihedral(4)):  # one where sides agree, and one where they do not
        act, rho, encoder = RotateFlip2d(group), regrep.latent(group, 18), Counted().eval()
        x = torch.randn(300, 5, 5, generator=torch.Generator().manual_seed(1))  # more than one batch
        expected = (regrep.equivariance_error(encoder, x, act, rho), regrep.profile(encoder, x, act, rho))
        encoder.samples = 0
        orbit = Orbit(encoder, x, act)
        parts = orbit.encoder, orbit.names, orbit.action, rho
        found = (regrep.equivariance_error(*parts), regrep.profile(*parts))
        assert encoder.samples == 300 * group.order
        for one, other in zip(found, expected, strict=True):
            assert one.as_dict() == other.as_dict()


def test_moving_twice_is_moving_by_the_product():
    group = dihedral(4)
    act, x = RotateFlip2d(group), torch.arange(16.0).reshape(1, 4, 4)
    orbit = Orbit(nn.Flatten(), x, act)
    for g in range(8):
        for h in range(8):
            first, second = torch.tensor([g]), torch.tensor([h])
            moved = orbit.action(orbit.action(orbit.names, first), second)
            assert torch.equal(orbit.encoder(moved), act(act(x, first), second).flatten(1))
