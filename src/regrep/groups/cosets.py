"""Coset enumeration by Todd and Coxeter over the trivial subgroup: the order of a presented group.

The strategy of Haselgrove, Leech and Trotter: every relator is traced from every coset, new cosets are defined where
the trace breaks, and coincidences are worked off as they appear. When the table is full, the relators are traced
from the remaining cosets without defining any, and what coincided is dropped. No bound on the cosets in between
exists, so that an enumeration ends with a table or with "limit reached".
"""

from __future__ import annotations

from collections import deque

import numpy as np

from regrep.arguments import brief, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups.limits import ENTRIES
from regrep.groups.presentations import Presentation

COSET_LIMIT = 200_000
"""Cosets that an enumeration may hold at a time."""

FREED = 0.1
"""An enumeration whose table is full goes on only if at least this part of it was found superfluous."""

COSETS = 10_000_000
"""Largest limit that may be asked for."""

READ = 100
"""It also gives up after reading this many letters of relators for every coset of its limit."""

LEAST_READ = 10_000_000
"""It always reads this many."""

REFILLS = 20
"""It gives up in any case after having defined this many times its limit."""


class CosetLimitError(RegrepError):
    """The enumeration did not close within its limit: the group is or may be infinite, or needs more cosets."""


def enumerate_cosets(presentation: Presentation, limit: int = COSET_LIMIT) -> np.ndarray:
    """Right multiplication by each generator, int64 [generators, order]; coset 0 is the identity.

    Raises:
        CosetLimitError: more than ``limit`` cosets were needed at a time; this says nothing about the group's order.

    >>> enumerate_cosets(Presentation.parse("r,s", "r^3, s^2, (r s)^2")).shape
    (2, 6)
    """
    if not is_whole(limit) or not 1 <= limit <= COSETS:
        raise RegrepError(f"the coset limit is at least 1, got {shown(limit)}; pass an integer up to {COSETS}")
    limit = int(limit)
    words = [[2 * (k - 1) if k > 0 else 2 * (-k - 1) + 1 for k in word] for word in presentation.relators]
    work = _Enumeration(2 * len(presentation.names), limit, brief(str(presentation)), sum(map(len, words)))
    coset = 0
    while coset < len(work.table):
        try:
            work.fill(coset, words)
            coset += 1
        except _TableFullError:
            coset = work.make_room(coset, words)
    work.drop_dead()
    table = np.array(work.table, dtype=np.int64).reshape(len(work.table), work.letters)
    return np.ascontiguousarray(table[:, ::2].T)


class _TableFullError(Exception):
    """There is no row left for a new coset."""


class _Enumeration:
    """The partial table: ``table[c][x]`` is the coset c·x, or -1; letter x ^ 1 is the inverse of x."""

    def __init__(self, letters: int, limit: int, text: str, reads: int) -> None:
        self.letters, self.limit, self.text, self.reads = letters, min(limit, ENTRIES // max(1, letters)), text, reads
        self.left = max(READ * limit, LEAST_READ)
        self.table: list[list[int]] = [[-1] * letters]
        self.parent = [0]
        self.defined = 1

    def fill(self, coset: int, words: list[list[int]]) -> None:
        """Make every relator close at a coset, and every letter lead somewhere."""
        self.read()
        for word in words:
            if self.parent[coset] != coset:
                return
            self.trace(coset, word, define=True)
        if self.parent[coset] == coset:
            for letter in range(self.letters):
                if self.table[coset][letter] < 0:
                    self.define(coset, letter)

    def read(self) -> None:
        """Count the letters of the relators, read once."""
        self.left -= self.reads
        if self.left < 0:
            raise CosetLimitError(
                f"coset enumeration of {self.text} read too many letters without closing, with {len(self.table)}"
                " cosets; shorten the relators, or pass a larger coset_limit"
            )

    def make_room(self, coset: int, words: list[list[int]]) -> int:
        """Trace without definitions from ``coset`` on and drop what coincided; returns where to continue."""
        for here in range(coset, len(self.table)):
            self.read()
            for word in words:
                if self.parent[here] != here:
                    break
                self.trace(here, word, define=False)
        before = len(self.table)
        place = sum(self.parent[c] == c for c in range(coset))
        self.drop_dead()
        if before - len(self.table) < FREED * self.limit or self.defined > REFILLS * self.limit:
            raise CosetLimitError(
                f"coset enumeration of {self.text} reached its limit of {self.limit} cosets without closing;"
                " the group may be infinite, or pass a larger coset_limit"
            )
        return place

    def drop_dead(self) -> None:
        """Renumber the live cosets, in their order."""
        live = [c for c, parent in enumerate(self.parent) if parent == c]
        number = dict(zip(live, range(len(live)), strict=True))
        number[-1] = -1
        self.table = [[number[c] for c in self.table[row]] for row in live]
        self.parent = list(range(len(live)))

    def define(self, coset: int, letter: int) -> int:
        if len(self.table) >= self.limit:
            raise _TableFullError
        new = len(self.table)
        self.defined += 1
        self.table.append([-1] * self.letters)
        self.parent.append(new)
        self.table[coset][letter] = new
        self.table[new][letter ^ 1] = coset
        return new

    def trace(self, coset: int, word: list[int], define: bool) -> None:
        """Make ``word`` lead from the coset back to it, from both ends; where a gap stays, define cosets."""
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
            if not define:
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
