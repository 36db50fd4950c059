"""Point groups: their symbols, and the usual labels of their irreducible representations (Mulliken 1933, 1955)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

DEGENERATE = {3: "T", 4: "G", 5: "H"}
"""Letters of the dimensions above two."""


@dataclass(frozen=True)
class PointGroup:
    """What a finite group of rotations and reflections of space is called, and what names its irreducibles.

    Attributes:
        schoenflies: for example ``"D4h"``; ``"S4"`` is here the group of a fourfold rotoreflection.
        hermann_mauguin: the international symbol, for example ``"4/mmm"``, ``"-4"``.
        turn: an element along the principal axis: +1 or -1 tells A from B (A1 from A2, T1 from T2 in cubic groups), and
            its angle numbers E1, E2, ...; 0 (the identity) if there is none.
        second: an element that tells the index 1 from 2: a half turn C2' about an axis across the principal one, or a
            mirror plane that holds it; 0 if there is none.
        halves: the half turns about z, y and x, which tell B1, B2, B3 apart in D2 and D2h; empty for other groups.
        centre: the inversion, which tells g from u, or the horizontal mirror, which tells ' from ''; 0 if none.
        primed: whether ``centre`` is the horizontal mirror.
    """

    schoenflies: str
    hermann_mauguin: str
    turn: int = 0
    second: int = 0
    halves: tuple[int, ...] = ()
    centre: int = 0
    primed: bool = False

    def label(self, values: np.ndarray, turns: int) -> str:
        """The label of a real irreducible character.

        Args:
            values: the character of every element.
            turns: order of the element ``turn``.

        >>> from regrep.groups import cyclic, real_characters
        >>> group = cyclic(5)
        >>> [group.point_group.label(chi.values.numpy(), 5) for chi in real_characters(group)]
        ['A', 'E1', 'E2']
        """
        dim, side = round(values[0]), ""
        if self.centre:
            side = (("'", "''") if self.primed else ("g", "u"))[int(values[self.centre] < 0)]
        cubic = self.schoenflies[0] in "TOI"
        number = ""
        if dim == 1 and self.halves:
            positive = [k for k, half in enumerate(self.halves) if values[half] > 0]
            letter, number = ("A", "") if len(positive) == 3 else ("B", str(positive[0] + 1))
        elif dim == 1:
            letter = "B" if values[self.turn] < 0 and not cubic else "A"
            if self.second:
                number = "1" if values[self.second] > 0 else "2"
            elif self.schoenflies in ("O", "Oh", "Td"):
                number = "1" if values[self.turn] > 0 else "2"
        elif dim == 2:
            letter = "E"
            if not cubic and turns > 4:  # of order 3 or 4 there is only one
                angle = math.acos(min(1.0, max(-1.0, values[self.turn] / 2)))
                number = str(round(turns * angle / (2 * math.pi)))
        else:
            letter = DEGENERATE[dim]
            if dim == 3 and self.schoenflies not in ("T", "Th"):
                number = "1" if values[self.turn] > 0 else "2"
        return letter + number + side
