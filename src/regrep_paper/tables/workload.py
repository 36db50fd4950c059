"""How much a run computes, read from its settings, and how long our own runs took for as much."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PACE = Path(__file__).parent / "pace.json"
"""Seconds for 10,000 training samples by experiment, medians over the records under ``results/``; ``tools/pace.py``."""

SAMPLES = 10_000
"""Samples that a pace is given for."""

LEAST = 6400
"""Single digits with few labels are repeated in an epoch to at least as many samples."""

DIGITS = {"digits": 1258, "mnist": 7000}
"""Training digits by source; of MNIST those of the ``t10k`` files."""

SIDE, WIDTH = 14, 6
"""Volumes and channels of the runs on record; work grows with the cube of the one and the square of the other."""


def samples(config: Mapping[str, Any]) -> int | None:
    """Training samples in an epoch; None where the settings do not tell.

    >>> samples({"experiment": "ddmnist", "classes": 10, "train_pairs": 100})
    10000
    >>> samples({"experiment": "single-digits", "labels": 30, "data": "mnist"})
    6600
    """
    match config["experiment"]:
        case "ddmnist":
            return int(config["classes"]) ** 2 * int(config["train_pairs"])
        case "single-digits":
            drawn = 10 * int(config["labels"]) if config.get("labels") else DIGITS[config["data"]]
            return drawn * math.ceil(LEAST / drawn)
        case "medmnist3d" if config["data"] == "polycubes":
            return 12 * int(config["per_class"])
        case "tmnist":
            return int(config["train_samples"])
        case "mnist":
            return DIGITS[config["data"]]
        case "cifar10":
            return int(config["train_images"] or 45_000)
    return None


def work(config: Mapping[str, Any]) -> float | None:
    """Samples in all epochs, weighted by what one takes relative to the runs on record; None if unknown."""
    count = samples(config)
    if count is None:
        return None
    weight = 1.0
    if config["experiment"] == "medmnist3d":
        weight = (int(config["size"]) / SIDE) ** 3 * (int(config["width"]) / WIDTH) ** 2
    return weight * count * int(config["epochs"])


def paces() -> dict[str, dict[str, Any]]:
    """By experiment ``seconds`` for 10,000 samples, the number of ``runs`` and their ``device``."""
    found: dict[str, dict[str, Any]] = json.loads(PACE.read_text(encoding="utf-8"))
    return found
