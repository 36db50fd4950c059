"""Multiplication tables: what makes one a group, and which elements generate it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from regrep.arguments import shown
from regrep.errors import RegrepError

MAX_ORDER = 1000
"""Largest order accepted: a table holds n² integers and characters cost up to n³ operations."""


def check_names(names: object) -> None:
    """Raise unless these are texts, one per element."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise RegrepError(f"the names of elements are a sequence of texts, got {shown(names)}; name every element once")


def listed(generators: object) -> list[Any]:
    """The generators of a subgroup as a list; raises for a single one, which a text would be as well."""
    if isinstance(generators, str) or not isinstance(generators, Iterable) or getattr(generators, "ndim", 1) == 0:
        raise RegrepError(f"a subgroup has a list of generators, got {shown(generators)}; put them into brackets")
    return list(generators)


def check_table(table: np.ndarray) -> np.ndarray:
    """Check shape, range and the Latin-square property of a multiplication table."""
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) == 0:
        raise RegrepError(f"a multiplication table is square and not empty, got shape {list(table.shape)}")
    n = len(table)
    if n > MAX_ORDER:
        raise RegrepError(f"groups are supported up to order {MAX_ORDER}, got {n}; choose a subgroup or a quotient")
    every = np.arange(n)
    if (np.sort(table, axis=0) != every[:, None]).any() or (np.sort(table, axis=1) != every).any():
        raise RegrepError(
            "every row and every column of a multiplication table holds each element 0 .. n-1 exactly once,"
            " but this table does not; check its entries"
        )
    return table


def check_associative(table: np.ndarray, generators: Sequence[int]) -> None:
    """Light's test: (x s) y = x (s y) for generators s suffices, O(n² · generators)."""
    for s in generators:
        wrong = table[table[:, s]] != table[:, table[s]]
        if wrong.any():
            x, y = np.argwhere(wrong)[0]
            raise RegrepError(
                f"the product of a group is associative, but in this table ({x}·{s})·{y} differs from"
                f" {x}·({s}·{y}); check its entries"
            )


def closure(table: np.ndarray, generators: Sequence[int]) -> list[int]:
    """Elements reached from the identity by multiplying with the generators from the right."""
    reached = np.zeros(len(table), dtype=bool)
    reached[0] = True
    front = np.array([0])
    steps = np.array(list(generators), dtype=np.int64)
    while len(front) and len(steps):
        met = np.zeros(len(table), dtype=bool)
        met[table[front][:, steps]] = True
        front = np.flatnonzero(met & ~reached)
        reached[front] = True
    return [int(g) for g in np.flatnonzero(reached)]


def greedy_generators(table: np.ndarray) -> tuple[int, ...]:
    """Generators found by adding the first element not yet reached, without those that became superfluous."""
    generators: list[int] = []
    reached = {0}
    while len(reached) < len(table):
        generators.append(next(g for g in range(len(table)) if g not in reached))
        reached = set(closure(table, generators))
    return without_superfluous(table, generators)


def without_superfluous(table: np.ndarray, generators: Sequence[int]) -> tuple[int, ...]:
    """Drop, from the first on, every generator that the others generate."""
    kept = list(generators)
    for g in generators:
        fewer = [h for h in kept if h != g]
        if len(closure(table, fewer)) == len(table):
            kept = fewer
    return tuple(kept)
