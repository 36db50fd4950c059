"""Intervals of paired differences: over seeds, or over the units that the test samples consist of."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regrep.errors import RegrepError
from regrep.student import LEVEL, t_quantile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from regrep_paper.runs.hits import Hits

CHUNK = 2_000_000
"""At most this many weights of samples are held at a time."""


@dataclass(frozen=True)
class Interval:
    """A mean difference with its 95 % interval.

    Attributes:
        mean: mean of the differences by seed.
        low: lower end; None if only one seed has a difference.
        high: upper end.
        n: number of seeds.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0; False without an interval.

        >>> Interval(0.2, 0.1, 0.3, 3).excludes_zero, Interval(0.2, None, None, 1).excludes_zero
        (True, False)
        """
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def t_interval(differences: Sequence[float]) -> Interval:
    """Student's interval of the mean of one or more differences.

    >>> found = t_interval([0.01, 0.02, 0.03])
    >>> round(found.mean, 3), round(found.low, 4), round(found.high, 4)
    (0.02, -0.0048, 0.0448)
    """
    mean, n = statistics.fmean(differences), len(differences)
    if n < 2:
        return Interval(mean, None, None, n)
    reach = t_quantile(n - 1) * statistics.stdev(differences) / math.sqrt(n)
    return Interval(mean, mean - reach, mean + reach, n)


def paired_interval(ones: Sequence[Hits], others: Sequence[Hits], draws: int = 2000, seed: int = 0) -> Interval:
    """Bootstrap interval of the difference in accuracy of two methods, over the units of the test samples.

    A draw takes as many units as there are, with replacement. A sample counts as often as the product of the numbers
    of times that its units were drawn, for both methods alike; the difference of the accuracies is averaged over the
    seeds. The interval is that of the percentiles.

    Args:
        ones: hits of the first method, one per seed.
        others: hits of the second method on the same samples, in the order of the same seeds.
        draws: number of bootstrap draws.
        seed: seed of the draws.

    Raises:
        RegrepError: no seeds, or not the same samples for both methods.
    """
    import numpy as np  # here, so that commands that do not need it start without it

    if not ones or len(ones) != len(others):
        raise RegrepError(f"methods are compared on the same seeds, at least one, got {len(ones)} and {len(others)}")
    if any(not np.array_equal(a.units, b.units) for a, b in zip(ones, others, strict=True)):
        raise RegrepError("methods are compared on the same test samples, but their units differ; test both again")
    names = np.unique(np.concatenate([one.units.ravel() for one in ones]))
    # samples of one test set, and the sum over its seeds of the differences, which the seeds share where they can
    sets: dict[bytes, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
    for a, b in zip(ones, others, strict=True):
        key = a.units.tobytes()
        units, total = sets.get(key, (np.searchsorted(names, a.units), np.zeros(len(a.correct))))
        sets[key] = units, total + a.correct - b.correct.astype(np.float64)
    mean = sum(float(total.mean()) for _, total in sets.values()) / len(ones)
    weights = _weights(len(names), draws, seed)
    found = np.zeros(draws)
    for units, total in sets.values():
        count = np.ones(len(total))
        if units.shape[1] == 1:  # samples of one unit have one weight: add them up first, whole numbers all of them
            count = np.bincount(units[:, 0], minlength=len(names)).astype(np.float64)
            total = np.bincount(units[:, 0], total, minlength=len(names)).astype(np.float64)
            units = np.arange(len(names), dtype=np.int64)[:, None]
        step = max(1, CHUNK // len(total))
        for start in range(0, draws, step):
            part = slice(start, start + step)
            drawn = weights[part, units[:, 0]].astype(np.float64)
            for column in units.T[1:]:
                drawn *= weights[part, column]
            with np.errstate(invalid="ignore"):  # no sample has all its units in the draw
                found[part] += drawn @ total / (drawn @ count) / len(ones)
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean, float(low), float(high), len(ones))


@functools.lru_cache(maxsize=2)
def _weights(units: int, draws: int, seed: int) -> NDArray[np.uint16]:
    """How often each draw has taken each unit, [draws, units]; at most 65,535 times."""
    import numpy as np

    generator = np.random.default_rng(seed)
    step = max(1, CHUNK // units)
    several = [
        generator.multinomial(units, np.full(units, 1 / units), size=min(step, draws - start)).astype(np.uint16)
        for start in range(0, draws, step)
    ]
    return np.concatenate(several)
