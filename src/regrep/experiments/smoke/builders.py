"""The networks that Table 6 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.experiments.competitors.e2cnn import E2CNN
from regrep.experiments.competitors.lift import Lift
from regrep.experiments.competitors.mlp import MLP
from regrep.experiments.competitors.projection import ProjectionSmokeCNN
from regrep.experiments.competitors.pscnn import SmokePSCNN
from regrep.experiments.competitors.relaxed_group import RGroup
from regrep.experiments.competitors.relaxed_steerable import RSteer
from regrep.experiments.competitors.smoke_rpp import SmokeRPP
from regrep.experiments.smoke.network import SmokeCNN
from regrep.training.module import EncoderHead

NETWORKS: dict[str, Callable[..., EncoderHead]] = {
    "cnn": SmokeCNN,
    "mlp": MLP,
    "e2cnn": E2CNN,
    "rpp": SmokeRPP,
    "lift": Lift,
    "rgroup": RGroup,
    "rsteer": RSteer,
    "pscnn": SmokePSCNN,
    "projection": ProjectionSmokeCNN,
}
"""Name -> (width, frames, size) -> network on [B, 2·frames, size, size]. Where the published form of one has a defect,
``as_published=True`` has it too."""
