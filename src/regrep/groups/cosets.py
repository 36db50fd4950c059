"""Coset enumeration by Todd and Coxeter over the trivial subgroup: the order of a presented group.

The strategy of Haselgrove, Leech and Trotter: every relator is traced from every coset, new cosets are defined where
the trace breaks, and coincidences are worked off as they appear. It ends for every finite group, but no bound on
the cosets in between exists, so that an enumeration ends with a table or with "limit reached".
"""

from __future__ import annotations

from collections import deque

import numpy as np

from regrep.errors import RegrepError
from regrep.groups.presentations import Presentation

COSET_LIMIT = 200_000
"""Cosets that an enumeration may define, dead ones counted."""


class CosetLimitError(RegrepError):
    """The enumeration did not close within its limit: the group may be infinite, or need more cosets."""


def enumerate_cosets(presentation: Presentation, limit: int = COSET_LIMIT) -> np.ndarray:
    """Right multiplication by each generator, int64 [generators, order]; coset 0 is the identity.

    Raises:
        CosetLimitError: more than ``limit`` cosets were needed; says nothing about the group's order.

    >>> enumerate_cosets(Presentation.parse("r,s", "r^3, s^2, (r s)^2")).shape
    (2, 6)
    """
    if limit < 1:
        raise RegrepError(f"the coset limit is at least 1, got {limit}")
    words = [[2 * (k - 1) if k > 0 else 2 * (-k - 1) + 1 for k in word] for word in presentation.relators]
    work = _Enumeration(2 * len(presentation.names), limit, str(presentation))
    coset = 0
    while coset < len(work.table):
        for word in words:
            if work.parent[coset] != coset:
                break
            work.trace(coset, word)
        if work.parent[coset] == coset:
            for letter in range(work.letters):
                if work.table[coset][letter] < 0:
                    work.define(coset, letter)
        coset += 1
    live = [c for c in range(len(work.table)) if work.parent[c] == c]
    number = {c: k for k, c in enumerate(live)}
    return np.array(
        [[number[work.table[c][2 * k]] for c in live] for k in range(len(presentation.names))], dtype=np.int64
    ).reshape(len(presentation.names), len(live))


class _Enumeration:
    """The partial table: ``table[c][x]`` is the coset c·x, or -1; letter x ^ 1 is the inverse of x."""

    def __init__(self, letters: int, limit: int, text: str) -> None:
        self.letters, self.limit, self.text = letters, limit, text
        self.table: list[list[int]] = [[-1] * letters]
        self.parent = [0]

    def define(self, coset: int, letter: int) -> int:
        if len(self.table) >= self.limit:
            raise CosetLimitError(
                f"coset enumeration of {self.text} reached its limit of {self.limit} cosets without closing;"
                " the group may be infinite, or pass a larger coset_limit"
            )
        new = len(self.table)
        self.table.append([-1] * self.letters)
        self.parent.append(new)
        self.table[coset][letter] = new
        self.table[new][letter ^ 1] = coset
        return new

    def trace(self, coset: int, word: list[int]) -> None:
        """Make ``word`` lead from the coset back to it, from both ends."""
        table = self.table
        front, back, i, j = coset, coset, 0, len(word) - 1
        while True:
            while i <= j and table[front][word[i]] >= 0:
                front = table[front][word[i]]
                i += 1
            if i > j:
                if front != back:
                    self.coincide(front, back)
                return
            while j >= i and table[back][word[j] ^ 1] >= 0:
                back = table[back][word[j] ^ 1]
                j -= 1
            if j < i:
                self.coincide(front, back)
                return
            if j == i:
                table[front][word[i]] = back
                table[back][word[i] ^ 1] = front
                return
            self.define(front, word[i])

    def root(self, coset: int) -> int:
        """The live coset that this one was found equal to."""
        top = coset
        while self.parent[top] != top:
            top = self.parent[top]
        while self.parent[coset] != top:
            self.parent[coset], coset = top, self.parent[coset]
        return top

    def coincide(self, one: int, other: int) -> None:
        """Two cosets are equal: merge their rows, and whatever becomes equal by that."""
        dead: deque[int] = deque()
        self._merge(one, other, dead)
        while dead:
            gone = dead.popleft()
            row = self.table[gone]
            for letter in range(self.letters):
                target = row[letter]
                if target < 0:
                    continue
                row[letter] = -1
                if self.table[target][letter ^ 1] == gone:
                    self.table[target][letter ^ 1] = -1
                here, there = self.root(gone), self.root(target)
                if self.table[here][letter] >= 0:
                    self._merge(there, self.table[here][letter], dead)
                elif self.table[there][letter ^ 1] >= 0:
                    self._merge(here, self.table[there][letter ^ 1], dead)
                else:
                    self.table[here][letter] = there
                    self.table[there][letter ^ 1] = here

    def _merge(self, one: int, other: int, dead: deque[int]) -> None:
        low, high = sorted((self.root(one), self.root(other)))
        if low != high:
            self.parent[high] = low
            dead.append(high)
