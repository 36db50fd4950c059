"""Tables as data, and as Markdown, LaTeX and plain text."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

DASH = "–"

Mark = Literal["", "best", "tie"]
"""Mark of a number in a column: the best one, or one not separated from the best."""

SIGNS: dict[Mark, str] = {"": "", "best": " *", "tie": " ~"}
"""Of the marks, in plain text and Markdown."""

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Value:
    """A cell of a table.

    Attributes:
        text: what is shown.
        mark: of the number in its column.
        number: that the text rounds; None where it is no number.
    """

    text: str = DASH
    mark: Mark = ""
    number: float | None = None


@dataclass(frozen=True)
class Table:
    """Columns by name, and lines; the first column is the problem, within which lines are compared."""

    columns: list[str]
    lines: list[list[Value]]

    def without(self, names: Container[str]) -> Table:
        """The table without the columns of these names."""
        kept = [k for k, name in enumerate(self.columns) if name not in names]
        return Table([self.columns[k] for k in kept], [[line[k] for k in kept] for line in self.lines])

    def filled(self, always: Container[str] = ()) -> Table:
        """The table without columns that have a dash in every line, but those that are always shown."""
        return self.without(
            [
                name
                for k, name in enumerate(self.columns)
                if name not in always and all(line[k].text == DASH for line in self.lines)
            ]
        )

    @property
    def signed(self) -> list[list[str]]:
        """The lines as text, marks as signs.

        >>> Table(["a"], [[Value("0.5", "best")], [Value()]]).signed
        [['0.5 *'], ['–']]
        """
        return [[value.text + SIGNS[value.mark] for value in line] for line in self.lines]


def seeds_text(seeds: Sequence[int]) -> str:
    """``seed 0`` or ``seeds 0, 1``."""
    return ("seed " if len(seeds) == 1 else "seeds ") + ", ".join(map(str, seeds))


def by_problem(problems: Sequence[str], lines: Sequence[Sequence[Entry]]) -> dict[str, list[Sequence[Entry]]]:
    """Lines without their first cell, under the problem of each."""
    parts: dict[str, list[Sequence[Entry]]] = {}
    for problem, line in zip(problems, lines, strict=True):
        parts.setdefault(problem, []).append(line[1:])
    return parts


def markdown(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A pipe table, in which no text is taken for HTML."""
    rows = ["| " + " | ".join(map(_piped, line)) + " |" for line in [columns, *lines]]
    return "\n".join([rows[0], "|" + "---|" * len(columns), *rows[1:]]) + "\n"


def latex(table: Table) -> str:
    """A booktabs table, the problems as headings between the lines; the best is bold, ties are in italics."""
    around = {"": "{}", "best": r"\textbf{{{}}}", "tie": r"\textit{{{}}}"}
    width = len(table.columns) - 1
    text = [r"\begin{tabular}{l" + "r" * (width - 1) + "}", r"\toprule"]
    text.append(" & ".join(map(_escaped, table.columns[1:])) + r" \\")
    for problem, part in by_problem([line[0].text for line in table.lines], table.lines).items():
        text += [r"\midrule", rf"\multicolumn{{{width}}}{{l}}{{{_escaped(problem)}}} \\"]
        marked = ([around[value.mark].format(_escaped(value.text)) for value in line] for line in part)
        text += [" & ".join(line) + r" \\" for line in marked]
    return "\n".join([*text, r"\bottomrule", r"\end{tabular}"]) + "\n"


def plain(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Aligned columns for the terminal, the problems as headings between the lines."""
    every = [columns[1:], *(line[1:] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]

    def aligned(line: Sequence[str]) -> str:
        return "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()

    text = [aligned(columns[1:]), "-" * (sum(widths) + 2 * len(widths) - 2)]
    for k, (problem, part) in enumerate(by_problem([line[0] for line in lines], lines).items()):
        text += [*([""] if k else []), problem, *map(aligned, part)]
    return "\n".join(text) + "\n"


def wrapped(columns: Sequence[str], lines: Sequence[Sequence[str]], notes: Sequence[str], width: int) -> str:
    """The same within a number of columns: the widest are narrowed, and their entries run over several lines.

    Args:
        columns: headings, the first of them not shown.
        lines: the problem, and an entry for each of the other columns.
        notes: a text under each line, or nothing.
        width: columns of the terminal; a word that is longer than its column stays whole.

    >>> print(wrapped(["", "a", "words"], [["of all", "1", "one two three"], ["of all", "22", "four"]], ["", "!"], 11))
    a   words
    -----------
    of all
    1   one two
        three
    22  four
        !
    """
    every = list(zip(*(columns[1:], *(line[1:] for line in lines)), strict=True))
    widths = [max(map(len, column)) for column in every]
    least = [max(len(word) for entry in column for word in entry.split() or [""]) for column in every]
    while sum(widths) + 2 * (len(widths) - 1) > width and widths != least:
        loose = [k for k in range(len(widths)) if widths[k] > least[k]]
        widths[max(loose, key=lambda k: widths[k])] -= 1

    def rows(line: Sequence[str], note: str = "") -> str:
        cells = [textwrap.wrap(entry, size) or [""] for entry, size in zip(line[1:], widths, strict=True)]
        found = [
            "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
            for row in itertools.zip_longest(*cells, fillvalue="")
        ]
        return "\n".join([*found, *(f"    {part}" for part in textwrap.wrap(note, max(1, width - 4)))])

    text = [rows(columns), "-" * (sum(widths) + 2 * (len(widths) - 1))]
    shown = [["", rows(line, note)] for line, note in zip(lines, notes, strict=True)]
    for k, (problem, part) in enumerate(by_problem([line[0] for line in lines], shown).items()):
        text += [*([""] if k else []), problem, *(one for (one,) in part)]
    return "\n".join(text)


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


def _piped(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;").splitlines())


def _escaped(text: str) -> str:
    named = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"}
    return "".join(named.get(letter, f"\\{letter}" if letter in "&%_#${}" else letter) for letter in text)
