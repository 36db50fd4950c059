"""A group described for people and for machines."""

from __future__ import annotations

from typing import Any

from regrep.groups.characters import real_characters
from regrep.groups.finite import FiniteGroup

WIDEST_TABLE = 24
"""Orders up to this get their multiplication table printed."""

WIDEST_CHARACTERS = 20
"""Numbers of classes up to this get their character table printed."""

_NAMED = {
    0.5**0.5: "1/√2",
    2**0.5: "√2",
    3**0.5: "√3",
    3**0.5 / 2: "√3/2",
    0.5: "1/2",
    (1 + 5**0.5) / 2: "(1+√5)/2",
    5**0.5: "√5",
    6**0.5: "√6",
    7**0.5: "√7",
    7**0.5 / 2: "√7/2",
}


def describe(group: FiniteGroup) -> str:
    """Elements, table, classes, characters and irreducible representations, as text.

    >>> from regrep.groups import cyclic
    >>> print(describe(cyclic(2)))  # doctest: +ELLIPSIS
    C2: order 2, exponent 2, abelian
    ...
    """
    kind = "abelian" if group.is_abelian else "not abelian"
    table = group.character_table
    first = [group.names[c[0]] for c in table.classes]
    sections = [
        f"{group.name}: order {group.order}, exponent {group.exponent}, {kind}",
        f"presentation {group.presentation}\n"
        + "generators   "
        + (", ".join(group.names[g] for g in group.generators) or "none"),
        _columns(
            "elements",
            [["index", "name", "order", "inverse"]]
            + [
                [str(k), name, str(int(group.element_orders[k])), group.names[int(group.inverse[k])]]
                for k, name in enumerate(group.names)
            ],
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
                for c in table.classes
            ],
        )
    )
    if len(table.classes) <= WIDEST_CHARACTERS:
        values = table.values.tolist()
        rows = [["", *first, "indicator"]] + [
            [f"χ{k + 1}", *(_number(v) for v in row), f"{table.frobenius_schur[k]:+d}".replace("+0", "0")]
            for k, row in enumerate(values)
        ]
        sections.append(_columns("complex irreducible characters (a column per class)", rows))
    else:
        sections.append(f"complex irreducible characters: {len(table.classes)}, in the output of --json")
    rows = [["name", "dimension", "type", "in regular", "made of"]]
    rows += [
        [
            chi.name,
            str(chi.dim),
            chi.type,
            str(chi.dim // chi.endomorphism_dimension),
            " + ".join(f"χ{k + 1}" for k in chi.constituents * (2 if chi.type == "H" else 1)),
        ]
        for chi in real_characters(group)
    ]
    sections.append(_columns("irreducible representations over the real numbers", rows))
    return "\n\n".join(sections)


def describe_json(group: FiniteGroup) -> dict[str, Any]:
    """The same as plain values: complex numbers are pairs [re, im], elements are indices.

    >>> from regrep.groups import cyclic
    >>> describe_json(cyclic(2))["character_table"]["values"][1]
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    table = group.character_table
    return {
        "name": group.name,
        "order": group.order,
        "exponent": group.exponent,
        "is_abelian": group.is_abelian,
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
                "character": [chi.values[c[0]].item() for c in table.classes],
            }
            for chi in real_characters(group)
        ],
    }


def _number(value: complex) -> str:
    """A character value: integers and common square roots exactly, others to three digits."""
    real, imaginary = _part(value.real), _part(abs(value.imag))
    if abs(value.imag) < 1e-9:
        return real
    tail = "i" if imaginary == "1" else imaginary + "i"
    sign = "-" if value.imag < 0 else "+"
    return (sign if sign == "-" else "") + tail if abs(value.real) < 1e-9 else real + sign + tail


def _part(x: float) -> str:
    if abs(x - round(x)) < 1e-9:
        return str(round(x))
    golden = (5**0.5 - 1) / 2
    if abs(abs(x) - golden) < 1e-9:
        return "(√5-1)/2" if x > 0 else "(1-√5)/2"
    for known, text in _NAMED.items():
        if abs(abs(x) - known) < 1e-9:
            return ("-" if x < 0 else "") + text
    return f"{x:.3f}"


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f", ... ({len(names)} in all)" if len(names) > 12 else "")


def _columns(title: str, rows: list[list[str]]) -> str:
    """A titled table with aligned columns, the first left, the others right except the last of text tables."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([title, *lines])
