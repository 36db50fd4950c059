"""The table of results, all configurations with what decided between them, and all numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from regrep_paper.report.comparison import baseline, difference, marks
from regrep_paper.report.costs import HEADINGS as COSTS
from regrep_paper.report.intervals import Interval
from regrep_paper.report.table import Row, by_heading, rivals, shared_seeds
from regrep_paper.report.text import DASH, Mark, Table, Value, plain, plain_cell, seeds_text
from regrep_paper.tables.columns import Measure
from regrep_paper.tables.index import TABLES, experiment

ALWAYS = ("setting", "method", "n", "parameters")
"""Columns that are shown even where they are empty."""

BRIEF = ("through rho", "whitened error", "latent scale")
"""Of the columns beside the results, those that the terminal shows."""


def results(rows: Sequence[Row]) -> Table:
    """A line per row: tuned settings, n, each measure, and with results the paper's number and paired differences."""
    names = _names(rows)
    lines = []
    for heading, members in by_heading(rows).items():
        marked = {measure: marks(members, measure) for measure in members[0].experiment.results}
        for k, row in enumerate(members):
            line = {"setting": Value(heading), "method": Value(row.label), "n": count(row)}
            line |= {"parameters": parameters(row), **dict(zip(COSTS, cost(row), strict=True))}
            line |= {_spaced(name): setting(row, name) for name in row.experiment.tuned}
            line |= {measure.heading: measured(row, measure) for measure in row.experiment.measures}
            for measure, found in marked.items():
                line |= _compared(row, measure, members, found[k], names)
            lines.append(line)
    columns = _columns(names)
    return Table(columns, [[line.get(name, Value()) for name in columns] for line in lines]).filled(ALWAYS)


def choice(rows: Sequence[Row], chosen: Sequence[Row]) -> Table:
    """Every setting that was run, with what decided between them."""
    names = _names(rows)
    measures, tuned = _measures(names), _tuned(names)
    lines = []
    for row in rows:
        others = rivals(row, rows)
        seeds = shared_seeds(others) or row.seeds
        value = row.mean(row.experiment.selection, seeds)
        basis = DASH if value is None else f"{value:.3f} on {seeds_text(seeds)}"
        taken = "yes" if row.runs and any(row is other for other in chosen) else ""
        numbers = [measured(row, m) if row.runs or k else Value(missing(row)) for k, m in enumerate(measures)]
        line = [Value(row.heading), Value(row.label), *(setting(row, name) for name in tuned), count(row), Value(taken)]
        lines.append([*line, Value("no rival" if len(others) == 1 else basis), *numbers])
    columns = ["setting", "method", *map(_spaced, tuned), "n", "chosen", "compared on", *(m.heading for m in measures)]
    return Table(columns, lines).filled((*ALWAYS, "chosen", "compared on"))


def brief(rows: Sequence[Row]) -> str:
    """The table as plain text in fewer columns."""
    names = _names(rows)
    others = (measure.heading for name in names for measure in experiment(name).others)
    hidden = {"parameters", *COSTS, *(heading for heading in others if heading not in BRIEF)}
    for measure in _measures(names):
        hidden |= {_beside("difference to paper", measure, names), _to_baseline(measure, names)}
    table = results(rows).without(hidden)
    return plain(table.columns, table.signed)


def comma_separated(rows: Sequence[Row], chosen: Sequence[Row]) -> str:
    """Every setting that was run, all numbers unrounded in columns of their own: for programs."""
    names = _names(rows)
    measures, tuned = _measures(names), _tuned(names)
    columns = ["setting", "method", *map(_spaced, tuned), "n", "seeds", "not finished", "chosen", "parameters"]
    columns += (costly := COSTS if any(row.cost for row in rows) else ())
    for m in measures:
        columns += [f"{m.heading}, mean", f"{m.heading}, deviation"]
        if _published(names, m):
            columns += [f"{m.heading}, paper", f"{m.heading}, paper's deviation"]
        if _is_result(names, m):
            columns += [f"{_to_baseline(m, names)}{part}" for part in ("", ", low", ", high", ", n")]
    lines: list[list[object]] = [[plain_cell(column) for column in columns]]
    for row in [*rows, *(row for row in chosen if not row.runs and not row.open)]:
        taken = bool(row.runs) and any(row is other for other in chosen)
        base = baseline([other for other in chosen if other.heading == row.heading])
        line: list[object] = [row.heading, row.label, *(row.tuned.get(name) for name in tuned)]
        line += [len(row.runs), " ".join(map(str, row.seeds)), len(row.open), "yes" if taken else "no"]
        line.append(parameters(row).text.replace(",", "").replace(DASH, ""))
        line += (row.cost.numbers if row.cost else [None] * len(costly)) if costly else []
        for m in measures:
            line += [row.mean(m), row.spread(m)]
            if _published(names, m):
                paper = row.paper(m)
                line += [paper and paper.mean, paper and paper.deviation]
            if _is_result(names, m):
                found = None if base is None or row is base else difference(row, base, m)
                line += [found.mean, found.low, found.high, found.n] if found else [None] * 4
        lines.append(["" if value is None else plain_cell(value) for value in line])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def measured(row: Row, measure: Measure, mark: Mark = "") -> Value:
    """``mean (standard deviation)`` over seeds."""
    mean, deviation = row.mean(measure), row.spread(measure)
    if mean is None:
        return Value()
    spread = DASH if deviation is None else f"{deviation:.{measure.digits}f}"
    return Value(f"{mean:.{measure.digits}f} ({spread})", mark, mean)


def beside_paper(row: Row, measure: Measure) -> tuple[Value, Value]:
    """The paper's number and how far ours is from it."""
    paper, mean, digits = row.paper(measure), row.mean(measure), measure.digits
    if paper is None:
        return Value(), Value()
    gap = Value() if mean is None else Value(f"{mean - paper.mean:+.{digits}f}", number=mean - paper.mean)
    return Value(f"{paper.mean:.{digits}f} ({paper.deviation:.{digits}f})", number=paper.mean), gap


def interval_text(found: Interval, digits: int) -> str:
    """A difference with its interval and the number of seeds.

    >>> interval_text(Interval(0.0123, -0.001, 0.025, 3), 3), interval_text(Interval(0.0123, None, None, 1), 3)
    ('+0.012 [-0.001, +0.025], n = 3', '+0.012, n = 1')
    """
    ends = "" if found.low is None or found.high is None else f" [{found.low:+.{digits}f}, {found.high:+.{digits}f}]"
    return f"{found.mean:+.{digits}f}{ends}, n = {found.n}"


def setting(row: Row, name: str) -> Value:
    """A tuned setting."""
    value = row.tuned.get(name)
    if value is None:
        return Value()
    return Value(format(value, "g"), number=value) if isinstance(value, (int, float)) else Value(str(value))


def count(row: Row) -> Value:
    """Number of finished runs, of all where some are not, and how many of them were resumed."""
    number = f"{len(row.runs)} of {len(row.runs) + len(row.open)}" if row.open else str(len(row.runs))
    resumed = sum(bool(run.record.get("resumed")) for run in row.runs)
    some = "resumed" if resumed == len(row.runs) else f"{resumed} resumed"
    return Value(f"{number}, {some}" if resumed else number)


def missing(row: Row) -> str:
    """Why there is no result: ``missing``, ``failed``, ``unfinished`` or what is true of several runs."""
    if not row.open:
        return DASH if row.runs else "missing"
    return " and ".join(dict.fromkeys(run.state.split(":")[0].split(",")[0] for run in row.open))


def parameters(row: Row) -> Value:
    """Number of trained parameters."""
    return Value(" or ".join(f"{number:,}" for number in row.parameters) or DASH)


def cost(row: Row) -> list[Value]:
    """What the method costs."""
    numbers = row.cost.numbers if row.cost else [None] * len(COSTS)
    return [Value() if n is None else Value(f"{n:.{1 if n >= 100 else 2}f}", number=n) for n in numbers]


def _compared(row: Row, measure: Measure, members: Sequence[Row], mark: Mark, names: Sequence[str]) -> dict[str, Value]:
    """The columns of a result."""
    found = {measure.heading: measured(row, measure, mark) if row.by_seed(measure) else Value(missing(row))}
    for name, value in zip(("paper", "difference to paper"), beside_paper(row, measure), strict=True):
        found[_beside(name, measure, names)] = value
    base = baseline(members)
    gap = None if base is None or row is base else difference(row, base, measure)
    if gap is not None:
        found[_to_baseline(measure, names)] = Value(interval_text(gap, measure.digits), number=gap.mean)
    return found


def _columns(names: Sequence[str]) -> list[str]:
    columns = ["setting", "method", *map(_spaced, _tuned(names)), "n"]
    for measure in _measures(names):
        columns.append(measure.heading)
        if _is_result(names, measure):
            columns += [_beside(name, measure, names) for name in ("paper", "difference to paper")]
            columns.append(_to_baseline(measure, names))
    return [*columns, "parameters", *COSTS]


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.key["experiment"] for row in rows))


def _measures(names: Sequence[str]) -> list[Measure]:
    return list(dict.fromkeys(m for name in names for m in experiment(name).measures))


def _tuned(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(setting for name in names for setting in experiment(name).tuned))


def _is_result(names: Sequence[str], measure: Measure) -> bool:
    return any(measure in experiment(name).results for name in names)


def _published(names: Sequence[str], measure: Measure) -> bool:
    return any(TABLES[n].covers(measure.metric) and measure in experiment(n).results for n in names if n in TABLES)


def _beside(word: str, measure: Measure, names: Sequence[str]) -> str:
    """The name of a column that belongs to a result: with that of the result where there are several."""
    several = sum(_is_result(names, one) for one in _measures(names)) > 1
    return f"{word}, {measure.heading}" if several else word


def _to_baseline(measure: Measure, names: Sequence[str]) -> str:
    bases = dict.fromkeys(experiment(name).baseline for name in names)
    return _beside(f"difference to {' or '.join(bases)}", measure, names)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
