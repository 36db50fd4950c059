"""Presentations: generators, words and relators, written and read as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from regrep.errors import RegrepError

Word = tuple[int, ...]
"""A word in generators: k > 0 is generator k - 1 and -k its inverse; read from left to right."""

_TOKEN = re.compile(r"\s*(?:([A-Za-z_][A-Za-z_0-9]*)|([()])|\^\s*(-?\d+)|([*·]))")


@dataclass(frozen=True, repr=False)
class Presentation:
    """Generators and relators; a relator is a word that equals the identity.

    >>> Presentation.parse("r,s", "r^4 = e, s^2, (r s)^2")
    Presentation.parse('r,s', 'r^4, s^2, (r s)^2')
    """

    names: tuple[str, ...]
    relators: tuple[Word, ...]

    @classmethod
    def parse(cls, names: str, relators: str) -> Presentation:
        """Read a presentation.

        Args:
            names: generator names separated by commas, for example ``"r,s"``.
            relators: words separated by commas; each is a product of names, parentheses and integer exponents
                (also negative); ``u = v`` is the relator u v^-1, and ``e`` or ``1`` the identity.

        Raises:
            RegrepError: a name that is not a generator, or text that is not a word.
        """
        if not (isinstance(names, str) and isinstance(relators, str)):
            raise RegrepError(
                f"generators and relators are texts with commas, such as 'r,s' and 'r^4, s^2', got {names!r} and"
                f" {relators!r}; join them by commas"
            )
        letters = tuple(name.strip() for name in names.split(",") if name.strip())
        for name in letters:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
                raise RegrepError(f"a generator's name is a letter followed by letters and digits, got {name!r}")
        if len(set(letters)) != len(letters):
            raise RegrepError(f"the generators have different names, got {names!r}; rename one")
        words: list[Word] = []
        for text in relators.split(","):
            if not text.strip():
                continue
            sides = [_parse_word(side, letters, text.strip()) for side in text.split("=")]
            word = sides[0]
            if len(sides) == 1:
                words.append(word)
            for other in sides[1:]:
                words.append(reduced(word + inverse_word(other)))
        return cls(letters, tuple(word for word in words if word))

    def product(self, other: Presentation) -> Presentation:
        """Presentation of the direct product: both sets of relators, and the generators commute.

        >>> C2 = Presentation.parse("r", "r^2")
        >>> C2.product(C2)
        Presentation.parse('r1,r2', 'r1^2, r2^2, r1 r2 r1^-1 r2^-1')
        """
        left, right = list(self.names), list(other.names)
        if set(left) & set(right):
            left, right = [name + "1" for name in left], [name + "2" for name in right]
            while set(left) & set(right) or len({*left, *right}) < len(left) + len(right):
                left, right = [name + "_1" for name in left], [name + "_2" for name in right]
        shift = len(left)
        moved = tuple(tuple(k + shift if k > 0 else k - shift for k in word) for word in other.relators)
        commutators = tuple(
            (a, b, -a, -b) for a in range(1, shift + 1) for b in range(shift + 1, shift + len(right) + 1)
        )
        return Presentation((*left, *right), self.relators + moved + commutators)

    @property
    def text(self) -> str:
        """The relators as text, which :meth:`parse` reads back."""
        return ", ".join(self.word_text(word) for word in self.relators)

    def word_text(self, word: Word) -> str:
        """A word as text; a power of a word is written as one, the empty word as ``e`` (``1`` if that is a name)."""
        for length in range(1, len(word) // 2 + 1):
            times, rest = divmod(len(word), length)
            if rest == 0 and word == word[:length] * times:
                if length == 1:
                    break
                return f"({self._letters(word[:length])})^{times}"
        return self._letters(word) or ("1" if "e" in self.names else "e")

    def _letters(self, word: Word) -> str:
        runs: list[tuple[int, int]] = []
        for k in word:
            if runs and runs[-1][0] == k:
                runs[-1] = (k, runs[-1][1] + 1)
            else:
                runs.append((k, 1))
        parts = []
        for k, count in runs:
            exponent = count if k > 0 else -count
            parts.append(self.names[abs(k) - 1] + (f"^{exponent}" if exponent != 1 else ""))
        return " ".join(parts)

    def __str__(self) -> str:
        return f"<{', '.join(self.names)} | {self.text}>"

    def __repr__(self) -> str:
        return f"Presentation.parse({','.join(self.names)!r}, {self.text!r})"


def inverse_word(word: Sequence[int]) -> Word:
    """The inverse of a word.

    >>> inverse_word((1, 2, -3))
    (3, -2, -1)
    """
    return tuple(-k for k in reversed(word))


def reduced(word: Sequence[int]) -> Word:
    """Cancel neighbouring inverses.

    >>> reduced((1, 2, -2, 1))
    (1, 1)
    """
    out: list[int] = []
    for k in word:
        if out and out[-1] == -k:
            out.pop()
        else:
            out.append(k)
    return tuple(out)


def _parse_word(text: str, names: tuple[str, ...], relator: str) -> Word:
    tokens: list[tuple[str, str]] = []
    position, body = 0, text.strip()
    if body in ("1", "e") and body not in names:
        return ()
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None:
            raise RegrepError(
                f"relator {relator!r} cannot be read at {body[position:].strip()!r};"
                " write words like (r s)^2 or a b^-1, with integer exponents"
            )
        position = match.end()
        name, bracket, exponent, times = match.groups()
        if name:
            tokens.append(("name", name))
        elif bracket:
            tokens.append((bracket, bracket))
        elif exponent:
            tokens.append(("^", exponent))
        del times  # a product sign adds nothing to the order
    stack: list[list[Word]] = [[]]
    for kind, value in tokens:
        if kind == "name":
            if value not in names:
                if value == "e":
                    stack[-1].append(())
                    continue
                raise RegrepError(
                    f"relator {relator!r} names no generator {value}; the generators are {', '.join(names) or 'none'}"
                )
            stack[-1].append((names.index(value) + 1,))
        elif kind == "(":
            stack.append([])
        elif kind == ")":
            if len(stack) == 1:
                raise RegrepError(f"relator {relator!r} closes a parenthesis that it never opened; check it")
            inner = stack.pop()
            stack[-1].append(tuple(k for word in inner for k in word))
        else:
            if not stack[-1]:
                raise RegrepError(f"relator {relator!r} has an exponent without a base; write it behind a name")
            base, power = stack[-1][-1], int(value)
            if abs(power) * len(base) > 100_000:
                raise RegrepError(f"relator {relator!r} is longer than 100000 letters; use smaller exponents")
            stack[-1][-1] = base * power if power >= 0 else inverse_word(base) * -power
    if len(stack) > 1:
        raise RegrepError(f"relator {relator!r} leaves a parenthesis open; close it")
    return reduced([k for word in stack[0] for k in word])
