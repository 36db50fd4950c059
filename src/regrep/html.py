"""Tables in HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LONGEST_TABLE = 200
"""At most this many rows are shown."""


def table(caption: str, head: Sequence[object], rows: Sequence[Sequence[object]], notes: Sequence[str] = ()) -> str:
    """A table with a caption and notes below it; all text is escaped, numbers are rounded to four digits.

    >>> table("a < b", ["name", "value"], [["x", 0.123456]], ["done"])[:72]
    '<table><caption>a &lt; b</caption><thead><tr><th>name</th><th>value</th>'
    """
    shown = [*rows[:LONGEST_TABLE], *([["..."] * len(head)] if len(rows) > LONGEST_TABLE else [])]
    header = "".join(f"<th>{_cell(name)}</th>" for name in head)
    body = "".join(
        f"<tr><th>{_cell(row[0])}</th>{''.join(f'<td>{_cell(value)}</td>' for value in row[1:])}</tr>" for row in shown
    )
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    top = f"<caption>{escape(caption)}</caption><thead><tr>{header}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>{below}"


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))
