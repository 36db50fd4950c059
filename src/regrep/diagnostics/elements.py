"""Which elements of a group a measure goes through: all of them, or some at random."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regrep.actions import sample
from regrep.arguments import whole
from regrep.groups import FiniteGroup, LargeGroup

SAMPLED = 32
"""So many random elements of a group too large for a table are measured by default."""


def measured_elements(
    group: FiniteGroup, count: int | None = None, generator: torch.Generator | None = None
) -> tuple[tuple[str, ...], Tensor]:
    """Names and elements, the identity first: all in their order, or the identity and so many at random.

    Args:
        group: the group.
        count: number of random elements; by default all elements of a group with a table, and 32 of a larger one.
        generator: of the random elements.

    >>> import regrep
    >>> measured_elements(regrep.groups.cyclic(3))
    (('e', 'r', 'r2'), tensor([0, 1, 2]))
    >>> measured_elements(regrep.groups.symmetric(10), 2)[1].shape
    torch.Size([3, 10])
    """
    if count is None and not isinstance(group, LargeGroup):
        return group.names, torch.arange(group.order)
    count = whole("the number of random elements to measure", SAMPLED if count is None else count, 2, 10**6)
    drawn = sample(group, count, generator).cpu()
    first = group.identity[None] if isinstance(group, LargeGroup) else torch.zeros(1, dtype=torch.int64)
    return ("e", *(f"random {k}" for k in range(1, count + 1))), torch.cat([first, drawn])


def standard_error(values: Tensor) -> float:
    """Of the mean over random elements, after the identity; nan for fewer than two.

    >>> standard_error(torch.tensor([0.0, 1.0, 3.0]))
    1.0
    """
    drawn = values[1:].double()
    return float(drawn.std() / math.sqrt(len(drawn))) if len(drawn) > 1 else math.nan
