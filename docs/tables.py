"""Write the tables of README and docs from the records under results/.

python docs/tables.py

A block between ``<!-- KIND of FILE -->`` and ``<!-- end -->`` is made anew, where KIND is ``table`` (the choice of
tuned settings made), ``brief`` (the same in fewer columns), ``all`` (every setting), and for learned representations
``runs``, ``settings``, ``controls`` or ``summary``; ``layers`` is what ``examples/face_detectors.py --out`` wrote,
``arms`` and ``verdict`` are of a comparison.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from regrep.comparison import Comparison
from regrep.comparison.result import HEAD
from regrep_paper.report.costs import read_costs
from regrep_paper.report.layer_profile import layer_tables
from regrep_paper.report.learned_part import Section, Table, sections, settings
from regrep_paper.report.results import results
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import Row, rows_of, select
from regrep_paper.report.text import markdown

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"<!-- (\w+) of (\S+) -->\n(.*?)<!-- end -->", flags=re.DOTALL)


def rendered(page: str) -> str:
    """The page with every block made from its records."""
    return BLOCK.sub(lambda found: f"<!-- {found[1]} of {found[2]} -->\n{block(found[1], found[2])}<!-- end -->", page)


def block(kind: str, file: str) -> str:
    """One block as Markdown."""
    if kind == "layers":
        return layer_tables(json.loads((ROOT / file).read_text()))
    if kind in COMPARISONS:
        return COMPARISONS[kind](Comparison.from_dict(json.loads((ROOT / file).read_text())))
    runs, unreadable = read_runs(ROOT / file)
    costs, wrong = read_costs(ROOT / file)
    if unreadable or wrong:
        raise SystemExit(f"{file} holds records that cannot be read: {unreadable | wrong}")
    return KINDS[kind](rows_of(runs, costs))


def _rows(rows: list[Row]) -> str:
    table = results(rows)
    return markdown(table.columns, table.signed)


def _brief(rows: list[Row]) -> str:
    table = results(rows).without(set(SIDE))
    return markdown(table.columns, table.signed)


def _each(one: Callable[[Section], str]) -> Callable[[list[Row]], str]:
    return lambda rows: "\n".join(one(section) for section in sections(rows))


def _table(table: Table | None) -> str:
    return markdown(table.headings, table.lines) if table else ""


def _arms(found: Comparison) -> str:
    kept = [k for k, name in enumerate(HEAD) if name not in SECONDS]
    return markdown([HEAD[k] for k in kept], [[row[k] for k in kept] for row in found.rows()])


SECONDS = ("step s", "inference s")
"""Columns of a comparison that depend on what else its machine did."""

COMPARISONS: dict[str, Callable[[Comparison], str]] = {
    "arms": _arms,
    "verdict": lambda found: f"{found.verdict}\n",
}

SIDE = (
    "validation accuracy",
    "learning rate",
    "weight",
    "latent scale",
    "upright accuracy",
    "parameters",
)
"""Columns that a brief table leaves out."""


KINDS: dict[str, Callable[[list[Row]], str]] = {
    "table": lambda rows: _rows(select(rows)),
    "brief": lambda rows: _brief(select(rows)),
    "all": _rows,
    "runs": _each(lambda section: _table(section.runs)),
    "settings": lambda rows: _table(settings(rows)),
    "controls": _each(lambda section: _table(section.controls)),
    "summary": _each(lambda section: f"{section.heading}: {section.summary}\n"),
}


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rendered(page.read_text()))
