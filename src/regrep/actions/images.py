"""Rotations and mirrors of square images."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from regrep.actions.spatial import SpatialAction
from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, cyclic, dihedral
from regrep.groups.finite import check_group

Rows = Literal["down", "up"]

Interpolation = Literal["bilinear", "nearest"]


class RotateFlip2d(SpatialAction):
    """C_n and D_n on square images [B, ..., H, H]; C1, C2, D1 and D2 also on other images [B, ..., H, W].

    r turns counter-clockwise by 360/n degrees as the picture is displayed, rows downwards (for n = 4 it is
    ``torch.rot90(x, 1, (-2, -1))``); s is the left-right mirror ``x.flip(-1)``. Exact, in any dtype, for
    n = 1, 2, 4; otherwise by bilinear interpolation of floating-point images with zeros outside: ``exact`` is then
    False and :meth:`round_trip_error` gives the error of interpolation alone.

    Args:
        group: ``cyclic(n)`` or ``dihedral(n)``.
        interpolation: ``"bilinear"``, or ``"nearest"`` for masks of class labels, which must not be mixed: every pixel
            then takes the value of one pixel, in any dtype. Where the action is exact, both are the same.
        outside: value of pixels from outside the image, for example the label that the loss ignores.

    Raises:
        RegrepError: another group, or another interpolation; on a call, images of a shape that the group does not keep.

    >>> import regrep
    >>> act = RotateFlip2d(regrep.groups.dihedral(4))
    >>> x = torch.tensor([[[1, 2], [3, 4]]])
    >>> act(x, torch.tensor([1])).tolist(), act(x, torch.tensor([4])).tolist()
    ([[[2, 4], [1, 3]]], [[[2, 1], [4, 3]]])
    >>> RotateFlip2d(regrep.groups.dihedral(2))(torch.arange(6).reshape(1, 2, 3), torch.tensor([1])).tolist()
    [[[5, 4, 3], [2, 1, 0]]]
    """

    def __init__(self, group: FiniteGroup, interpolation: Interpolation = "bilinear", outside: float = 0) -> None:
        if not isinstance(interpolation, str) or interpolation not in get_args(Interpolation):
            raise RegrepError(f'interpolation is "bilinear" or "nearest" (for labels), got {shown(interpolation)}')
        self.matrices = plane_matrices(group)
        super().__init__(group, on_axes(self.matrices, "down"), "square images", interpolation, outside)


def turn_of(group: FiniteGroup) -> tuple[int, bool]:
    """(n, whether it has mirrors) for cyclic(n) and dihedral(n).

    Raises:
        RegrepError: any other group.
    """
    check_group(group)
    n = group.order
    if group == cyclic(n):
        return n, False
    if n % 2 == 0 and group == dihedral(n // 2):
        return n // 2, True
    raise RegrepError(
        f"images are turned and mirrored by cyclic(n) or dihedral(n), got {group.name}; choose one of them"
    )


def plane_matrices(group: FiniteGroup) -> Tensor:
    """Rotations and mirrors on (x to the right, y upwards), float64 [order, 2, 2], exact at quarter turns."""
    n, mirrors = turn_of(group)
    matrices = []
    for k in range(n):
        angle = 2 * math.pi * k / n
        cos, sin = (round(v) if (4 * k) % n == 0 else v for v in (math.cos(angle), math.sin(angle)))
        matrices.append([[cos, -sin], [sin, cos]])
    turns = torch.tensor(matrices, dtype=torch.float64)
    return torch.cat([turns, turns @ torch.diag(torch.tensor([-1.0, 1.0]).double())]) if mirrors else turns


def on_axes(matrices: Tensor, rows: Rows) -> Tensor:
    """The same maps on (row, column), the row index growing downwards or upwards."""
    axes = torch.tensor([[0.0, -1.0], [1.0, 0.0]] if rows == "down" else [[0.0, 1.0], [1.0, 0.0]]).double()
    return axes @ matrices @ axes.T
