"""Training objectives: the equivariance penalty, section 5's objective, layer taps."""

from regrep.objectives.equivariance import equivariance_loss, relative_error
from regrep.objectives.objective import CapacityWarning, EquivariantObjective, Terms
from regrep.objectives.tap import Tap, latent_of

__all__ = [
    "CapacityWarning",
    "EquivariantObjective",
    "Tap",
    "Terms",
    "equivariance_loss",
    "latent_of",
    "relative_error",
]
