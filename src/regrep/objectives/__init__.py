"""Training objectives: the equivariance penalty, section 5's and section 4's objectives, layer taps."""

from regrep.objectives.equivariance import equivariance_loss, relative_error
from regrep.objectives.objective import CapacityWarning, EquivariantObjective, Terms
from regrep.objectives.representation import RepresentationObjective, RepresentationTerms
from regrep.objectives.rollout import RolloutObjective, advance, roll_out
from regrep.objectives.tap import Tap, latent_of

__all__ = [
    "CapacityWarning",
    "EquivariantObjective",
    "RepresentationObjective",
    "RepresentationTerms",
    "RolloutObjective",
    "Tap",
    "Terms",
    "advance",
    "equivariance_loss",
    "latent_of",
    "relative_error",
    "roll_out",
]
