"""From runs to rows: grouping over seeds, choice of settings on validation, mean and spread."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from regrep.report.paper import Published, published
from regrep.report.runs import Run

TUNED = ("learning_rate", "weight")
"""Settings that are chosen on validation; all others name a row of their own."""

ORDER = ("cnn", "cnn-augmented", "ours", "ours-relative")


@dataclass(frozen=True)
class Row:
    """One setting, over its seeds.

    Attributes:
        key: the settings that name the row in the table, the tuned ones left out.
        tuned: the tuned settings.
        runs: one finished run per seed.
        open: runs that failed or are not over.
    """

    key: dict[str, Any]
    tuned: dict[str, Any]
    runs: tuple[Run, ...]
    open: tuple[Run, ...]

    def values(self, split: str, metric: str) -> list[float]:
        """One value per finished run that has it."""
        found = [(run.done or {}).get(split, {}).get(metric) for run in self.runs]
        return [value for value in found if value is not None]

    def mean(self, split: str, metric: str) -> float | None:
        """Mean over seeds."""
        values = self.values(split, metric)
        return statistics.fmean(values) if values else None

    def spread(self, split: str, metric: str) -> float | None:
        """Sample standard deviation over seeds; None for fewer than two."""
        values = self.values(split, metric)
        return statistics.stdev(values) if len(values) > 1 else None

    @property
    def seeds(self) -> list[int]:
        """Seeds of the finished runs."""
        return sorted(run.cell["seed"] for run in self.runs)

    @property
    def paper(self) -> Published | None:
        """The paper's number, if the row is the paper's task: all ten digits of MNIST."""
        if self.key.get("classes", 10) != 10 or self.key.get("data") != "mnist":
            return None
        return published(self.key["experiment"], self.key["group"], self.key["method"])

    @property
    def label(self) -> str:
        """Method, with the latent's width where the network is not the paper's."""
        latent = self.key.get("latent", 66)
        return self.key["method"] + ("" if latent == 66 else f", {latent} channels")


def rows_of(runs: Sequence[Run]) -> list[Row]:
    """Every setting that was run, in table order."""
    grouped: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        grouped[json.dumps({k: v for k, v in run.cell.items() if k != "seed"}, sort_keys=True)].append(run)
    rows = []
    for text, members in grouped.items():
        cell = json.loads(text)
        latest = {run.cell["seed"]: run for run in members if run.finished}  # a repeated seed counts once
        rows.append(
            Row(
                key={k: v for k, v in cell.items() if k not in TUNED},
                tuned={k: cell[k] for k in TUNED if k in cell},
                runs=tuple(latest[seed] for seed in sorted(latest)),
                open=tuple(run for run in members if not run.finished),
            )
        )
    return sorted(rows, key=_place)


def select(rows: Sequence[Row]) -> list[Row]:
    """One row per table line: the tuned settings with the best mean validation accuracy on common seeds.

    The test split plays no part. Settings are compared on the seeds that all of a line's settings have; one that was
    run on no common seed is compared on its own.

    Returns:
        The chosen rows, and where nothing is finished the unfinished one, in table order.
    """
    lines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        lines[json.dumps(row.key, sort_keys=True)].append(row)
    chosen = []
    for candidates in lines.values():
        done = [row for row in candidates if row.runs]
        if not done:
            chosen.append(candidates[0])
            continue
        common = set.intersection(*(set(row.seeds) for row in done))

        def score(row: Row, common: set[int] = common) -> float:
            values = [
                (run.done or {})["validation"]["accuracy"]
                for run in row.runs
                if run.cell["seed"] in common or not common
            ]
            return statistics.fmean(values)

        chosen.append(max(done, key=score))
    return sorted(chosen, key=_place)


def best_of(rows: Sequence[Row]) -> dict[str, tuple[Row, list[Row]]]:
    """For each setting: the row with the best mean test accuracy, and those that the spread does not tell from it."""
    found: dict[str, tuple[Row, list[Row]]] = {}
    for heading in dict.fromkeys(heading_of(row) for row in rows):
        members = [(row, row.mean("test", "accuracy")) for row in rows if heading_of(row) == heading]
        scored = [(row, mean) for row, mean in members if mean is not None]
        if scored:
            best, top = max(scored, key=lambda pair: pair[1])
            found[heading] = (
                best,
                [row for row, mean in scored if row is not best and top - mean <= _margin(best, row)],
            )
    return found


def _margin(*rows: Row) -> float:
    """The larger standard deviation: a small one over few seeds tells nothing apart."""
    return max(row.spread("test", "accuracy") or 0.0 for row in rows)


def heading_of(row: Row) -> str:
    """What a row is compared within: experiment, data and group."""
    return f"{row.key['experiment'].upper()}, {row.key['group']}, {row.key.get('data', '')}"


def _place(row: Row) -> tuple[Any, ...]:
    method = row.key["method"]
    return (
        heading_of(row),
        row.key.get("latent", 0),
        ORDER.index(method) if method in ORDER else len(ORDER),
        method,
        json.dumps(row.key, sort_keys=True),
        *(row.tuned.get(k) or 0 for k in TUNED),
    )
