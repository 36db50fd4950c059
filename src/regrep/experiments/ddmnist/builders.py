"""The networks that Table 4 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.experiments.competitors.projection import ProjectionDoubleDigitCNN
from regrep.experiments.competitors.pscnn import PSCNN
from regrep.experiments.competitors.restriction import Restriction
from regrep.experiments.competitors.rpp import RPP
from regrep.experiments.competitors.scnn import SCNN
from regrep.experiments.ddmnist.network import DoubleDigitCNN
from regrep.training.module import EncoderHead

NETWORKS: dict[str, Callable[..., EncoderHead]] = {
    "cnn": lambda group, latent, classes: DoubleDigitCNN(latent, classes),
    "scnn": SCNN,
    "restriction": Restriction,
    "rpp": RPP,
    "pscnn": PSCNN,
    "projection": ProjectionDoubleDigitCNN,
}
"""Name -> (group that acts on a digit, channels of the latent, outputs) -> network on [B, 1, 56, 56]."""
