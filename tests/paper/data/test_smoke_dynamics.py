"""Whether a turned flow is a flow."""

import math

import torch

import regrep
from regrep.actions import VectorField2d
from regrep_paper.data.smoke_dynamics import transport_error, transport_errors, vorticity
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


def test_vorticity_is_that_of_a_linear_field():
    """v = A x has the vorticity A21 - A12 in the interior, which is one cell narrower on every side."""
    y, x = torch.meshgrid(torch.arange(5.0), torch.arange(4.0), indexing="ij")
    found = vorticity(torch.stack([0.3 * x + 0.5 * y, 0.75 * x - 0.3 * y])[None])
    assert found.shape == (1, 3, 2)
    assert_near(found, torch.full((1, 3, 2), 0.25))


def error_by_loops(frames):
    """The error of [B, T, 2, H, W], cell by cell; outside of the interior its border goes on."""
    missed = changed = 0.0
    for window in frames.double():
        spins = [vorticity(frame) for frame in window]
        height, width = spins[0].shape
        for now, then, frame in zip(spins, spins[1:], window, strict=False):
            for row in range(2, height - 2):
                for column in range(2, width - 2):
                    vx, vy = frame[:, row + 1, column + 1].tolist()
                    x, y = (
                        min(max(place - speed, 0.0), side - 1.0)
                        for place, speed, side in ((column, vx, width), (row, vy, height))
                    )
                    left, low = min(math.floor(x), width - 2), min(math.floor(y), height - 2)
                    right, up = x - left, y - low
                    carried = (
                        (1 - right) * (1 - up) * now[low, left]
                        + right * (1 - up) * now[low, left + 1]
                        + (1 - right) * up * now[low + 1, left]
                        + right * up * now[low + 1, left + 1]
                    )
                    missed += float(then[row, column] - carried) ** 2
                    changed += float(then[row, column] - now[row, column]) ** 2
    return (missed / changed) ** 0.5


def test_the_error_is_that_of_loops():
    """Of velocities large enough to reach beyond the interior, in fields that are wider than high."""
    frames = 2 * torch.randn(2, 3, 2, 9, 11, generator=torch.Generator().manual_seed(0))
    assert math.isclose(transport_error(frames), error_by_loops(frames), rel_tol=1e-9)
    assert math.isclose(transport_error(frames[0]), error_by_loops(frames[:1]), rel_tol=1e-9)
    square = frames[..., :9]
    wrong = VectorField2d(regrep.groups.cyclic(4), rows="down")
    turned = [wrong(square.flatten(0, 1), torch.full((6,), k)).reshape(square.shape) for k in range(4)]
    assert_near(torch.tensor(transport_errors(square, wrong)), torch.tensor([error_by_loops(one) for one in turned]))
    assert len(transport_errors(square, action())) == 4
