"""Training objectives: the equivariance penalties, the objectives of sections 4 and 5, controls, layer taps."""

from regrep.objectives.checks import CapacityWarning, PositionsWarning
from regrep.objectives.controls import RandomPermutations
from regrep.objectives.dual_weight import DualWeight
from regrep.objectives.equivariant import EquivariantObjective
from regrep.objectives.functional import equivariance_loss, moving_part
from regrep.objectives.layers import OUTPUT, Tap, latent_of
from regrep.objectives.learned import RepresentationObjective, RepresentationTerms
from regrep.objectives.measures import centred_error, moving_share, relative_error, whitened_error
from regrep.objectives.output_losses import output_consistency
from regrep.objectives.rollout import RolloutObjective, advance, roll_out
from regrep.objectives.terms import Compared, Terms
from regrep.objectives.whitening import whiten

__all__ = [
    "OUTPUT",
    "CapacityWarning",
    "Compared",
    "DualWeight",
    "EquivariantObjective",
    "PositionsWarning",
    "RandomPermutations",
    "RepresentationObjective",
    "RepresentationTerms",
    "RolloutObjective",
    "Tap",
    "Terms",
    "advance",
    "centred_error",
    "equivariance_loss",
    "latent_of",
    "moving_part",
    "moving_share",
    "output_consistency",
    "relative_error",
    "roll_out",
    "whiten",
    "whitened_error",
]
