"""The report: one HTML page, the table in three forms, and the figures as files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.report.captioned import Captioned, by_setting, of_learned, of_paper
from regrep_paper.report.costs import Cost, read_costs
from regrep_paper.report.learned_part import learned_rows, plain_sections, sections, slug
from regrep_paper.report.provenance import commands, provenance
from regrep_paper.report.results import brief, choice, comma_separated, results
from regrep_paper.report.runs import SUFFIX, Run, read_runs
from regrep_paper.report.summary import verdicts
from regrep_paper.report.table import Row, by_heading, rivals, rows_of, select
from regrep_paper.report.templates import template
from regrep_paper.report.text import latex, markdown
from regrep_paper.runs.records import write_atomic
from regrep_paper.tables.index import TABLES

if TYPE_CHECKING:
    from regrep_paper.report.style import Drawing


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
    runs, costs, unreadable = _read(source)
    title = title or f"Results of {source.resolve().name.removesuffix(SUFFIX)}"
    tables, runs, unreadable = _without_odd(runs, unreadable, lambda some, wrong: _tables(some, costs))
    for name, text in tables.items():
        write_atomic(out / name, text)
    figures, runs, unreadable = _without_odd(runs, unreadable, lambda some, wrong: _page(some, costs, wrong, title))
    for name, content in figures.items():
        write_atomic(out / name, content)
    drawn = tuple(out / name for name in figures if name.startswith("figures/"))
    text = _text(select(rows_of(runs, costs)), unreadable)
    return Report(out, out / PAGE, tuple(out / name for name in tables), drawn, text)


PAGE = "report.html"

Files = dict[str, str | bytes]
"""Name below the folder of the report -> content."""

Made = TypeVar("Made")


def _without_odd(
    runs: list[Run], unreadable: dict[str, str], make: Callable[[list[Run], dict[str, str]], Made]
) -> tuple[Made, list[Run], dict[str, str]]:
    """What is made of all runs; where that fails, of those of which it can be made alone, the others as unreadable.

    Records come from anywhere, and one that no check foresaw must not hide the others.
    """
    try:
        return make(runs, unreadable), runs, unreadable
    except (RegrepError, MissingExtraError):
        raise
    except Exception as cause:
        odd = {run.name: reason for run in runs if (reason := _oddity(run, make)) is not None}
        left = [run for run in runs if run.name not in odd]
        if not odd or not left:
            raise RegrepError(
                f"no report can be made of these records ({type(cause).__name__}: {cause}); restore copies of them"
            ) from cause
        unreadable = {**unreadable, **odd}
        return make(left, unreadable), left, unreadable


def _oddity(run: Run, make: Callable[[list[Run], dict[str, str]], Made]) -> str | None:
    """Why nothing can be made of a run alone."""
    try:
        make([run], {})
    except RegrepError as cause:
        return str(cause)
    except Exception as cause:
        return (
            f"the record of {run.name} cannot be shown ({type(cause).__name__}: {cause}); restore a copy or delete it"
        )
    return None


def _tables(runs: Sequence[Run], costs: Sequence[Cost]) -> Files:
    """table.md, table.csv and table.tex."""
    rows = rows_of(runs, costs)
    chosen = select(rows)
    table = results(chosen)
    return {
        "table.md": markdown(table.columns, table.signed),
        "table.csv": comma_separated(rows, chosen),
        "table.tex": latex(table),
    }


def _page(runs: Sequence[Run], costs: Sequence[Cost], unreadable: dict[str, str], title: str) -> Files:
    """Figures, and the page that shows them, last."""
    try:
        from regrep_paper.report.figures import draw, draw_learned
        from regrep_paper.report.forecasts import films_of
        from regrep_paper.report.trajectories import animation
    except ImportError as cause:
        raise MissingExtraError("report") from cause

    page = template("page.html")  # where jinja2 is missing, that is told before figures are drawn for a minute
    rows = rows_of(runs, costs)
    chosen = select(rows)
    figures, drawings = draw(chosen), draw_learned(chosen)
    every = [*figures, *(figure for several in drawings.values() for figure in several)]
    films = {heading: moving for heading, rows in by_heading(chosen).items() if (moving := films_of(rows))}
    content = _content(runs, rows, chosen)
    text = page.render(
        title=title,
        contents=_contents(content, figures, list(films), unreadable),
        figures=figures,
        drawings=drawings,
        films=films,
        animations={heading: animation(rows) for heading, rows in learned_rows(chosen).items()},
        **content,
        unreadable=unreadable,
    )
    files: Files = {one.file: one.text for one in _captioned(content)}
    files |= {
        f"figures/{one.name}.{kind}": data for one in every for kind, data in (("svg", one.svg), ("pdf", one.pdf))
    }
    return {**files, PAGE: text}


def print_table(source: Path | str) -> None:
    """Print the table of all runs in a file or below a folder, as aligned text; needs no extra.

    Raises:
        RegrepError: there is no run.
    """
    runs, costs, unreadable = _read(Path(source))
    text, runs, unreadable = _without_odd(
        runs, unreadable, lambda some, wrong: _text(select(rows_of(some, costs)), wrong)
    )
    print(text, end="")


def report_folder(source: Path) -> Path:
    """Where a report goes when nothing else is said.

    >>> report_folder(Path("results/ddmnist.jsonl")).as_posix()
    'results/ddmnist-report'
    """
    return source.with_name(f"{source.stem}-report") if source.suffix == SUFFIX else source / "report"


def _read(source: Path) -> tuple[list[Run], list[Cost], dict[str, str]]:
    """Runs, their costs, and what could not be read."""
    runs, unreadable = read_runs(source)
    costs, wrong = read_costs(source)
    return runs, costs, {**unreadable, **wrong}


def _content(runs: Sequence[Run], rows: Sequence[Row], chosen: Sequence[Row]) -> dict[str, Any]:
    """What the page shows besides figures, by the names that the template uses."""
    parts = sections(chosen)
    shared, run_headings, lines = provenance(runs)
    experiments = dict.fromkeys(row.key["experiment"] for row in chosen)
    compared = [m for row in chosen for m in row.experiment.results if row.paper(m)]
    boxes: dict[str, list[tuple[str, str]]] = {}
    for heading, verdict in [*verdicts(chosen), *((part.heading, (part.summary, "")) for part in parts)]:
        boxes.setdefault(heading, []).append(verdict)
    published = [TABLES[name] for name in experiments if name in TABLES] if compared else []
    return {
        "verdicts": boxes,
        "learned": parts,
        "learned_tables": {part.heading: of_learned(part) for part in parts},
        "contest": any(not row.experiment.learned for row in chosen),
        "unfinished": sum(not run.finished for run in runs),
        "results": by_setting("Results, a part per problem", results(chosen), "tables/results.csv"),
        "choice": by_setting(
            "Every combination of settings that was run", choice(rows, chosen), "tables/configurations.csv"
        ),
        "costs": any(row.cost for row in chosen),
        "tuned": any(len(rivals(row, rows)) > 1 for row in rows),
        "paper": {one.name: of_paper(one, f"tables/{slug(one.name)}-of-the-paper.csv") for one in published},
        "shared": shared,
        "run_count": len(runs),
        "run_table": Captioned("Runs", run_headings, {"": lines}, "tables/runs.csv"),
        "commands": commands(runs),
    }


def _captioned(content: dict[str, Any]) -> list[Captioned]:
    """The tables that the page shows."""
    learned = [table for tables in content["learned_tables"].values() for table in tables.values()]
    choice = [content["choice"]] if content["contest"] else []
    return [content["results"], *choice, *content["paper"].values(), *learned, content["run_table"]]


def _contents(
    content: dict[str, Any], figures: Sequence[Drawing], films: Sequence[str], unreadable: dict[str, str]
) -> list[tuple[str, str]]:
    """Anchors and headings of the page, in its order."""
    found = [("verdicts", "Verdicts"), ("results", "Results")]
    if content["learned"]:
        found.append(("learned", "Learned representations"))
    found += [(f"{one.name}-section", one.heading) for one in figures]
    found += [(f"film-{k}", f"Moving picture, {heading}") for k, heading in enumerate(films, 1)]
    if content["contest"]:
        found.append(("candidates", "All configurations"))
    found += [(f"paper-{k}", f"{name} of the paper") for k, name in enumerate(content["paper"], 1)]
    found.append(("runs", "What was run"))
    return [*found, ("unreadable", "Unreadable records")] if unreadable else found


def _text(chosen: Sequence[Row], unreadable: dict[str, str]) -> str:
    text = (
        brief(chosen)
        + "\nMean (standard deviation) over n seeds; * best, ~ not separated from the best or from a control.\n"
    )
    text += plain_sections(sections(chosen))
    return text + "".join(f"unreadable: {reason}\n" for reason in unreadable.values())
