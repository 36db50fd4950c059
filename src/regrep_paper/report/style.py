"""The style of figures, and how they are saved: the same figure gives the same bytes."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regrep_paper.report.table import Row
from regrep_paper.tables.methods import METHODS

COLOURS = {
    **{name: row.colour for name, row in METHODS.items()},
    "rpp": "#cc79a7",
    "pscnn": "#e69f00",
    "scnn": "#56b4e9",
    "restriction": "#8c6d31",
    "learned": "#5b4fb3",
}
"""Okabe and Ito's colours, which stay apart for colour-blind readers; one per method, in all figures."""

OTHER = "#333333"
"""Of a method without a colour of its own."""

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
"""Lines of rows with one method, in order."""

STYLE: Any = {
    "svg.hashsalt": "regrep",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333a44",
    "axes.edgecolor": "#8a929c",
    "xtick.color": "#333a44",
    "ytick.color": "#333a44",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
    "figure.facecolor": "white",
}


@dataclass(frozen=True)
class Drawing:
    """A figure as files, with its heading and caption.

    Attributes:
        name: of the files.
        heading: above it.
        caption: below it.
        svg: SVG to stand inside a page, its identifiers begin with the name.
        pdf: the same for LaTeX.
    """

    name: str
    heading: str
    caption: str
    svg: str
    pdf: bytes


def drawing(name: str, heading: str, caption: str, figure: Figure) -> Drawing:
    """Save a figure as SVG and PDF without dates."""
    text, data = io.StringIO(), io.BytesIO()
    with matplotlib.rc_context(STYLE):
        for file, form in ((text, "svg"), (data, "pdf")):
            date = "Date" if form == "svg" else "CreationDate"
            figure.savefig(file, format=form, metadata={date: None}, bbox_inches="tight", pad_inches=0.08)
    svg = re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'="#([^"]+)"|url\(#([^)]+)\)', svg))
    names = {name for pair in used for name in pair}
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in names else "", svg)
    svg = re.sub(r'( id="|="#|url\(#)', lambda found: f"{found[1]}{name}-", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(heading)}" ', 1)
    return Drawing(name, heading, caption, svg, data.getvalue())


def canvas(width: float, height: float) -> Figure:
    """An empty figure, in inches.

    Axes are put on it by :func:`place`: the solver of matplotlib's layouts orders its variables by address, so that
    the last digits of what it finds differ from run to run.
    """
    return Figure(figsize=(width, height))


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches, counted from the top left corner."""
    total_width, total_height = map(float, figure.get_size_inches())
    box = (left / total_width, 1 - (top + height) / total_height, width / total_width, height / total_height)
    return figure.add_axes(box)


def write_heading(figure: Figure, left: float, top: float, text: str) -> None:
    """Bold text with its upper edge at a place in inches."""
    width, height = map(float, figure.get_size_inches())
    figure.text(left / width, 1 - top / height, text, fontsize=10, weight="bold", va="top")


def look(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """Colour by method, dashes by position among the rows of the same method and heading."""
    same = [other for other in rows if other.method == row.method and other.heading == row.heading]
    position = next(k for k, other in enumerate(same) if other is row)
    return {"color": COLOURS.get(row.method, OTHER), "linestyle": DASHES[position % len(DASHES)]}
