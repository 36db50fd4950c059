"""The finite groups of rotations and reflections of space, by Schoenflies or Hermann-Mauguin symbol.

The principal axis is z. ``r`` turns by 360/n degrees about it, counter-clockwise seen from +z; ``s`` turns by 180
degrees about y; ``m`` is the mirror x -> -x and ``h`` the mirror z -> -z; ``i`` is the inversion; ``q`` turns about z
by the least angle of a rotoreflection and then mirrors z -> -z. In the plane z = 0, s and m are the mirror x -> -x.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups.builders import from_presentation
from regrep.groups.catalogue import cyclic, dihedral, full_octahedral, octahedral, of_axes, tetrahedral, turns
from regrep.groups.finite import FiniteGroup
from regrep.groups.mulliken import PointGroup
from regrep.groups.multiplication import MAX_ORDER
from regrep.groups.presentations import Presentation
from regrep.groups.words import spanning_tree

CRYSTALLOGRAPHIC = (
    "C1", "Ci", "C2", "Cs", "C2h", "D2", "C2v", "D2h", "C4", "-4", "C4h", "D4", "C4v", "D2d", "D4h", "C3", "-3",
    "D3", "C3v", "D3d", "C6", "C3h", "C6h", "D6", "C6v", "D3h", "D6h", "T", "Th", "O", "Td", "Oh",
)  # fmt: skip
"""The 32 point groups of crystals, in the order of the International Tables; each name is read by ``parse``."""

INVERSION, HORIZONTAL, MIRROR = np.diag([-1.0, -1, -1]), np.diag([1.0, 1, -1]), np.diag([-1.0, 1, 1])


class UnknownSymbolError(RegrepError):
    """A text that is no symbol of a point group."""


def point_group(symbol: str) -> FiniteGroup:
    """The point group of a symbol, with its 3 x 3 matrices and the usual labels of its irreducible representations.

    Schoenflies: ``C4``, ``Cs``, ``Ci``, ``C3i``, ``C4v``, ``C4h``, ``D4``, ``D4h``, ``D4d``, ``T``, ``Th``, ``Td``,
    ``O``, ``Oh``, ``I``, ``Ih``; Hermann-Mauguin: ``4``, ``m``, ``-1``, ``-3``, ``4mm``, ``4/m``, ``422``, ``4/mmm``,
    ``-82m``, ``m-3m`` and so on; with any n. Groups of a rotoreflection go by the latter, ``-4``, since ``S4`` is the
    symmetric group.

    Raises:
        RegrepError: no such symbol, or a group that is too large.

    >>> G = point_group("m-3m")
    >>> G.name, G.order, G.defining.multiplicities()["T1u"]
    ('Oh', 48, 1.0)
    >>> point_group("-4").names, point_group("-4").point_group.schoenflies
    (('e', 'q', 'q2', 'q3'), 'S4')
    """
    build = _builder(symbol) if isinstance(symbol, str) else None
    if build is None:
        hint = "write C4v, D4h, Td or Ih, or 4mm, 4/mmm, -43m or m-3-5"
        if isinstance(symbol, str) and re.fullmatch(r"S\d{1,4}", symbol):
            hint = "S4 is the symmetric group, and the group of a fourfold rotoreflection is -4"
        raise UnknownSymbolError(f"{shown(symbol)} is no symbol of a point group; {hint}")
    return build()


def _builder(symbol: str) -> Callable[[], FiniteGroup] | None:
    """What makes the group of a symbol."""
    if symbol in SINGLES:
        return SINGLES[symbol]
    if found := re.fullmatch(r"([CD])(\d{1,4})([vhdi]?)", symbol):
        family, n = found[1] + found[3], int(found[2])
        return partial(FAMILIES[family][1], n) if family in FAMILIES and FAMILIES[family][0](n) else None
    digits = re.match(r"-?(\d{1,8})", symbol)
    leading = [int(digits[1][: length + 1]) for length in range(len(digits[1]))] if digits else []
    for n in (m for k in leading for m in (k, k // 2)):
        for family, (exists, build) in FAMILIES.items():
            if exists(n) and international(family, n) == symbol:
                return partial(build, n)
        if symbol == f"-{n}" and n > 0:
            return partial(improper, n)
    return None


def international(family: str, n: int) -> str:
    """The Hermann-Mauguin symbol of an axial group.

    >>> [international(family, n) for family in ("D", "Cv", "Dh", "Dd") for n in (3, 4)]
    ['32', '422', '3m', '4mm', '-6m2', '4/mmm', '-3m', '-82m']
    """
    even = n % 2 == 0
    if family == "Dh" and n == 2:
        return "mmm"
    return {
        "C": f"{n}",
        "Ci": f"-{n}",
        "Ch": f"{n}/m" if even else f"-{2 * n}",
        "Cv": "mm2" if n == 2 else f"{n}mm" if even else f"{n}m",
        "D": "222" if n == 2 else f"{n}22" if even else f"{n}2",
        "Dh": f"{n}/mmm" if even else f"-{2 * n}m2",
        "Dd": f"-{2 * n}2m" if even else f"-{n}m",
    }[family]


def pyramidal(n: int) -> FiniteGroup:
    """C_nv: the turns about z and n mirrors that hold z; index n + k is r^k m, "first the mirror".

    >>> pyramidal(3).names
    ('e', 'r', 'r2', 'm', 'rm', 'r2m')
    """
    _check(2 * n, f"C{n}v")
    base, matrices = dihedral(n), turns(n)
    second = n + 1 if n == 2 else n  # the mirror plane of C2v that tells B1 from B2 holds x
    return _named(
        base,
        f"C{n}v",
        tuple(name.replace("s", "m") for name in base.names),
        np.concatenate([matrices, matrices @ MIRROR]),
        PointGroup(f"C{n}v", international("Cv", n), turn=1, second=second),
        Presentation.parse("r,m", f"r^{n}, m^2, (r m)^2"),
    )


def with_mirror(base: FiniteGroup) -> FiniteGroup:
    """C_nh or D_nh: a group with the mirror across its axis; index |G| + g is gh.

    >>> with_mirror(cyclic(3)).names
    ('e', 'r', 'r2', 'h', 'rh', 'r2h')
    """
    axial = base.point_group
    assert axial is not None
    family, n = axial.schoenflies[0] + "h", int(axial.schoenflies[1:])
    _check(2 * base.order, f"{base.name}h")
    # of even n, the inversion is the half turn and the mirror
    centre = base.order + (0 if n % 2 else n // 2)
    symbols = PointGroup(f"{base.name}h", international(family, n))
    return _doubled(base, f"{base.name}h", "h", HORIZONTAL, symbols, centre, primed=n % 2 == 1)


def with_inversion(base: FiniteGroup, name: str, symbols: PointGroup) -> FiniteGroup:
    """A group of rotations with the inversion; index |G| + g is gi.

    >>> with_inversion(cyclic(3), "-3", PointGroup("S6", "-3")).names
    ('e', 'r', 'r2', 'i', 'ri', 'r2i')
    """
    _check(2 * base.order, name)
    return _doubled(base, name, "i", INVERSION, symbols, base.order, primed=False)


def improper(n: int) -> FiniteGroup:
    """The group of the rotoinversion -n: the turn by 360/n degrees followed by the inversion.

    Of odd n it is C_n with the inversion, for n = 2, 6, 10, ... C_(n/2) with the mirror across, else S_n.

    >>> improper(1).names, improper(2).name, improper(8).order, improper(6).name
    (('e', 'i'), 'Cs', 8, 'C3h')
    """
    if n == 2:
        return mirror()
    if n % 4 == 2:
        return with_mirror(cyclic(n // 2))
    if n % 2:
        _check(2 * n, f"-{n}")
        name, schoenflies = ("Ci", "Ci") if n == 1 else (f"-{n}", f"S{2 * n}")
        return with_inversion(cyclic(n), name, PointGroup(schoenflies, f"-{n}"))
    _check(n, f"-{n}")
    matrices = turns(n)
    matrices[1::2] = matrices[1::2] @ HORIZONTAL
    names = tuple(name.replace("r", "q") for name in cyclic(n).names)
    symbols = PointGroup(f"S{n}", f"-{n}", turn=1)
    return _named(cyclic(n), f"-{n}", names, matrices, symbols, Presentation.parse("q", f"q^{n}"))


def antiprismatic(n: int) -> FiniteGroup:
    """D_nd: the symmetries of an antiprism; for even n index 2n + k is q^k s, for odd n it is D_n with the inversion.

    >>> antiprismatic(2).names
    ('e', 'q', 'q2', 'q3', 's', 'qs', 'q2s', 'q3s')
    """
    _check(4 * n, f"D{n}d")
    if n % 2:
        return with_inversion(dihedral(n), f"D{n}d", PointGroup(f"D{n}d", international("Dd", n)))
    base = dihedral(2 * n)
    matrices = base.matrices.numpy().copy()  # type: ignore[union-attr]
    matrices[1::2] = HORIZONTAL @ matrices[1::2]
    symbols = PointGroup(f"D{n}d", international("Dd", n), turn=1, second=2 * n)
    names = tuple(name.replace("r", "q") for name in base.names)
    return _named(base, f"D{n}d", names, matrices, symbols, Presentation.parse("q,s", f"q^{2 * n}, s^2, (q s)^2"))


def mirror() -> FiniteGroup:
    """C_s: the mirror z -> -z alone.

    >>> mirror().names
    ('e', 'h')
    """
    return _doubled(cyclic(1), "Cs", "h", HORIZONTAL, PointGroup("Cs", "m"), 1, primed=True)


def pyritohedral() -> FiniteGroup:
    """T_h: the rotations of the tetrahedron and the inversion.

    >>> pyritohedral().order
    24
    """
    matrices = _rotations(tetrahedral())
    return of_axes("Th", np.concatenate([matrices, -matrices]), PointGroup("Th", "m-3", centre=12))


def full_tetrahedral() -> FiniteGroup:
    """T_d: all symmetries of the tetrahedron with the corners (1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1).

    >>> full_tetrahedral().order
    24
    """
    even, every = _rotations(tetrahedral()), _rotations(octahedral())
    rest = np.stack([matrix for matrix in every if not (matrix == even).all(axis=(1, 2)).any()])
    matrices = np.concatenate([even, -rest])
    quarter = next(k for k in range(12, 24) if matrices[k].trace() == -1)
    return of_axes("Td", matrices, PointGroup("Td", "-43m", turn=quarter))


def icosahedral() -> FiniteGroup:
    """The 60 rotations of the icosahedron with a corner at (0, 1, φ): r turns by 72 degrees about it, s by 180 about z.

    >>> G = icosahedral()
    >>> G.order, G.names[:5]
    (60, ('e', 'r', 's', 'r^2', 'r s'))
    """
    group = from_presentation("r,s", "r^5, s^2, (r s)^3", "I")
    corner = np.array([0, 1, (1 + 5**0.5) / 2])
    x, y, z = corner / np.linalg.norm(corner)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    fifth = np.eye(3) + np.sin(0.4 * np.pi) * cross + (1 - np.cos(0.4 * np.pi)) * cross @ cross  # Rodrigues
    steps = fifth, np.diag([-1.0, -1, 1])
    matrices = np.empty((60, 3, 3))
    matrices[0] = np.eye(3)
    for a, k, b in spanning_tree(group.mul.numpy()[:, list(group.generators)].T):
        matrices[b] = matrices[a] @ steps[k]
    symbols = PointGroup("I", "235", turn=group.generators[0])
    return replace(group, matrices=torch.from_numpy(matrices), point_group=symbols)


def full_icosahedral() -> FiniteGroup:
    """The 120 symmetries of the icosahedron.

    >>> full_icosahedral().order
    120
    """
    return with_inversion(icosahedral(), "Ih", PointGroup("Ih", "m-3-5"))


def _rotations(group: FiniteGroup) -> np.ndarray:
    """The matrices of a group of signed permutations, as integers."""
    assert group.matrices is not None
    return group.matrices.numpy().astype(np.int64)


def _named(
    base: FiniteGroup,
    name: str,
    names: tuple[str, ...],
    matrices: np.ndarray,
    symbols: PointGroup,
    presentation: Presentation,
) -> FiniteGroup:
    """A group with the table of another."""
    return replace(
        base,
        name=name,
        names=names,
        presentation_given=presentation,
        matrices=torch.from_numpy(matrices),
        point_group=symbols,
    )


def _doubled(
    base: FiniteGroup, name: str, letter: str, matrix: np.ndarray, symbols: PointGroup, centre: int, primed: bool
) -> FiniteGroup:
    """The direct product of a group with an involution; what names the irreducibles is that of the group."""
    n, table = base.order, base.mul
    axial = base.point_group
    assert axial is not None
    assert base.matrices is not None
    return FiniteGroup(
        name=name,
        names=base.names + tuple(letter if k == 0 else word + letter for k, word in enumerate(base.names)),
        mul=torch.cat([torch.cat([table, table + n], dim=1), torch.cat([table + n, table], dim=1)]),
        generators=(*base.generators, n),
        presentation_given=base.presentation.product(Presentation.parse(letter, f"{letter}^2")),
        matrices=torch.cat([base.matrices, base.matrices @ torch.from_numpy(matrix)]),
        point_group=replace(
            symbols, turn=axial.turn, second=axial.second, halves=axial.halves, centre=centre, primed=primed
        ),
    )


def _check(order: int, name: str) -> None:
    if order > MAX_ORDER:
        raise RegrepError(
            f"groups are supported up to order {MAX_ORDER}, but {name} has order {order}; choose a smaller n"
        )


FAMILIES: dict[str, tuple[Callable[[int], bool], Callable[[int], FiniteGroup]]] = {
    "C": (lambda n: n > 0, cyclic),
    "D": (lambda n: n > 1, dihedral),
    "Cv": (lambda n: n > 1, pyramidal),
    "Ch": (lambda n: n > 1, lambda n: with_mirror(cyclic(n))),
    "Ci": (lambda n: n > 1 and n % 2 == 1, improper),
    "Dh": (lambda n: n > 1, lambda n: with_mirror(dihedral(n))),
    "Dd": (lambda n: n > 1, antiprismatic),
}
"""The families with an axis: which n they have, and what makes the group."""

SINGLES: dict[str, Callable[[], FiniteGroup]] = {
    "Ci": partial(improper, 1),
    **dict.fromkeys(("Cs", "m"), mirror),
    "mm2": partial(pyramidal, 2),
    "mmm": lambda: with_mirror(dihedral(2)),
    **dict.fromkeys(("T", "23"), tetrahedral),
    **dict.fromkeys(("Th", "m-3", "m3"), pyritohedral),
    **dict.fromkeys(("Td", "-43m"), full_tetrahedral),
    **dict.fromkeys(("O", "432"), octahedral),
    **dict.fromkeys(("Oh", "m-3m", "m3m"), full_octahedral),
    **dict.fromkeys(("I", "235", "532"), icosahedral),
    **dict.fromkeys(("Ih", "m-3-5", "-5-3m"), full_icosahedral),
}
"""The groups without an n in their symbol."""
