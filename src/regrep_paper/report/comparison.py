"""Comparison of methods: paired differences with intervals, and the marks that follow from them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from regrep.errors import RegrepError
from regrep_paper.report.intervals import Interval, paired_interval, t_interval
from regrep_paper.report.table import Row
from regrep_paper.report.text import Mark
from regrep_paper.tables.columns import Measure
from regrep_paper.tables.methods import METHODS

if TYPE_CHECKING:
    from regrep_paper.runs.hits import Hits


def difference(row: Row, other: Row, measure: Measure) -> Interval | None:
    """Difference between two rows, seed by seed: same data, same initial weights, same order of samples.

    The interval is that of a bootstrap over the units of the test samples where both have hits for each common seed,
    else Student's over the seeds. None without a common seed.
    """
    ones, others = row.by_seed(measure), other.by_seed(measure)
    seeds = sorted(ones.keys() & others.keys())
    if not seeds:
        return None
    if (measure.split, measure.metric) == ("test", "accuracy"):
        try:
            return _paired(*(tuple(_coded(one, seed) for seed in seeds) for one in (row, other)))
        except RegrepError:  # records without hits, or of other samples
            pass
    return t_interval([ones[seed] - others[seed] for seed in seeds])


def baseline(rows: Sequence[Row]) -> Row | None:
    """The row under a heading that the others are compared with; None unless there is exactly one."""
    found = [row for row in rows if row.method == row.experiment.baseline and row.runs]
    return found[0] if len(found) == 1 else None


def marks(rows: Sequence[Row], measure: Measure) -> list[Mark]:
    """For each row of one heading: the best mean, or a tie.

    The best mean of the methods is marked ``best`` where the interval of its paired difference to every other row,
    controls included, excludes 0; else it is a tie with the methods for which it does not. A control gets no mark.
    Where there is no interval, or one over a single seed, nothing is marked.
    """
    result: list[Mark] = [""] * len(rows)
    found = {k: mean for k, row in enumerate(rows) if not is_control(row) and (mean := row.mean(measure)) is not None}
    if len(found) < 2 or measure.sign == 0:
        return result
    top = max(found, key=lambda k: (found[k] * measure.sign, -k))
    others = [k for k, row in enumerate(rows) if k != top and row.mean(measure) is not None]
    gaps = {k: gap for k in others if (gap := difference(rows[top], rows[k], measure)) is not None and decides(gap)}
    ties = [k for k, gap in gaps.items() if not separates(gap, measure)]
    for k in ties:
        result[top] = "tie"
        result[k] = "tie" if k in found else ""
    if not ties and len(gaps) == len(others):
        result[top] = "best"
    return result


def decides(found: Interval) -> bool:
    """Whether a difference has an interval that counts: one over two seeds or more."""
    return found.low is not None and found.n > 1


def separates(found: Interval | None, measure: Measure) -> bool:
    """Whether a difference is a gain, of more than one seed, whose interval excludes 0."""
    return found is not None and decides(found) and found.excludes_zero and found.mean * measure.sign > 0


def is_control(row: Row) -> bool:
    """Whether the method of a row is a control, which shows what others gain by means other than equivariance."""
    method = METHODS.get(str(row.key.get("method")))
    return method is not None and method.is_control


Coded = tuple[int, str, str]
"""Hits as a record has them: the number of samples, which of them are correct, and their units."""


def _coded(row: Row, seed: int) -> Coded:
    run = next(run for run in row.runs if run.config["seed"] == seed)
    hits = (run.done or {}).get("hits") or {}
    samples, correct, units = (hits.get(key) for key in ("samples", "correct", "units"))
    if not (isinstance(samples, int) and isinstance(correct, str) and isinstance(units, str)):
        raise RegrepError(f"the hits of {run.name} cannot be read; restore a copy of its record")
    return samples, correct, units


@functools.lru_cache(maxsize=4096)
def _paired(ones: tuple[Coded, ...], others: tuple[Coded, ...]) -> Interval:
    """The interval of two rows, drawn once for all tables and sentences of a report."""
    return paired_interval([_decoded(one) for one in ones], [_decoded(other) for other in others])


@functools.lru_cache(maxsize=64)
def _decoded(coded: Coded) -> Hits:
    from regrep_paper.runs.hits import Hits

    return Hits.from_dict(dict(zip(("samples", "correct", "units"), coded, strict=True)))
