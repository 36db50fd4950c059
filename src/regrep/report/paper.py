"""Numbers that the paper published, to stand beside ours."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A cell of a published table: mean and standard deviation."""

    mean: float
    deviation: float


TABLE_4 = {
    "CNN": {"C4": (0.907, 0.004), "D1": (0.938, 0.006), "D4": (0.800, 0.001)},
    "SCNN": {"C4": (0.484, 0.008), "D1": (0.474, 0.003), "D4": (0.431, 0.010)},
    "Restriction": {"C4": (0.914, 0.007), "D1": (0.890, 0.007), "D4": (0.837, 0.020)},
    "RPP": {"C4": (0.908, 0.022), "D1": (0.903, 0.009), "D4": (0.827, 0.020)},
    "PSCNN": {"C4": (0.909, 0.007), "D1": (0.871, 0.016), "D4": (0.842, 0.011)},
    "Ours": {"C4": (0.915, 0.004), "D1": (0.947, 0.004), "D4": (0.868, 0.002)},
}
"""Table 4: DDMNIST, test accuracy."""

ROWS = {"cnn-augmented": "CNN", "ours": "Ours"}
"""Which row of the paper a method of ours stands for. Its CNN is trained on augmented data."""


def published(experiment: str, group: str, method: str) -> Published | None:
    """The paper's number for a cell, if it has one.

    >>> published("ddmnist", "D4", "ours")
    Published(mean=0.868, deviation=0.002)
    """
    if experiment != "ddmnist" or method not in ROWS:
        return None
    cell = TABLE_4[ROWS[method]].get(group)
    return None if cell is None else Published(*cell)
