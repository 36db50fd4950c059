"""The style of figures, and how they are saved: the same figure gives the same bytes."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.artist import Artist
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

TOLD, SEPARATOR = "told|", "|"
"""How the SVG that matplotlib writes marks the texts of :func:`tell`."""

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)))
"""Lines of rows with one method, in order."""

STYLE: Any = {
    "svg.hashsalt": "regrep",
    "svg.fonttype": "none",  # text that can be found and read aloud, and a third of the size
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
        width: of the SVG, in points.
        svg: SVG to stand inside a page, its identifiers begin with the name.
        pdf: the same for LaTeX.
    """

    name: str
    heading: str
    caption: str
    width: float
    svg: str
    pdf: bytes


def drawing(name: str, heading: str, caption: str, figure: Figure) -> Drawing:
    """Save a figure as SVG and PDF without dates."""
    text, pdf = saved(figure, "svg", "Date").decode(), saved(figure, "pdf", "CreationDate")
    svg = re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = _with_titles(_rounded(svg))
    used = set(re.findall(r'="#([^"]+)"|url\(#([^)]+)\)', svg))
    names = {name for pair in used for name in pair}
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in names else "", svg)
    svg = re.sub(r'( id="|="#|url\(#)', lambda found: f"{found[1]}{name}-", svg)
    svg = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(heading)}" ', 1)
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]  # matplotlib writes it
    return Drawing(name, heading, caption, width, svg, pdf)


def saved(figure: Figure, form: str, date: str) -> bytes:
    """The bytes of a figure, without the date, which has this name."""
    file = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(file, format=form, metadata={date: None}, bbox_inches="tight", pad_inches=0.08)
    return file.getvalue()


def tell(artist: Artist, *texts: str) -> None:
    """What the page shows while the pointer rests on an artist: one text, or one for each of a line's markers."""
    artist.set_gid(TOLD + SEPARATOR.join(text.replace(SEPARATOR, "/").replace("\n", " ") for text in texts))


def _rounded(svg: str) -> str:
    r"""The SVG with paths and places to a tenth of a point, and without spaces that say nothing.

    >>> _rounded('  <path d="M 1.23456 2.0001 L 3.5 4.0" style="fill: none; stroke: #fff"/>')
    '<path d="M1.2 2L3.5 4" style="fill:none;stroke:#fff"/>'
    """

    def short(number: re.Match[str]) -> str:
        return f"{float(number[0]):.1f}".removesuffix(".0")

    svg = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: re.sub(r"-?\d+\.\d+", short, found[0]), svg)
    svg = re.sub(r' d="[^"]*"', lambda found: re.sub(r"\s*([A-Za-z])\s*", r"\1", found[0][4:]).join((' d="', "")), svg)
    svg = re.sub(r' style="[^"]*"', lambda found: re.sub(r"([;:]) ", r"\1", found[0]), svg)
    return re.sub(r"^\s+", "", svg, flags=re.MULTILINE)


def _with_titles(svg: str) -> str:
    """The SVG with the texts of :func:`tell` as titles of their shapes.

    >>> _with_titles('<g id="told|a"><path/></g>')
    '<g><title>a</title><path/></g>'
    >>> _with_titles('<g id="told|a|b"><use x="0"/><use x="1"/></g>')
    '<g><use x="0"><title>a</title></use><use x="1"><title>b</title></use></g>'
    """
    parts = re.split(rf'<g id="{re.escape(TOLD)}([^"]*)">', svg)
    found = [parts[0]]
    for told, rest in zip(parts[1::2], parts[2::2], strict=True):
        texts = told.split(SEPARATOR)
        if len(texts) == 1:
            found += ["<g><title>", texts[0], "</title>", rest]
            continue
        shapes = re.split(r"<use([^>]*)/>", rest, maxsplit=len(texts))
        used = zip(shapes[1::2], texts, shapes[2::2], strict=False)  # a marker outside of the picture is not there
        found += ["<g>", shapes[0], *(f"<use{one}><title>{text}</title></use>{after}" for one, text, after in used)]
    return "".join(found)


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


def colour_of(row: Row) -> str:
    """The colour of a row's method."""
    return COLOURS.get(row.method, OTHER)


def look(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """Colour by method, dashes by position among the rows of the same method and heading."""
    same = [other for other in rows if other.method == row.method and other.heading == row.heading]
    position = next(k for k, other in enumerate(same) if other is row)
    return {"color": colour_of(row), "linestyle": DASHES[position % len(DASHES)]}
