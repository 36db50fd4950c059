"""Plumes of smoke in a closed box, solved with PhiFlow on its NumPy backend."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from regrep.errors import MissingExtraError, RegrepError

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
"""Published simulations; number k has strength k and the side (k - 1) mod 4."""


@dataclass(frozen=True)
class Plume:
    """A source of smoke and the force on it.

    Attributes:
        centre: (x, y) of the inflow, in cells from the lower left corner.
        radius: of the inflow, in cells.
        buoyancy: (x, y) of the acceleration by smoke of density 1, in cells per frame².
    """

    centre: tuple[float, float]
    radius: float
    buoyancy: tuple[float, float]


def published_plume(number: int, size: int = SIDE) -> Plume:
    """Simulation ``number`` of Wang et al. (2022), from 1 to 36; on another size the same picture in other units.

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


def simulate(
    plumes: Sequence[Plume], size: int, frames: int, told: Callable[[int], None] = lambda frame: None
) -> tuple[np.ndarray, np.ndarray]:
    """Velocities of several plumes, each in a box of its own, computed side by side.

    A step of one frame: MacCormack advection of the smoke and inflow; semi-Lagrangian advection of the velocity and
    buoyancy; projection. The box is closed (velocity zero outside). The first step is computed and left out. Double
    precision with a direct solver: in single precision the solver of PhiFlow 3.4 diverges.

    Args:
        plumes: one per simulation.
        size: cells along a side, at least 4.
        frames: kept of each simulation.
        told: called with the number of frames done so far.

    Returns:
        velocity float32 [simulations, frames, 2, y, x] in cells per frame, vx and vy, row index along +y, each
        component at the lower face of its cell (the upper faces of the last cells lie on the wall, where it is 0); and
        the largest |divergence| after projection, float64 [simulations], in 1 / frame.

    Raises:
        MissingExtraError: PhiFlow is not installed.
        RegrepError: a size or a number of frames out of range.
    """
    if size < 4 or frames < 1:
        raise RegrepError(f"a simulation has at least 4 cells along a side and 1 frame, got {size} and {frames}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from phi import flow
        except ImportError as cause:
            raise MissingExtraError("sim") from cause
    math, count = flow.math, len(plumes)
    velocities = np.empty((count, frames, 2, size, size), dtype=np.float32)
    divergence = np.zeros(count)
    with warnings.catch_warnings(), math.precision(64):
        warnings.simplefilter("ignore")
        box = {"x": size, "y": size, "bounds": flow.Box(x=size, y=size)}

        def vectors(values: Sequence[tuple[float, float]]) -> object:
            return math.tensor(np.array(values), flow.batch("simulation"), flow.channel(vector="x,y"))

        radius = math.tensor(np.array([p.radius for p in plumes]), flow.batch("simulation"))
        inside = flow.Sphere(vectors([p.centre for p in plumes]), radius=radius)
        inflow = flow.CenteredGrid(inside, flow.extrapolation.BOUNDARY, **box)
        buoyancy = vectors([p.buoyancy for p in plumes])
        smoke = flow.CenteredGrid(0, flow.extrapolation.BOUNDARY, **box)
        velocity = flow.StaggeredGrid(0, flow.extrapolation.ZERO, **box)
        for step in range(frames + 1):
            smoke = flow.advect.mac_cormack(smoke, velocity, dt=1) + inflow
            force = flow.resample(smoke * buoyancy, to=velocity)
            velocity = flow.advect.semi_lagrangian(velocity, velocity, dt=1) + force
            velocity, _ = flow.fluid.make_incompressible(velocity, (), flow.Solve("auto", 1e-5, 1e-12))
            rest = flow.field.divergence(velocity).values.numpy(["simulation", "x", "y"])
            divergence = np.maximum(divergence, np.abs(rest).max(axis=(1, 2)))
            if step:
                faces = velocity.staggered_tensor().numpy(["simulation", "vector", "y", "x"])
                velocities[:, step - 1] = faces[:, :, :size, :size]
                told(step)
    return velocities, divergence
