"""Random elements, numbers and orders as functions of (seed, step): no state, on any device, inside any graph."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.arguments import whole
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.finite import check_group
from regrep.placed import Placed

WORD = 0xFFFFFFFF
"""The 32 bits that are in use of every int64, so that no product of two of them overflows."""

FIRST, SECOND = 0x21F0AAAD, 0xD35A2D97 - 2**32
"""Odd factors of a published mixing function of 32 bits; the second one, modulo 2^32, below 2^31 in size."""

STARTS = Placed(torch.tensor([0x9E3779B9, 0x85EBCA6B]))
"""Where the two keys of a draw begin, so that they differ."""


class Draws:
    """The random numbers of step t, each a function hash(seed, t, stream, k) of its number k.

    A training step that draws from it can be captured in a CUDA graph or compiled as one graph, batch making included:
    drawing consists of integer operations on the device of the step, reads nothing from the host, and changes no state
    of a generator. A run that continues from step t draws what it would have drawn without the interruption, and the
    numbers are the same on every device.

    Within a step every call takes the next stream, so that its draws are independent of each other; the calls of a step
    are therefore made in the same order each time.

    Args:
        seed: an integer from 0 to 2^62.

    >>> import regrep
    >>> draws, D4 = Draws(seed=0), regrep.groups.dihedral(4)
    >>> once = draws.at(torch.tensor(5))
    >>> again = draws.at(torch.tensor(5))
    >>> bool((once.elements(D4, 100) == again.elements(D4, 100)).all())
    True
    >>> bool((once.elements(D4, 100) == once.elements(D4, 100)).all())
    False
    """

    def __init__(self, seed: int) -> None:
        self.seed = whole("the seed of draws", seed, 0, 2**62)

    def at(self, step: Tensor) -> StepDraws:
        """The draws of one step.

        Args:
            step: int64 scalar, at least 0, on the device of the results.

        Raises:
            RegrepError: anything else.
        """
        if not isinstance(step, Tensor) or step.dtype != torch.int64 or step.dim():
            got = f"{str(step.dtype)[6:]} {list(step.shape)}" if isinstance(step, Tensor) else repr(step)
            raise RegrepError(f"a step is an int64 scalar tensor, got {got}; pass torch.tensor(number)")
        return StepDraws(self.seed, step)


class StepDraws:
    """The draws of one step; see :class:`Draws`."""

    def __init__(self, seed: int, step: Tensor) -> None:
        self._device, self._stream, self._starts = step.device, 0, STARTS.on(step.device)
        self._keys = mixed((step & WORD) ^ self._starts)  # two of seed and step, from which a stream makes its own
        for word in (step >> 32, seed & WORD, seed >> 32):
            self._keys = self._mixed_with(self._keys, word)

    def bits(self, count: int) -> Tensor:
        """Uniform integers of 32 bits, int64 [count]; no two are equal."""
        first, second = self._mixed_with(self._keys, self._stream)
        self._stream += 1
        return mixed(mixed(torch.arange(count, device=self._device) ^ first) ^ second)

    def uniform(self, count: int) -> Tensor:
        """Uniform numbers in [0, 1), float32 [count], multiples of 2^-24."""
        return (self.bits(count) >> 8).to(torch.float32) * 2.0**-24

    def elements(self, group: FiniteGroup, count: int) -> Tensor:
        """Uniform elements, int64 [count]; their probabilities differ by a share |G| / 2^32 at most."""
        check_group(group)
        return (self.bits(count) * group.order) >> 32

    def order(self, count: int) -> Tensor:
        """A uniform order of so many samples, int64 [count]."""
        return self.bits(count).argsort()

    def _mixed_with(self, keys: Tensor, word: Tensor | int) -> Tensor:
        return mixed(((keys ^ word) + self._starts) & WORD)


def mixed(x: Tensor) -> Tensor:
    """A permutation of the integers of 32 bits, int64, under which near ones have unrelated images.

    >>> mixed(torch.tensor([0, 1, 2**32 - 1])).tolist()
    [0, 114555507, 3652544131]
    """
    x = ((x ^ (x >> 16)) * FIRST) & WORD
    x = ((x ^ (x >> 15)) * SECOND) & WORD
    return x ^ (x >> 15)
