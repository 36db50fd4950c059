"""The networks that Table 4 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.nn import EncoderHead
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.projected_cnns import ProjectionDoubleDigitCNN
from regrep_paper.networks.pscnn import PSCNN
from regrep_paper.networks.restriction import Restriction
from regrep_paper.networks.rpp import RPP
from regrep_paper.networks.scnn import SCNN

NETWORKS: dict[str, Callable[..., EncoderHead]] = {
    "cnn": lambda group, latent, classes: DoubleDigitCNN(latent, classes),
    "scnn": SCNN,
    "restriction": Restriction,
    "rpp": RPP,
    "pscnn": PSCNN,
    "projection": ProjectionDoubleDigitCNN,
}
"""Name -> (group that acts on a digit, channels of the latent, outputs) -> network on [B, 1, 56, 56]."""
