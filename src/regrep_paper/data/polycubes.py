"""Polycubes: shapes of unit cubes up to rotation, mirror images counted separately, and grey volumes of them."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups import rotation_matrices
from regrep_paper.runs.arrays import as_bytes

Cells = tuple[tuple[int, int, int], ...]
"""The cubes of a polycube, sorted, with smallest coordinates 0."""

CUBES = 5
"""Number of cubes of the polycubes that serve as classes."""

EDGE, SHIFT = (0.19, 0.25), 0.06
"""Range of a cube's edge and largest shift of the shape along each axis, as fractions of the volume's side."""

BLUR = 0.25
"""Standard deviation of the Gaussian blur, in edges."""

GROUND, BRIGHTNESS, NOISE = 0.45, (0.35, 0.5), 0.06
"""Background, range of the cubes' contrast, and standard deviation of the noise, as fractions of the largest value.

A medium grey background is 0 after normalisation, like the padding. On a dark one the large first kernels make the
batch statistics drift, so that networks that train fast are evaluated with stale ones."""


def canonical(cells: Cells) -> Cells:
    """The smallest of a polycube's 24 rotated copies: equal for two polycubes if and only if they are rotations.

    >>> canonical(((0, 0, 0), (1, 0, 0))) == canonical(((2, 5, 1), (2, 4, 1)))
    True
    """
    copies = torch.tensor(cells) @ torch.from_numpy(rotation_matrices()).transpose(1, 2)
    copies = copies - copies.amin(dim=1, keepdim=True)
    return min(tuple(sorted(tuple(cell) for cell in copy)) for copy in copies.tolist())


def mirrored(cells: Cells) -> Cells:
    """The canonical form of the mirror image.

    >>> rod = canonical(((0, 0, 0), (1, 0, 0)))
    >>> mirrored(rod) == rod
    True
    """
    return canonical(tuple((-x, y, z) for x, y, z in cells))


@cache
def one_sided(n: int) -> tuple[Cells, ...]:
    """All polycubes of n cubes up to rotation (mirror images count separately), in canonical form and sorted.

    >>> [len(one_sided(n)) for n in (1, 2, 3, 4)]
    [1, 1, 2, 8]
    """
    if n < 1:
        raise RegrepError(f"a polycube has at least one cube, got {n}")
    if n == 1:
        return (((0, 0, 0),),)
    steps = [step for axis in range(3) for step in _unit_steps(axis)]
    grown = {
        tuple(sorted((*cells, cube)))
        for cells in one_sided(n - 1)
        for x, y, z in cells
        for dx, dy, dz in steps
        if (cube := (x + dx, y + dy, z + dz)) not in cells
    }
    return tuple(sorted({canonical(cells) for cells in grown}))


def _unit_steps(axis: int) -> list[tuple[int, int, int]]:
    return [(sign * (axis == 0), sign * (axis == 1), sign * (axis == 2)) for sign in (1, -1)]


@cache
def chiral_pairs(n: int) -> tuple[tuple[Cells, Cells], ...]:
    """Polycubes of n cubes that no rotation takes to their mirror image, each paired with that image.

    >>> [len(chiral_pairs(n)) for n in (3, 4, 5)]
    [0, 1, 6]
    """
    return tuple((cells, mirrored(cells)) for cells in one_sided(n) if cells < mirrored(cells))


def classes() -> list[Cells]:
    """The classes of the task: the twelve chiral pentacubes, mirror images adjacent.

    >>> len(classes())
    12
    """
    return [cells for pair in chiral_pairs(CUBES) for cells in pair]


def volumes(shapes: list[Cells], size: int, generator: torch.Generator) -> Tensor:
    """Grey volumes uint8 [n, size, size, size] of polycubes in their canonical pose.

    Scale, position, brightness and noise are drawn independently for each; the cubes' coordinates run along the axes
    of ``Rotate3d`` (x along the last). A blurred cube is a product over the axes, so it is computed without sampling.

    >>> volumes(classes(), 14, torch.Generator().manual_seed(0)).shape
    torch.Size([12, 14, 14, 14])
    """
    cells = torch.tensor(shapes, dtype=torch.float32)  # [n, cubes, 3]
    n = len(cells)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=generator)

    edge = size * uniform(*EDGE, 1, 1)
    middle = (cells.amin(1, keepdim=True) + cells.amax(1, keepdim=True) + 1) / 2
    start = size / 2 + size * uniform(-SHIFT, SHIFT, 1, 3) + edge * (cells - middle)
    points = torch.arange(size) + 0.5
    width = (math.sqrt(2) * BLUR * edge)[..., None]
    low = points - start[..., None]  # [n, cubes, 3, size]
    cover = (torch.erf(low / width) - torch.erf((low - edge[..., None]) / width)) / 2
    x, y, z = cover.unbind(2)
    grey = GROUND + uniform(*BRIGHTNESS, 1, 1, 1) * torch.einsum("ncd,nch,ncw->ndhw", z, y, x)
    noise = NOISE * torch.randn(grey.shape, generator=generator)
    return as_bytes(grey + noise)
