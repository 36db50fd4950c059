"""Numbers that the paper published, to stand beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from regrep_paper.tables.measures import method_of


class Published(NamedTuple):
    """An entry of a published table: mean, standard deviation and millions of parameters."""

    mean: float
    deviation: float
    parameters: float


@dataclass(frozen=True)
class PaperTable:
    """A published table and what of ours its entries stand beside.

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

    def tells(self, metric: str) -> bool:
        """Whether its entries stand beside a metric of ours."""
        return self.metric in (None, metric)

    @property
    def models(self) -> list[str]:
        """Rows of the paper, in its order."""
        return list(dict.fromkeys(row for row, _ in self.entries))

    @property
    def headings(self) -> list[str]:
        """Columns of the paper, in its order."""
        return list(dict.fromkeys(column for _, column in self.entries))


def _entries(headings: str, lines: Mapping[str, str]) -> dict[tuple[str, str], Published]:
    """Read lines of mean, deviation and parameters (millions) for each heading in turn."""
    names = headings.split()
    entries = {}
    for row, line in lines.items():
        numbers = [float(word) for word in line.split()]
        for k, name in enumerate(names):
            entries[row, name] = Published(*numbers[3 * k : 3 * k + 3])
    return entries


TABLE_4 = PaperTable(
    name="Table 4",
    entries=_entries(
        "C4                 D1                 D4",
        {
            "CNN": "        .907 .004 0.03     .938 .006 0.03     .800 .001 0.03",
            "SCNN": "       .484 .008 0.12     .474 .003 0.03     .431 .010 0.15",
            "Restriction": ".914 .007 0.12     .890 .007 0.33     .837 .020 0.17",
            "RPP": "        .908 .022 0.79     .903 .009 0.08     .827 .020 1.73",
            "PSCNN": "      .909 .007 0.51     .871 .016 0.04     .842 .011 1.23",
            "Ours": "       .915 .004 0.03     .947 .004 0.03     .868 .002 0.03",
        },
    ),
    rows={
        **{"cnn-augmented": "CNN", "ours": "Ours"},
        **{"scnn": "SCNN", "restriction": "Restriction", "rpp": "RPP", "pscnn": "PSCNN"},
    },
    columns="group",
    conditions={"data": "mnist", "classes": 10, "latent": 66},
)
"""DDMNIST, test accuracy by group; every model is trained on augmented data."""

TABLE_5 = PaperTable(
    name="Table 5",
    entries=_entries(
        "nodule             synapse            organ",
        {
            "CNN": "          .873 .005 0.19     .716 .008 0.19     .920 .003 0.19",
            "CNN augmented": ".879 .007 0.19     .761 .008 0.19     .632 .005 0.19",
            "SCNN SO(3)": "   .873 .002 0.13     .738 .009 0.13     .607 .006 0.13",
            "RPP SO(3)": "    .801 .003 18.3     .695 .037 18.3     .936 .002 18.3",
            "PSCNN SO(3)": "  .871 .001 4.17     .770 .030 4.17     .902 .006 4.17",
            "SCNN O(3)": "    .868 .009 0.19     .743 .004 0.19     .902 .006 0.19",
            "RPP O(3)": "     .810 .013 29.3     .722 .023 29.3     .940 .006 29.3",
            "PSCNN O(3)": "   .873 .008 3.51     .769 .005 3.51     .905 .004 3.51",
            "Ours": "         .887 .005 0.19     .770 .002 0.19     .642 .056 0.19",
        },
    ),
    rows={
        **{"cnn": "CNN", "cnn-augmented": "CNN augmented", "ours": "Ours"},
        **{"scnn-so3": "SCNN SO(3)", "rpp-so3": "RPP SO(3)", "pscnn-so3": "PSCNN SO(3)"},
        **{"scnn-o3": "SCNN O(3)", "rpp-o3": "RPP O(3)", "pscnn-o3": "PSCNN O(3)"},
    },
    columns="data",
    conditions={"size": 28, "any_file": False},
    metric="accuracy_upright",
)
"""MedMNIST3D, accuracy on upright test volumes by data set; ours with the group S4, the rotations of the cube."""

TABLE_6 = PaperTable(
    name="Table 6",
    entries=_entries(
        "future             domain",
        {
            "CNN": "          0.81 0.01 0.25     0.63 0.00 0.25",
            "CNN augmented": "0.83 0.03 0.25     0.67 0.06 0.25",
            "MLP": "          1.38 0.06 8.33     1.34 0.03 8.33",
            "E2CNN": "        1.05 0.06 0.62     0.76 0.02 0.62",
            "RPP": "          0.96 0.10 4.36     0.82 0.01 4.36",
            "Lift": "         0.82 0.01 3.32     0.73 0.02 3.32",
            "RGroup": "       0.82 0.01 1.88     0.73 0.02 1.88",
            "RSteer": "       0.80 0.00 5.60     0.67 0.01 5.60",
            "PSCNN": "        0.77 0.01 3.12     0.57 0.00 3.12",
            "Ours": "         0.78 0.01 0.25     0.61 0.01 0.25",
        },
    ),
    rows={
        **{
            "cnn": "CNN",
            "cnn-augmented": "CNN augmented",
            "ours": "Ours",
            "mlp": "MLP",
            "e2cnn": "E2CNN",
            "rpp": "RPP",
        },
        **{"lift": "Lift", "rgroup": "RGroup", "rsteer": "RSteer", "pscnn": "PSCNN"},
    },
    columns="metric",
    conditions={"group": "C4", "size": 64, "width": 92, "horizon": 20},
    metric=None,
)
"""SMOKE, test RMSE in two settings: less is better. The text says 6 frames, the code that made it tests 20."""

TABLES = {"ddmnist": TABLE_4, "medmnist3d": TABLE_5, "smoke": TABLE_6}
"""The table of each experiment."""


@dataclass(frozen=True)
class PaperRuns:
    """What the paper tells of its runs that learn ρ, one line per run.

    Attributes:
        name: where it stands in the paper.
        group: the group of its runs; under another one ours stand beside nothing.
        columns: multiplicities of irreducible representations, or numbers of eigenvalues at roots of unity.
        lines: a value per column for each run.
    """

    name: str
    group: str
    columns: tuple[str, ...]
    lines: tuple[tuple[float, ...], ...]


RUNS = {
    "tmnist": PaperRuns("Table 1", "C2", ("A", "B"), ((22, 20), (21, 21), (22, 20), (21, 21), (21, 21))),
    "mnist": PaperRuns(
        "Table 2",
        "D3",
        ("A1", "A2", "E"),
        (
            (5.017, 4.992, 9.99),
            (6.471, 4.752, 9.39),
            (5.004, 4.193, 10.40),
            (4.960, 4.928, 10.06),
            (5.021, 4.990, 9.99),
        ),
    ),
    "cifar10": PaperRuns(
        "Table 3",
        "C4",
        ("1", "i", "−1", "−i", "A", "B", "E"),
        tuple(
            (*counts, counts[0], counts[2], (counts[1] + counts[3]) / 2)
            for counts in ((16, 16, 16, 16),) * 2 + ((15, 17, 15, 17), (16, 16, 16, 16), (16, 15, 18, 15))
        ),
    ),
}
"""Experiments that learn ρ. Table 3 counts eigenvalues: A is those at 1, B those at −1, E the pairs i, −i."""


def published(config: Mapping[str, Any], metric: str = "accuracy") -> Published | None:
    """The paper's number for a config, if it has one.

    A config on other data, with fewer classes or another width stands beside nothing.

    >>> published({"experiment": "ddmnist", "data": "mnist", "group": "D4", "method": "ours"})
    Published(mean=0.868, deviation=0.002, parameters=0.03)
    >>> published({"experiment": "ddmnist", "data": "digits", "group": "D4", "method": "ours"}) is None
    True
    """
    table, method = TABLES.get(config["experiment"]), method_of(config)
    if table is None or method not in table.rows or not table.tells(metric):
        return None
    if any(config.get(key, value) != value for key, value in table.conditions.items()):
        return None
    column = {**config, "metric": metric}.get(table.columns)
    return table.entries.get((table.rows[method], str(column)))
