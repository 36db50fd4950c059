"""The table as cells of text, and as Markdown, LaTeX and plain text; all numbers as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from regrep_paper.report.costs import HEADINGS as COSTS
from regrep_paper.report.table import Mark, Row, by_heading, marks, rivals, shared_seeds
from regrep_paper.tables.columns import Experiment, Measure
from regrep_paper.tables.index import TABLES, experiment

DASH = "–"

Line = Sequence[str]
"""Cells of a table. The first is the problem; a best number ends in ``" *"``, a tie in ``" ~"``."""

SIGNS: dict[Mark, str] = {"": "", "best": " *", "tie": " ~"}


def headings(rows: Sequence[Row]) -> list[str]:
    """Columns of :func:`cells`: those of every experiment among the rows, and costs where a row has one."""
    return [*_headings(list(dict.fromkeys(row.key["experiment"] for row in rows))), *cost_headings(rows)]


def cost_headings(rows: Sequence[Row]) -> tuple[str, ...]:
    """Columns of costs: none where no row has one."""
    return COSTS if any(row.cost for row in rows) else ()


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """A line per row: tuned settings, n, each measure, and beside results the paper's number and the difference."""
    names = list(dict.fromkeys(row.key["experiment"] for row in rows))
    measures, tuned, costly = _measures(names), _tuned(names), cost_headings(rows)
    lines = []
    for heading, members in by_heading(rows).items():
        for k, row in enumerate(members):
            line = [heading, row.label, *(setting(row, name) for name in tuned), count(row)]
            for measure in measures:
                text = mean_and_spread(row, measure)
                if measure in row.experiment.results:
                    text = text if row.by_seed(measure) else missing(row)
                    text += SIGNS[marks(members, measure)[k]]
                line.append(text)
                if _beside_paper(names, measure):
                    line += beside_paper(row, measure)
            lines.append([*line, parameters(row), *(cost(row) if costly else ())])
    return lines


def choice(rows: Sequence[Row], chosen: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Headings and lines of a table of every setting that was run, with what decided between them."""
    names = list(dict.fromkeys(row.key["experiment"] for row in rows))
    measures, tuned = _measures(names), _tuned(names)
    lines = []
    for row in rows:
        others = rivals(row, rows)
        seeds = shared_seeds(others) or row.seeds
        value = row.mean(row.experiment.selection, seeds)
        only = len(others) == 1
        basis = "no rival" if only else DASH if value is None else f"{value:.3f} on {seeds_text(seeds)}"
        taken = "yes" if row.runs and any(row is other for other in chosen) else ""
        numbers = [mean_and_spread(row, m) if row.runs or k else missing(row) for k, m in enumerate(measures)]
        lines.append(
            [row.heading, row.label, *(setting(row, name) for name in tuned), count(row), taken, basis, *numbers]
        )
    return ["setting", "method", *_spaced(tuned), "n", "chosen", "compared on", *(m.heading for m in measures)], lines


def brief(rows: Sequence[Row]) -> str:
    """The table as plain text in fewer columns: without the last ones, and without the difference."""
    hidden = {"parameters", "difference", *COSTS, *(m.heading for row in rows for m in row.experiment.others[:-2])}
    columns = headings(rows)
    keep = [k for k, heading in enumerate(columns) if heading not in hidden]
    return plain([columns[k] for k in keep], [[line[k] for k in keep] for line in cells(rows)])


def mean_and_spread(row: Row, measure: Measure) -> str:
    """``mean (standard deviation)``, a dash for what is not there."""
    mean, deviation = row.mean(measure), row.spread(measure)
    if mean is None:
        return DASH
    return f"{mean:.{measure.digits}f} ({DASH if deviation is None else format(deviation, f'.{measure.digits}f')})"


def beside_paper(row: Row, measure: Measure) -> tuple[str, str]:
    """The paper's number and how far ours is from it."""
    paper, mean = row.paper(measure), row.mean(measure)
    if paper is None:
        return DASH, DASH
    digits = measure.digits
    difference = DASH if mean is None else f"{mean - paper.mean:+.{digits}f}"
    return f"{paper.mean:.{digits}f} ({paper.deviation:.{digits}f})", difference


def setting(row: Row, name: str) -> str:
    """A tuned setting."""
    value = row.tuned.get(name)
    return DASH if value is None else format(value, "g") if isinstance(value, (int, float)) else str(value)


def count(row: Row) -> str:
    """Number of finished runs, and of all where some are not."""
    return f"{len(row.runs)} of {len(row.runs) + len(row.open)}" if row.open else str(len(row.runs))


def missing(row: Row) -> str:
    """Why there is no result: ``missing``, ``failed``, ``unfinished`` or what is true of several runs."""
    if not row.open:
        return DASH if row.runs else "missing"
    return " and ".join(dict.fromkeys(run.state.split(":")[0].split(",")[0] for run in row.open))


def parameters(row: Row) -> str:
    """Number of trained parameters."""
    return " or ".join(f"{number:,}" for number in row.parameters) or DASH


def cost(row: Row) -> list[str]:
    """What the method costs, a dash for what was not measured."""
    numbers = row.cost.numbers if row.cost else [None] * len(COSTS)
    return [DASH if number is None else f"{number:.{1 if number >= 100 else 2}f}" for number in numbers]


def seeds_text(seeds: Sequence[int]) -> str:
    """``seed 0`` or ``seeds 0, 1``."""
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def split_mark(text: str) -> tuple[str, Mark]:
    """A cell without its sign, and what the sign says.

    >>> split_mark("0.868 (0.002) *"), split_mark("33,742")
    (('0.868 (0.002)', 'best'), ('33,742', ''))
    """
    for mark, sign in SIGNS.items():
        if sign and text.endswith(sign):
            return text[: -len(sign)], mark
    return text, ""


def by_problem(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """Lines without their first cell, under it."""
    parts: dict[str, list[Line]] = {}
    for problem, *rest in lines:
        parts.setdefault(problem, []).append(rest)
    return parts


def markdown(columns: Sequence[str], lines: Sequence[Line]) -> str:
    """A pipe table, in which no text is taken for HTML."""
    rows = ["| " + " | ".join(map(_piped, line)) + " |" for line in [columns, *lines]]
    return "\n".join([rows[0], "|" + "---|" * len(columns), *rows[1:]]) + "\n"


def latex(columns: Sequence[str], lines: Sequence[Line]) -> str:
    """A booktabs table, the problems as headings between the lines; the best is bold, ties are in italics."""
    around = {"": "{}", "best": r"\textbf{{{}}}", "tie": r"\textit{{{}}}"}
    width = len(columns) - 1
    text = [r"\begin{tabular}{l" + "r" * (width - 1) + "}", r"\toprule"]
    text.append(" & ".join(map(_escaped, columns[1:])) + r" \\")
    for problem, part in by_problem(lines).items():
        text += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{{_escaped(problem)}}} \\"]
        for line in part:
            marked = [split_mark(cell) for cell in line]
            text.append(" & ".join(around[mark].format(_escaped(cell)) for cell, mark in marked) + r" \\")
    return "\n".join([*text, r"\bottomrule", r"\end{tabular}"]) + "\n"


def plain(columns: Sequence[str], lines: Sequence[Line]) -> str:
    """Aligned columns for the terminal, the problems as headings between the lines."""
    every = [columns[1:], *(line[1:] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]

    def aligned(line: Line) -> str:
        return "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()

    text = [aligned(columns[1:]), "-" * (sum(widths) + 2 * len(widths) - 2)]
    for k, (problem, part) in enumerate(by_problem(lines).items()):
        text += [*([""] if k else []), problem, *map(aligned, part)]
    return "\n".join(text) + "\n"


def plain_cell(value: object) -> object:
    """A cell of a CSV file that no spreadsheet takes for a formula: such a text gets an apostrophe in front.

    >>> plain_cell("=1+2"), plain_cell("-0.5"), plain_cell(-0.5), plain_cell("ours")
    ("'=1+2", '-0.5', -0.5, 'ours')
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def comma_separated(rows: Sequence[Row], chosen: Sequence[Row]) -> str:
    """Every setting that was run, all numbers unrounded in columns of their own: for programs."""
    names = list(dict.fromkeys(row.key["experiment"] for row in rows))
    measures, tuned = _measures(names), _tuned(names)
    columns = ["setting", "method", *_spaced(tuned), "n", "seeds", "not finished", "chosen", "parameters"]
    columns += (costly := cost_headings(rows))
    for m in measures:
        columns += [f"{m.heading}, mean", f"{m.heading}, deviation"]
        if _beside_paper(names, m):
            columns += [f"{m.heading}, paper", f"{m.heading}, paper's deviation"]
    lines: list[list[object]] = [[plain_cell(column) for column in columns]]
    for row in [*rows, *(row for row in chosen if not row.runs and not row.open)]:
        taken = bool(row.runs) and any(row is other for other in chosen)
        line: list[object] = [row.heading, row.label, *(row.tuned.get(name) for name in tuned)]
        line += [len(row.runs), " ".join(map(str, row.seeds)), len(row.open), "yes" if taken else "no"]
        line.append(parameters(row).replace(",", "").replace(DASH, ""))
        line += (row.cost.numbers if row.cost else [None] * len(costly)) if costly else []
        for m in measures:
            line += [row.mean(m), row.spread(m)]
            if _beside_paper(names, m):
                paper = row.paper(m)
                line += [paper and paper.mean, paper and paper.deviation]
        lines.append(["" if value is None else plain_cell(value) for value in line])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def _experiments(names: Sequence[str]) -> list[Experiment]:
    return [experiment(name) for name in names]


def _measures(names: Sequence[str]) -> list[Measure]:
    return list(dict.fromkeys(m for one in _experiments(names) for m in one.measures))


def _tuned(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for one in _experiments(names) for name in one.tuned))


def _beside_paper(names: Sequence[str], measure: Measure) -> bool:
    tables = [(TABLES[name], experiment(name)) for name in names if name in TABLES]
    return any(table.covers(measure.metric) and measure in one.results for table, one in tables)


def _headings(names: Sequence[str]) -> list[str]:
    columns = ["setting", "method", *_spaced(_tuned(names)), "n"]
    measures = _measures(names)
    several = sum(_beside_paper(names, measure) for measure in measures) > 1
    for measure in measures:
        columns.append(measure.heading)
        if _beside_paper(names, measure):
            columns += [f"{word}, {measure.heading}" if several else word for word in ("paper", "difference")]
    return [*columns, "parameters"]


def _spaced(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _piped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;").splitlines())


def _escaped(text: str) -> str:
    named = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"}
    return "".join(named.get(letter, f"\\{letter}" if letter in "&%_#${}" else letter) for letter in text)


HEADINGS = tuple(_headings(["ddmnist"]))
"""Columns of DDMNIST's table."""
