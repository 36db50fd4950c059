"""The published settings of Table 4's configs (Table 9)."""

from __future__ import annotations

from regrep_paper.tables.catalogue import PLAIN
from regrep_paper.tables.methods import Method

LEARNING_RATE = {"cnn": {"C4": 5e-4, "D1": 1e-3, "D4": 5e-4}, "ours": {"C4": 1e-3, "D1": 1e-3, "D4": 5e-4}}
"""Our two-view control takes the learning rate of ``ours``, so that the penalty alone differs (D-DD13)."""

WEIGHT = {"C4": 2.0, "D1": 1.0, "D4": 1.0}
"""Of the mean-squared penalty."""


COMPETITORS = 5e-4
"""Learning rate of all other networks, in the code they come from."""


def default_rate(method: Method, group: str, network: str = PLAIN) -> float:
    """Learning rate of a config."""
    if network != PLAIN:
        return COMPETITORS
    return LEARNING_RATE["cnn" if method == "cnn" else "ours"][group]
