"""Matrices that move the points of pictures and volumes: exactly where they keep the lattice, else by interpolation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from regrep.actions.lattice import LatticeAction
from regrep.actions.rotation import pulled, real_of
from regrep.arguments import check_tensor, is_real, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.groups.finite import check_group
from regrep.placed import Placed
from regrep.representations import PermutationRepresentation
from regrep.representations.representation import check_homomorphism

ROUNDING = 1e-6
"""Matrices closer than this to signed permutations are these, and others closer than this to orthogonal are that."""


class SpatialAction(Action):
    """``(g f)(p) = f(g^-1 p)`` for points p from the centre of data [B, ..., H, W] or [B, ..., D, H, W].

    Exact, in any dtype, where all matrices are signed permutations. Otherwise by linear interpolation of floating-point
    data with ``outside`` beyond their edges, or by the nearest point in any dtype.

    Args:
        group: the group.
        matrices: [n, k, k], orthogonal, on coordinates in the order of the last k axes, each growing with its index.
        what: name of the data in errors, ``"square images"``.
        interpolation: ``"nearest"`` or a word for linear.
        outside: value of points from outside.

    Raises:
        RegrepError: matrices that are not orthogonal or do not multiply as the elements do, or no finite number.
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor, what: str, interpolation: str, outside: float = 0) -> None:
        check_group(group)
        if not is_real(outside):
            raise RegrepError(f"outside is a finite number, the value of points from outside, got {shown(outside)}")
        self.group, self.interpolation, self.outside, self._what = group, interpolation, outside, what
        real = check_orthogonal(group, matrices, what)
        whole = real.round()
        self.exact = bool((real - whole).abs().max() < ROUNDING)
        self._axes = real.shape[-1]
        self._lattice = LatticeAction(group, whole.long(), what) if self.exact else None
        # The sampler takes the coordinate of the last axis first.
        sources = real if self.exact else check_homomorphism(group, real, "the map of points")
        self._sources = Placed(sources.transpose(1, 2).flip(1, 2).contiguous())

    def check(self, x: Tensor) -> None:
        """Sizes that the group keeps; floating point where it interpolates."""
        name, k = type(self).__name__, self._axes
        if self._lattice is not None:
            self._lattice.check_sizes(x, name)
            return
        if x.dim() < k + 1 or len(set(x.shape[x.dim() - k :])) != 1:
            got = " x ".join(map(str, x.shape[-k:])) if x.dim() >= k + 1 else f"shape {list(x.shape)}"
            raise RegrepError(
                f"{name} needs {self._what} [B, ..., {', '.join('S' * k)}], got {got}; crop or pad them: only mirrors"
                " and half turns keep other shapes"
            )
        if not x.is_floating_point() and self.interpolation != "nearest":
            raise RegrepError(
                f"{self.group.name} moves {self._what} by interpolation, which needs floating point,"
                f" got {str(x.dtype)[6:]}; convert them with x.float(), and move masks of labels with"
                ' interpolation="nearest"'
            )
        if self.outside and not x.dtype.is_floating_point and not x.is_complex():
            limits = (0, 1) if x.dtype == torch.bool else (torch.iinfo(x.dtype).min, torch.iinfo(x.dtype).max)
            if self.outside != int(self.outside) or not limits[0] <= self.outside <= limits[1]:
                raise RegrepError(
                    f"points from outside have the value {self.outside}, which {str(x.dtype)[6:]} cannot hold; choose"
                    " another value, or convert the data"
                )

    def keeping(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """The elements that keep the shape of a lattice: those that exchange axes of equal size alone.

        Raises:
            RegrepError: the action interpolates.
        """
        return self._exactly().keeping(sizes)

    def pixels(self, size: int | Sequence[int]) -> PermutationRepresentation:
        """The permutation representation on the points: size^k, or the product of k sizes.

        Raises:
            RegrepError: the action interpolates, or the group does not keep the sizes.
        """
        return self._exactly().pixels(size)

    def _exactly(self) -> LatticeAction:
        if self._lattice is None:
            known = "; only C1, C2, C4, D1, D2 and D4 do" if self._axes == 2 else ""
            raise RegrepError(f"{self.group.name} does not permute pixels, but interpolates between them{known}")
        return self._lattice

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather, or one resampling."""
        if self._lattice is not None:
            return self._lattice.apply(x, g)
        k = self._axes
        flat = x.reshape(len(x), math.prod(x.shape[1:-k]), *x.shape[-k:])
        source = self._sources.on(x.device, real_of(x))[g.to(x.device)]
        return pulled(flat, source, self.interpolation, self.outside).reshape(x.shape)

    def inside(self, x: Tensor) -> Tensor | None:
        """The ball that stays in the data, where the action interpolates."""
        return None if self.exact else ball(x.shape[-1], self._axes, x.device)


def check_orthogonal(group: FiniteGroup, matrices: Tensor, what: str) -> Tensor:
    """Float64 copy on the CPU of one orthogonal matrix per element; raises for anything else."""
    check_tensor("matrices", matrices, 3)
    k = matrices.shape[-1]
    real = matrices.detach().to("cpu", torch.float64)
    good = tuple(real.shape) == (group.order, k, k) and bool(real.isfinite().all())
    if not good or bool((real @ real.transpose(1, 2) - torch.eye(k, dtype=torch.float64)).abs().max() > ROUNDING):
        raise RegrepError(
            f"{what} are moved by orthogonal matrices, exactly by signed permutation matrices, one for each of the"
            f" {group.order} elements of {group.name}, got {list(matrices.shape)}"
            + (" that are not orthogonal" if good else "")
            + "; stack them in the order of the elements"
        )
    return real


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
