"""Figures from records. Deterministic: the same records give the same bytes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from regrep.errors import MissingExtraError
from regrep.report.table import Row, heading_of

try:
    import matplotlib
    from matplotlib.figure import Figure
except ImportError as cause:
    raise MissingExtraError("report") from cause

COLOURS = {"cnn": "#7f7f7f", "cnn-augmented": "#0072b2", "ours": "#d55e00", "ours-relative": "#009e73"}
"""Okabe and Ito's colours, which stay apart for colour-blind readers; one per method, in all figures."""

STYLE: dict[Any, Any] = {
    "svg.hashsalt": "regrep",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}

CURVES = {
    "validation-accuracy": ("validation/accuracy", "validation accuracy", "linear"),
    "relative-error": (
        "validation/relative_error",
        "relative equivariance error ‖ρ(g)E(x) − E(gx)‖ / ‖E(gx)‖",
        "linear",
    ),
    "latent-scale": ("validation/latent_scale", "latent scale (standard deviation over samples)", "log"),
}
"""Figures over training: column, axis label, scale."""


def curves(rows: Sequence[Row], column: str, label: str, scale: str) -> Figure | None:
    """A metric over epochs, a panel per setting: the mean over seeds as a line, their range as a band."""
    headings = [
        h for h in dict.fromkeys(map(heading_of, rows)) if any(_series(r, column) for r in rows if heading_of(r) == h)
    ]
    if not headings:
        return None
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(headings), 3.4))
        axes = figure.subplots(1, len(headings), squeeze=False)[0]
        for axis, heading in zip(axes, headings, strict=True):
            for row in rows:
                series = _series(row, column)
                if heading_of(row) != heading or not series:
                    continue
                length = max(map(len, series))
                values = np.full((len(series), length), np.nan)
                for k, one in enumerate(series):
                    values[k, : len(one)] = one
                epochs = np.arange(1, length + 1)
                counts = (~np.isnan(values)).sum(axis=0)
                mean = np.nansum(values, axis=0) / np.maximum(counts, 1)
                colour, line = _look(row)
                axis.plot(epochs, mean, line, color=colour, lw=1.6, label=f"{row.label} (n = {len(series)})")
                if len(series) > 1:
                    axis.fill_between(
                        epochs,
                        np.nanmin(values, axis=0),
                        np.nanmax(values, axis=0),
                        color=colour,
                        alpha=0.18,
                        lw=0,
                    )
            axis.set(title=heading, xlabel="epoch", yscale=scale)
            axis.legend(fontsize=8)
        axes[0].set_ylabel(label if len(label) < 50 else label.replace(" ‖", "\n‖", 1))
    return figure


def elements(rows: Sequence[Row]) -> Figure | None:
    """Relative error of each group element at the best epoch, mean over seeds; products as a grid left x right."""
    shown = [(row, _errors(row)) for row in rows]
    shown = [(row, errors) for row, errors in shown if errors is not None]
    if not shown:
        return None
    top = max(float(np.nanmax(errors[1])) for _, errors in shown if errors)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        columns = min(4, len(shown))
        lines = -(-len(shown) // columns)
        figure = Figure(figsize=(3.3 * columns + 0.7, 3.3 * lines))
        axes = figure.subplots(lines, columns, squeeze=False).flatten()
        image: Any = None
        for axis, (row, found) in zip(axes, shown, strict=False):
            assert found is not None
            names, values = found
            left, right = _factors(names)
            table = values.reshape(len(left), len(right))
            image = axis.imshow(table, vmin=0, vmax=top, cmap="viridis")
            axis.set_xticks(range(len(right)), right, rotation=90 if len(right) > 4 else 0, fontsize=7)
            axis.set_yticks(range(len(left)), left, fontsize=7)
            axis.set_title(f"{row.label}\n{heading_of(row)}", fontsize=8)
            if len(left) > 1:
                axis.set(xlabel="right digit moved by", ylabel="left digit moved by")
        for axis in axes[len(shown) :]:
            axis.set_axis_off()
        figure.colorbar(image, ax=list(axes), label="relative error", shrink=0.8)
    return figure


def examples(rows: Sequence[Row]) -> Figure | None:
    """Training pairs x and gx, one line of pictures per setting."""
    found: dict[str, Any] = {}
    for row in rows:
        for run in (*row.runs, *row.open):
            path = run.folder / "examples.npz"
            if heading_of(row) not in found and path.exists():
                with np.load(path, allow_pickle=False) as data:
                    found[heading_of(row)] = {key: data[key] for key in data.files}
    if not found:
        return None
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        count = max(len(data["x"]) for data in found.values())
        figure = Figure(figsize=(1.35 * count, 3.3 * len(found)))
        axes = figure.subplots(2 * len(found), count, squeeze=False)
        for axis in axes.flatten():
            axis.set_axis_off()
        for line, (heading, data) in enumerate(found.items()):
            for k in range(len(data["x"])):
                for part, key in enumerate(("x", "gx")):
                    axis = axes[2 * line + part, k]
                    axis.imshow(data[key][k], cmap="gray", vmin=0, vmax=255)
                    title = f"x, label {data['label'][k]:02d}" if key == "x" else f"gx, g = {data['element'][k]}"
                    above = f"{heading}\n" if part == 0 and k == 0 else ""
                    axis.set_title(above + title, fontsize=7)
    return figure


def draw(rows: Sequence[Row]) -> dict[str, Figure]:
    """All figures that the records have something for, by name."""
    figures = {name: curves(rows, *settings) for name, settings in CURVES.items()}
    figures["error-per-element"] = elements(rows)
    figures["examples"] = examples(rows)
    return {name: figure for name, figure in figures.items() if figure is not None}


def svg(figure: Figure) -> str:
    """The figure as SVG to stand inside a page."""
    text = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL)


def pdf(figure: Figure) -> bytes:
    """The figure as PDF."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def _series(row: Row, column: str) -> list[list[float]]:
    runs = row.runs or row.open
    found = [[v for v in run.metrics.get(column, []) if v is not None] for run in runs]
    return [one for one in found if one]


def _look(row: Row) -> tuple[str, str]:
    line = "-" if row.key.get("latent", 66) == 66 else "--"
    return COLOURS.get(row.key["method"], "#444444"), line


def _errors(row: Row) -> tuple[list[str], np.ndarray] | None:
    found = [run.done["equivariance"] for run in row.runs if run.done and run.done.get("equivariance")]
    if not found:
        return None
    values = np.array([[math.nan if v is None else float(v) for v in entry["relative"]] for entry in found])
    return found[0]["elements"], values.mean(axis=0)


def _factors(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of the factors if the elements are pairs ``(g, h)``, else one line of all."""
    pairs = [re.fullmatch(r"\(([^,()]+), ([^,()]+)\)", name) for name in names]
    if not all(pairs):
        return [""], list(names)
    left = list(dict.fromkeys(pair[1] for pair in pairs if pair))
    right = list(dict.fromkeys(pair[2] for pair in pairs if pair))
    return left, right
