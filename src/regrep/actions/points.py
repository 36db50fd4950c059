"""Points and boxes in an image: they move with the pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.actions.images import plane_matrices, turn_of
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action


class Points2d(Action):
    """C_n and D_n on points [B, ..., 2] of a square image, as ``RotateFlip2d`` acts on its pixels.

    Coordinates are (x to the right, y downwards) from 0 to ``size`` along the edges of the image: the centre of the
    first pixel is (0.5, 0.5).

    Args:
        group: ``cyclic(n)`` or ``dihedral(n)``.
        size: side of the image, in the units of the points: its number of pixels, or 1 for relative coordinates.

    Raises:
        RegrepError: another group, or a size that is not positive.

    >>> import regrep
    >>> act = Points2d(regrep.groups.cyclic(4), size=8)
    >>> act(torch.tensor([[[7.5, 0.5]]]), torch.tensor([1])).tolist()  # top right to top left
    [[[0.5, 0.5]]]
    """

    def __init__(self, group: FiniteGroup, size: float) -> None:
        if not size > 0:
            raise RegrepError(f"the side of an image is positive, got {size}")
        self.group, self.size = group, size
        down = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
        self._matrices = down @ plane_matrices(group) @ down

    def check(self, x: Tensor) -> None:
        """Floating-point pairs."""
        if x.dim() < 2 or x.shape[-1] != 2 or not x.is_floating_point():
            raise RegrepError(
                f"points are floats [B, ..., 2] with coordinates (x, y), got {str(x.dtype)[6:]} {list(x.shape)}"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One small product per point."""
        matrices = self._matrices.to(device=x.device, dtype=x.dtype)[g.to(x.device)]
        matrices = matrices.reshape(len(x), *[1] * (x.dim() - 2), 2, 2)
        with torch.autocast(x.device.type, enabled=False):
            return ((x - self.size / 2).unsqueeze(-2) * matrices).sum(dim=-1) + self.size / 2


class Boxes2d(Action):
    """C_n and D_n on boxes [B, ..., 4] of a square image, by their corners (x0, y0, x1, y1); see :class:`Points2d`.

    Exact for quarter turns and mirrors; by other angles a box becomes the smallest one around its turned corners, so
    that the law of an action holds no longer, and ``exact`` is False.

    Args:
        group: ``cyclic(n)`` or ``dihedral(n)``.
        size: side of the image, in the units of the boxes.

    >>> import regrep
    >>> act = Boxes2d(regrep.groups.cyclic(4), size=8)
    >>> act(torch.tensor([[[0.0, 0.0, 4.0, 2.0]]]), torch.tensor([1])).tolist()  # top left to bottom left, and upright
    [[[0.0, 4.0, 2.0, 8.0]]]
    """

    def __init__(self, group: FiniteGroup, size: float) -> None:
        self.group, self.size = group, size
        self.exact = turn_of(group)[0] in (1, 2, 4)
        self._corners = Points2d(group, size)

    def check(self, x: Tensor) -> None:
        """Four floating-point coordinates."""
        if x.dim() < 2 or x.shape[-1] != 4 or not x.is_floating_point():
            raise RegrepError(
                f"boxes are floats [B, ..., 4] with corners (x0, y0, x1, y1), got {str(x.dtype)[6:]} {list(x.shape)}"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Turn all four corners."""
        corners = self._corners.apply(x[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2)), g)
        return torch.cat([corners.amin(dim=-2), corners.amax(dim=-2)], dim=-1)
