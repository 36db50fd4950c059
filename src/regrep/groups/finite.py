"""A finite group as an immutable value: names of the elements and the multiplication table."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from regrep.arguments import brief, check_text, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups.multiplication import (
    check_associative,
    check_names,
    check_table,
    closure,
    greedy_generators,
    listed,
)
from regrep.html import table

if TYPE_CHECKING:
    import regrep
    from regrep.groups.characters import CharacterTable
    from regrep.groups.homomorphisms import Homomorphism
    from regrep.groups.mulliken import PointGroup
    from regrep.groups.presentations import Presentation, Word

WIDEST_HTML = 24
"""Notebooks show the multiplication table of groups up to this order, and the elements of larger ones."""


@dataclass(frozen=True, eq=False, repr=False)
class FiniteGroup:
    """A finite group; elements are the indices 0 .. n-1 and index 0 is the identity.

    ``mul[g, h]`` is the index of the product gh, "first h, then g" (composition of maps), so that a left
    action satisfies ``act(act(x, h), g) == act(x, mul[g, h])``. Everything else is derived from the table.
    Groups compare equal when their tables and element names are equal.

    Build groups with the functions of :mod:`regrep.groups` (``dihedral``, ``from_table``, ...): they check
    the axioms; this constructor does too.

    Args:
        name: name of the group, for example ``"D4"``.
        names: n distinct names of the elements, the identity first.
        mul: int64 tensor [n, n], the multiplication table.
        generators: indices of elements that generate the group; found greedily by default.
        presentation_given: generators and relators on exactly these generators; by default derived on first
            use. The relators are checked to hold, not to suffice.
        points: int64 tensor [n, degree], the natural action on points, ``points[g, i]`` = g(i), if there is one.
        matrices: float64 tensor [n, d, d], the matrices of the elements if it is a group of matrices; ``defining`` is
            the representation by them.
        given_order: int64 tensor [k], the element that each table row, permutation or matrix became from which the
            group was made: ``matrices[given_order]`` are the matrices given, in the order given.

    Raises:
        RegrepError: the table is not a group with identity 0, it is larger than ``MAX_ORDER``, or the generators,
            relators, points or matrices are not those of this group.

    >>> from regrep.groups import dihedral
    >>> G = dihedral(4)
    >>> G.order, G.names
    (8, ('e', 'r', 'r2', 'r3', 's', 'rs', 'r2s', 'r3s'))
    >>> r, s = G.index("r"), G.index("s")
    >>> G.names[G.mul[r, s]], G.names[G.mul[s, r]]
    ('rs', 'r3s')
    """

    name: str
    names: tuple[str, ...]
    mul: torch.Tensor
    generators: tuple[int, ...] = ()
    presentation_given: Presentation | None = None
    points: torch.Tensor | None = None
    matrices: torch.Tensor | None = None
    given_order: torch.Tensor | None = None
    point_group: PointGroup | None = None
    factors: tuple[FiniteGroup, ...] = ()

    identity = 0

    def __post_init__(self) -> None:
        check_text("the name of a group", self.name)
        if not isinstance(self.mul, torch.Tensor):
            raise RegrepError(
                f"a multiplication table is an int64 tensor, got {shown(self.mul)}; use regrep.groups.from_table"
            )
        if self.mul.dtype != torch.int64 or self.mul.device.type != "cpu" or self.mul.layout != torch.strided:
            raise RegrepError(
                f"a multiplication table is an int64 tensor on the CPU, got {str(self.mul.dtype)[6:]} on"
                f" {self.mul.device}; use regrep.groups.from_table, which converts it"
            )
        table = check_table(self.mul.numpy())
        check_names(self.names)
        if len(self.names) != len(table) or len(set(self.names)) != len(table):
            raise RegrepError(
                f"a group of order {len(table)} needs as many distinct element names, got {len(set(self.names))}"
                f" distinct of {len(self.names)}; name every element once"
            )
        if (table[0] != np.arange(len(table))).any():
            raise RegrepError(
                "element 0 must be the identity of the table; use regrep.groups.from_table, which reorders it"
            )
        if not isinstance(self.generators, tuple | list) or not all(map(is_whole, self.generators)):
            raise RegrepError(f"generators are indices of elements, got {shown(self.generators)}; list them in a tuple")
        generators = self.generators or greedy_generators(table)
        if not all(0 <= g < len(table) for g in generators) or len(closure(table, generators)) != len(table):
            raise RegrepError(
                f"the generators {shown(list(generators))} do not generate all {len(table)} elements;"
                " add generators or leave them out to have them found"
            )
        check_associative(table, generators)
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "generators", tuple(int(g) for g in generators))
        self._check_points()
        self._check_matrices()
        self._check_presentation()
        if self.factors and math.prod(factor.order for factor in self.factors) != len(table):
            raise RegrepError(
                f"the orders of the factors of {self.name} multiply to {len(table)}, got"
                f" {shown([factor.order for factor in self.factors])}; use regrep.groups.product"
            )

    def _check_points(self) -> None:
        if self.points is None:
            return
        points = self.points
        if not isinstance(points, torch.Tensor) or points.dtype != torch.int64 or points.device.type != "cpu":
            raise RegrepError(
                f"the points of {self.name} are an int64 tensor on the CPU, got"
                + (f" {points.dtype} on {points.device}" if isinstance(points, torch.Tensor) else f" {shown(points)}")
            )
        if points.dim() != 2 or len(points) != self.order:
            raise RegrepError(
                f"the points of {self.name} are an int64 tensor [{self.order}, degree], got {list(points.shape)}"
            )
        every = torch.arange(points.shape[1])
        good = bool((points.sort(dim=1).values == every).all()) and bool((points[0] == every).all())
        for s in self.generators if good else ():
            good = good and torch.equal(points[self.mul[s]], points[s][points])
        if not good:
            raise RegrepError(
                f"points[g] permutes the points and points[gh] is points[g] after points[h], but not in these points"
                f" of {self.name}; check their order"
            )

    def _check_matrices(self) -> None:
        if self.matrices is None:
            return
        matrices = self.matrices
        if not isinstance(matrices, torch.Tensor) or matrices.dtype != torch.float64 or matrices.device.type != "cpu":
            raise RegrepError(f"the matrices of {self.name} are a float64 tensor on the CPU, got {shown(matrices)}")
        if matrices.dim() != 3 or not 0 < matrices.shape[1] == matrices.shape[2] or len(matrices) != self.order:
            raise RegrepError(
                f"the matrices of {self.name} are a float64 tensor [{self.order}, d, d], got {list(matrices.shape)}"
            )
        from regrep.groups.tolerances import defect, tolerance

        error = defect(self.mul.numpy(), self.generators, matrices.numpy())
        if not error <= tolerance(matrices.dtype):
            raise RegrepError(
                f"the matrices of {self.name} multiply as its elements, but these do not, by {error:.1e};"
                " check their order"
            )

    def _check_presentation(self) -> None:
        if self.presentation_given is None:
            return
        from regrep.groups.presentations import Presentation
        from regrep.groups.words import evaluate_all

        presentation = self.presentation_given
        if not isinstance(presentation, Presentation):
            raise RegrepError(f"a presentation is a Presentation, got {shown(presentation)}; use Presentation.parse")
        if len(presentation.names) != len(self.generators):
            raise RegrepError(
                f"a presentation names each of the {len(self.generators)} generators of {self.name}, got"
                f" {len(presentation.names)} names; give one name per generator"
            )
        for relator, element in zip(presentation.relators, evaluate_all(self, presentation.relators), strict=True):
            if element != 0:
                raise RegrepError(
                    f"every relator equals the identity, but {brief(presentation.word_text(relator))} is"
                    f" {self.names[element]} in {self.name}; check it and the order of the generators"
                )

    @property
    def order(self) -> int:
        """Number of elements."""
        return len(self.names)

    @cached_property
    def inverse(self) -> torch.Tensor:
        """Int64 tensor [n]: ``mul[g, inverse[g]] == 0``."""
        return (self.mul == 0).int().argmax(dim=1)

    @cached_property
    def element_orders(self) -> torch.Tensor:
        """Int64 tensor [n]: the smallest k > 0 with g^k = e."""
        orders = torch.zeros(self.order, dtype=torch.int64)
        every, power = torch.arange(self.order), torch.arange(self.order)
        for k in range(1, self.order + 1):
            orders[(power == 0) & (orders == 0)] = k
            if bool((orders > 0).all()):
                break
            power = self.mul[power, every]
        return orders

    @cached_property
    def is_abelian(self) -> bool:
        """Whether gh = hg for all elements."""
        return bool((self.mul == self.mul.T).all())

    @cached_property
    def exponent(self) -> int:
        """Least common multiple of the element orders."""
        return int(np.lcm.reduce(self.element_orders.numpy()))

    @cached_property
    def presentation(self) -> Presentation:
        """Generators and relators that define the group, on exactly ``generators``."""
        if self.presentation_given is not None:
            return self.presentation_given
        from regrep.groups.words import presentation_of

        return presentation_of(self)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """For each element a shortest word in ``generators``: (1, 1, 2) is g1 g1 g2, without inverses."""
        from regrep.groups.words import words_of

        return words_of(self)

    @cached_property
    def conjugacy_classes(self) -> tuple[tuple[int, ...], ...]:
        """Classes of conjugate elements, each sorted, ordered by their smallest element; the first is (0,)."""
        from regrep.groups.characters import conjugacy_classes

        return conjugacy_classes(self)

    @cached_property
    def character_table(self) -> CharacterTable:
        """Complex irreducible characters, exact to the last bits (see :mod:`regrep.groups.characters`)."""
        from regrep.groups.characters import character_table

        return character_table(self)

    @cached_property
    def defining(self) -> regrep.Representation:
        """The representation that the group was given by: its ``matrices``, else the permutations of its ``points``.

        >>> from regrep.groups import octahedral
        >>> octahedral().defining.multiplicities()["T1"]
        1.0

        Raises:
            RegrepError: the group has neither.
        """
        import regrep

        return regrep.defining(self)

    @cached_property
    def has_reflections(self) -> bool:
        """Whether some element reverses orientation: the defining matrices include one of determinant -1.

        >>> from regrep.groups import parse
        >>> parse("O").has_reflections, parse("Oh").has_reflections, parse("C4v").has_reflections
        (False, True, True)

        Raises:
            RegrepError: the group has neither matrices nor points.
        """
        return bool((torch.linalg.det(self.defining.stack()) < 0).any())

    @cached_property
    def projections(self) -> tuple[Homomorphism, ...]:
        """The homomorphism onto each of the ``factors``; none for a group that was not made as a product.

        >>> from regrep.groups import cyclic, dihedral, product
        >>> left, right = product(cyclic(4), dihedral(3)).projections
        >>> left("(r2, s)"), right("(r2, s)")
        (2, 3)
        """
        from regrep.groups.homomorphisms import Homomorphism

        every, found = torch.arange(self.order), []
        for factor in reversed(self.factors):
            found.append(Homomorphism(self, factor, every % factor.order))
            every = every // factor.order
        return tuple(reversed(found))

    def subgroups(self) -> tuple[tuple[int, ...], ...]:
        """One subgroup of each class of conjugate subgroups, as sorted indices, the smallest first; up to order 100.

        ``regrep.groups.subgroup(G, elements)`` makes one a group, ``conjugate_subgroups(G, elements)`` lists its class.

        >>> from regrep.groups import dihedral
        >>> dihedral(3).subgroups()
        ((0,), (0, 3), (0, 1, 2), (0, 1, 2, 3, 4, 5))
        """
        from regrep.groups.subgroups import subgroup_classes

        return subgroup_classes(self)

    def index(self, element: int | str) -> int:
        """Index of an element given by name or index.

        >>> from regrep.groups import cyclic
        >>> cyclic(4).index("r3")
        3

        Raises:
            RegrepError: there is no such element.
        """
        if isinstance(element, str):
            if element not in self.names:
                raise RegrepError(
                    f"{self.name} has no element {shown(element)}; its elements are {', '.join(self.names[:12])}"
                    + (", ..." if self.order > 12 else "")
                )
            return self.names.index(element)
        index = operator.index(element) if is_whole(element) else -1
        if not 0 <= index < self.order:
            raise RegrepError(f"an element of {self.name} is an index from 0 to {self.order - 1}, got {shown(element)}")
        return index

    def subgroup(self, generators: Sequence[int | str]) -> tuple[int, ...]:
        """Sorted indices of the subgroup generated by some elements; :func:`regrep.groups.subgroup` makes it a group.

        >>> from regrep.groups import dihedral
        >>> dihedral(4).subgroup(["r2", "s"])
        (0, 2, 4, 6)
        """
        return tuple(sorted(closure(self.mul.numpy(), [self.index(g) for g in listed(generators)])))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FiniteGroup):
            return NotImplemented
        return self is other or (self.names == other.names and torch.equal(self.mul, other.mul))

    def __hash__(self) -> int:
        return hash((self.names, self.mul.numpy().tobytes()))

    def __repr__(self) -> str:
        return f"<FiniteGroup {self.name} of order {self.order}>"

    def _repr_html_(self) -> str:
        kind = "abelian" if self.is_abelian else "not abelian"
        caption = f"{self.name}: order {self.order}, {kind}"
        if self.order > WIDEST_HTML:
            rows = [[name, k, int(self.element_orders[k])] for k, name in enumerate(self.names)]
            return table(caption, ["element", "index", "order"], rows)
        rows = [[name, *(self.names[h] for h in row)] for name, row in zip(self.names, self.mul.tolist(), strict=True)]
        return table(caption, ["gh", *self.names], rows, ["row g, column h: first h, then g"])


def check_group(group: object, table: bool = True) -> None:
    """Raise for anything but a group, such as its name, and by default for one that is too large for a table."""
    if not isinstance(group, FiniteGroup):
        raise RegrepError(f"a group is a FiniteGroup, got {shown(group)}; make one of a name by regrep.groups.parse")
    if table:
        _ = group.mul  # large groups say here why they have none


def check_range(group: FiniteGroup, g: torch.Tensor) -> None:
    """Raise unless indices are elements of a group with a table.

    Looked at only on the CPU and outside compiled code: elsewhere the check would wait for the device.
    """
    if torch.compiler.is_compiling() or g.device.type != "cpu" or not g.numel():
        return
    low, high = int(g.min()), int(g.max())
    if low < 0 or high >= group.order:
        raise RegrepError(
            f"an element of {group.name} is an index from 0 to {group.order - 1}, got {low if low < 0 else high}"
        )
