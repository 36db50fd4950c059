"""Rotations and mirrors of square images."""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from regrep.actions.lattice import LatticeAction
from regrep.actions.rotation import resample
from regrep.arguments import is_real, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, cyclic, dihedral
from regrep.groups.action import Action
from regrep.groups.finite import check_group
from regrep.placed import Placed
from regrep.representations import PermutationRepresentation

Rows = Literal["down", "up"]

Interpolation = Literal["bilinear", "nearest"]


class RotateFlip2d(Action):
    """C_n and D_n on square images [B, ..., H, H].

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
        RegrepError: another group, or another interpolation.

    >>> import regrep
    >>> act = RotateFlip2d(regrep.groups.dihedral(4))
    >>> x = torch.tensor([[[1, 2], [3, 4]]])
    >>> act(x, torch.tensor([1])).tolist(), act(x, torch.tensor([4])).tolist()
    ([[[2, 4], [1, 3]]], [[[2, 1], [4, 3]]])
    """

    def __init__(self, group: FiniteGroup, interpolation: Interpolation = "bilinear", outside: float = 0) -> None:
        if not isinstance(interpolation, str) or interpolation not in get_args(Interpolation):
            raise RegrepError(f'interpolation is "bilinear" or "nearest" (for labels), got {shown(interpolation)}')
        if not is_real(outside):
            raise RegrepError(f"outside is a finite number, the value of pixels from outside, got {shown(outside)}")
        self.group, self.interpolation, self.outside = group, interpolation, outside
        self.matrices = plane_matrices(group)
        self._matrices = Placed(self.matrices)
        self.exact = turn_of(group)[0] in (1, 2, 4)
        self._lattice = LatticeAction(group, on_axes(self.matrices, "down"), "square images") if self.exact else None

    def check(self, x: Tensor) -> None:
        """Square images; floating point where the action interpolates."""
        if x.dim() < 3 or x.shape[-1] != x.shape[-2]:
            sizes = " x ".join(map(str, x.shape[-2:])) if x.dim() > 2 else f"shape {list(x.shape)}"
            raise RegrepError(f"RotateFlip2d needs square images [B, ..., H, H], got {sizes}; crop or pad them")
        if not self.exact and not x.is_floating_point() and self.interpolation == "bilinear":
            raise RegrepError(
                f"{self.group.name} turns images by interpolation, which needs floating point, got"
                f" {str(x.dtype)[6:]}; convert images with x.float(), and turn masks of labels with"
                ' interpolation="nearest"'
            )

    def pixels(self, size: int) -> PermutationRepresentation:
        """The permutation representation on the size² pixels.

        Raises:
            RegrepError: the action interpolates.
        """
        if self._lattice is None:
            raise RegrepError(f"{self.group.name} does not permute pixels; only C1, C2, C4, D1, D2 and D4 do")
        return self._lattice.pixels(size)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather, or one resampling."""
        if self._lattice is not None:
            return self._lattice.apply(x, g)
        images = x.reshape(len(x), math.prod(x.shape[1:-2]), *x.shape[-2:])
        real = x.dtype if x.is_floating_point() else torch.float64
        matrices = self._matrices.on(x.device, real)[g.to(x.device)]
        return resample(images, matrices, self.interpolation, self.outside).reshape(x.shape)

    def inside(self, x: Tensor) -> Tensor | None:
        """The disc that stays in the image, where the action interpolates."""
        return None if self.exact else ball(x.shape[-1], 2, x.device)


def ball(size: int, axes: int, device: torch.device) -> Tensor:
    """1 at the points of a lattice in the largest ball around its centre, 0 elsewhere; [size, ...], uint8.

    >>> ball(3, 2, torch.device("cpu")).tolist()
    [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    """
    squares = (torch.arange(size, device=device) - (size - 1) / 2) ** 2
    distances = squares
    for _ in range(axes - 1):
        distances = distances[..., None] + squares
    return (distances <= ((size - 1) / 2) ** 2).to(torch.uint8)


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
