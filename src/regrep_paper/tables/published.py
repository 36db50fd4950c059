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
        name: its name in the paper.
        entries: (row of the paper, column of the paper) -> entry.
        rows: name of the method in our tables -> row of the paper.
        columns: the settings of a config that determine the column; ``metric`` is that of the measure.
        conditions: settings of the paper's runs; a config with other values has no published number.
        metric: what its entries measure; None if the column determines it.
    """

    name: str
    entries: Mapping[tuple[str, str], Published]
    rows: Mapping[str, str]
    columns: str
    conditions: Mapping[str, Any]
    metric: str | None = "accuracy"

    def covers(self, metric: str) -> bool:
        """Whether its entries measure one of our metrics."""
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
    """Parse lines of mean, deviation and parameters (millions) for each heading in turn."""
    names = headings.split()
    entries = {}
    for row, line in lines.items():
        numbers = [float(word) for word in line.split()]
        for k, name in enumerate(names):
            entries[row, name] = Published(*numbers[3 * k : 3 * k + 3])
    return entries


@dataclass(frozen=True)
class PaperRuns:
    """The paper's runs that learn ρ, one line per run.

    Attributes:
        name: name of the table in the paper.
        group: the group of its runs; runs with another group are not compared with them.
        columns: multiplicities of irreducible representations, or numbers of eigenvalues at roots of unity.
        lines: a value per column for each run.
    """

    name: str
    group: str
    columns: tuple[str, ...]
    lines: tuple[tuple[float, ...], ...]
