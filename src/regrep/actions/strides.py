"""Axes exchanged and reversed by strided copies: one pass over the data, for processors with few threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual

from regrep.groups import FiniteGroup
from regrep.placed import has_storage

WORDS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Integers as wide as an entry: bits are copied, whatever they encode."""

ENTRIES = 4096
"""About as many entries as one thread gathers in the time that starting one copy takes."""

CACHE = 2**18
"""Bytes copied at a time, so that they stay in the processor's cache."""

FEW_THREADS = 2
"""With more threads than this a gather, which uses all of them, is faster than the copies, which use one."""


class StridedCopies:
    """Signed permutations of the last k axes: all samples of the batch with the same element take one copy.

    A copy reads its samples with their axes exchanged and reversed, by strides alone. numpy has negative strides,
    PyTorch does not.

    Args:
        group: the group.
        matrices: int64 [n, k, k], signed permutation matrices on coordinates in the order of the axes; a sign reverses
            an axis; axes of different sizes are not exchanged.
        signs: int64 [n, m], by which the m entries along the first of the axes are multiplied before permuting; that
            axis stays in place or is reversed.

    >>> import regrep
    >>> transpose = torch.tensor([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    >>> copies = StridedCopies(regrep.groups.cyclic(2), transpose)
    >>> copies(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([1])).tolist()
    [[[1, 3], [2, 4]]]
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor, signs: Tensor | None = None) -> None:
        self.group = group
        self._axes = (matrices.abs().argmax(dim=2) - matrices.shape[-1]).tolist()  # counted from the last
        self._turns: list[tuple[Any, ...]] = [
            (..., *(slice(None, None, sign) for sign in row)) for row in matrices.sum(dim=2).tolist()
        ]
        arrived = (
            [[]] * group.order
            if signs is None
            else [row[turn[1]] for row, turn in zip(signs.numpy(), self._turns, strict=True)]
        )
        self._negative: list[list[int]] = [np.flatnonzero(np.less(row, 0)).tolist() for row in arrived]

    def suit(self, x: Tensor) -> bool:
        """Whether copies are possible and faster than a gather."""
        return (
            not torch.compiler.is_compiling()
            and x.device.type == "cpu"
            and torch.get_num_threads() <= FEW_THREADS
            and x.numel() > ENTRIES * torch.get_num_threads() * min(len(x), self.group.order)
            and is_plain(x)
        )

    def __call__(self, x: Tensor, g: Tensor) -> Tensor:
        """Transform the samples x [B, ...] by g [B], outside autograd."""
        word = WORDS[x.element_size()]
        moved = torch.empty(x.shape, dtype=x.dtype)
        source, target = x.view(word).numpy(), moved.view(word).numpy()
        others, lattice = range(x.dim() - len(self._axes[0])), (slice(None),) * (len(self._axes[0]) - 1)
        for element, samples in parts(g.numpy(), max(2, CACHE * len(x) // moved.nbytes)):
            target[samples] = source[samples].transpose(*others, *self._axes[element])[self._turns[element]]
            for entry in self._negative[element]:
                where = (samples, ..., entry, *lattice)  # still in the cache
                if x.is_floating_point():
                    target[where] ^= np.iinfo(target.dtype).min  # the sign bit of a float
                else:
                    target[where] *= -1
        return moved


def is_plain(x: Tensor) -> bool:
    """Whether memory holds the plain entries: no tangents, no transform of ``torch.func``, nothing lazy.

    >>> is_plain(torch.zeros(2)), torch.func.vmap(lambda x: torch.full_like(x, is_plain(x)))(torch.zeros(2)).tolist()
    (True, [0.0, 0.0])
    """
    if type(x) not in (Tensor, nn.Parameter) or x.is_complex() or x.is_neg() or unpack_dual(x).tangent is not None:
        return False
    return has_storage(x)


def parts(g: NDArray[np.int64], most: int) -> Iterator[tuple[int, slice | NDArray[np.int64]]]:
    """Each element that occurs and its samples, in parts of limited size; as a slice, read in place, if they form one.

    >>> [(element, str(samples)) for element, samples in parts(np.array([3, 0, 1, 0, 3, 3]), 3)]
    [(0, 'slice(1, 4, 2)'), (1, 'slice(2, 3, 1)'), (3, '[0 4 5]')]
    """
    order = g.argsort(kind="stable")
    stop = 0
    for element, count in enumerate(np.bincount(g).tolist()):
        start, stop = stop, stop + count
        for first in range(start, stop, most):
            samples = order[first : min(first + most, stop)]
            low, high = int(samples[0]), int(samples[-1])
            if len(samples) == 2:
                yield element, slice(low, high + 1, high - low)
            elif high - low == len(samples) - 1:
                yield element, slice(low, high + 1, 1)
            else:
                yield element, samples
