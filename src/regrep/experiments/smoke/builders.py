"""The networks that Table 6 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.experiments.smoke.network import ForecastNetwork, SmokeCNN

NETWORKS: dict[str, Callable[[int, int, int], ForecastNetwork]] = {"cnn": SmokeCNN}
"""Name -> (width, frames, size) -> network on [B, 2·frames, size, size]."""
