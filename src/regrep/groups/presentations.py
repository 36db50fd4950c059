"""Presentations: generators, words and relators, written and read as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from regrep.arguments import brief, check_text, shown
from regrep.errors import RegrepError
from regrep.groups.limits import GENERATORS, LETTERS, TEXT

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

    def __post_init__(self) -> None:
        for what, value in (("names", self.names), ("relators", self.relators)):
            if not isinstance(value, tuple):
                raise RegrepError(
                    f"the {what} of a presentation are a tuple, got {shown(value)}; use Presentation.parse"
                )
        if len(self.names) > GENERATORS:
            raise RegrepError(
                f"a presentation has at most {GENERATORS} generators, got {len(self.names)};"
                " a group of order 1000 needs at most nine"
            )
        for name in self.names:
            check_text("a generator's name", name)
        letters = set(range(1, len(self.names) + 1))
        letters |= {-letter for letter in letters}
        for word in self.relators:
            if not (isinstance(word, tuple) and letters.issuperset(word)):
                raise RegrepError(
                    f"a relator is a tuple of letters 1 .. {len(self.names)} and their negatives, got {shown(word)};"
                    " use Presentation.parse"
                )

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
                f"generators and relators are texts with commas, such as 'r,s' and 'r^4, s^2', got {shown(names)} and"
                f" {shown(relators)}; join them by commas"
            )
        if len(names) + len(relators) > TEXT:
            raise RegrepError(
                f"a presentation has at most {TEXT} characters, got {len(names) + len(relators)}; use exponents"
            )
        letters = tuple(name.strip() for name in names.split(",") if name.strip())
        for name in letters:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name):
                raise RegrepError(f"a generator's name is a letter followed by letters and digits, got {shown(name)}")
        if len(set(letters)) != len(letters):
            raise RegrepError(f"the generators have different names, got {shown(names)}; rename one")
        words: list[Word] = []
        paper = _Paper()
        for text in relators.split(","):
            if not text.strip():
                continue
            sides = [_parse_word(side, letters, text.strip(), paper) for side in text.split("=")]
            word = sides[0]
            if len(sides) == 1:
                words.append(word)
            for other in sides[1:]:
                paper.write(len(word) + len(other), text.strip())
                words.append(reduced(word + inverse_word(other)))
        if sum(map(len, words)) > LETTERS:
            raise RegrepError(
                f"the relators of a presentation have at most {LETTERS} letters in all, got {sum(map(len, words))};"
                " use fewer or shorter ones"
            )
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


class _Paper:
    """Counts the letters written while relators are read: nested powers could need any number of them."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, letters: int, relator: str) -> None:
        self.written += letters
        if letters > LETTERS or self.written > 10 * LETTERS:
            raise RegrepError(f"relator {brief(relator)!r} is longer than {LETTERS} letters; use smaller exponents")


def _parse_word(text: str, names: tuple[str, ...], relator: str, paper: _Paper) -> Word:
    tokens: list[tuple[str, str]] = []
    position, body = 0, text.strip()
    if body in ("1", "e") and body not in names:
        return ()
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None:
            raise RegrepError(
                f"relator {brief(relator)!r} cannot be read at {brief(body[position:].strip())!r};"
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
                    f"relator {brief(relator)!r} names no generator {brief(value)};"
                    f" the generators are {brief(', '.join(names)) or 'none'}"
                )
            stack[-1].append((names.index(value) + 1,))
        elif kind == "(":
            stack.append([])
        elif kind == ")":
            if len(stack) == 1:
                raise RegrepError(f"relator {brief(relator)!r} closes a parenthesis that it never opened; check it")
            inner = stack.pop()
            paper.write(sum(map(len, inner)), relator)
            stack[-1].append(tuple(k for word in inner for k in word))
        else:
            if not stack[-1]:
                raise RegrepError(f"relator {brief(relator)!r} has an exponent without a base; write it behind a name")
            base, digits = stack[-1][-1], value.lstrip("-0") or "0"
            power = 0 if not base else int(digits[: len(str(LETTERS)) + 1])  # more digits are too many in any case
            power = -power if value.startswith("-") else power
            paper.write(abs(power) * len(base), relator)
            stack[-1][-1] = base * power if power >= 0 else inverse_word(base) * -power
    if len(stack) > 1:
        raise RegrepError(f"relator {brief(relator)!r} leaves a parenthesis open; close it")
    paper.write(sum(map(len, stack[0])), relator)
    return reduced([k for word in stack[0] for k in word])
