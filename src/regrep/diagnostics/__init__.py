"""Diagnostics: how equivariant a model really is, and what representation it learned."""

from regrep.diagnostics.analysis import Multiplicity, RepresentationAnalysis, analyse
from regrep.diagnostics.controls import NullControl, control, null_controls, random_orthogonal, shuffled
from regrep.diagnostics.equivariance import CollapseWarning, EquivarianceError, equivariance_error
from regrep.diagnostics.nearest import NearestRepresentation, nearest_representation
from regrep.diagnostics.spectra import GeneratorSpectrum, Projector

__all__ = [
    "CollapseWarning",
    "EquivarianceError",
    "GeneratorSpectrum",
    "Multiplicity",
    "NearestRepresentation",
    "NullControl",
    "Projector",
    "RepresentationAnalysis",
    "analyse",
    "control",
    "equivariance_error",
    "nearest_representation",
    "null_controls",
    "random_orthogonal",
    "shuffled",
]
