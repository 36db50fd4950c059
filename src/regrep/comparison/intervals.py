"""Intervals of paired differences over seeds and test samples, and a correction for several comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regrep.arguments import check_flag, is_real, shown
from regrep.errors import RegrepError
from regrep.student import LEVEL, t_quantile, t_share

Covers = Literal["seeds and test samples", "seeds", "test samples", "nothing"]


@dataclass(frozen=True)
class PairedInterval:
    """A mean difference with an interval.

    Attributes:
        mean: over seeds and samples.
        low: lower end; None where nothing was repeated.
        high: upper end.
        seeds: number of seeds.
        samples: number of test samples; None if only the metric of a whole test set is known.
        degrees: degrees of freedom of Student's distribution, math.inf where the error is 0.
        p: probability of a difference at least as large if the true one is 0; None without an interval.
        covers: what the interval would differ by if it were drawn again.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: int
    samples: int | None
    degrees: float
    p: float | None
    covers: Covers

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval excludes 0; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def interval_of(differences: ArrayLike, same_samples: bool = True, level: float = LEVEL) -> PairedInterval:
    """Interval of the mean of paired differences.

    With differences d[s, i] of seed s on test sample i, seeds and samples are two crossed random factors: another
    draw of either changes the mean. The variance of the mean is ``(A + max(B - C, 0)) / (S N)``, where A, B and C are
    the mean squares between seeds, between samples and of what is left, and Student's distribution has
    ``(A + max(B - C, 0))² / (A² / (S - 1))`` degrees of freedom: the analysis of several readers and many cases by
    Obuchowski and Rockette with the degrees of freedom of Hillis (Statistics in Medicine 26, 2007). If each seed has
    test samples of its own, the differences between the means of the seeds contain those between samples, and the
    interval is Student's over the seeds.

    Args:
        differences: [S, N], by seed and test sample, or [S], by seed, if only a metric of whole test sets is known.
        same_samples: whether all seeds were tested on the same samples, in the same order.
        level: coverage.

    Raises:
        RegrepError: no differences, or some that are not finite.

    >>> found = interval_of([0.01, 0.02, 0.03])
    >>> round(found.mean, 3), round(found.low, 4), round(found.high, 4), found.covers
    (0.02, -0.0048, 0.0448, 'seeds')
    >>> interval_of([[1, 0, 1, 1], [0, 0, 1, 1]]).covers
    'seeds and test samples'
    """
    check_flag("same_samples", same_samples)
    if not is_real(level) or not 0 < level < 1:
        raise RegrepError(f"level is a share between 0 and 1, got {shown(level)}")
    try:
        d = np.asarray(differences, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise RegrepError(f"differences are an array of numbers, got {shown(differences)}") from error
    if d.ndim not in (1, 2) or not d.size or not np.isfinite(d).all():
        raise RegrepError(f"an interval needs finite differences by seed, [S] or [S, N], got shape {list(d.shape)}")
    seeds, samples = len(d), d.shape[1] if d.ndim == 2 else None
    mean = float(d.mean())
    if d.ndim == 2 and seeds == 1 and d.shape[1] > 1:
        variance, degrees = float(d.var(ddof=1)) / d.shape[1], float(d.shape[1] - 1)
        return _interval(mean, variance, degrees, seeds, samples, "test samples", level)
    if seeds == 1:
        return PairedInterval(mean, None, None, seeds, samples, 0.0, None, "nothing")
    if d.ndim == 1 or d.shape[1] == 1 or not same_samples:
        by_seed = d if d.ndim == 1 else d.mean(axis=1)
        covers: Covers = "seeds" if d.ndim == 1 else "seeds and test samples"
        return _interval(mean, float(by_seed.var(ddof=1)) / seeds, seeds - 1.0, seeds, samples, covers, level)
    between_seeds, between_samples, rest = mean_squares(d)
    total = between_seeds + max(between_samples - rest, 0.0)
    degrees = math.inf if between_seeds == 0 else total**2 / (between_seeds**2 / (seeds - 1))
    return _interval(mean, total / d.size, degrees, seeds, samples, "seeds and test samples", level)


def mean_squares(d: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean squares of a two-way layout [S, N] without repetition: between rows, between columns, and of the rest.

    >>> mean_squares(np.array([[0.0, 1.0], [2.0, 3.0]]))
    (4.0, 1.0, 0.0)
    """
    s, n = d.shape
    rows, columns, mean = d.mean(axis=1), d.mean(axis=0), d.mean()
    left = d - rows[:, None] - columns + mean
    return (
        float(n * np.square(rows - mean).sum() / (s - 1)),
        float(s * np.square(columns - mean).sum() / (n - 1)),
        float(np.square(left).sum() / ((s - 1) * (n - 1))),
    )


def _interval(
    mean: float, variance: float, degrees: float, seeds: int, samples: int | None, covers: Covers, level: float
) -> PairedInterval:
    if variance == 0:  # all differences are equal
        p = 1.0 if mean == 0 else 0.0
        return PairedInterval(mean, mean, mean, seeds, samples, math.inf, p, covers)
    error = math.sqrt(variance)
    reach = t_quantile(degrees, level) * error
    p = 1.0 - t_share(mean / error, degrees)
    return PairedInterval(mean, mean - reach, mean + reach, seeds, samples, degrees, p, covers)


def holm(probabilities: Mapping[str, float | None]) -> dict[str, float | None]:
    """Probabilities corrected for their number: whoever rejects those below 0.05 errs in 5 % of cases at most.

    Holm's procedure, valid whatever the dependence between the comparisons.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.02, "d": None})
    {'a': 0.03, 'b': 0.04, 'c': 0.04, 'd': None}
    """
    if not isinstance(probabilities, Mapping) or not all(
        p is None or (is_real(p) and 0 <= p <= 1) for p in probabilities.values()
    ):
        raise RegrepError(f"probabilities from 0 to 1 or None are given by name, got {shown(probabilities)}")
    known = sorted((p, name) for name, p in probabilities.items() if p is not None)
    corrected: dict[str, float | None] = dict.fromkeys(probabilities)
    largest = 0.0
    for k, (p, name) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - k) * p))
        corrected[name] = largest
    return corrected
