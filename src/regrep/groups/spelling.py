"""Groups from text: names of the catalogue, products, and presentations."""

from __future__ import annotations

import re
from collections.abc import Callable

from regrep.arguments import brief, shown
from regrep.errors import RegrepError
from regrep.groups import catalogue
from regrep.groups.builders import from_presentation
from regrep.groups.finite import FiniteGroup
from regrep.groups.limits import FACTORS, NAME, TEXT
from regrep.groups.point_groups import UnknownSymbolError, point_group

FAMILIES: dict[str, Callable[[int], FiniteGroup]] = {
    "C": catalogue.cyclic,
    "D": catalogue.dihedral,
    "S": catalogue.symmetric,
    "A": catalogue.alternating,
    "Q": catalogue.quaternion,
}

_PRESENTATION = re.compile(r"<[^<>]*>")

_TOKEN = re.compile(r"\s*([CD]\d+[vhdi]|C[si]|[TOI][hd]?|[A-Z]\d*|-?[\dm][\d/m-]*|[()]|[x×]|<[^>]*>)\s*")


def parse(text: str) -> FiniteGroup:
    """The group that a text names.

    ``C4`` (cyclic), ``D4`` (dihedral, order 8), ``S4`` (symmetric), ``A5``, ``Q8`` (quaternion); point groups by their
    symbols, ``T``, ``Oh``, ``C4v``, ``m-3m``, ``-4``, see :func:`point_group`; presentations
    ``<r,s | r^4, s^2, (r s)^2>``; products of all these, ``D4xD4``, ``(C2xC2)xS3``.

    Raises:
        RegrepError: the text does not name a group.

    >>> parse("D4 x C2").order, parse("<a | a^7>").order, parse("Th").order, parse("-43m").name
    (16, 7, 24, 'Td')
    """
    if not isinstance(text, str):
        raise _unknown(text)
    if len(text) > TEXT or len(_PRESENTATION.sub("", text)) > NAME:
        raise RegrepError(
            f"the name of a group has at most {NAME} characters, in presentations {TEXT}, got {len(text)}; shorten it"
        )
    body = text.strip()
    tokens: list[str] = []
    position = 0
    while position < len(body):
        found = _TOKEN.match(body, position)
        if found is None:
            raise _unknown(text)
        position = found.end()
        tokens.append(found[1])
    if tokens.count("(") > FACTORS or sum(token in "x×" for token in tokens) >= FACTORS:
        raise RegrepError(
            f"a name of a group has at most {FACTORS} factors and as many pairs of parentheses, got {brief(text)!r};"
            " leave out factors C1"
        )
    group, rest = _product(tokens, text)
    if rest:
        raise _unknown(text)
    return group


def _product(tokens: list[str], text: str) -> tuple[FiniteGroup, list[str]]:
    group, rest = _factor(tokens, text)
    while rest and rest[0] in "x×":
        other, rest = _factor(rest[1:], text)
        group = catalogue.product(group, other)
    return group, rest


def _factor(tokens: list[str], text: str) -> tuple[FiniteGroup, list[str]]:
    if not tokens:
        raise _unknown(text)
    head, rest = tokens[0], tokens[1:]
    if head == "(":
        group, rest = _product(rest, text)
        if not rest or rest[0] != ")":
            raise _unknown(text)
        return group, rest[1:]
    if head.startswith("<"):
        names, bar, relators = head[1:-1].partition("|")
        if not bar:
            raise RegrepError(f"a presentation is written <generators | relators>, got {shown(head)}; add the bar")
        return from_presentation(names, relators), rest
    if head[0] in FAMILIES and head[1:].isdecimal():
        return FAMILIES[head[0]](int(head[1:])), rest
    try:
        return point_group(head), rest
    except UnknownSymbolError as error:
        raise _unknown(text) from error


def _unknown(text: object) -> RegrepError:
    return RegrepError(
        f"{shown(text)} names no group; write C4, D4, S4, A5, Q8, a point group like Oh, C4v or m-3m, a product like"
        " D4xD4, or a presentation like '<r,s | r^4, s^2, (r s)^2>'"
    )
