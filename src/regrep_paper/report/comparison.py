"""Comparison of methods: paired differences with intervals, and the marks that follow from them."""

from __future__ import annotations

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
            return paired_interval([_hits(row, seed) for seed in seeds], [_hits(other, seed) for seed in seeds])
        except RegrepError:  # records without hits, or of other samples
            pass
    return t_interval([ones[seed] - others[seed] for seed in seeds])


def baseline(rows: Sequence[Row]) -> Row | None:
    """The row under a heading that the others are compared with; None unless there is exactly one."""
    found = [row for row in rows if row.method == row.experiment.baseline and row.runs]
    return found[0] if len(found) == 1 else None


def marks(rows: Sequence[Row], measure: Measure) -> list[Mark]:
    """For each row of one heading: the best mean, or a tie.

    The best mean is marked ``best`` where the interval of its paired difference to every other row, controls aside,
    excludes 0, and is a tie with the rows for which it does not. Where there is no interval, nothing is marked.
    """
    result: list[Mark] = [""] * len(rows)
    found = {k: mean for k, row in enumerate(rows) if not is_control(row) and (mean := row.mean(measure)) is not None}
    if len(found) < 2 or measure.sign == 0:
        return result
    top = max(found, key=lambda k: (found[k] * measure.sign, -k))
    gaps = {k: difference(rows[top], rows[k], measure) for k in found if k != top}
    ties = [k for k, gap in gaps.items() if gap and gap.low is not None and not separates(gap, measure)]
    for k in ties:
        result[k] = result[top] = "tie"
    if all(separates(gap, measure) for gap in gaps.values()):
        result[top] = "best"
    return result


def separates(found: Interval | None, measure: Measure) -> bool:
    """Whether a difference is a gain whose interval excludes 0."""
    return found is not None and found.excludes_zero and found.mean * measure.sign > 0


def is_control(row: Row) -> bool:
    """Whether the method of a row is a control, which shows what others gain by means other than equivariance."""
    method = METHODS.get(str(row.key.get("method")))
    return method is not None and method.is_control


def _hits(row: Row, seed: int) -> Hits:
    from regrep_paper.runs.hits import Hits

    run = next(run for run in row.runs if run.config["seed"] == seed)
    return Hits.from_dict((run.done or {}).get("hits") or {})
