"""The networks that Table 4 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.experiments.ddmnist.network import DoubleDigitCNN
from regrep.training.module import EncoderHead

NETWORKS: dict[str, Callable[[str, int, int], EncoderHead]] = {
    "cnn": lambda group, latent, classes: DoubleDigitCNN(latent, classes),
}
"""Name -> (group that acts on a digit, channels of the latent, outputs) -> network on [B, 1, 56, 56]."""
