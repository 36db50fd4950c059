"""Polar functions on the pixels of a kernel, rings times circular harmonics, and how a group acts on them."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from regrep.actions.images import Rows, plane_matrices
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.representations import MatrixRepresentation


def harmonics(size: int) -> list[tuple[int, int]]:
    """The (ring, frequency) of a kernel's polar functions; two functions, cosine and sine, if frequency > 0.

    Rings have the radii 0, 1, ..., R = (size - 1) / 2. Frequencies run to 2 on the outermost, and on the others as far
    as pixels resolve them, as in e2cnn and escnn.

    Raises:
        RegrepError: an even size.

    >>> [sum(1 + (k > 0) for _, k in harmonics(size)) for size in (1, 3, 5, 7)]
    [1, 6, 11, 18]
    """
    if size < 1 or size % 2 == 0:
        raise RegrepError(f"a kernel of polar functions has a central pixel, so its size is odd, got {size}")
    last = size // 2
    highest = [0, *(min(2 * r, 2 if r == last else 2 * r - (r + 1) % 2) for r in range(1, last + 1))]
    return [(ring, frequency) for ring in range(last + 1) for frequency in range(highest[ring] + 1)]


def polar_functions(size: int, rows: Rows = "down") -> Tensor:
    """The functions on the pixels, float64 [B, size, size], in the order of ``harmonics``, cosine before sine.

    Each is a Gaussian of the distance to its ring times cos kφ or sin kφ, φ counter-clockwise from the axis of the
    columns; those of one ring and frequency are divided by their common root mean square norm.

    Args:
        size: size of the kernel, odd.
        rows: ``"down"`` as in pictures, ``"up"`` if the row index grows with y.

    Raises:
        RegrepError: an even size, or another value of rows.

    >>> polar_functions(3).shape, polar_functions(1).tolist()
    (torch.Size([6, 3, 3]), [[[1.0]]])
    """
    if rows not in get_args(Rows):
        raise RegrepError(f'rows run "down" (pictures) or "up" (row index grows with +y), got {rows!r}')
    axis = torch.arange(size, dtype=torch.float64) - size // 2
    x, y = axis.expand(size, size), axis[:, None] * (1 if rows == "up" else -1)
    radius, angle = torch.hypot(x, y), torch.atan2(y.expand_as(x), x)
    functions = []
    for ring, k in harmonics(size):
        width = 0.005 if ring == 0 else 0.4 if ring == size // 2 else 0.6
        profile = (-0.5 * ((radius - ring) / width) ** 2).exp()
        if k == 0:
            waves = profile[None]
        else:
            waves = (radius > 0) * profile * torch.stack([(k * angle).cos(), (k * angle).sin()])
        functions.append(waves / (waves.square().sum() / len(waves)).sqrt())
    return torch.cat(functions)


def polar_representation(group: FiniteGroup, size: int) -> MatrixRepresentation:
    """How C_n or D_n acts on the polar functions: b_l(g^-1 x) = Σ_m D(g)[m, l] b_m(x).

    r turns counter-clockwise, s mirrors left and right, as in :class:`regrep.actions.RotateFlip2d`.

    Raises:
        RegrepError: another group, or an even size.

    >>> import regrep
    >>> polar_representation(regrep.groups.cyclic(4), 3).multiplicities()
    {'A': 2.0, 'B': 2.0, 'E': 1.0}
    """
    plane = plane_matrices(group)
    image, orientation = torch.atan2(plane[:, 1, 0], plane[:, 0, 0]), torch.linalg.det(plane).round()
    blocks = []
    for _, k in harmonics(size):
        cos, sin = (k * image).cos(), (k * image).sin()
        turn = torch.stack([torch.stack([cos, sin], 1), orientation[:, None] * torch.stack([-sin, cos], 1)], 2)
        blocks.append(turn if k else turn[:, :1, :1])
    moved = [torch.block_diag(*parts) for parts in zip(*blocks, strict=True)]
    return MatrixRepresentation(group, torch.stack(moved), "polar functions")
