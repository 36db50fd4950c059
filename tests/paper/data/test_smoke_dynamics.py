"""Whether a turned flow is a flow."""

import torch

import regrep
from regrep.actions import VectorField2d
from regrep_paper.data.smoke_dynamics import transport_error, transport_errors
from regrep_paper.data.smoke_windows import action
from tolerance import assert_near


def vortex() -> torch.Tensor:
    """A patch of vorticity carried along by a uniform wind of (0.4, 0.1) cells per frame: an exact flow."""
    t, y, x = torch.meshgrid(torch.arange(10.0), torch.arange(24.0), torch.arange(24.0), indexing="ij")
    dx, dy = x - 8 - 0.4 * t, y - 11 - 0.1 * t
    spin = 0.1 * torch.exp(-(dx**2 + dy**2) / 12)
    return torch.stack([0.4 - spin * dy, 0.1 + spin * dx], dim=1)[None]


def test_turned_flows_are_flows_and_wrongly_turned_ones_are_not():
    frames = vortex()
    assert transport_error(frames) < 0.3
    right = transport_errors(frames, action())
    assert_near(torch.tensor(right), torch.full((4,), right[0]))
    wrong = transport_errors(frames, VectorField2d(regrep.groups.cyclic(4), rows="down"))
    assert wrong[1] > 1.0
    assert_near(torch.tensor(wrong[2]), torch.tensor(right[0]))
