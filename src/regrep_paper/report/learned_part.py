"""Learned representations in tables and sentences: multiplicities next to the paper's, controls, verdicts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regrep_paper.report.runs import Run
from regrep_paper.report.table import Row, by_heading
from regrep_paper.report.text import DASH, plain, seeds_text
from regrep_paper.tables.index import RUNS
from regrep_paper.tables.published import PaperRuns


@dataclass(frozen=True)
class Table:
    """Headings and lines of a table, all text."""

    headings: list[str]
    lines: list[list[str]]


@dataclass(frozen=True)
class Section:
    """The page's section on the runs of one experiment that learn ρ.

    Attributes:
        heading: experiment and group.
        slug: the same for names of files.
        runs: a line per run.
        paper: name and numbers of the paper's runs, None where it has none.
        settings: a line per setting where there are several, None otherwise.
        controls: what the same measurement gives where nothing was learned, None without records.
        verdicts: run and sentence.
        summary: sentences over all runs.
    """

    heading: str
    slug: str
    runs: Table
    paper: tuple[str, Table] | None
    settings: Table | None
    controls: Table | None
    verdicts: list[tuple[str, str]]
    summary: str


def sections(rows: Sequence[Row]) -> list[Section]:
    """A section per experiment (and group, width) that learns ρ; none where there is no such run."""
    return [_section(heading, members) for heading, members in learned_rows(rows).items()]


def learned_rows(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows under each heading, of experiments that learn ρ."""
    return by_heading([row for row in rows if row.experiment.learned])


def members(rows: Sequence[Row]) -> list[tuple[str, Run]]:
    """Name and run, the finished ones of each row first."""
    return [(_name(row, run), run) for row in rows for run in (*row.runs, *row.open)]


def slug(heading: str) -> str:
    """A heading as part of a file's name.

    >>> slug("MNIST, D3")
    'mnist-d3'
    """
    return "-".join("".join(letter if letter.isalnum() else " " for letter in heading.lower()).split())


def root_name(power: int, order: int) -> str:
    """The root of unity exp(2πi power / order).

    >>> [root_name(k, 4) for k in range(4)], [root_name(k, 3) for k in range(3)]
    (['1', 'i', '−1', '−i'], ['1', 'ω', 'ω²'])
    """
    exact = {0: "1", 1: "i", 2: "−1", 3: "−i"}
    if 4 * power % order == 0:
        return exact[4 * power // order]
    return "ω" + ("" if power == 1 else str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")))


def settings(rows: Sequence[Row]) -> Table:
    """A line per setting: multiplicities as mean (deviation) over seeds, in brackets those of the regular one."""
    finished = sorted((row for row in rows if row.runs), key=lambda row: row.key.get("latent", 0))
    measured = {id(row): [one for run in row.runs if (one := representation(run))] for row in finished}
    irreps = _names(_mapping(one.get("multiplicities")) for several in measured.values() for one in several)
    several_headings = len({row.heading for row in finished}) > 1
    lines = []
    for row in finished:
        found = measured[id(row)]
        expected = _expected(found)
        values = {
            name: [_number(_mapping(_mapping(one.get("multiplicities")).get(name)).get("value")) for one in found]
            for name in irreps
        }
        tests = [_mapping((run.done or {}).get("test")) for run in row.runs]
        agree = [agreement for one in found if (agreement := one.get("rounds_to_regular")) is not None]
        lines.append(
            [
                f"{row.heading}, {_row_name(row)}" if several_headings else _row_name(row),
                str(len(row.runs)),
                *(f"{_spread(values[name], 2)} [{_short(expected.get(name))}]" for name in irreps),
                f"{sum(agree)} of {len(agree)}" if agree else DASH,
                _spread([_number(one.get("defect")) for one in found], 2),
                *(_spread([_number(test.get(key)) for test in tests], 3) for key in ("whitened_error", "task")),
            ]
        )
    headings = ["setting", "n", *irreps, "round to regular", "defect", "whitened error", "task loss"]
    return _without_empty(Table(headings, lines))


def plain_sections(parts: Sequence[Section]) -> str:
    """The lines per run for the terminal."""
    tables = [
        plain(["", *part.runs.headings], [[f"Multiplicities, {part.heading}", *line] for line in part.runs.lines])
        for part in parts
    ]
    return "".join(f"\n{table}" for table in tables)


def representation(run: Run) -> dict[str, Any]:
    """The measurements of ρ; empty if the run is not over or has no such record."""
    return _mapping((run.done or {}).get("representation")) if run.finished else {}


def _section(heading: str, rows: Sequence[Row]) -> Section:
    runs = members(rows)
    paper = RUNS.get(rows[0].key["experiment"])
    if paper is not None and paper.group != rows[0].key.get("group"):
        paper = None
    verdicts = [(name, str(representation(run).get("verdict") or "")) for name, run in runs]
    return Section(
        heading,
        slug(heading),
        _runs(runs),
        None if paper is None else (paper.name, Table(["run", *paper.columns], _numbered(paper))),
        settings(rows) if len(rows) > 1 else None,
        _controls(rows),
        [(name, verdict) for name, verdict in verdicts if verdict],
        _summary(rows, paper),
    )


def _runs(runs: Sequence[tuple[str, Run]]) -> Table:
    """Multiplicities with standard errors, eigenvalues at each root of unity, losses and defect, line by line."""
    measured = [representation(run) for _, run in runs]
    irreps = _names(_mapping(one.get("multiplicities")) for one in measured)
    expected = _expected(measured)
    roots = {
        generator: max(len(_roots(one, generator)) for one in measured)
        for generator in _names(_mapping(one.get("generators")) for one in measured)
    }
    headings = [
        "run",
        *irreps,
        *(f"{name} near {', '.join(root_name(k, n) for k in range(n))}" for name, n in roots.items()),
        *("algebra loss", "equivariance loss", "whitened error", "smallest confidence", "defect", "rounds to expected"),
    ]
    lines = []
    for (name, run), one in zip(runs, measured, strict=True):
        found = {irrep: _mapping(_mapping(one.get("multiplicities")).get(irrep)) for irrep in irreps}
        confidences = [c for entry in found.values() if (c := _number(entry.get("confidence"))) is not None]
        test = _mapping((run.done or {}).get("test")) if run.finished else {}
        lines.append(
            [
                name,
                *(_multiplicity(entry) for entry in found.values()),
                *(", ".join(map(str, _roots(one, generator))) or DASH for generator in roots),
                _short(_algebra(run)),
                _short(_number(test.get("equivariance"))),
                _short(_number(test.get("whitened_error"))),
                _short(min(confidences, default=None), 4),
                _short(_number(one.get("defect"))),
                _rounded(one) if run.finished else run.state,
            ]
        )
    if expected:
        line = ["expected", *(_short(expected.get(irrep)) for irrep in irreps)]
        lines.insert(0, line + [""] * (len(headings) - len(line)))
    return _without_empty(Table(headings, lines))


def _without_empty(table: Table) -> Table:
    """The table without its empty columns."""
    keep = [k for k in range(len(table.headings)) if any(line[k] not in ("", DASH) for line in table.lines)]
    return Table([table.headings[k] for k in keep], [[line[k] for k in keep] for line in table.lines])


def _controls(rows: Sequence[Row]) -> Table | None:
    """Means over all draws of all runs of a row, below the trained runs themselves."""
    lines = []
    for row in rows:
        prefix = f"{_row_name(row)}: " if len(rows) > 1 else ""
        records = [_mapping((run.done or {}).get("controls")) for run in row.runs]
        trained = [one for run in row.runs if (one := representation(run))]
        names = _names(records)
        if names:
            found = [_share([one.get(key) for one in trained]) for key in ("rounds_to_regular", "confident")]
            means = [_mean([(_number(one.get(key)), 1.0) for one in trained]) for key in ("defect", "moved")]
            lines.append([f"{prefix}trained", str(len(trained)), *found, *map(_short, means)])
        for name in names:
            entries = [_mapping(record.get(name)) for record in records]
            draws = [_number(entry.get("draws")) or 0.0 for entry in entries]
            shares, means = (
                [_mean([(_number(entry.get(key)), n) for entry, n in zip(entries, draws, strict=True)]) for key in keys]
                for keys in (("regular", "confident"), ("defect", "moved"))
            )
            percentages = [DASH if share is None else f"{share:.0%}" for share in shares]
            lines.append([f"{prefix}{name}", f"{sum(draws):g}", *percentages, *map(_short, means)])
    headings = ["", "draws", "round to the expected", "confident", "mean defect", "mean distance"]
    return Table(headings, lines) if lines else None


def _summary(rows: Sequence[Row], paper: PaperRuns | None) -> str:
    """How many runs give the expected multiplicities, and how often the controls do."""
    finished = sum(len(row.runs) for row in rows)
    if not finished:
        return "no run is finished yet."
    sentences = [f"{finished} of {finished + sum(len(row.open) for row in rows)} runs finished."]
    if len(rows) == 1:
        return " ".join([*sentences, *_row_summary(rows[0], paper)])
    for row in rows:
        if summary := _row_summary(row, None)[:2]:  # the paper's numbers and the controls are in tables
            sentences += [f"{_row_name(row)}:", *summary]
    return " ".join(sentences)


def _row_summary(row: Row, paper: PaperRuns | None) -> list[str]:
    measured = [(run.config["seed"], one) for run in row.runs if (one := representation(run))]
    judged = {seed: agreement for seed, one in measured if (agreement := one.get("rounds_to_regular")) is not None}
    sentences = []
    if judged:
        wanted = ", ".join(f"{name} {value:g}" for name, value in _expected([one for _, one in measured]).items())
        agree = [seed for seed, agreement in judged.items() if agreement]
        seeds = f" ({seeds_text(agree)})" if agree else ""
        sentences.append(f"{len(agree)} of {len(judged)} round to the expected multiplicities {wanted}{seeds}.")
    found = [_mapping(one.get("multiplicities")) for _, one in measured]
    means = {
        name: _mean([(_number(_mapping(one.get(name)).get("value")), 1.0) for one in found]) for name in _names(found)
    }
    if means:
        sentences.append(f"Mean before rounding: {_listed(means)}{_paper_means(paper, means)}.")
    controls = _controls([row])
    if controls is not None:
        shares = ", ".join(f"{line[0]} {line[2]}" for line in controls.lines[1:])
        sentences.append(f"Controls that round to the expected ones too: {shares}.")
    return sentences


def _paper_means(paper: PaperRuns | None, ours: Mapping[str, Any]) -> str:
    if paper is None or not set(ours) <= set(paper.columns):
        return ""
    means = {name: statistics.fmean(line[paper.columns.index(name)] for line in paper.lines) for name in ours}
    return f" (the paper's {len(paper.lines)} runs: {_listed(means)})"


def _listed(means: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {DASH if value is None else format(value, '.2f')}" for name, value in means.items())


def _numbered(paper: PaperRuns) -> list[list[str]]:
    """Lines of the paper, each column with the decimals that its numbers need."""
    digits = [max(len(f"{value:g}".partition(".")[2]) for value in column) for column in zip(*paper.lines, strict=True)]
    return [
        [str(k), *(f"{value:.{digit}f}" for value, digit in zip(line, digits, strict=True))]
        for k, line in enumerate(paper.lines, start=1)
    ]


def _name(row: Row, run: Run) -> str:
    return f"{_row_name(row)}, seed {run.config['seed']}"


def _row_name(row: Row) -> str:
    """The initialisation, and what else distinguishes the row from others."""
    others = [word for word in row.label.split(", ")[1:] if not word.endswith(" initialisation")]
    return ", ".join([str(row.key.get("init") or row.method), *others])


def _algebra(run: Run) -> float | None:
    """From the validation record, else from the last epoch: it depends only on ρ, not on data."""
    value = _number(_mapping((run.done or {}).get("validation")).get("algebra"))
    series = run.metrics.get("train/algebra") or {}
    return series[max(series)] if value is None and series else value


def _rounded(one: Mapping[str, Any]) -> str:
    agreement = one.get("rounds_to_regular")
    if agreement is None:
        return DASH
    values = [_number(_mapping(entry).get("value")) or 0.0 for entry in _mapping(one.get("multiplicities")).values()]
    return "yes" if agreement else "no: " + ", ".join(str(round(value)) for value in values)


def _share(found: Sequence[bool | None]) -> str:
    known = [value for value in found if value is not None]
    return f"{statistics.fmean(known):.0%}" if known else DASH


def _expected(measured: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    entries = [
        (name, _mapping(entry)) for one in measured for name, entry in _mapping(one.get("multiplicities")).items()
    ]
    return {name: value for name, entry in entries if (value := _number(entry.get("expected"))) is not None}


def _multiplicity(entry: Mapping[str, Any]) -> str:
    value, error = _number(entry.get("value")), _number(entry.get("standard_error"))
    if value is None:
        return DASH
    return f"{value:.3f}" + ("" if error is None else f" ± {error:.3f}")


def _roots(one: Mapping[str, Any], generator: str) -> list[int]:
    """How many eigenvalues of a generator are nearest to each root of unity."""
    counts = _mapping(_mapping(one.get("generators")).get(generator)).get("roots")
    return list(counts) if isinstance(counts, list) else []


def _names(records: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for record in records for name in record))


def _mean(weighted: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in weighted if value is not None and weight > 0]
    return sum(v * w for v, w in known) / sum(w for _, w in known) if known else None


def _spread(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return DASH
    spread = f"{statistics.stdev(known):.{digits}f}" if len(known) > 1 else DASH
    return f"{statistics.fmean(known):.{digits}f} ({spread})"


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _short(value: float | None, digits: int = 3) -> str:
    return DASH if value is None else f"{value:.{digits}g}"
