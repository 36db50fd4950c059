"""Words: elements as products of generators, and presentations derived from a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups.cosets import CosetLimitError, enumerate_cosets
from regrep.groups.presentations import Presentation, Word, inverse_word

if TYPE_CHECKING:
    from regrep.groups.finite import FiniteGroup

PRUNED_ORDER = 128
"""For groups up to this order, superfluous relators of a derived presentation are searched for and removed."""


def table_and_words(right: np.ndarray, order: int) -> tuple[np.ndarray, tuple[Word, ...]]:
    """Multiplication table and shortest positive words from right multiplication by generators.

    Args:
        right: int64 [generators, order], ``right[s, a]`` is the element a·s; element 0 is the identity.
        order: number of elements.

    Returns:
        The table, with gh for g word by word followed by h, and for each element a shortest word
        (the first in the order of the generators).

    >>> table, words = table_and_words(np.array([[1, 2, 0]]), 3)
    >>> table.tolist(), words
    ([[0, 1, 2], [1, 2, 0], [2, 0, 1]], ((), (1,), (1, 1)))
    """
    table = np.empty((order, order), dtype=np.int64)
    table[:, 0] = np.arange(order)
    words: list[Word | None] = [None] * order
    words[0] = ()
    for a, s, b in spanning_tree(right):
        words[b] = (*words[a], s + 1)  # type: ignore[misc]
        table[:, b] = right[s][table[:, a]]
    return table, tuple(word for word in words if word is not None)


def spanning_tree(steps: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Edges (a, s, b = steps[s, a]) of the tree of shortest paths from element 0, nearest first.

    >>> list(spanning_tree(np.array([[1, 2, 3, 0], [3, 0, 1, 2]])))
    [(0, 0, 1), (0, 1, 3), (1, 0, 2)]
    """
    seen = np.zeros(steps.shape[1], dtype=bool)
    seen[0] = True
    front = [0]
    while front:
        following = []
        for a in front:
            for s in range(len(steps)):
                b = int(steps[s, a])
                if not seen[b]:
                    seen[b] = True
                    following.append(b)
                    yield a, s, b
        front = following


def words_of(group: FiniteGroup) -> tuple[Word, ...]:
    """For each element a shortest word in the group's generators, without inverses.

    >>> from regrep.groups import dihedral
    >>> words_of(dihedral(3))
    ((), (1,), (1, 1), (2,), (1, 2), (2, 1))
    """
    right = group.mul.numpy()[:, list(group.generators)].T.reshape(len(group.generators), group.order)
    return table_and_words(right, group.order)[1]


def evaluate(group: FiniteGroup, word: Word) -> int:
    """The element that a word stands for.

    Raises:
        RegrepError: a letter that is no generator nor the negative of one.

    >>> from regrep.groups import dihedral
    >>> evaluate(dihedral(4), (1, 2, -1))
    6
    """
    return evaluate_all(group, [word])[0]


def evaluate_all(group: FiniteGroup, words: Sequence[Word]) -> list[int]:
    """The elements that several words stand for; see :func:`evaluate`."""
    if not isinstance(getattr(group, "mul", None), torch.Tensor):
        raise RegrepError(f"a group is a FiniteGroup, got {shown(group)}; make one of a name by regrep.groups.parse")
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    steps = {
        sign * (k + 1): table[:, s if sign > 0 else inverse[s]]
        for k, s in enumerate(group.generators)
        for sign in (1, -1)
    }
    elements = []
    for word in words:
        element = 0
        try:
            for letter in word:
                element = int(steps[letter][element])
        except (KeyError, TypeError) as error:
            raise RegrepError(
                f"a word in the generators of {group.name} has letters 1 .. {len(group.generators)} and their"
                f" negatives, got {shown(word)}"
            ) from error
        elements.append(element)
    return elements


def presentation_of(group: FiniteGroup) -> Presentation:
    """A presentation on the group's generators (Cannon, "Construction of defining relators for finite groups", 1973).

    A relator is a loop of the Cayley graph at every vertex. Edges of a spanning tree hold no relation; once all
    edges of a loop but one are known to follow, so does the last one. The orders of the generators come first; then
    edges that are still open give their relators, the shortest first, and when none is open the relators
    define the group. In small groups, those that coset enumeration proves superfluous are dropped again.

    >>> from regrep.groups import from_table, dihedral
    >>> G = from_table(dihedral(3).mul.numpy())
    >>> G.presentation
    Presentation.parse('a,b', 'a^3, b^2, (a b)^2')
    """
    steps, order = group.generators, group.order
    powers = [int(group.element_orders[s]) for s in steps]
    right = group.mul.numpy()[:, list(steps)].T.reshape(len(steps), order)
    relators = [(k + 1,) * power for k, power in enumerate(powers)]
    edges, opened = _edge_relators(right, powers)
    loops = [_loops(word, right) for word in relators]
    _deduce(opened, loops)
    for word in sorted(edges, key=_shortlex):
        if word and opened[edges[word]].any():
            relators.append(word)
            loops.append(_loops(word, right))
        opened[edges[word]] = False
        _deduce(opened, loops)
    letters = "abcdfghijklmnopqrstuvwxyz"  # e is the identity
    names = tuple(letters[k] if len(steps) <= len(letters) else f"x{k}" for k in range(len(steps)))
    if order <= PRUNED_ORDER:
        for word in sorted(relators, key=_shortlex, reverse=True):
            fewer = [other for other in relators if other != word]
            if _defines(names, fewer, order):
                relators = fewer
    return Presentation(names, tuple(relators))


def _edge_relators(right: np.ndarray, powers: list[int]) -> tuple[dict[Word, list[int]], np.ndarray]:
    """The relator of each edge outside a spanning tree, and which edges are outside.

    Edge k·n + a leads from a to a·s_k; its relator goes along the tree to a, over the edge, and back along the tree.
    Edges with the same relator, up to rotation, inversion and the orders of the generators, come together.
    """
    count, order = right.shape
    left = np.argsort(right, axis=1)
    opened = np.ones(count * order, dtype=bool)
    words: list[Word | None] = [None] * order
    words[0] = ()
    for a, step, b in spanning_tree(np.stack([right, left], axis=1).reshape(2 * count, order)):
        k, backwards = divmod(step, 2)
        words[b] = (*words[a], -k - 1 if backwards else k + 1)  # type: ignore[misc]
        opened[k * order + (b if backwards else a)] = False
    edges: dict[Word, list[int]] = {}
    for edge in np.flatnonzero(opened).tolist():
        k, a = divmod(edge, order)
        there, back = words[a], words[right[k, a]]
        assert there is not None
        assert back is not None
        edges.setdefault(_canonical((*there, k + 1, *inverse_word(back)), powers), []).append(edge)
    return edges, opened


def _loops(word: Word, right: np.ndarray) -> np.ndarray:
    """The edges that a relator runs over, from every vertex: int64 [letters, n]."""
    order = right.shape[1]
    left = np.argsort(right, axis=1)
    vertex, rows = np.arange(order), []
    for letter in word:
        k = abs(letter) - 1
        if letter < 0:
            vertex = left[k][vertex]
        rows.append(k * order + vertex)
        if letter > 0:
            vertex = right[k][vertex]
    return np.stack(rows)


def _deduce(opened: np.ndarray, loops: list[np.ndarray]) -> None:
    """Close every edge that is the only open one of a loop; forget the loops without an open edge."""
    changed = True
    while changed:
        changed = False
        for position, loop in enumerate(loops):
            unknown = opened[loop]
            single = unknown.sum(axis=0) == 1
            if single.any():
                opened[loop[:, single][unknown[:, single]]] = False
                changed = True
            loops[position] = loop[:, unknown.any(axis=0) & ~single]


def _canonical(word: Word, powers: list[int]) -> Word:
    """The first of all rotations of a relator and its inverse, exponents brought between -order/2 and order/2."""

    def least(k: int, exponent: int) -> int:
        half = (powers[k] - 1) // 2
        return (exponent + half) % powers[k] - half

    runs: list[tuple[int, int]] = []
    for letter in word:
        k, exponent = abs(letter) - 1, 1 if letter > 0 else -1
        if runs and runs[-1][0] == k:
            exponent += runs.pop()[1]
        if exponent := least(k, exponent):
            runs.append((k, exponent))
    while len(runs) > 1 and runs[0][0] == runs[-1][0]:
        k, exponent = runs.pop()
        if exponent := least(k, exponent + runs.pop(0)[1]):
            runs.insert(0, (k, exponent))
    back = [(k, least(k, -exponent)) for k, exponent in reversed(runs)]
    turned = [side[i:] + side[:i] for side in (runs, back) for i in range(len(runs))]
    flat = [tuple((k + 1 if e > 0 else -k - 1) for k, e in side for _ in range(abs(e))) for side in turned]
    return min(flat, key=_shortlex, default=())


def _defines(names: tuple[str, ...], relators: list[Word], order: int) -> bool:
    """Whether the relators, which hold in the group, define a group of the same order."""
    try:
        right = enumerate_cosets(Presentation(names, tuple(relators)), limit=20 * order + 200)
    except CosetLimitError:
        return False
    return (right.shape[1] if len(names) else 1) == order


def _shortlex(word: Word) -> tuple[int, int, Word]:
    return (len(word), sum(k < 0 for k in word), tuple(abs(k) for k in word) + word)
