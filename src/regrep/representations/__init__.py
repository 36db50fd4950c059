"""Exact representations, by permutations where possible and by matrices otherwise; learned ones over a presentation."""

from regrep.representations import layouts
from regrep.representations.generated import representation_from
from regrep.representations.given import defining, det
from regrep.representations.irreducible import Irrep, irreps
from regrep.representations.layouts import FeatureMap, Tokens
from regrep.representations.learned import LearnedRepresentation, SingularMatrixError
from regrep.representations.permutation import (
    PermutationRepresentation,
    latent,
    latent_representation,
    natural,
    regular,
    sign,
    standard,
    trivial,
)
from regrep.representations.representation import (
    DirectSum,
    MatrixRepresentation,
    Representation,
    direct_sum,
    pullback,
    restrict,
)

__all__ = [
    "DirectSum",
    "FeatureMap",
    "Irrep",
    "LearnedRepresentation",
    "MatrixRepresentation",
    "PermutationRepresentation",
    "Representation",
    "SingularMatrixError",
    "Tokens",
    "defining",
    "det",
    "direct_sum",
    "irreps",
    "latent",
    "latent_representation",
    "layouts",
    "natural",
    "pullback",
    "regular",
    "representation_from",
    "restrict",
    "sign",
    "standard",
    "trivial",
]
