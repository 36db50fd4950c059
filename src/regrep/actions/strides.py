"""Axes exchanged and turned round by strided copies: one pass over the data, for processors with few threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrep.groups import FiniteGroup

WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as an entry: what is moved is bits."""

ENTRIES = 4096
"""About as many entries are gathered in the time that starting one copy takes."""

FEW_THREADS = 4
"""From here on a gather, which shares its entries among the threads, overtakes the copies, which do not."""


class StridedCopies:
    """Signed permutations of the last k axes: the samples of each element of the batch are moved by one copy.

    A copy reads its samples with their axes exchanged and turned round, by strides alone. PyTorch has no negative
    strides, numpy has. Derivatives of every order move by the inverse elements, as do forward ones by the elements.

    Args:
        group: the group.
        matrices: int64 [n, k, k], signed permutation matrices on coordinates in the order of the axes; a sign turns
            an axis round, axes of different sizes stay apart.

    >>> import regrep
    >>> transpose = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    >>> copies = StridedCopies(regrep.groups.cyclic(2), transpose)
    >>> copies(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([1])).tolist()
    [[[1, 3], [2, 4]]]
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor) -> None:
        self.group = group
        self._axes = matrices.abs().argmax(dim=2).tolist()
        self._turns = [(..., *(slice(None, None, sign) for sign in row)) for row in matrices.sum(dim=2).tolist()]

    def suit(self, x: Tensor) -> bool:
        """Whether copies are possible and faster than a gather."""
        return (
            not torch.compiler.is_compiling()
            and x.device.type == "cpu"
            and torch.get_num_threads() <= FEW_THREADS
            and x.numel() >= ENTRIES * min(len(x), self.group.order)
            and not (x.is_complex() or x.is_neg())
        )

    def __call__(self, x: Tensor, g: Tensor) -> Tensor:
        """x [B, ...] moved by g [B], differentiably."""
        return _Moved.apply(x, g.cpu(), self)

    def move(self, x: Tensor, g: Tensor) -> Tensor:
        """The same outside of autograd."""
        word = WORDS[x.element_size()]
        moved = torch.empty(x.shape, dtype=x.dtype)
        source, target = x.view(word).numpy(), moved.view(word).numpy()
        others = range(x.dim() - len(self._axes[0]))
        for element, samples in groups(g.numpy()):
            axes = [*others, *(len(others) + axis for axis in self._axes[element])]
            target[samples] = source[samples].transpose(axes)[self._turns[element]]
        return moved


def groups(g: NDArray[np.int64]) -> Iterator[tuple[int, slice | NDArray[np.int64]]]:
    """Each element that occurs and its samples: a slice, which numpy reads in place, where they make one.

    >>> [(element, str(samples)) for element, samples in groups(np.array([3, 0, 1, 0, 3, 3]))]
    [(0, 'slice(1, 4, 2)'), (1, 'slice(2, 3, 1)'), (3, '[0 4 5]')]
    """
    order = g.argsort(kind="stable")
    stop = 0
    for element, count in enumerate(np.bincount(g).tolist()):
        if count:
            start, stop = stop, stop + count
            first, last = int(order[start]), int(order[stop - 1])
            if count < 3 or last - first == count - 1:
                yield element, slice(first, last + 1, last - first if count == 2 else 1)
            else:
                yield element, order[start:stop]


class _Moved(torch.autograd.Function):
    """Signed permutations are orthogonal: the derivative of one is its inverse."""

    @staticmethod
    def forward(x: Tensor, g: Tensor, copies: StridedCopies) -> Tensor:
        return copies.move(x, g)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, StridedCopies], output: Tensor) -> None:
        _, g, ctx.copies = inputs
        ctx.save_for_backward(g)
        ctx.save_for_forward(g)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (g,) = ctx.saved_tensors
        return _Moved.apply(grad, ctx.copies.group.inverse[g], ctx.copies), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        (g,) = ctx.saved_tensors
        return _Moved.apply(tangent, g, ctx.copies)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, g: Tensor, copies: StridedCopies) -> Any:
        x, g = (
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip((x, g), in_dims, strict=False)
        )
        return _Moved.apply(x.flatten(0, 1), g.flatten(), copies).unflatten(0, x.shape[:2]), 0
