"""The report: one HTML page, the table in three forms, and the figures as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from regrep.errors import MissingExtraError
from regrep_paper.report.costs import read_costs
from regrep_paper.report.learned_part import learned_rows, plain_sections, sections
from regrep_paper.report.provenance import commands, provenance
from regrep_paper.report.results import brief, choice, comma_separated, results
from regrep_paper.report.runs import SUFFIX, Run, read_runs
from regrep_paper.report.summary import summary
from regrep_paper.report.table import Row, by_heading, rivals, rows_of, select
from regrep_paper.report.text import Table, by_problem, latex, markdown
from regrep_paper.runs.records import write_atomic
from regrep_paper.tables.index import TABLES


@dataclass(frozen=True)
class Report:
    """What :func:`build` wrote.

    Attributes:
        folder: that holds all of it.
        page: report.html.
        tables: table.md, table.csv and table.tex.
        figures: figures/*.svg and figures/*.pdf.
        text: the table for the terminal.
    """

    folder: Path
    page: Path
    tables: tuple[Path, ...]
    figures: tuple[Path, ...]
    text: str


def build(source: Path | str, out: Path | str | None = None, title: str | None = None) -> Report:
    """Write report.html, table.{md,csv,tex} and figures/*.{svg,pdf} from all runs in a file or below a folder.

    The same records give the same bytes.

    Args:
        source: a .jsonl file of runs, or a folder that holds run folders or such files, at any depth.
        out: where to write; by default ``report`` in the folder, or a folder named after the file beside it.
        title: of the page.

    Raises:
        RegrepError: there is no run, or ``out`` cannot be written.
        MissingExtraError: matplotlib or jinja2 is not installed; the tables are written all the same.
    """
    source = Path(source)
    out = report_folder(source) if out is None else Path(out)
    runs, rows, unreadable = _read(source)
    chosen = select(rows)
    table = results(chosen)
    tables = {
        out / "table.md": markdown(table.columns, table.signed),
        out / "table.csv": comma_separated(rows, chosen),
        out / "table.tex": latex(table),
    }
    for path, text in tables.items():
        write_atomic(path, text)

    try:
        import jinja2

        from regrep_paper.report.figures import draw, draw_learned
        from regrep_paper.report.forecasts import film
        from regrep_paper.report.trajectories import animation
    except ImportError as cause:
        raise MissingExtraError("report") from cause

    figures, drawings = draw(chosen), draw_learned(chosen)
    files: list[Path] = []
    for figure in [*figures, *(figure for several in drawings.values() for figure in several)]:
        for kind, content in (("svg", figure.svg), ("pdf", figure.pdf)):
            files.append(out / "figures" / f"{figure.name}.{kind}")
            write_atomic(files[-1], content)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(
            lambda name: resources.files("regrep_paper.report").joinpath(name).read_text("utf-8")
        ),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("page.html").render(
        title=title or f"Results of {source.resolve().name.removesuffix(SUFFIX)}",
        figures=figures,
        drawings=drawings,
        films={heading: moving for heading, rows in by_heading(chosen).items() if (moving := film(rows))},
        animations={heading: animation(rows) for heading, rows in learned_rows(chosen).items()},
        **_content(runs, rows, chosen, table),
        unreadable=unreadable,
    )
    write_atomic(out / "report.html", page)
    return Report(out, out / "report.html", tuple(tables), tuple(files), _text(chosen, unreadable))


def print_table(source: Path | str) -> None:
    """Print the table of all runs in a file or below a folder, as aligned text; needs no extra.

    Raises:
        RegrepError: there is no run.
    """
    _, rows, unreadable = _read(Path(source))
    print(_text(select(rows), unreadable), end="")


def report_folder(source: Path) -> Path:
    """Where a report goes when nothing else is said.

    >>> report_folder(Path("results/ddmnist.jsonl")).as_posix()
    'results/ddmnist-report'
    """
    return source.with_name(f"{source.stem}-report") if source.suffix == SUFFIX else source / "report"


def _read(source: Path) -> tuple[list[Run], list[Row], dict[str, str]]:
    """Runs, rows with their costs, and what could not be read."""
    runs, unreadable = read_runs(source)
    costs, wrong = read_costs(source)
    return runs, rows_of(runs, costs), {**unreadable, **wrong}


def _content(runs: Sequence[Run], rows: Sequence[Row], chosen: Sequence[Row], table: Table) -> dict[str, Any]:
    """What the page shows besides figures, by the names that the template uses."""
    parts = sections(chosen)
    shared, run_headings, lines = provenance(runs)
    experiments = dict.fromkeys(row.key["experiment"] for row in chosen)
    compared = [m for row in chosen for m in row.experiment.results if row.paper(m)]
    return {
        "summary": [*summary(chosen), *((part.heading, part.summary) for part in parts)],
        "learned": parts,
        "contest": any(not row.experiment.learned for row in chosen),
        "unfinished": sum(not run.finished for run in runs),
        "results": _shown(table),
        "choice": _shown(choice(rows, chosen)),
        "costs": any(row.cost for row in chosen),
        "tuned": any(len(rivals(row, rows)) > 1 for row in rows),
        "paper": [TABLES[name] for name in experiments if name in TABLES] if compared else [],
        "shared": shared,
        "run_headings": run_headings,
        "runs": lines,
        "commands": commands(runs),
    }


def _shown(table: Table) -> dict[str, Any]:
    """A table for the template: the problems as headings between the lines."""
    return {"headings": table.columns[1:], "parts": by_problem([line[0].text for line in table.lines], table.lines)}


def _text(chosen: Sequence[Row], unreadable: dict[str, str]) -> str:
    text = (
        brief(chosen)
        + "\nMean (standard deviation) over n seeds; * best, ~ not separated from the best or from a control.\n"
    )
    text += plain_sections(sections(chosen))
    return text + "".join(f"unreadable: {reason}\n" for reason in unreadable.values())
