"""Rotations and mirrors of volumes."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from regrep.actions.spatial import SpatialAction
from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.finite import check_group

Axis = Literal["x", "y", "z"]

Interpolation3d = Literal["trilinear", "nearest"]


class Rotate3d(SpatialAction):
    """Symmetries of space on volumes [B, ..., S, S, S], exactly and in any dtype where they are symmetries of the cube.

    By default the coordinates (x, y, z) run along the last, second last and third last axis: volumes are [.., D, H, W]
    with W = x, H = y, D = z, each growing with its index. ``(g f)(p) = f(g^-1 p)``. Axes of different size are possible
    if no element exchanges them, as under mirrors and half turns.

    Other groups of rotations and mirrors move volumes by trilinear interpolation, with zeros outside: ``exact`` is then
    False, and :meth:`round_trip_error` gives the error of interpolation alone.

    Args:
        group: a group with 3 x 3 matrices, such as ``octahedral()``, ``dihedral(2)`` or ``point_group("Th")``; or any
            group together with its matrices.
        matrices: [n, 3, 3] on columns (x, y, z), orthogonal, in the order of the elements.
        axis: which axis of the data the z of the matrices is, such as the one about which ``cyclic(n)`` and
            ``dihedral(n)`` turn, right-handed: r takes x towards y about ``"z"``, y towards z about ``"x"``, and z
            towards x about ``"y"``.
        axes: names of the last three axes of the data, in their order: ``"zyx"``; ``"xyz"`` for simulations whose first
            index is x; ``"yxz"`` for stacks of pictures along the last axis; or another order.
        interpolation: ``"trilinear"``, or ``"nearest"`` for masks of labels; the same where the action is exact.
        outside: value of points from outside the volume, where the action interpolates.

    Raises:
        RegrepError: a group without matrices, or matrices that are not an action of it; on a call, volumes of a shape
            that the group does not keep.

    >>> import regrep, torch
    >>> act = Rotate3d(regrep.groups.cyclic(4))
    >>> x = torch.arange(8).reshape(1, 2, 2, 2)
    >>> torch.equal(act(x, torch.tensor([1])), torch.rot90(x, -1, (-2, -1)))
    True
    >>> mirrors = Rotate3d(regrep.groups.point_group("D2h"))
    >>> mirrors(torch.zeros(1, 16, 20, 12), torch.tensor([3])).shape
    torch.Size([1, 16, 20, 12])
    """

    def __init__(
        self,
        group: FiniteGroup,
        matrices: Tensor | None = None,
        axis: Axis = "z",
        axes: str = "zyx",
        interpolation: Interpolation3d = "trilinear",
        outside: float = 0,
    ) -> None:
        if not isinstance(interpolation, str) or interpolation not in get_args(Interpolation3d):
            raise RegrepError(f'interpolation is "trilinear" or "nearest" (for labels), got {shown(interpolation)}')
        self.spatial, self.axis, self.axes = space_matrices(group, matrices, axis), axis, axes
        super().__init__(group, on_space_axes(self.spatial, axes), "cubic volumes", interpolation, outside)
        self.matrices = on_space_axes(self.spatial, axes) if self._lattice is None else self._lattice.matrices


def space_matrices(group: FiniteGroup, matrices: Tensor | None = None, axis: Axis = "z") -> Tensor:
    """How a group moves space: [n, 3, 3] on columns (x, y, z); arguments as for :class:`Rotate3d`.

    >>> import regrep
    >>> space_matrices(regrep.groups.cyclic(4), axis="x")[1].int().tolist()  # y to z
    [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    """
    check_group(group)
    if not isinstance(axis, str) or axis not in get_args(Axis):
        raise RegrepError(f'axis is "x", "y" or "z", got {shown(axis)}')
    if matrices is None:
        matrices = group.matrices
        if matrices is None or matrices.shape[1:] != (3, 3):
            raise RegrepError(
                'Rotate3d knows the matrices of point groups, such as regrep.groups.point_group("Td"),'
                f" not those of {group.name}; pass matrices=, one per element"
            )
    elif not isinstance(matrices, Tensor) or matrices.dim() != 3 or matrices.shape[1:] != (3, 3):
        raise RegrepError(f"volumes are moved by matrices [n, 3, 3], got {shown(matrices)}; stack one per element")
    first = "xyz".index(axis) + 1  # the plane of (x, y), (y, z) or (z, x)
    order = [(k - first) % 3 for k in range(3)]
    return matrices[:, order][:, :, order]


def on_space_axes(matrices: Tensor, axes: str) -> Tensor:
    """The same maps on coordinates in another order, given by the names of the axes."""
    if not isinstance(axes, str) or sorted(axes) != ["x", "y", "z"]:
        raise RegrepError(f'axes name x, y and z once each, such as "zyx" for [.., D, H, W], got {shown(axes)}')
    order = ["xyz".index(name) for name in axes]
    return matrices[:, order][:, :, order]
