"""Points, key points and boxes: they move with the pixels, and may exchange their names."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.actions.images import plane_matrices, turn_of
from regrep.actions.permute import gathered
from regrep.arguments import is_real, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.placed import Placed
from regrep.representations import PermutationRepresentation
from regrep.representations.representation import check_homomorphism
from regrep.unrounded import unrounded


class Points(Action):
    """Points [B, ..., d] that move by matrices about a centre: ``x -> M[g] (x - centre) + centre``.

    Args:
        group: the group.
        matrices: [n, d, d] on columns, in the order of the elements.
        centre: the point that no element moves, d numbers or one for all coordinates.

    Raises:
        RegrepError: matrices that do not multiply as the elements do, or another centre.

    >>> import regrep
    >>> mirror = torch.stack([torch.eye(2), torch.diag(torch.tensor([-1.0, 1.0]))])
    >>> act = Points(regrep.groups.cyclic(2), mirror, centre=(10.0, 0.0))
    >>> act(torch.tensor([[[9.0, 5.0], [12.0, 6.0]]]), torch.tensor([1])).tolist()
    [[[11.0, 5.0], [8.0, 6.0]]]
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor, centre: float | tuple[float, ...] = 0.0) -> None:
        matrices = check_homomorphism(group, matrices, "the points")
        self.group, self.width = group, matrices.shape[-1]
        numbers = list(centre) if isinstance(centre, tuple | list) else [centre] * self.width
        if len(numbers) != self.width or not all(map(is_real, numbers)):
            raise RegrepError(f"the centre of the points is {self.width} finite numbers or one, got {shown(centre)}")
        self.centre = tuple(map(float, numbers))
        self._matrices = Placed(matrices)
        self._middle = Placed(torch.tensor(self.centre, dtype=torch.float64))

    def check(self, x: Tensor) -> None:
        """Floating-point coordinates."""
        if x.dim() < 2 or x.shape[-1] != self.width or not x.is_floating_point():
            names = f" with coordinates ({', '.join('xyz'[: self.width])})" if self.width < 4 else ""
            raise RegrepError(
                f"points are floats [B, ..., {self.width}]{names}, got {str(x.dtype)[6:]} {list(x.shape)}"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One small product per point, which is not rounded as large ones may be."""
        matrices = self._matrices.on(x.device, x.dtype)[g.to(x.device)]
        matrices = matrices.reshape(len(x), *[1] * (x.dim() - 2), self.width, self.width)
        middle = self._middle.on(x.device, x.dtype)
        with unrounded(x.device):
            return ((x - middle).unsqueeze(-2) * matrices).sum(dim=-1) + middle


class Points2d(Points):
    """C_n and D_n on points [B, ..., 2] of an image, as ``RotateFlip2d`` acts on its pixels.

    Coordinates are (x to the right, y downwards) from 0 to ``size`` along the edges of the image: the centre of the
    first pixel is (0.5, 0.5).

    Args:
        group: ``cyclic(n)`` or ``dihedral(n)``.
        size: side of the image, in the units of the points: its number of pixels, or 1 for relative coordinates; for
            C1, C2, D1 and D2 also (width, height).

    Raises:
        RegrepError: another group, or a size that is not positive, or that the group does not keep.

    >>> import regrep
    >>> act = Points2d(regrep.groups.cyclic(4), size=8)
    >>> act(torch.tensor([[[7.5, 0.5]]]), torch.tensor([1])).tolist()  # top right to top left
    [[[0.5, 0.5]]]
    >>> Points2d(regrep.groups.dihedral(1), size=(128, 96))(torch.tensor([[[8.0, 5.0]]]), torch.tensor([1])).tolist()
    [[[120.0, 5.0]]]
    """

    def __init__(self, group: FiniteGroup, size: float | tuple[float, float]) -> None:
        sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
        if len(sides) != 2 or not all(is_real(side) and float(side) > 0 for side in sides):
            raise RegrepError(f"the side of an image is positive, got {shown(size)}; pass one, or (width, height)")
        if float(sides[0]) != float(sides[1]) and turn_of(group)[0] not in (1, 2):
            raise RegrepError(
                f"{group.name} turns images that are square, got width and height {shown(size)}; C1, C2, D1 and D2 keep"
                " others"
            )
        down = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
        super().__init__(group, down @ plane_matrices(group) @ down, (float(sides[0]) / 2, float(sides[1]) / 2))
        self.size = size


class KeyPoints(Action):
    """Points that have names: they move, and exchange their names, as a left eye becomes a right one in a mirror.

    ``x[:, k]`` [B, K, d + m] is key point k: d coordinates, which ``points`` moves, and m numbers that stay with it,
    such as its visibility. Point k becomes the point that ``names`` takes k to.

    Args:
        points: how the coordinates move, for example ``Points2d(G, size)``.
        names: how the K names move, a permutation of the same group.

    Raises:
        RegrepError: different groups, or names that are not permuted; on a call, other shapes.

    >>> import regrep
    >>> D1 = regrep.groups.dihedral(1)
    >>> eyes = KeyPoints(Points2d(D1, size=10), regrep.natural(D1))
    >>> eyes(torch.tensor([[[2.0, 3.0, 1.0], [7.0, 4.0, 0.0]]]), torch.tensor([1])).tolist()  # x, y, visible
    [[[3.0, 4.0, 0.0], [8.0, 3.0, 1.0]]]
    """

    def __init__(self, points: Points, names: PermutationRepresentation) -> None:
        if not isinstance(points, Points):
            raise RegrepError(f"key points move as Points do, got {shown(points)}; take Points or Points2d")
        if not isinstance(names, PermutationRepresentation):
            raise RegrepError(f"names are permuted, got {shown(names)}; pass a permutation representation of the names")
        if points.group != names.group:
            raise RegrepError(
                f"{points.group.name} moves the points, but {names.group.name} their names; use one group for both"
            )
        self.group, self.points, self.names = points.group, points, names

    def check(self, x: Tensor) -> None:
        """One row for each name."""
        if x.dim() != 3 or x.shape[1] != self.names.dim or x.shape[2] < self.points.width or not x.is_floating_point():
            raise RegrepError(
                f"key points are floats [B, {self.names.dim}, {self.points.width} or more], got"
                f" {str(x.dtype)[6:]} {list(x.shape)}"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Move, then rename."""
        d = self.points.width
        moved = self.points.apply(x[..., :d], g)
        if x.shape[-1] > d:
            moved = torch.cat([moved, x[..., d:]], dim=-1)
        return gathered(moved, self.names.index_on(x.device)[g.to(x.device)], 1)

    def __repr__(self) -> str:
        return f"KeyPoints({self.points!r}, {self.names!r})"


class Boxes2d(Action):
    """C_n and D_n on boxes [B, ..., 4] of an image, by their corners (x0, y0, x1, y1); see :class:`Points2d`.

    Exact for quarter turns and mirrors; by other angles a box becomes the smallest one around its turned corners, so
    that the law of an action holds no longer, and ``exact`` is False.

    Args:
        group: ``cyclic(n)`` or ``dihedral(n)``.
        size: side of the image, in the units of the boxes; for C1, C2, D1 and D2 also (width, height).

    >>> import regrep
    >>> act = Boxes2d(regrep.groups.cyclic(4), size=8)
    >>> act(torch.tensor([[[0.0, 0.0, 4.0, 2.0]]]), torch.tensor([1])).tolist()  # top left to bottom left, and upright
    [[[0.0, 4.0, 2.0, 8.0]]]
    """

    def __init__(self, group: FiniteGroup, size: float | tuple[float, float]) -> None:
        self._corners = Points2d(group, size)
        self.group, self.size = group, size
        self.exact = turn_of(group)[0] in (1, 2, 4)

    def check(self, x: Tensor) -> None:
        """Four floating-point coordinates."""
        if x.dim() < 2 or x.shape[-1] != 4 or not x.is_floating_point():
            raise RegrepError(
                f"boxes are floats [B, ..., 4] with corners (x0, y0, x1, y1), got {str(x.dtype)[6:]} {list(x.shape)}"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Turn all four corners."""
        # A list of places as index would be copied to the device in every call.
        left, top, right, bottom = x.unbind(dim=-1)
        corners = torch.stack([left, top, right, top, right, bottom, left, bottom], dim=-1).unflatten(-1, (4, 2))
        corners = self._corners.apply(corners, g)
        return torch.cat([corners.amin(dim=-2), corners.amax(dim=-2)], dim=-1)
