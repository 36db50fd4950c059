"""Numbers that the paper published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class Published(NamedTuple):
    """An entry of a published table: mean, standard deviation and millions of parameters."""

    mean: float
    deviation: float
    parameters: float


@dataclass(frozen=True)
class PaperTable:
    """A published table, and which of our rows and columns its entries belong to.

    Attributes:
        name: where it stands in the paper.
        entries: (row of the paper, column of the paper) -> entry.
        rows: method of ours, by the name in our tables -> row of the paper.
        columns: which settings of a config name the column; ``metric`` is that of the measure.
        conditions: settings of the paper's runs; a config that has another value has no published number.
        metric: what its entries measure; None where the column says it.
    """

    name: str
    entries: Mapping[tuple[str, str], Published]
    rows: Mapping[str, str]
    columns: str
    conditions: Mapping[str, Any]
    metric: str | None = "accuracy"

    def covers(self, metric: str) -> bool:
        """Whether its entries measure a metric of ours."""
        return self.metric in (None, metric)

    @property
    def models(self) -> list[str]:
        """Rows of the paper, in its order."""
        return list(dict.fromkeys(row for row, _ in self.entries))

    @property
    def headings(self) -> list[str]:
        """Columns of the paper, in its order."""
        return list(dict.fromkeys(column for _, column in self.entries))


def parse_entries(headings: str, lines: Mapping[str, str]) -> dict[tuple[str, str], Published]:
    """Read lines of mean, deviation and parameters (millions) for each heading in turn."""
    names = headings.split()
    entries = {}
    for row, line in lines.items():
        numbers = [float(word) for word in line.split()]
        for k, name in enumerate(names):
            entries[row, name] = Published(*numbers[3 * k : 3 * k + 3])
    return entries


@dataclass(frozen=True)
class PaperRuns:
    """What the paper reports of its runs that learn ρ, one line per run.

    Attributes:
        name: where it stands in the paper.
        group: the group of its runs; runs under another one are not compared with them.
        columns: multiplicities of irreducible representations, or numbers of eigenvalues at roots of unity.
        lines: a value per column for each run.
    """

    name: str
    group: str
    columns: tuple[str, ...]
    lines: tuple[tuple[float, ...], ...]
