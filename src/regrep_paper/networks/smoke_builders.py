"""The networks that Table 6 compares, by name."""

from __future__ import annotations

from collections.abc import Callable

from regrep.nn import EncoderHead
from regrep_paper.networks.e2cnn import E2CNN
from regrep_paper.networks.lift import Lift
from regrep_paper.networks.mlp import MLP
from regrep_paper.networks.projected_cnns import ProjectionSmokeCNN
from regrep_paper.networks.pscnn import SmokePSCNN
from regrep_paper.networks.relaxed_group import RGroup
from regrep_paper.networks.relaxed_steerable import RSteer
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.smoke_rpp import SmokeRPP

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
