"""Diagnostics: how equivariant a model really is, and what representation it learned."""

from regrep.diagnostics.analysis import Multiplicity, RepresentationAnalysis, analyse
from regrep.diagnostics.controls import NullControl, control, null_controls, random_orthogonal, shuffled
from regrep.diagnostics.equivariance import CollapseWarning, EquivarianceError, equivariance_error
from regrep.diagnostics.layers import LayerProfile, profile_layers
from regrep.diagnostics.linear import LinearEquivariance, linear_equivariance
from regrep.diagnostics.nearest import NearestRepresentation, nearest_representation
from regrep.diagnostics.profiles import Profile, profile
from regrep.diagnostics.reading import EvaluationWarning
from regrep.diagnostics.spectra import GeneratorSpectrum, Projector
from regrep.diagnostics.suggestion import LatentSuggestion, suggest_latent
from regrep.diagnostics.through import ThroughRho, through_layer, through_rho

__all__ = [
    "CollapseWarning",
    "EquivarianceError",
    "EvaluationWarning",
    "GeneratorSpectrum",
    "LatentSuggestion",
    "LayerProfile",
    "LinearEquivariance",
    "Multiplicity",
    "NearestRepresentation",
    "NullControl",
    "Profile",
    "Projector",
    "RepresentationAnalysis",
    "ThroughRho",
    "analyse",
    "control",
    "equivariance_error",
    "linear_equivariance",
    "nearest_representation",
    "null_controls",
    "profile",
    "profile_layers",
    "random_orthogonal",
    "shuffled",
    "suggest_latent",
    "through_layer",
    "through_rho",
]
