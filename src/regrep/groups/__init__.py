"""Finite groups."""

from regrep.groups.catalogue import alternating, cyclic, dihedral, octahedral, product, quaternion, symmetric
from regrep.groups.finite import MAX_ORDER, FiniteGroup
from regrep.groups.presentations import Presentation

__all__ = [
    "MAX_ORDER",
    "FiniteGroup",
    "Presentation",
    "alternating",
    "cyclic",
    "dihedral",
    "octahedral",
    "product",
    "quaternion",
    "symmetric",
]
