"""Words: elements as products of generators, and presentations derived from a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regrep.groups.cosets import CosetLimitError, enumerate_cosets
from regrep.groups.presentations import Presentation, Word, inverse_word, reduced

if TYPE_CHECKING:
    from regrep.groups.finite import FiniteGroup


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
    front = [0]
    while front:
        following = []
        for a in front:
            for s in range(len(right)):
                b = int(right[s, a])
                if words[b] is None:
                    words[b] = (*words[a], s + 1)  # type: ignore[misc]
                    table[:, b] = right[s][table[:, a]]
                    following.append(b)
        front = following
    return table, tuple(word for word in words if word is not None)


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

    >>> from regrep.groups import dihedral
    >>> evaluate(dihedral(4), (1, 2, -1))
    6
    """
    element = 0
    for k in word:
        step = group.generators[abs(k) - 1]
        element = int(group.mul[element, step if k > 0 else group.inverse[step]])
    return element


def presentation_of(group: FiniteGroup) -> Presentation:
    """A presentation on the group's generators, proved by coset enumeration to define it.

    The edges of the Cayley graph outside a spanning tree give relators that surely suffice. Powers of the
    generators and the shortest of the others are taken until the enumeration closes at the group's order, and
    what is superfluous is dropped again.

    >>> from regrep.groups import from_table, dihedral
    >>> G = from_table(dihedral(3).mul.numpy())
    >>> G.presentation
    Presentation.parse('a,b', 'a^3, b^2, (a b)^2')
    """
    count = len(group.generators)
    names = tuple("abcdfghijklmnopqrstuvwxyz"[k] for k in range(count))  # e is the identity
    orders = group.element_orders
    relators: list[Word] = [(k + 1,) * int(orders[g]) for k, g in enumerate(group.generators)]
    words = words_of(group)
    others: set[Word] = set()
    for a in range(group.order):
        for k, s in enumerate(group.generators):
            word = _cyclic((*words[a], k + 1, *inverse_word(words[int(group.mul[a, s])])), orders, group.generators)
            if word:
                others.add(min(word, inverse_word(word), key=_shortlex))
    ranked = sorted(others - set(relators), key=_shortlex)
    taken = 0
    while not _defines(names, relators + ranked[:taken], group.order):
        taken = min(len(ranked), max(1, 2 * taken))
    chosen = ranked[:taken]
    if group.order <= 128:
        for word in reversed(chosen):
            rest = [other for other in chosen if other != word]
            if _defines(names, relators + rest, group.order):
                chosen = rest
    return Presentation(names, tuple(relators + chosen))


def _defines(names: tuple[str, ...], relators: list[Word], order: int) -> bool:
    """Whether the relators, which hold in the group, define one of that order."""
    try:
        right = enumerate_cosets(Presentation(names, tuple(relators)), limit=20 * order + 200)
    except CosetLimitError:
        return False
    return (right.shape[1] if len(names) else 1) == order


def _cyclic(word: Word, orders: object, generators: tuple[int, ...]) -> Word:
    """Cancel at the seam of a relator too, and write inverses of involutions as the involutions."""
    flat = reduced(
        tuple(-k if k < 0 and int(orders[generators[-k - 1]]) == 2 else k for k in word)  # type: ignore[index]
    )
    while len(flat) > 1 and flat[0] == -flat[-1]:
        flat = flat[1:-1]
    return flat


def _shortlex(word: Word) -> tuple[int, int, Word]:
    return (len(word), sum(k < 0 for k in word), tuple(abs(k) for k in word) + word)
