"""Limits on what groups are built from, so that every builder ends within seconds and within memory."""

from __future__ import annotations

import math

import numpy as np

from regrep.arguments import brief, shown
from regrep.errors import RegrepError
from regrep.groups.multiplication import MAX_ORDER

TEXT = 100_000
"""Most characters of a presentation."""

NAME = 1000
"""Most characters of the name of a group outside presentations."""

FACTORS = 50
"""Most factors of a product, and most parentheses around each other, in a name."""

GENERATORS = 100
"""Most generators of a presentation; a group of order 1000 needs at most nine."""

LETTERS = 100_000
"""Most letters of all relators of a presentation together, exponents written out."""

ENTRIES = 20_000_000
"""Most entries of the table of a coset enumeration, about 40 bytes each."""

NUMBERS = 2**26
"""Most numbers in all elements of a group of permutations or matrices, or of a representation, 8 bytes each."""

COPIES = 10**6
"""Most copies of a representation; a list of its parts is made."""

DRAWN = 10**8
"""Most numbers in elements that are drawn at once: of a group without a table, each has one for every point."""

AT_A_TIME = 64
"""Elements of a group without a table for which the images of coordinates are found together."""

NAMED_POINTS = 10**6
"""Elements of permutation groups are named by their cycles as long as these have at most so many points in all."""

CHAIN = 2**25
"""Most numbers in the transversals of a stabiliser chain; each takes 8 bytes, with that of the inverses."""

CHAIN_WORK = 2**29
"""Most images of points that are looked up to find a stabiliser chain; about ten seconds."""

VECTORS = 5000
"""Most vectors that a group of matrices above the order of a table permutes."""


def check_numbers(count: int, each: int, what: str) -> None:
    """Raise if so many elements, of so many numbers each, are too many.

    >>> check_numbers(100, 10**6, "permutations of 1000000 points")
    Traceback (most recent call last):
    regrep.errors.RegrepError: the elements of a group hold at most 67108864 numbers in all, got 100 permutations of \
1000000 points; let the group act on fewer
    """
    if count * each > NUMBERS:
        raise RegrepError(
            f"the elements of a group hold at most {NUMBERS} numbers in all, got {count} {what};"
            " let the group act on fewer"
        )


def check_width(name: str, order: int, dim: int, matrices: bool = False) -> None:
    """Raise if a representation of so many coordinates, of a group of this name and order, is too wide.

    A group with a table has an index of the coordinates, or a matrix, for each element; of a larger one, elements come
    a few at a time.

    >>> check_width("D4", 8, 10**9)
    Traceback (most recent call last):
    regrep.errors.RegrepError: a representation of D4 has at most 8388608 coordinates, got 1000000000; choose a \
narrower one
    """
    most = NUMBERS // (order if order <= MAX_ORDER else AT_A_TIME)
    if matrices:
        most = math.isqrt(most)
    if dim > most:
        raise RegrepError(
            f"a representation of {brief(name)} has at most {most} coordinates, got {shown(dim)}; choose a narrower one"
        )


def permutation_order(image: np.ndarray) -> int:
    """Order of a permutation: the least common multiple of the lengths of its cycles.

    >>> permutation_order(np.array([1, 0, 3, 4, 2]))
    6
    """
    label, jump = np.arange(len(image)), np.asarray(image)
    for _ in range(max(1, len(image)).bit_length()):  # each pass doubles the part of a cycle that was seen
        label, jump = np.minimum(label, label[jump]), jump[jump]
    lengths = np.bincount(np.bincount(label)) if len(image) else np.zeros(0)
    return math.lcm(*(int(length) for length in np.flatnonzero(lengths) if length))
