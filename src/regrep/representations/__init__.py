"""Exact representations, by permutations where possible and by matrices otherwise; learned ones over a presentation."""

from regrep.representations import layouts
from regrep.representations.generated import representation_from
from regrep.representations.given import defining, det
from regrep.representations.irreducible import Irrep, irreps
from regrep.representations.large import LargePermutation, LargeRepresentation
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
from regrep.representations.point_sets import cosets, of_factor, subsets, tuples
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
    "LargePermutation",
    "LargeRepresentation",
    "LearnedRepresentation",
    "MatrixRepresentation",
    "PermutationRepresentation",
    "Representation",
    "SingularMatrixError",
    "Tokens",
    "cosets",
    "defining",
    "det",
    "direct_sum",
    "irreps",
    "latent",
    "latent_representation",
    "layouts",
    "natural",
    "of_factor",
    "pullback",
    "regular",
    "representation_from",
    "restrict",
    "sign",
    "standard",
    "subsets",
    "trivial",
    "tuples",
]
