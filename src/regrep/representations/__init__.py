"""Exact representations: permutation form first, matrices derived."""

from regrep.representations.irreducible import Irrep, irreps
from regrep.representations.permutation import (
    PermutationRepresentation,
    latent,
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
    restrict,
)

__all__ = [
    "DirectSum",
    "Irrep",
    "MatrixRepresentation",
    "PermutationRepresentation",
    "Representation",
    "direct_sum",
    "irreps",
    "latent",
    "natural",
    "regular",
    "restrict",
    "sign",
    "standard",
    "trivial",
]
