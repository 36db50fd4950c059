"""The cells of Table 4 and their settings (Table 9)."""

from __future__ import annotations

from typing import Literal

Method = Literal["cnn", "cnn-augmented", "ours", "ours-relative"]

METHODS: dict[str, str] = {
    "cnn": "the network on one view per sample",
    "cnn-augmented": "the same two views and updates as ours, without the penalty",
    "ours": "the paper's method: mean-squared penalty",
    "ours-relative": "penalty divided by the variance of the latent",
}

LEARNING_RATE = {"cnn": {"C4": 5e-4, "D1": 1e-3, "D4": 5e-4}, "ours": {"C4": 1e-3, "D1": 1e-3, "D4": 5e-4}}
"""Table 9. Our two-view control takes the learning rate of ``ours``, so that the penalty alone differs (D-DD13)."""

WEIGHT = {"C4": 2.0, "D1": 1.0, "D4": 1.0}
"""Table 9, for the mean-squared penalty."""

RELATIVE_WEIGHT = 0.1
"""For the relative penalty, whose scale is 2 for unrelated latents whatever the network."""


def default_rate(method: Method, group: str) -> float:
    """Learning rate of a cell."""
    return LEARNING_RATE["cnn" if method == "cnn" else "ours"][group]


def default_weight(method: Method, group: str) -> float:
    """Penalty weight of a cell; 0 for the controls."""
    if method == "ours":
        return WEIGHT[group]
    return RELATIVE_WEIGHT if method == "ours-relative" else 0.0
