"""Simulations of the published smoke plumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from regrep.errors import RegrepError
from regrep_paper.data.smoke_box import TURNS, Box, Plume, turning_errors

SIDE = 64
"""Cells along a side of the published box."""

PUBLISHED = (
    ((32, 5), (0.0, 0.01)),
    ((59, 32), (-0.01, 0.0)),
    ((32, 59), (0.0, -0.011)),
    ((5, 32), (0.01, 0.0)),
)
"""Centre of the inflow (x, y) and buoyancy per unit of strength: bottom, right, top (0.011, sic) and left."""

SIMULATIONS = 36
"""Number of published simulations; number k has strength k and the side (k - 1) mod 4."""


def published_plume(number: int, size: int = SIDE) -> Plume:
    """Simulation ``number`` of Wang et al. (2022), from 1 to 36; at another size the same plume in other units.

    Raises:
        RegrepError: there is no such simulation.

    >>> published_plume(3)
    Plume(centre=(32.0, 59.0), radius=5.0, buoyancy=(0.0, -0.033))
    """
    if not 1 <= number <= SIMULATIONS:
        raise RegrepError(f"the published simulations are numbered from 1 to {SIMULATIONS}, got {number}")
    unit = size / SIDE
    (x, y), (bx, by) = PUBLISHED[(number - 1) % 4]
    return Plume((x * unit, y * unit), 5 * unit, (number * bx * unit, number * by * unit))


class Simulated(NamedTuple):
    """What :func:`simulate` computes for each plume."""

    velocity: NDArray[np.float32]  # [simulations, frames, 2, y, x] in cells per frame
    divergence: NDArray[np.float64]  # [simulations], the largest |divergence| after projection, in 1 / frame
    equivariance: NDArray[np.float64]  # [simulations, 4], of the frame in the middle, see turning_errors


def simulate(
    plumes: Sequence[Plume], size: int, frames: int, progress: Callable[[int], None] = lambda frame: None
) -> Simulated:
    """Velocities of several plumes, each in its own box, computed together; see :class:`Box` for a frame.

    The first step is computed and left out.

    Args:
        plumes: one per simulation.
        size: points along a side, at least 4.
        frames: frames to keep of each simulation.
        progress: called with the number of frames done so far.

    Returns:
        velocities, vx and vy, row index along +y, each component at the lower face of its cell (the upper faces of the
        last cells lie on the wall, where it is 0); divergence; and how far the step to the middle frame is from
        commuting with quarter turns.

    Raises:
        MissingExtraError: PhiFlow is not installed.
        RegrepError: a size or a number of frames out of range.
    """
    if size < 4 or frames < 1:
        raise RegrepError(f"a simulation has at least 4 points along a side and 1 frame, got {size} and {frames}")
    box = Box(plumes, size)
    velocities = np.empty((len(plumes), frames, 2, size, size), dtype=np.float32)
    divergence = np.zeros(len(plumes))
    equivariance = np.zeros((len(plumes), len(TURNS)))
    state = box.rest()
    for step in range(frames + 1):
        before, state = state, box.advanced(state)
        divergence = np.maximum(divergence, box.divergence(state))
        if step:
            velocities[:, step - 1] = box.faces(state)
            progress(step)
        if step == (frames + 1) // 2:
            equivariance = turning_errors(box, before, state)
    return Simulated(velocities, divergence, equivariance)
