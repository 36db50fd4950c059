"""The largest abelian quotient of a presentation: a quick lower bound on the order of the group."""

from __future__ import annotations

import math

from regrep.groups.presentations import Presentation

BITS = 4096
"""Integers longer than this end the search for the quotient."""


def abelian_order(presentation: Presentation, enough: int) -> int:
    """A lower bound on the order of the group: of its largest abelian quotient; 0 if that is infinite.

    The relators, with commuting letters, are vectors of exponents, and the order is the determinant of the lattice that
    they span. No more relators are read once it is at most ``enough``, nor if the integers become very long.

    >>> abelian_order(Presentation.parse("r,s", "r^4, s^2, (r s)^2"), 1), abelian_order(Presentation.parse("r", ""), 1)
    (4, 0)
    """
    size = len(presentation.names)
    vectors = set()
    for word in presentation.relators:
        vector = [0] * size
        for letter in word:
            vector[abs(letter) - 1] += 1 if letter > 0 else -1
        vectors.add(tuple(vector))
    echelon: dict[int, list[int]] = {}
    for given in sorted(vectors, key=lambda vector: (sum(map(abs, vector)), vector)):
        _insert(echelon, list(given))
        if max((abs(row[column]) for column, row in echelon.items()), default=0).bit_length() > BITS:
            return 1
        if len(echelon) == size and (order := _determinant(echelon)) <= enough:
            return order
    return _determinant(echelon) if len(echelon) == size else 0


def _determinant(echelon: dict[int, list[int]]) -> int:
    return math.prod(abs(row[column]) for column, row in echelon.items())


def _insert(echelon: dict[int, list[int]], vector: list[int]) -> None:
    """Add a vector to a lattice in echelon form, by the Euclidean algorithm in each column."""
    for column in range(len(vector)):
        if not vector[column]:
            continue
        if column not in echelon:
            echelon[column] = vector
            return
        pivot = echelon[column]
        while vector[column]:
            times = pivot[column] // vector[column]
            pivot, vector = vector, [a - times * b for a, b in zip(pivot, vector, strict=True)]
        echelon[column] = pivot
