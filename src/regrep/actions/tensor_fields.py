"""Fields of vectors and tensors in space: the group permutes the points and rotates what is at each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regrep.actions.signed import SignedPermute
from regrep.actions.volumes import Axis, Rotate3d
from regrep.arguments import check_flag, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.representations import MatrixRepresentation, PermutationRepresentation


class TensorField3d(Action):
    """Tensors of a rank at every point of a volume: [B, frames·m, D, H, W], m = 3^rank channels per frame.

    ``(g f)(p) = (R ⊗ ... ⊗ R) f(g^-1 p)`` with the matrix R of g; ``axial`` multiplies by det R. Channel 3i + j of a
    tensor of rank 2 is its entry ij, i and j counting x, y, z. Exact for the symmetries of the cube, by interpolation
    for other groups, as :class:`Rotate3d`. :class:`VectorField3d` is that of rank 1.

    Args:
        group: as for :class:`Rotate3d`.
        rank: of the tensors, 0 to 4.
        symmetric: tensors of rank 2 that are equal to their transposes, as six channels xx, yy, zz, yz, xz, xy (the
            order of Voigt, without his factors of 2).
        axial: whether the sign of the tensors changes under mirrors beside R: for the vorticity and other curls, the
            magnetic field, spins, helicity.
        matrices: as for :class:`Rotate3d`.
        axis: as for :class:`Rotate3d`.
        axes: as for :class:`Rotate3d`; the channels are x, y, z in any case.

    Raises:
        RegrepError: as :class:`Rotate3d`, or another rank; on a call, another number of channels.

    >>> import regrep
    >>> act = TensorField3d(regrep.groups.octahedral(), rank=2, symmetric=True)
    >>> stress = torch.arange(6).reshape(1, 6, 1, 1, 1)  # xx, yy, zz, yz, xz, xy
    >>> act(stress, torch.tensor([act.group.index("y-xz")])).flatten().tolist()  # x to y, y to -x
    [1, 0, 2, 4, -3, -5]
    """

    def __init__(
        self,
        group: FiniteGroup,
        rank: int = 2,
        symmetric: bool = False,
        axial: bool = False,
        matrices: Tensor | None = None,
        axis: Axis = "z",
        axes: str = "zyx",
    ) -> None:
        if not is_whole(rank) or not 0 <= rank <= 4:
            raise RegrepError(f"the rank of a tensor field is an integer from 0 to 4, got {shown(rank)}")
        check_flag("symmetric", symmetric)
        check_flag("axial", axial)
        if symmetric and rank != 2:
            raise RegrepError(f"symmetric tensors are of rank 2, got rank {rank}; leave symmetric= out")
        self._points = Rotate3d(group, matrices, axis, axes)
        self.group, self.rank, self.axial, self.axes = group, int(rank), axial, axes
        self.exact, self.spatial = self._points.exact, self._points.spatial
        moved = tensor_matrices(self.spatial.double(), self.rank, symmetric, axial)
        self.entries: Action
        if self.exact:
            self.entries = SignedPermute.from_matrices(group, moved.round(), dim=2)
        else:
            self.entries = MatrixRepresentation(group, moved, "tensor")
        self.width = moved.shape[-1]

    def check(self, x: Tensor) -> None:
        """Whole tensors, of a shape that the group keeps, with signs."""
        name = type(self).__name__
        if x.dim() != 5 or x.shape[1] % self.width:
            raise RegrepError(
                f"{name} needs fields [B, {self.width}·frames, D, H, W] with {self.width} channels per frame, got"
                f" {list(x.shape)}"
            )
        self._points.check(x)
        if x.dtype in (torch.uint8, torch.bool):
            raise RegrepError(
                f"transformed tensors change signs, which {str(x.dtype)[6:]} has none of; convert to a signed type"
            )

    def pixels(self, size: int | Sequence[int]) -> PermutationRepresentation:
        """The permutation representation on the points.

        Raises:
            RegrepError: the action interpolates, or the group does not keep the sizes.
        """
        return self._points.pixels(size)

    def keeping(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The elements that keep the shape of a volume; see :class:`Rotate3d`."""
        return self._points.keeping(sizes)

    def inside(self, x: Tensor) -> Tensor | None:
        """The ball that stays in the volume, where the action interpolates."""
        return self._points.inside(x)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Move the points, then the entries at each."""
        moved = self._points.apply(x, g)
        each = moved.reshape(len(x), x.shape[1] // self.width, self.width, math.prod(x.shape[2:]))
        if isinstance(self.entries, SignedPermute):
            return self.entries.apply(each, g).reshape(x.shape)
        return self.entries.apply(each.transpose(2, 3), g).transpose(2, 3).reshape(x.shape)


class VectorField3d(TensorField3d):
    """Vector fields [B, 3·frames, D, H, W] with channels (vx, vy, vz) per frame: ``(g v)(p) = R v(g^-1 p)``.

    Exact for the symmetries of the cube, by interpolation for other groups, as :class:`Rotate3d`. ``axial`` multiplies
    by det R, for vectors that are curls, such as vorticity and the magnetic field: a mirror keeps their component
    across it, and reverses those along it.

    Args:
        group: as for :class:`Rotate3d`.
        axial: whether the vectors are axial.
        matrices: as for :class:`Rotate3d`.
        axis: as for :class:`Rotate3d`.
        axes: as for :class:`Rotate3d`; the channels are (vx, vy, vz) in any case.

    Raises:
        RegrepError: as :class:`Rotate3d`; on a call, another number of channels.

    >>> import regrep
    >>> act = VectorField3d(regrep.groups.octahedral())
    >>> flow = torch.zeros(1, 3, 2, 2, 2)
    >>> flow[:, 0] = 1  # along x
    >>> act(flow, torch.tensor([act.group.index("y-xz")]))[0, :, 0, 0, 0].long().tolist()  # now along y
    [0, 1, 0]
    """

    def __init__(
        self,
        group: FiniteGroup,
        axial: bool = False,
        matrices: Tensor | None = None,
        axis: Axis = "z",
        axes: str = "zyx",
    ) -> None:
        super().__init__(group, 1, False, axial, matrices, axis, axes)


def tensor_matrices(matrices: Tensor, rank: int, symmetric: bool = False, axial: bool = False) -> Tensor:
    """How tensors are moved by maps of space: [n, m, m] from orthogonal [n, d, d], the last index running fastest.

    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> tensor_matrices(quarter, 2)[0] @ torch.tensor([1.0, 0.0, 0.0, 0.0])  # xx becomes yy
    tensor([0., 0., 0., 1.])
    """
    n, d = matrices.shape[:2]
    moved = matrices.new_ones(n, 1, 1)
    for _ in range(rank):
        moved = torch.einsum("gij,gkl->gikjl", moved, matrices).reshape(n, moved.shape[1] * d, moved.shape[2] * d)
    if symmetric:
        pairs = [(i, i) for i in range(d)] + [(i, j) for i in range(d) for j in range(i + 1, d)][::-1]
        some = moved[:, [i * d + j for i, j in pairs]]
        moved = some[:, :, [i * d + j for i, j in pairs]] + some[:, :, [j * d + i for i, j in pairs]]
        moved[:, :, :d] /= 2  # the entries on the diagonal were counted twice
    if axial:
        moved = moved * torch.linalg.det(matrices).round()[:, None, None]
    return moved
