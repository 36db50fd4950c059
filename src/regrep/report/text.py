"""The table as cells of text, and as Markdown, CSV, LaTeX and plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from regrep.report.table import Row, best_of, heading_of

HEADINGS = (
    "setting",
    "method",
    "learning rate",
    "weight",
    "n",
    "validation accuracy",
    "test accuracy",
    "paper",
    "difference",
    "upright accuracy",
    "relative error",
    "latent scale",
    "parameters",
)


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """Rows of text under ``HEADINGS``; a setting's best test accuracy ends in ``*``, ties in ``~``."""
    best = best_of(rows)
    table = []
    for row in rows:
        top, ties = best.get(heading_of(row), (None, []))
        mark = " *" if row is top else " ~" if any(row is other for other in ties) else ""
        mean, paper = row.mean("test", "accuracy"), row.paper
        table.append(
            [
                heading_of(row),
                row.label,
                _number(row.tuned.get("learning_rate"), "g"),
                _number(row.tuned.get("weight"), "g"),
                str(len(row.runs)),
                spread(row, "validation", "accuracy"),
                spread(row, "test", "accuracy") + mark if mean is not None else _missing(row),
                f"{paper.mean:.3f} ({paper.deviation:.3f})" if paper else "–",
                f"{mean - paper.mean:+.3f}" if paper and mean is not None else "–",
                spread(row, "test", "accuracy_upright"),
                spread(row, "test", "relative_error"),
                spread(row, "test", "latent_scale"),
                f"{row.runs[0].record['parameters']:,}" if row.runs else "–",
            ]
        )
    return table


def spread(row: Row, split: str, metric: str) -> str:
    """``mean (standard deviation)`` to three digits, a dash for what is not there."""
    mean, deviation = row.mean(split, metric), row.spread(split, metric)
    if mean is None:
        return "–"
    return f"{mean:.3f} ({'–' if deviation is None else f'{deviation:.3f}'})"


def markdown(headings: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """A pipe table."""
    lines = ["| " + " | ".join(row) + " |" for row in [headings, *table]]
    return "\n".join([lines[0], "|" + "---|" * len(headings), *lines[1:]]) + "\n"


def comma_separated(headings: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """CSV with a heading."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([headings, *table])
    return text.getvalue()


def latex(headings: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """A booktabs table; the best is bold, ties are in italics."""
    lines = [r"\begin{tabular}{" + "l" * 2 + "r" * (len(headings) - 2) + "}", r"\toprule"]
    lines += [" & ".join(map(_escaped, headings)) + r" \\", r"\midrule"]
    lines += [" & ".join(map(_marked, row)) + r" \\" for row in table]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def plain(headings: Sequence[str], table: Sequence[Sequence[str]]) -> str:
    """Aligned columns for the terminal."""
    rows = [headings, *table]
    widths = [max(len(row[k]) for row in rows) for k in range(len(headings))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]]) + "\n"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _missing(row: Row) -> str:
    return row.open[0].state.split(":")[0] if row.open else "missing"


def _marked(cell: str) -> str:
    if cell.endswith(" *"):
        return r"\textbf{" + _escaped(cell[:-2]) + "}"
    if cell.endswith(" ~"):
        return r"\textit{" + _escaped(cell[:-2]) + "}"
    return _escaped(cell)


def _escaped(text: str) -> str:
    for letter in "&%_#$":
        text = text.replace(letter, "\\" + letter)
    return text.replace("–", "--")
