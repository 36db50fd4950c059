"""The networks that Table 5 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.experiments.medmnist3d.network import VolumeCNN
from regrep.training.module import EncoderHead

NETWORKS: dict[str, Callable[[int, int, int], EncoderHead]] = {"cnn": VolumeCNN}
"""Name -> (classes, width, size) -> network on [B, 1, size, size, size] over a latent of 8 · width channels."""
