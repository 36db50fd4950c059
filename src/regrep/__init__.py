"""regrep: approximate equivariance under any finite group, for any network, by one loss term."""

from regrep import actions, diagnostics, groups, representations
from regrep._version import __version__
from regrep.diagnostics import equivariance_error
from regrep.errors import MissingExtraError, RegrepError
from regrep.groups import FiniteGroup
from regrep.objectives import (
    CapacityWarning,
    EquivariantObjective,
    equivariance_loss,
    latent_of,
    relative_error,
)
from regrep.representations import (
    Irrep,
    Representation,
    direct_sum,
    irreps,
    latent,
    natural,
    regular,
    restrict,
    sign,
    standard,
    trivial,
)

__all__ = [
    "CapacityWarning",
    "EquivariantObjective",
    "FiniteGroup",
    "Irrep",
    "MissingExtraError",
    "RegrepError",
    "Representation",
    "__version__",
    "actions",
    "diagnostics",
    "direct_sum",
    "equivariance_error",
    "equivariance_loss",
    "groups",
    "irreps",
    "latent",
    "latent_of",
    "natural",
    "regular",
    "relative_error",
    "representations",
    "restrict",
    "sign",
    "standard",
    "trivial",
]
