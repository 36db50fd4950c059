"""Every network of the tables: our version, with the paper's numbers for comparison."""

from __future__ import annotations

import shutil
from typing import Any

from regrep_paper.report.table import ORDER
from regrep_paper.report.text import DASH, wrapped
from regrep_paper.tables.index import TABLES, entries, experiment
from regrep_paper.tables.network import WITHOUT, Entry
from regrep_paper.tables.published import PaperTable, Published

NEEDS = "*"
"""Mark of a network that an extra is missing for."""

NARROWEST = 20
"""Fewest columns that entries are wrapped to."""


def models() -> list[dict[str, Any]]:
    """A flat record per network and row of the paper that shows it, in the order of the tables.

    The plain network has a record for each method that the paper trains it with. Numbers of the paper are under
    ``paper_<what>`` and ``paper_<what>_deviation``; what the paper or the catalogue does not tell is None. No network
    is built.

    >>> [(line["model"], line["paper_row"], line["paper_accuracy"]) for line in models() if line["group"] == "D4"][:3]
    [('cnn', 'CNN', 0.8), ('cnn', 'Ours', 0.868), ('scnn', 'SCNN', 0.431)]
    """
    return [_record(entry, method) for name in TABLES for entry in entries(name) for method in _methods(entry)]


def models_text(width: int | None = None) -> str:
    """The same records as aligned text, one part per table; long entries are wrapped.

    Args:
        width: columns of the text, at least 20; by default those of the terminal, or 80.

    >>> max(map(len, models_text(80).splitlines())) <= 80
    True
    """
    records = models()
    width = max(width or shutil.get_terminal_size((80, 24)).columns, NARROWEST)
    return "\n\n".join(_part(name, [one for one in records if one["experiment"] == name], width) for name in TABLES)


def _methods(entry: Entry) -> list[str]:
    """The names under which the paper's table may show a network."""
    if entry.network in ORDER:
        return [name for name in ORDER if name in TABLES[entry.experiment].rows]
    return [entry.network]


def _record(entry: Entry, method: str) -> dict[str, Any]:
    paper = TABLES[entry.experiment]
    row = paper.rows.get(method)
    found = {what: paper.entries.get((str(row), column)) for what, column in _columns(paper, entry.group).items()}
    numbers: dict[str, float | None] = {}
    for what, number in found.items():
        numbers[f"paper_{what}"] = number and number.mean
        numbers[f"paper_{what}_deviation"] = number and number.deviation
    return {
        "table": paper.name,
        "experiment": entry.experiment,
        "model": entry.network,
        "group": entry.group,
        "latent": "x".join(map(str, entry.latent)),
        "parameters": entry.parameters,
        "parameters_as_published": entry.parameters + entry.redundant,
        "symmetry": entry.symmetry,
        "paper_row": row,
        "paper_million_parameters": _millions(list(found.values())),
        **numbers,
        "missing": None if entry.available else "[baselines]",
    }


def _columns(paper: PaperTable, group: str) -> dict[str, str]:
    """What the paper measures of a network, and the columns that say it."""
    return {"accuracy": group} if paper.columns == "group" else {column: column for column in paper.headings}


def _millions(numbers: list[Published | None]) -> float | None:
    return next((number.parameters for number in numbers if number), None)


def _part(name: str, records: list[dict[str, Any]], width: int) -> str:
    whats = _columns(TABLES[name], "")
    lines, notes = [], []
    for one in records:
        model = f"{one['model']}{NEEDS if one['missing'] else ''}"
        line = [model, one["group"], one["latent"], f"{one['parameters']:,}", one["paper_row"] or DASH]
        millions = one["paper_million_parameters"]
        line.append(DASH if millions is None else f"{millions:.3g}")
        for what in whats:
            value, deviation = one[f"paper_{what}"], one[f"paper_{what}_deviation"]
            line.append(DASH if value is None else f"{_number(value)} ({_number(deviation).removeprefix('0')})")
        lines.append([f"{TABLES[name].name}, {experiment(name).title}", *line])
        remarks = [] if one["symmetry"] == WITHOUT else [f"before training {one['symmetry']}"]
        if one["parameters_as_published"] != one["parameters"]:
            remarks.append(f"{one['parameters_as_published']:,} parameters as published")
        notes.append("; ".join(remarks))
    columns = ["table", "model", "group", "latent", "parameters", "in the paper", "10⁶", *whats]
    missing = dict.fromkeys(one["missing"] for one in records if one["missing"])
    extras = [f"{NEEDS} needs the extra {extra}, which is not installed" for extra in missing]
    return "\n".join([wrapped(columns, lines, notes, width), *extras])


def _number(value: float | None, digits: int = 3) -> str:
    return DASH if value is None else f"{value:.{digits}f}"
