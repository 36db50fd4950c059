"""The report: one HTML page, the table in four forms, and the figures as files."""

from __future__ import annotations

import html
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from regrep.errors import MissingExtraError
from regrep.report.runs import Run, read_runs
from regrep.report.table import Row, best_of, rows_of, select
from regrep.report.text import HEADINGS, cells, comma_separated, latex, markdown, plain, spread

RUN_HEADINGS = ("run", "state", "epochs", "best epoch", "minutes", "precision", "data", "commit", "command")

CAPTIONS = {
    "validation-accuracy": (
        "Learning curves",
        "Validation accuracy over training, pairs moved at random. Line: mean over seeds; band: their range.",
    ),
    "relative-error": (
        "Relative equivariance error over training",
        "On the validation split. Unlike the mean-squared penalty it does not fall when the latent shrinks.",
    ),
    "latent-scale": (
        "Latent scale over training",
        "Root mean square over channels of the latent's standard deviation over validation samples.",
    ),
    "error-per-element": (
        "Error per group element",
        "Relative error of each element at the best epoch, on validation pairs, mean over seeds.",
    ),
    "examples": ("Example pairs", "Training pairs x and gx as the network sees them, before normalisation."),
}


@dataclass(frozen=True)
class Report:
    """Where a report lies, and its table as text for the terminal."""

    folder: Path
    page: Path
    text: str


def build(folder: Path | str, out: Path | str | None = None, title: str | None = None) -> Report:
    """Write report.html, table.{md,csv,tex} and figures/*.{svg,pdf} from all runs below a folder.

    Args:
        folder: holds run folders, at any depth.
        out: where to write; ``folder/report`` by default.
        title: of the page.

    Raises:
        RegrepError: the folder holds no run.
        MissingExtraError: matplotlib or jinja2 is not installed; the tables are written all the same.
    """
    folder = Path(folder)
    out = Path(out) if out is not None else folder / "report"
    runs, unreadable = read_runs(folder)
    every = rows_of(runs)
    chosen = select(every)
    table = cells(chosen)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / "table.md", markdown(HEADINGS, table))
    _write(out / "table.csv", comma_separated(HEADINGS, table))
    _write(out / "table.tex", latex(HEADINGS, table))

    try:
        import jinja2
    except ImportError as cause:
        raise MissingExtraError("report") from cause
    from regrep.report.figures import draw, pdf, svg

    pictures = []
    (out / "figures").mkdir(exist_ok=True)
    for name, figure in draw(chosen).items():
        drawn = svg(figure)
        _write(out / "figures" / f"{name}.svg", drawn)
        _write(out / "figures" / f"{name}.pdf", pdf(figure))
        heading, caption = CAPTIONS[name]
        pictures.append(
            (
                heading,
                drawn.replace('id="', f'id="{name}-').replace('"#', f'"#{name}-').replace("(#", f"(#{name}-"),
                caption,
            )
        )
    template = jinja2.Template(resources.files("regrep.report").joinpath("page.html").read_text(), autoescape=False)
    page = template.render(
        title=html.escape(title or f"Results of {folder.name}"),
        summary=[html.escape(line) for line in summary(chosen)],
        headings=HEADINGS,
        chosen=table,
        every=cells(every),
        figures=pictures,
        run_headings=RUN_HEADINGS,
        runs=[describe_run(run, folder) for run in runs],
        unreadable={html.escape(str(path)): html.escape(reason) for path, reason in unreadable.items()},
        table=_html_table,
    )
    _write(out / "report.html", page)
    return Report(out, out / "report.html", plain(HEADINGS, table))


def summary(rows: Sequence[Row]) -> list[str]:
    """Which method wins where, as far as the numbers carry it.

    One sentence per setting, with the number of seeds.
    """
    lines = []
    for heading, (best, ties) in best_of(rows).items():
        value = spread(best, "test", "accuracy")
        line = f"{heading}: {best.label} has the best mean test accuracy, {value} over {len(best.runs)} seeds"
        if ties:
            others = ", ".join(f"{row.label} {spread(row, 'test', 'accuracy')}" for row in ties)
            line += f"; within its spread, so not told apart: {others}"
        if len(best.runs) < 3:
            line += "; too few seeds for a verdict"
        lines.append(line + ".")
    unfinished = sum(len(row.open) for row in rows)
    if unfinished:
        lines.append(f"{unfinished} runs are not finished or failed; they are listed below and count nowhere.")
    return lines or ["No run is finished yet."]


def describe_run(run: Run, folder: Path) -> list[str]:
    """A line of the table of runs."""
    done, record = run.done or {}, run.record
    git = record.get("git") or {}
    commit = (git.get("commit") or "unknown")[:10] + (" + changes" if git.get("dirty") else "")
    sizes = (record.get("data") or {}).get("sizes", {})
    data = f"{(record.get('data') or {}).get('name', '?')}: " + ", ".join(f"{k} {v}" for k, v in sizes.items())
    best = done.get("best_epoch")
    return [
        str(run.folder.relative_to(folder)) if run.folder != folder else run.folder.name,
        run.state,
        str(done.get("epochs", len(run.metrics.get("epoch", [])))),
        "–" if best is None else str(best + 1),
        f"{done['seconds'] / 60:.1f}" if done.get("seconds") else "–",
        str(record.get("precision", "?")),
        data,
        commit,
        " ".join(record.get("command", [])),
    ]


def _html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(h)}</th>" for h in headings)
    body = []
    for row in rows:
        cells_ = []
        for heading, cell in zip(headings, row, strict=True):
            kind = "best" if cell.endswith(" *") else "tie" if cell.endswith(" ~") else ""
            kind = "path" if heading in ("command", "run", "state") else kind
            text = cell[:-2] if kind in ("best", "tie") else cell
            cells_.append(f'<td class="{kind}">{html.escape(text)}</td>' if kind else f"<td>{html.escape(text)}</td>")
        body.append("<tr>" + "".join(cells_) + "</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _write(path: Path, content: str | bytes) -> None:
    """Replace the file in one step; reports import no training code, hence not its writer."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        part.chmod(0o644)
        part.replace(path)
    except BaseException:
        part.unlink()
        raise
