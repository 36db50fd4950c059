"""Finite groups: the catalogue, builders, presentations, classes and characters."""

from regrep.groups.builders import from_permutations, from_presentation, from_table
from regrep.groups.catalogue import (
    alternating,
    cyclic,
    dihedral,
    full_octahedral,
    octahedral,
    product,
    quaternion,
    rotation_matrices,
    symmetric,
    tetrahedral,
)
from regrep.groups.characters import CharacterTable, RealCharacter, real_characters
from regrep.groups.cosets import COSET_LIMIT, CosetLimitError
from regrep.groups.finite import FiniteGroup
from regrep.groups.homomorphisms import Homomorphism, homomorphism, quotient, subgroup
from regrep.groups.large import LargeGroup
from regrep.groups.matrices import from_matrices
from regrep.groups.mulliken import PointGroup
from regrep.groups.multiplication import MAX_ORDER
from regrep.groups.point_groups import CRYSTALLOGRAPHIC, point_group
from regrep.groups.presentations import Presentation
from regrep.groups.spelling import parse
from regrep.groups.subgroups import conjugate_subgroups
from regrep.groups.words import evaluate

__all__ = [
    "COSET_LIMIT",
    "CRYSTALLOGRAPHIC",
    "MAX_ORDER",
    "CharacterTable",
    "CosetLimitError",
    "FiniteGroup",
    "Homomorphism",
    "LargeGroup",
    "PointGroup",
    "Presentation",
    "RealCharacter",
    "alternating",
    "conjugate_subgroups",
    "cyclic",
    "dihedral",
    "evaluate",
    "from_matrices",
    "from_permutations",
    "from_presentation",
    "from_table",
    "full_octahedral",
    "homomorphism",
    "octahedral",
    "parse",
    "point_group",
    "product",
    "quaternion",
    "quotient",
    "real_characters",
    "rotation_matrices",
    "subgroup",
    "symmetric",
    "tetrahedral",
]
