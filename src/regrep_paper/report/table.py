"""From runs to rows: grouping over seeds, choice of settings on validation, mean and spread."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from regrep_paper.report.costs import Cost, cost_of
from regrep_paper.report.runs import Run
from regrep_paper.tables.columns import Experiment, Measure
from regrep_paper.tables.index import experiment, published, unsaid
from regrep_paper.tables.methods import METHODS, method_of
from regrep_paper.tables.published import Published

ORDER = tuple(METHODS)
"""Methods in this order, then all others by name."""


@dataclass(frozen=True)
class Row:
    """One setting, over its seeds.

    Attributes:
        key: the settings that name the row in the table, the tuned ones left out.
        tuned: the tuned settings.
        runs: one finished run per seed, by seed.
        open: runs that failed or are not over.
        heading: the problem, within which rows are compared: experiment, group, data.
        label: the method, with what tells it from other rows under the heading.
        cost: of the method, where it was measured.
    """

    key: dict[str, Any]
    tuned: dict[str, Any] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    open: tuple[Run, ...] = ()
    heading: str = ""
    label: str = ""
    cost: Cost | None = None

    @property
    def experiment(self) -> Experiment:
        """How its experiment is measured."""
        return experiment(self.key["experiment"])

    @property
    def method(self) -> str:
        """Name of the method, with that of its network."""
        return method_of(self.key)

    @property
    def seeds(self) -> list[int]:
        """Seeds of the finished runs."""
        return [run.config["seed"] for run in self.runs]

    @property
    def parameters(self) -> list[int]:
        """Numbers of trained parameters that its runs tell, each once."""
        found = (run.record.get("parameters") for run in (*self.runs, *self.open))
        return sorted({number for number in found if isinstance(number, int)})

    def by_seed(self, measure: Measure) -> dict[int, float]:
        """Seed -> value, of the finished runs that have it."""
        found = {run.config["seed"]: measure.of(run.done) for run in self.runs}
        return {seed: value for seed, value in found.items() if value is not None and math.isfinite(value)}

    def mean(self, measure: Measure, seeds: Iterable[int] | None = None) -> float | None:
        """Mean over seeds (over those given only), None where there is no value."""
        values = self.by_seed(measure)
        chosen = list(values.values()) if seeds is None else [values[seed] for seed in seeds if seed in values]
        return statistics.fmean(chosen) if chosen else None

    def spread(self, measure: Measure) -> float | None:
        """Sample standard deviation over seeds; None for fewer than two."""
        values = list(self.by_seed(measure).values())
        return statistics.stdev(values) if len(values) > 1 else None

    def paper(self, measure: Measure) -> Published | None:
        """The paper's number."""
        return published({**self.key, **self.tuned}, measure.metric)


def rows_of(runs: Sequence[Run], costs: Sequence[Cost] = ()) -> list[Row]:
    """Every setting that was run, with its seeds and the cost of its method, in table order."""
    grouped: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        settings = {"precision": run.record.get("precision"), **run.config}
        settings |= {f"trainer {key}": value for key, value in (run.record.get("trainer") or {}).items()}
        # Of settings that make another problem, None says something where there is a word for it.
        one = experiment(settings["experiment"])
        kept = {name for name in one.task if name in one.words}
        config = {k: value for k, value in settings.items() if k != "seed" and (value is not None or k in kept)}
        grouped[json.dumps(config, sort_keys=True)].append(run)
    rows = []
    for text, members in grouped.items():
        config = json.loads(text)
        tuned = experiment(config["experiment"]).tuned
        finished = {run.config["seed"]: run for run in members if run.finished}  # a repeated seed counts once
        rows.append(
            Row(
                key={key: value for key, value in config.items() if key not in tuned},
                tuned={key: config[key] for key in tuned if key in config},
                runs=tuple(finished[seed] for seed in sorted(finished)),
                open=tuple(run for run in members if not run.finished and run.config["seed"] not in finished),
            )
        )
    rows = [replace(row, cost=cost_of(row.key, next(iter(row.parameters), None), costs)) for row in rows]
    return sorted(_named(rows), key=_place)


def select(rows: Sequence[Row]) -> list[Row]:
    """One row per line of the table: the tuned settings with the best mean on validation, over common seeds.

    The test split plays no part. Candidates are compared on the seeds that all of them have finished; where there is
    no such seed, on all that each has. A line without a finished run keeps its first candidate, which says so.
    Methods that were run under another heading of the same experiment and data, but not here, are added as missing.
    """
    chosen = []
    for candidates in _lines(rows).values():
        measure = candidates[0].experiment.selection
        common = shared_seeds(candidates) or None
        scored = [(row.mean(measure, common), row) for row in candidates]
        ranked = [(value * measure.sign, row) for value, row in scored if value is not None]
        finished = [row for row in candidates if row.runs] or candidates
        chosen.append(max(ranked, key=lambda pair: pair[0])[1] if ranked else finished[0])
    return sorted([*chosen, *_missing(chosen)], key=_place)


def shared_seeds(candidates: Sequence[Row]) -> list[int]:
    """Seeds that every candidate with a validation number has."""
    sets = [set(row.by_seed(row.experiment.selection)) for row in candidates]
    finished = [seeds for seeds in sets if seeds]
    return sorted(set.intersection(*finished)) if finished else []


def rivals(row: Row, rows: Sequence[Row]) -> list[Row]:
    """The rows that differ from one in tuned settings alone, itself included."""
    return [other for other in rows if other.key == row.key]


def by_heading(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows under each heading, in order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.heading, []).append(row)
    return found


def _lines(rows: Sequence[Row]) -> dict[str, list[Row]]:
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        lines[json.dumps(row.key, sort_keys=True)].append(row)
    return lines


def _named(rows: Sequence[Row]) -> list[Row]:
    """Rows with headings and labels, which tell of the settings in which rows differ, and of no others."""

    def plain_heading(row: Row) -> str:
        words = (row.experiment.title, row.key.get("group"), row.key.get("data"))
        return ", ".join(str(word) for word in words if word)

    def task(row: Row, name: str) -> bool:
        return name in row.experiment.task

    def free(row: Row, name: str) -> bool:
        return not task(row, name) and name not in ("experiment", "method", "network", "group", "data")

    rows = [replace(row, heading=plain_heading(row)) for row in rows]
    headings = [", ".join([row.heading, *_differences(row, rows, task)]) for row in rows]
    rows = [replace(row, heading=heading) for row, heading in zip(rows, headings, strict=True)]
    return [replace(row, label=", ".join([row.method, *_differences(row, rows, free)])) for row in rows]


def _differences(row: Row, rows: Sequence[Row], counts: Callable[[Row, str], bool]) -> list[str]:
    """The settings of a row that others under its heading have otherwise, as words."""
    words, left_out = [], unsaid(row.key["experiment"])
    for name, value in row.key.items():
        if counts(row, name) and any(
            other.key.get(name, left_out.get(name, value)) != value for other in rows if other.heading == row.heading
        ):
            words.append(row.experiment.worded(name, value, row.key))
    return [word for word in words if word]


def _missing(chosen: Sequence[Row]) -> list[Row]:
    """Empty rows for methods that another group of the same problem has."""
    missing = []
    for heading, members in by_heading(chosen).items():
        first = members[0]
        same = {name: first.key.get(name) for name in ("experiment", "data")}
        peers = [row for row in chosen if all(row.key.get(name) == value for name, value in same.items())]
        methods = dict.fromkeys(row.method for row in peers)
        for method in methods.keys() - {row.method for row in members}:
            key = {**same, "group": first.key.get("group"), "method": method}
            missing.append(Row(key, heading=heading, label=method))
    return missing


def _place(row: Row) -> tuple[Any, ...]:
    method = row.method
    return (
        row.heading,
        (isinstance(row.key.get("latent", 0), str), row.key.get("latent", 0)),
        ORDER.index(method) if method in ORDER else len(ORDER),
        method,
        json.dumps(row.key, sort_keys=True),
        *((isinstance(value, str), value) for value in row.tuned.values()),
    )
