"""regrep: approximate equivariance under any finite group, for any network, by one loss term."""

# ruff: noqa: F401  (the names are exported: __all__ derives from the table below)
from importlib import import_module
from typing import TYPE_CHECKING, Any

from regrep._version import __version__
from regrep.errors import MissingExtraError, RegrepError

if TYPE_CHECKING:
    from regrep import actions, comparison, diagnostics, groups, nn, objectives, representations
    from regrep.comparison import Task, compare
    from regrep.diagnostics import (
        equivariance_error,
        linear_equivariance,
        profile,
        profile_layers,
        suggest_latent,
        through_rho,
    )
    from regrep.groups import FiniteGroup
    from regrep.objectives import (
        CapacityWarning,
        EquivariantObjective,
        RepresentationObjective,
        equivariance_loss,
        latent_of,
        output_consistency,
        relative_error,
        whitened_error,
    )
    from regrep.representations import (
        Irrep,
        LearnedRepresentation,
        Representation,
        defining,
        det,
        direct_sum,
        irreps,
        latent,
        latent_representation,
        natural,
        pullback,
        regular,
        representation_from,
        restrict,
        sign,
        standard,
        trivial,
    )

_HOME = {
    "actions": (),
    "comparison": ("Task", "compare"),
    "diagnostics": (
        "equivariance_error",
        "linear_equivariance",
        "profile",
        "profile_layers",
        "suggest_latent",
        "through_rho",
    ),
    "groups": ("FiniteGroup",),
    "nn": (),
    "objectives": (
        "CapacityWarning",
        "EquivariantObjective",
        "RepresentationObjective",
        "equivariance_loss",
        "latent_of",
        "output_consistency",
        "relative_error",
        "whitened_error",
    ),
    "representations": (
        "Irrep",
        "LearnedRepresentation",
        "Representation",
        "defining",
        "det",
        "direct_sum",
        "irreps",
        "latent",
        "latent_representation",
        "natural",
        "pullback",
        "regular",
        "representation_from",
        "restrict",
        "sign",
        "standard",
        "trivial",
    ),
}
"""Which folder holds each public name. Imported on first use, so that ``regrep --help`` does not import torch."""

__all__ = sorted(
    {"MissingExtraError", "RegrepError", "__version__", *_HOME, *(name for names in _HOME.values() for name in names)}
)


def __getattr__(name: str) -> Any:
    for folder, names in _HOME.items():
        if name == folder:
            return import_module(f"regrep.{folder}")
        if name in names:
            value = getattr(import_module(f"regrep.{folder}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'regrep' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
