"""Descriptions of a group for people and for programs."""

from __future__ import annotations

import cmath
import math
import re
from fractions import Fraction
from typing import Any

from regrep.groups.characters import real_characters
from regrep.groups.finite import FiniteGroup
from regrep.groups.large import LargeGroup
from regrep.groups.large_description import describe_large, describe_large_json

WIDEST_TABLE = 24
"""Orders up to this get their multiplication table printed."""

LONGEST_LIST = 200
"""At most this many elements, classes and irreducible representations are printed."""

WIDEST_CHARACTERS = 20
"""Numbers of classes up to this get their character table printed."""

SQUAREFREE = (2, 3, 5, 6, 7, 10, 11, 13, 14, 15, 17, 19, 21, 22, 23)
"""Radicands recognised in character values."""

NEAR = 1e-9
"""Distance at which a value counts as the one recognised."""

_ROOTS = {
    (1, 3): (1, "ω"),
    (2, 3): (1, "ω²"),
    (1, 4): (1, "i"),
    (3, 4): (-1, "i"),
    (1, 6): (-1, "ω²"),
    (5, 6): (-1, "ω"),
}
"""exp(2πi p/q) as a sign and a unit."""


def describe(group: FiniteGroup) -> str:
    """Elements, table, classes, characters and irreducible representations, as text.

    >>> from regrep.groups import cyclic
    >>> print(describe(cyclic(2)))  # doctest: +ELLIPSIS
    C2: order 2, exponent 2, abelian
    ...
    """
    if isinstance(group, LargeGroup):
        return describe_large(group)
    kind = "abelian" if group.is_abelian else "not abelian"
    table = group.character_table
    first = [group.names[c[0]] for c in table.classes]
    sections = [
        f"{group.name}: order {group.order}, exponent {group.exponent}, {kind}" + _symbols(group),
        f"presentation {group.presentation}\n"
        + "generators   "
        + (", ".join(group.names[g] for g in group.generators) or "none"),
        _columns(
            "elements",
            [["index", "name", "order", "inverse"]]
            + [
                [str(k), name, str(int(group.element_orders[k])), group.names[int(group.inverse[k])]]
                for k, name in enumerate(group.names[:LONGEST_LIST])
            ]
            + [["...", "", "", ""]] * (group.order > LONGEST_LIST),
        ),
    ]
    if group.order <= WIDEST_TABLE:
        rows = [["gh", *group.names]]
        rows += [[name, *(group.names[int(h)] for h in group.mul[g])] for g, name in enumerate(group.names)]
        sections.append(_columns("multiplication table (row g, column h: first h, then g)", rows))
    else:
        sections.append(f"multiplication table: {group.order} x {group.order}, in the output of --json")
    sections.append(
        _columns(
            f"conjugacy classes ({len(table.classes)})",
            [["size", "order", "elements"]]
            + [
                [str(len(c)), str(int(group.element_orders[c[0]])), _shortened([group.names[k] for k in c])]
                for c in table.classes[:LONGEST_LIST]
            ]
            + [["...", "", ""]] * (len(table.classes) > LONGEST_LIST),
        )
    )
    if len(table.classes) <= WIDEST_CHARACTERS:
        orders = [int(group.element_orders[c[0]]) for c in table.classes]
        values = [[in_closed_form(v, o) for v, o in zip(row, orders, strict=True)] for row in table.values.tolist()]
        rows = [["", *first, "indicator"]] + [
            [f"χ{k + 1}", *row, f"{table.frobenius_schur[k]:+d}".replace("+0", "0")] for k, row in enumerate(values)
        ]
        legend = _legend([cell for row in values for cell in row])
        title = "complex irreducible characters (a column per class" + (f"; {legend})" if legend else ")")
        sections.append(_columns(title, rows))
    else:
        sections.append(f"complex irreducible characters: {len(table.classes)}, in the output of --json")
    characters = real_characters(group)
    rows = [["name", "dimension", "type", "in regular", "made of"]]
    rows += [
        [
            chi.name,
            str(chi.dim),
            chi.type,
            str(chi.dim // chi.endomorphism_dimension),
            " + ".join(f"χ{k + 1}" for k in chi.constituents * (2 if chi.type == "H" else 1)),
        ]
        for chi in characters[:LONGEST_LIST]
    ]
    rows += [["...", "", "", "", ""]] * (len(characters) > LONGEST_LIST)
    sections.append(_columns(f"irreducible representations over the real numbers ({len(characters)})", rows))
    return "\n\n".join(sections)


def _symbols(group: FiniteGroup) -> str:
    """The line on a point group: its symbols, and how it moves vectors."""
    if group.point_group is None:
        return ""
    vector = [(name, round(count)) for name, count in group.defining.multiplicities().items() if count]
    text = " + ".join(name if count == 1 else f"{count} {name}" for name, count in vector)
    return (
        f"\npoint group  {group.point_group.schoenflies} (Schoenflies), {group.point_group.hermann_mauguin}"
        f" (Hermann-Mauguin); vectors (x, y, z) are {text}"
    )


def describe_json(group: FiniteGroup) -> dict[str, Any]:
    """The same information as plain values: complex numbers are pairs [re, im], elements are indices.

    >>> from regrep.groups import cyclic
    >>> describe_json(cyclic(2))["character_table"]["values"][1]
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    if isinstance(group, LargeGroup):
        return describe_large_json(group)
    table = group.character_table
    return {
        "name": group.name,
        "order": group.order,
        "exponent": group.exponent,
        "is_abelian": group.is_abelian,
        "point_group": None
        if group.point_group is None
        else {
            "schoenflies": group.point_group.schoenflies,
            "hermann_mauguin": group.point_group.hermann_mauguin,
        },
        "matrices": None if group.matrices is None else group.matrices.tolist(),
        "elements": list(group.names),
        "element_orders": group.element_orders.tolist(),
        "inverse": group.inverse.tolist(),
        "table": group.mul.tolist(),
        "generators": list(group.generators),
        "presentation": {"generators": list(group.presentation.names), "relators": group.presentation.text},
        "conjugacy_classes": [list(c) for c in table.classes],
        "character_table": {
            "values": [[[v.real, v.imag] for v in row] for row in table.values.tolist()],
            "degrees": list(table.degrees),
            "frobenius_schur": list(table.frobenius_schur),
        },
        "real_irreps": [
            {
                "name": chi.name,
                "dimension": chi.dim,
                "type": chi.type,
                "endomorphism_dimension": chi.endomorphism_dimension,
                "constituents": list(chi.constituents),
                "character": chi.values[[c[0] for c in table.classes]].tolist(),
            }
            for chi in real_characters(group)
        ],
    }


def in_closed_form(value: complex, order: int) -> str:
    """A character value on an element of the given order: in closed form if that is short, else to three digits.

    These are tried in turn: integers and square roots, multiples of a root of unity, Gaussian integers, imaginary
    quadratic numbers.

    >>> [in_closed_form(v, 12) for v in (2, -0.5 - 0.75**0.5 * 1j, 1j, 1 + 5**0.5, (3**0.5 - 1j) / 2, 0.1)]
    ['2', 'ω²', 'i', '1+√5', 'ζ12^11', '0.100']
    """
    if abs(value.imag) < NEAR:
        return _real(value.real) or f"{value.real:.3f}"
    return _root_multiple(value, order) or _quadratic(value) or f"{value.real:.3f}{value.imag:+.3f}i"


def _real(x: float) -> str | None:
    """An integer, a + b√m, or (a + b√m)/2 if that is an algebraic integer."""
    if abs(x - round(x)) < NEAR:
        return str(round(x))
    for b in (1, -1, 2, -2, 3, -3, 4, -4):
        for m in SQUAREFREE:
            for half in (1, 2) if m % 4 == 1 and b % 2 else (1,):
                a = half * x - b * m**0.5
                if abs(a - round(a)) < NEAR:
                    text = (str(round(a)) if round(a) else "") + _times(b, f"√{m}", signed=bool(round(a)))
                    return text if half == 1 else f"({text})/2"
    return None


def _root_multiple(value: complex, order: int) -> str | None:
    """K times a root of unity of the given order."""
    times = round(abs(value))
    turns = round(cmath.phase(value) / (2 * math.pi) * order)
    if times == 0 or abs(value - times * cmath.exp(2j * math.pi * turns / order)) > NEAR:
        return None
    part = Fraction(turns % order, order)
    p, q = part.numerator, part.denominator
    sign, unit = _ROOTS.get((p, q), (1, f"ζ{q}" + (f"^{p}" if p > 1 else "")))
    return _times(sign * times, unit, signed=False)


def _quadratic(value: complex) -> str | None:
    """A number a + b i√m, or half of one, with integers a and b."""
    for m in (1, *SQUAREFREE):
        for half in (1, 2):
            a, b = half * value.real, half * value.imag / m**0.5
            if abs(a - round(a)) < NEAR and abs(b - round(b)) < NEAR:
                text = (str(round(a)) if round(a) else "") + _times(
                    round(b), "i" if m == 1 else f"i√{m}", signed=bool(round(a))
                )
                return text if half == 1 else f"({text})/2"
    return None


def _times(count: int, unit: str, signed: bool) -> str:
    sign = "-" if count < 0 else "+" if signed else ""
    return sign + ("" if abs(count) == 1 else str(abs(count))) + unit


def _legend(cells: list[str]) -> str:
    """A legend for the roots of unity among the table cells."""
    orders = sorted({int(n) for cell in cells for n in re.findall(r"ζ(\d+)", cell)})
    known = ["ω = exp(2πi/3)"] if any("ω" in cell for cell in cells) else []
    return ", ".join(known + [f"ζ{n} = exp(2πi/{n})" for n in orders])


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _columns(title: str, rows: list[list[str]]) -> str:
    """A titled table with aligned columns, the first left, the others right except the last of text tables."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([title, *lines])
