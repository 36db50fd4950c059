"""Exact actions on square and cubic lattices: strided copies, or one gather by a table of the group's elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from regrep.actions.strides import StridedCopies
from regrep.arguments import check_tensor, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.groups.finite import check_group
from regrep.groups.limits import check_width
from regrep.placed import Placed, PlacedFamily
from regrep.representations import PermutationRepresentation


class LatticeAction(Action):
    """Signed permutation matrices acting on the points of data [B, ..., H, W] or [B, ..., D, H, W].

    Axes that some element exchanges have the same size; others, as under mirrors and half turns, may differ.

    Args:
        group: the group.
        matrices: int64 [n, k, k] on coordinates in the order of the data's last k axes.
        what: name of the data in errors, ``"square images"``.
        signs: int64 [n, m], by which the m entries along the first of the k axes are multiplied before permuting.

    Raises:
        RegrepError: the matrices do not multiply as the elements do.
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor, what: str, signs: Tensor | None = None) -> None:
        self.group, self.matrices, self.what = group, check_matrices(group, matrices), what
        self._orbits = orbits_of_axes(self.matrices)
        self.signs = signs
        self._copies = StridedCopies(group, self.matrices, signs)
        self._signs = None if signs is None else Placed(signs)
        self._indices = PlacedFamily(partial(lattice_index, self.matrices))

    def check(self, x: Tensor) -> None:
        """Axes that are exchanged have the same size."""
        self.check_sizes(x, type(self).__name__)

    def check_sizes(self, x: Tensor, name: str) -> None:
        """Raise, under the name of an action, unless the group keeps the shape of x."""
        k = self.matrices.shape[-1]
        sizes = tuple(x.shape[x.dim() - k :])
        if x.dim() >= k + 1 and all(sizes[axis] == sizes[orbit[0]] for orbit in self._orbits for axis in orbit):
            return
        got = " x ".join(map(str, sizes)) if x.dim() >= k + 1 else f"shape {list(x.shape)}"
        kept = self.keeping(sizes) if x.dim() >= k + 1 else ()
        some = ", ".join(self.group.names[g] for g in kept[:8]) + (", ..." if len(kept) > 8 else "")
        choice = f", or act by the {len(kept)} elements that keep this shape: {some}" if len(kept) > 1 else ""
        what = self.what if len(self._orbits) == 1 else self.what.removeprefix("square ").removeprefix("cubic ")
        alone = {orbit[0] for orbit in self._orbits if len(orbit) == 1}
        letters = ", ".join("DHW"[axis - k] if axis in alone else "HS"[k - 2] for axis in range(k))
        raise RegrepError(f"{name} needs {what} [B, ..., {letters}], got {got}; crop or pad them{choice}")

    def keeping(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The elements that keep the shape of a lattice: those that exchange axes of equal size alone.

        >>> import regrep
        >>> act = regrep.actions.Rotate3d(regrep.groups.octahedral())
        >>> [act.group.names[g] for g in act.keeping((12, 16, 20))]
        ['e', 'x-y-z', '-xy-z', '-x-yz']
        """
        axes = self.matrices.shape[-1]
        if not isinstance(sizes, Sequence) or len(sizes) != axes or not all(map(is_whole, sizes)):
            raise RegrepError(f"a lattice has {axes} sizes, integers, got {shown(sizes)}")
        lengths = torch.tensor(sizes)
        moved = (self.matrices.abs() * lengths).sum(dim=2)
        return tuple((moved == lengths).all(dim=1).nonzero().flatten().tolist())

    def pixels(self, size: int | Sequence[int]) -> PermutationRepresentation:
        """The permutation representation on the points: size^k, or the product of k sizes.

        Raises:
            RegrepError: a size below 1, sizes that the group does not keep, or too many points.
        """
        sizes = tuple(size) if isinstance(size, Sequence) else (size,) * self.matrices.shape[-1]
        if len(sizes) != self.matrices.shape[-1] or not all(is_whole(one) and one >= 1 for one in sizes):
            raise RegrepError(f"a lattice has at least 1 point along a side, got {shown(size)}")
        check_width(self.group.name, self.group.order, math.prod(map(int, sizes)))
        self.check_sizes(torch.empty((1, *sizes), device="meta"), "the lattice")
        return PermutationRepresentation(self.group, lattice_index(self.matrices, sizes), "lattice")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One copy per distinct element, or one gather."""
        if not self._copies.suit(x):
            return self.gather(x, g)
        if x.requires_grad and torch.is_grad_enabled():
            return _Moved.apply(x, g.cpu(), self)
        return self._copies(x, g.cpu())

    def gather(self, x: Tensor, g: Tensor) -> Tensor:
        """The same by one gather, on any device and without synchronising with it."""
        k = self.matrices.shape[-1]
        if self._signs is not None:
            signs = self._signs.on(x.device, x.dtype)[g.to(x.device)]
            x = x * signs.reshape(len(x), *[1] * (x.dim() - k - 1), signs.shape[-1], *[1] * (k - 1))
        index = self._indices.on(tuple(x.shape[-k:]), x.device)[g.to(x.device)]
        flat = x.reshape(*x.shape[:-k], index.shape[-1])
        index = index.reshape(len(x), *([1] * (flat.dim() - 2)), index.shape[-1])
        return flat.gather(-1, index.expand(flat.shape)).reshape(x.shape)


class _Moved(torch.autograd.Function):
    """Copies under autograd: a permutation is orthogonal, so the gradient is transformed by the inverse element."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, g: Tensor, action: LatticeAction) -> Tensor:
        ctx.action = action
        ctx.save_for_backward(g)
        return action._copies(x, g)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (g,) = ctx.saved_tensors
        return ctx.action.apply(gradient, ctx.action.group.inverse[g]), None, None


def orbits_of_axes(matrices: Tensor) -> list[list[int]]:
    """Axes that signed permutation matrices exchange, together.

    >>> orbits_of_axes(torch.tensor([[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0], [0, 0, -1]]]))
    [[0, 1], [2]]
    """
    reach = matrices.abs().amax(dim=0)  # the elements form a group, so one step reaches the whole orbit
    found = {tuple(row.nonzero().flatten().tolist()) for row in reach}
    return [list(orbit) for orbit in sorted(found)]


def check_matrices(group: FiniteGroup, matrices: Tensor) -> Tensor:
    """Int64 copy of signed permutation matrices; raises unless they multiply as the elements do."""
    check_group(group)
    check_tensor("the matrices of a lattice", matrices)
    k = matrices.shape[-1] if matrices.dim() == 3 else 0
    wrong = matrices.dim() != 3 or tuple(matrices.shape) != (group.order, k, k)
    exact = matrices.round().long() if matrices.is_floating_point() else matrices.long()
    if wrong or not torch.equal(exact.to(matrices.dtype), matrices) or bool((exact.abs().sum(dim=1) != 1).any()):
        raise RegrepError(
            f"{group.name} acts on a lattice by {group.order} signed permutation matrices, got"
            f" {list(matrices.shape)} with other entries or another number; stack one per element"
        )
    if not torch.equal(torch.einsum("gij,hjk->ghik", exact, exact), exact[group.mul]):
        raise RegrepError(
            f"the matrices do not multiply as the elements of {group.name} do; list them in the order of the elements"
        )
    return exact


def lattice_index(matrices: Tensor, sizes: Sequence[int]) -> Tensor:
    """Index of the permutation representation on the points of a lattice.

    ``(g f)(p) = f(g^-1 p)`` for p relative to the centre of the lattice.

    Args:
        matrices: int64 [n, k, k], signed permutation matrices acting on coordinates in the order of the
            lattice's axes (for images: row, column); they exchange only axes of equal size.
        sizes: points along each of the k axes.

    Returns:
        int64 [n, points]: ``f.flatten()[index[g]]`` is g f.

    >>> quarter = torch.tensor([[[0, -1], [1, 0]]])  # (row, column) -> (-column, row), counter-clockwise
    >>> lattice_index(quarter, (2, 2))
    tensor([[1, 3, 0, 2]])
    """
    ends = torch.tensor(sizes) - 1
    axes = [2 * torch.arange(size) - (size - 1) for size in sizes]  # doubled, so that even sizes stay integer
    points = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)  # [k, points]
    # The inverse of a signed permutation matrix is its transpose.
    sources = (matrices.transpose(1, 2)[:, :, :, None] * points[None, None]).sum(dim=2)  # [n, k, points]
    strides = torch.tensor([math.prod(sizes[j + 1 :]) for j in range(len(sizes))])
    return (((sources + ends[:, None]) // 2) * strides[None, :, None]).sum(dim=1)
