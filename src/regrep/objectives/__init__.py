"""Training objectives: the equivariance penalty, section 5's and section 4's objectives, layer taps."""

from regrep.objectives.equivariant import CapacityWarning, EquivariantObjective, Terms
from regrep.objectives.functional import equivariance_loss, relative_error
from regrep.objectives.layers import Tap, latent_of
from regrep.objectives.learned import RepresentationObjective, RepresentationTerms
from regrep.objectives.rollout import RolloutObjective, advance, roll_out

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
