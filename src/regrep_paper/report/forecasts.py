"""Forecasts of velocity fields: true, predicted and error frames, as a figure and as a moving picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from regrep_paper.report.runs import Run, Series
from regrep_paper.report.style import STYLE, canvas, place, write_heading
from regrep_paper.report.table import Row, by_heading

SIZE, GAP, TOP, LEFT = 1.35, 0.12, 0.65, 1.45
"""Side of a frame, between two, above the first line, and left of it; in inches."""

MOST = 4
"""Frames shown of a roll-out."""

ARROWS = 8
"""Along a side of a frame."""

FILMS = 6
"""Moving pictures of at most so many methods, for the size of the page."""

PAUSE, REST = 300, 1500
"""Milliseconds that a frame of the moving picture stays, and the last one."""

Fields = dict[str, NDArray]
"""``true`` and ``predicted``, float32 [T, 2, H, W]: channels (vx, vy), row index along +y; ``frame``, their numbers."""


def horizon(run: Run, test: str) -> Series:
    """RMSE of every forecast frame, counted from 1, of a test; empty where the record has none."""
    found = ((run.done or {}).get("horizon") or {}).get(test) or {}
    return {k + 1: float(v) for k, v in enumerate(found.get("rmse") or []) if isinstance(v, (int, float))}


def forecasts(rows: Sequence[Row], test: str = "future") -> Figure | None:
    """The truth over each method's forecast and its error, a block per problem; None without records."""
    blocks = {heading: found for heading, members in by_heading(rows).items() if (found := _found(members, test))}
    if not blocks:
        return None
    heights = [TOP + (1 + 2 * len(found)) * (SIZE + GAP) for found in blocks.values()]
    count = max(len(_shown(fields)) for found in blocks.values() for _, fields in found)
    with matplotlib.rc_context(STYLE):
        figure = canvas(LEFT + count * (SIZE + GAP), sum(heights))
        top = 0.0
        for (heading, found), height in zip(blocks.items(), heights, strict=True):
            write_heading(figure, 0.05, top + 0.05, heading)
            first = found[0][1]
            lines = [("true", first["true"])]
            for label, fields in found:
                lines.append((label, fields["predicted"]))
                lines.append(("error", fields["predicted"] - fields["true"]))
            fastest = _speed(first["true"]).max()
            for n, (name, values) in enumerate(lines):
                for k, frame in enumerate(_shown(first)):
                    axis = place(figure, LEFT + k * (SIZE + GAP), top + TOP + n * (SIZE + GAP), SIZE, SIZE)
                    draw_field(axis, values[frame], fastest)
                    if n == 0:
                        axis.set_title(
                            f"frame {first['frame'][frame]}", fontsize=8, weight="normal", loc="center", pad=3
                        )
                    if k == 0:
                        axis.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8.5)
            top += height
    return figure


def films_of(rows: Sequence[Row], test: str = "future") -> dict[str, str]:
    """Label -> a moving picture of its forecast, as HTML for a page; at most the last few methods."""
    return {label: _film(label, fields) for label, fields in _found(rows, test)[-FILMS:]}


def _film(label: str, fields: Fields) -> str:
    """A moving picture of a forecast, as HTML for a page.

    An animated PNG, which needs no script; where the reader's system asks for reduced motion its last frame stands.
    """
    pictures = [_picture(label, fields, k) for k in range(len(fields["true"]))]
    moving, still = io.BytesIO(), io.BytesIO()
    pauses = [PAUSE] * (len(pictures) - 1) + [REST]
    pictures[0].save(moving, "PNG", save_all=True, append_images=pictures[1:], duration=pauses, loop=0)
    pictures[-1].save(still, "PNG")
    sources = [f"data:image/png;base64,{base64.b64encode(one.getvalue()).decode()}" for one in (still, moving)]
    width, height = pictures[0].size
    return (
        f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{sources[0]}">'
        f'<img src="{sources[1]}" width="{width}" height="{height}" alt="True, predicted and error frames over time">'
        "</picture>"
    )


def read_rollout(arrays: Mapping[str, NDArray], test: str) -> Fields | None:
    """One roll-out among the arrays of a run; None where there is none, or the fields do not fit together."""
    try:
        fields = {name: arrays[f"{test}_{name}"].astype(np.float32) for name in ("true", "predicted")}
    except (KeyError, ValueError):
        return None
    true, predicted = fields["true"], fields["predicted"]
    fits = true.shape == predicted.shape and true.ndim == 4 and true.shape[1] == 2 and true.size
    fields["frame"] = arrays.get(f"{test}_frame", np.arange(1, len(true) + 1)) if fits else true
    fits = fits and fields["frame"].shape == true.shape[:1]
    return fields if fits and np.isfinite(true).all() and np.isfinite(predicted).all() else None


def _found(rows: Sequence[Row], test: str) -> list[tuple[str, Fields]]:
    """Label and roll-out of the first run of each row that has one of the window which the first such row shows."""
    found: list[tuple[str, Fields]] = []
    for row in rows:
        several = (read_rollout(run.arrays("rollout"), test) for run in (*row.runs, *row.open))
        fields = next((one for one in several if one is not None), None)
        if fields is not None and (not found or np.array_equal(fields["true"], found[0][1]["true"])):
            found.append((row.label, fields))
    return found


def _shown(fields: Fields) -> NDArray:
    """Indices of the frames to draw, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, len(fields["true"]) - 1, MOST).round().astype(np.int64))


def _picture(label: str, fields: Fields, frame: int):  # type: ignore[no-untyped-def]  # Pillow is imported here only
    from PIL import Image

    fastest = _speed(fields["true"]).max()
    parts = {"true": fields["true"], label: fields["predicted"], "error": fields["predicted"] - fields["true"]}
    with matplotlib.rc_context(STYLE):
        figure = canvas(len(parts) * (1.6 * SIZE + GAP) + GAP, 1.6 * SIZE + 0.5)
        for k, (name, values) in enumerate(parts.items()):
            axis = place(figure, GAP + k * (1.6 * SIZE + GAP), 0.35, 1.6 * SIZE, 1.6 * SIZE)
            draw_field(axis, values[frame], fastest)
            title = f"{name}, frame {fields['frame'][frame]}" if k == 0 else name
            axis.set_title(title, fontsize=8, weight="normal", loc="center", pad=3)
        surface = FigureCanvasAgg(figure)
        surface.draw()
        pixels = np.asarray(surface.buffer_rgba())[..., :3]
    return Image.fromarray(np.ascontiguousarray(pixels)).quantize(64)


def draw_field(axis: Axes, field: NDArray, fastest: float) -> None:
    """A field [2, H, W]: speed as colour, arrows for direction and speed; the first row at the bottom."""
    height, width = field.shape[1:]
    top = max(float(fastest), 1e-12)
    axis.imshow(_speed(field), origin="lower", cmap="Blues", vmin=0, vmax=top, interpolation="nearest")
    step = max(1, width // ARROWS)
    y, x = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    axis.quiver(
        x, y, field[0, y, x], field[1, y, x],
        angles="xy", scale_units="xy", scale=top / (1.6 * step), width=0.012, color="#1c2430",
    )  # fmt: skip
    axis.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(-0.5, height - 0.5))
    axis.grid(visible=False)


def _speed(field: NDArray) -> NDArray:
    return np.hypot(field[..., 0, :, :], field[..., 1, :, :])
