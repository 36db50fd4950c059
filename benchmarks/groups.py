"""From a table to exact characters and real irreducibles, per group.

python benchmarks/groups.py [ROUNDS]
"""

from __future__ import annotations

import sys

from interleaved import medians, save

import regrep
from regrep.groups import FiniteGroup, from_table, parse

NAMES = ("D4", "S4", "Oh", "D4xD4", "S5", "(S3xS3)xS3")


def characters(group: FiniteGroup):
    table = group.mul.numpy()
    return lambda: from_table(table).character_table


def irreducibles(group: FiniteGroup):
    table = group.mul.numpy()
    return lambda: regrep.irreps(from_table(table))


def main(rounds: int = 10) -> None:
    groups = {name: parse(name) for name in NAMES}
    functions = {f"{name} ({g.order}): characters": characters(g) for name, g in groups.items()}
    functions |= {f"{name} ({g.order}): irreducibles": irreducibles(g) for name, g in groups.items()}
    save("groups", medians(functions, rounds), {})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
