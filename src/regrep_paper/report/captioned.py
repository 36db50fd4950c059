"""Tables as the page shows them: with a caption, in parts, and each as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regrep_paper.report.learned_part import Section
from regrep_paper.report.text import Table, Value, by_problem, plain_cell
from regrep_paper.tables.published import PaperTable

Cell = Value | str


@dataclass(frozen=True)
class Captioned:
    """A table of the page.

    Attributes:
        caption: above it.
        headings: of its columns.
        parts: lines under the heading of their part; the heading "" is not shown.
        file: the table as CSV, below the folder of the report.
    """

    caption: str
    headings: Sequence[str]
    parts: Mapping[str, Sequence[Sequence[Cell]]]
    file: str

    @property
    def text(self) -> str:
        """The file: what the page shows, a column for the headings of the parts where there are some.

        >>> print(Captioned("squares", ["n", "n²"], {"": [["1", Value("1.0", number=1.0)]]}, "").text, end="")
        n,n²
        1,1.0
        """
        several = any(self.parts)
        lines: list[Sequence[Cell]] = [["setting", *self.headings] if several else self.headings]
        lines += [[heading, *line] if several else line for heading, part in self.parts.items() for line in part]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([plain_cell(_text(cell)) for cell in line] for line in lines)
        return text.getvalue()


def by_setting(caption: str, table: Table, file: str) -> Captioned:
    """A table whose first column is the problem, in parts by problem."""
    return Captioned(caption, table.columns[1:], by_problem([line[0].text for line in table.lines], table.lines), file)


def of_paper(table: PaperTable, file: str) -> Captioned:
    """The paper's numbers: mean (standard deviation) and millions of parameters."""
    lines = []
    for model in table.models:
        entries = [table.entries[(model, column)] for column in table.headings]
        numbers = ((f"{one.mean:.3f} ({one.deviation:.3f})", f"{one.parameters:.2f}") for one in entries)
        lines.append([model, *(text for pair in numbers for text in pair)])
    headings = ["model", *(text for column in table.headings for text in (column, "million parameters"))]
    return Captioned(f"{table.name} of the paper, mean (standard deviation)", headings, {"": lines}, file)


def of_learned(section: Section) -> dict[str, Captioned]:
    """The tables of a section on learned representations that are there."""
    found: dict[str, tuple[str, Any]] = {
        "runs": ("Ours, losses on the test split (the algebra loss needs no data)", section.runs),
        "settings": (
            "Means (standard deviations) over seeds, and in brackets the multiplicities of the regular representation",
            section.settings,
        ),
        "controls": ("Controls, means over all draws of all finished runs", section.controls),
    }
    if section.paper is not None:
        found["paper"] = (f"{section.paper[0]} of the paper; its losses are not given here", section.paper[1])
    return {
        name: Captioned(caption, table.headings, {"": table.lines}, f"tables/{section.slug}-{name}.csv")
        for name, (caption, table) in found.items()
        if table is not None
    }


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.text
