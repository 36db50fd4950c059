"""What there is to say of a group too large for a table."""

from __future__ import annotations

from typing import Any

from regrep.groups.builders import cycle_name
from regrep.groups.large import LargeGroup
from regrep.groups.limits import NAMED_POINTS

SHOWN = 12
"""At most so many generators and base points are listed in the text."""


def describe_large(group: LargeGroup) -> str:
    """Order, points, chain and generators, as text.

    >>> from regrep.groups import symmetric
    >>> print(describe_large(symmetric(7)))
    S7: order 5040, not abelian, on 7 points
    <BLANKLINE>
    stabiliser chain
      base     0, 1, 2, 3, 4, 5
      orbits   7, 6, 5, 4, 3, 2
    <BLANKLINE>
    generators
      (0 1)
      (1 2)
      (2 3)
      (3 4)
      (4 5)
      (5 6)
    """
    kind = "abelian" if group.is_abelian else "not abelian"
    base = [str(point) for point in group.chain.base]
    orbits = [str(len(level)) for level in group.chain.levels]
    steps = [f"  {cycle_name(step)}" for step in group.generators[:SHOWN].numpy()]
    if group.degree > NAMED_POINTS // SHOWN:
        steps = [f"  {len(group.generators)} permutations of {group.degree} points"]
    more = ["  ..."] * (len(group.generators) > SHOWN)
    lines = [f"{group.name}: order {group.order}, {kind}, on {group.degree} points", "", "stabiliser chain"]
    lines += [f"  base     {_listed(base)}", f"  orbits   {_listed(orbits)}", "", "generators", *steps, *more]
    return "\n".join(lines)


def describe_large_json(group: LargeGroup) -> dict[str, Any]:
    """The same as plain values.

    >>> from regrep.groups import alternating
    >>> found = describe_large_json(alternating(7))
    >>> found["order"], found["orbits"]
    (2520, [7, 6, 5, 4, 3])
    """
    return {
        "name": group.name,
        "order": group.order,
        "is_abelian": group.is_abelian,
        "degree": group.degree,
        "base": list(group.chain.base),
        "orbits": [len(level) for level in group.chain.levels],
        "generators": group.generators.tolist(),
    }


def _listed(texts: list[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (", ..." if len(texts) > SHOWN else "")
