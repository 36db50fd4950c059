"""Conjugacy classes, complex characters and the characters of the real irreducible representations.

Characters come from one Hermitian eigenproblem of a random class function and are then rounded to exact
integers: the multiplicities of the eigenvalues of each element. The result does not depend on the draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from regrep.groups.finite import FiniteGroup, check_group
from regrep.html import table

SNAP = 1e-3
"""Largest distance of an eigenvalue multiplicity from an integer; beyond it the random draw is repeated."""

RealType = Literal["R", "C", "H"]


@dataclass(frozen=True, eq=False)
class CharacterTable:
    """Complex irreducible characters.

    Rows are sorted by degree, then by their values in decreasing order (real part first); the first is the
    trivial one. Columns are the conjugacy classes.

    Attributes:
        classes: conjugacy classes, in the order of the columns.
        values: complex128 [k, k], ``values[i, j]`` is the i-th character on the j-th class.
        degrees: dimension of each irreducible representation.
        frobenius_schur: indicator of each: 1 real, 0 complex, -1 quaternionic.
    """

    classes: tuple[tuple[int, ...], ...]
    values: Tensor
    degrees: tuple[int, ...]
    frobenius_schur: tuple[int, ...]

    def _repr_html_(self) -> str:
        from regrep.groups.description import WIDEST_CHARACTERS, in_closed_form

        order = sum(map(len, self.classes))
        caption = f"{len(self.classes)} irreducible characters of a group of order {order}"
        if len(self.classes) > WIDEST_CHARACTERS:
            rows = [[f"χ{k + 1}", *pair] for k, pair in enumerate(zip(self.degrees, self.frobenius_schur, strict=True))]
            return table(caption, ["", "degree", "indicator"], rows)
        head = ["", *(f"element {c[0]} ({len(c)} in its class)" for c in self.classes), "indicator"]
        rows = [
            [f"χ{k + 1}", *(in_closed_form(value, order) for value in row), self.frobenius_schur[k]]
            for k, row in enumerate(self.values.tolist())
        ]
        return table(caption, head, rows)


@dataclass(frozen=True, eq=False)
class RealCharacter:
    """Character of an irreducible representation over the real numbers.

    Attributes:
        name: the usual label in a point group (A1g, T1u, E1, B2); in other groups Mulliken's letters, numbered (A and
            B of dimension 1, E 2, T 3, G 4, H 5, then X with the dimension).
        values: float64 [n], one value per element.
        dim: dimension over the real numbers: d for type R, 2d for types C and H.
        type: R (real), C (complex) or H (quaternionic).
        constituents: rows of the complex character table it contains.
    """

    name: str
    values: Tensor
    dim: int
    type: RealType
    constituents: tuple[int, ...]

    @property
    def endomorphism_dimension(self) -> int:
        """Real dimension of its endomorphism algebra: 1, 2 or 4."""
        return {"R": 1, "C": 2, "H": 4}[self.type]


def conjugacy_classes(group: FiniteGroup) -> tuple[tuple[int, ...], ...]:
    """Orbits of x -> s x s^-1 for generators s, by propagating the smallest label.

    >>> from regrep.groups import dihedral
    >>> conjugacy_classes(dihedral(4))
    ((0,), (1, 3), (2,), (4, 6), (5, 7))
    """
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    label = np.arange(group.order)
    moves = [table[table[s], inverse[s]] for s in group.generators]
    while True:
        before = label
        for move in moves:
            label = np.minimum(label, label[move])
            spread = label.copy()
            np.minimum.at(spread, move, label)
            label = spread
        label = label[label]
        if (label == before).all():
            break
    return tuple(tuple(np.flatnonzero(label == k).tolist()) for k in np.flatnonzero(label == np.arange(len(label))))


def character_table(group: FiniteGroup) -> CharacterTable:
    """Characters of a group of order n with k classes, in O(kn + k³ / m²) with m the largest order in the centre.

    With f(C) = z_C / √|C| for random z with z(C^-1) = conj z(C), the matrix
    N[j, k] = √(|C_k| / |C_j|) Σ_{y in C_j} f(g_k y^-1) is Hermitian with distinct eigenvalues, and an
    orthonormal eigenvector v gives the degree d = √n |v_0| and the character χ(C_k) = (v_k / v_0) d / √|C_k|.

    >>> from regrep.groups import quaternion
    >>> table = character_table(quaternion())
    >>> table.degrees, table.frobenius_schur
    ((1, 1, 1, 1, 2), (1, 1, 1, 1, -1))
    """
    classes = group.conjugacy_classes
    sizes = np.array([len(c) for c in classes])
    first = np.array([c[0] for c in classes])
    class_of = np.empty(group.order, dtype=np.int64)
    for k, members in enumerate(classes):
        class_of[list(members)] = k
    values = _of_abelian(group) if group.is_abelian else _of_any(group, sizes, first, class_of)
    pairs = np.stack([values.real, values.imag], axis=2).reshape(len(values), -1).round(9)
    columns = np.concatenate([np.rint(values[:, :1].real), -pairs], axis=1).T
    values = values[np.lexsort(columns[::-1])]
    squares = class_of[group.mul.numpy().diagonal()]
    indicators = np.rint(values[:, squares].mean(axis=1).real).astype(int)
    return CharacterTable(
        classes=classes,
        values=torch.from_numpy(values),
        degrees=tuple(int(d) for d in np.rint(values[:, 0].real)),
        frobenius_schur=tuple(int(v) for v in indicators),
    )


def real_characters(group: FiniteGroup) -> tuple[RealCharacter, ...]:
    """Characters of the irreducible representations over the real numbers.

    A complex character χ of indicator 1 stays, one of indicator 0 joins its conjugate, one of -1 is doubled.

    >>> from regrep.groups import cyclic
    >>> [(chi.name, chi.dim, chi.type) for chi in real_characters(cyclic(3))]
    [('A', 1, 'R'), ('E', 2, 'C')]
    """
    check_group(group)
    table = group.character_table
    values = table.values.numpy()
    class_of = np.empty(group.order, dtype=np.int64)
    for k, members in enumerate(table.classes):
        class_of[list(members)] = k
    rows: list[tuple[np.ndarray, int, RealType, tuple[int, ...]]] = []
    used: set[int] = set()
    prints = values @ np.random.default_rng(0).normal(size=len(values))  # one number identifies a row
    conjugate = np.abs(prints[:, None] - prints.conj()).argmin(axis=0).tolist()
    for i, (degree, indicator) in enumerate(zip(table.degrees, table.frobenius_schur, strict=True)):
        if i in used:
            continue
        if indicator == 1:
            rows.append((values[i].real, degree, "R", (i,)))
        elif indicator == -1:
            rows.append((2 * values[i].real, 2 * degree, "H", (i,)))
        else:
            used.add(conjugate[i])
            rows.append((2 * values[i].real, 2 * degree, "C", (i, conjugate[i])))
    rows.sort(key=lambda row: row[1])  # stable: within a dimension in the order of the complex table
    if group.point_group is not None:
        turns = int(group.element_orders[group.point_group.turn])
        names = [group.point_group.label(row[class_of], turns) for row, _, _, _ in rows]
    else:
        names = _numbered([_letter(group, row[class_of], dim) for row, dim, _, _ in rows])
    return tuple(
        RealCharacter(name, torch.from_numpy(row[class_of].copy()), dim, kind, members)
        for name, (row, dim, kind, members) in zip(names, rows, strict=True)
    )


def _numbered(letters: list[str]) -> list[str]:
    """A letter that stands alone stays; those that repeat are numbered."""
    return [
        letter.rstrip("_") if letters.count(letter) == 1 else f"{letter}{letters[: k + 1].count(letter)}"
        for k, letter in enumerate(letters)
    ]


def _letter(group: FiniteGroup, values: np.ndarray, dim: int) -> str:
    """Mulliken's letter; B where the turn that generates C_n or leads D_n acts as -1."""
    if dim == 1 and group.generators:
        turn = group.generators[0]
        leads = len(group.generators) == 1 or int(group.element_orders[turn]) > 2
        return "B" if leads and values[turn] < 0 else "A"
    return {1: "A", 2: "E", 3: "T", 4: "G", 5: "H"}.get(dim, f"X{dim}_")


def _of_abelian(group: FiniteGroup) -> np.ndarray:
    """Characters of an abelian group, extended from subgroup to subgroup in whole multiples of 1 / exponent.

    If s^m is the first power of s in the subgroup, a character χ extends in m ways: χ(s)^m = χ(s^m).
    """
    table, exponent = group.mul.numpy(), group.exponent
    elements, phases = np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.int64)
    for s in group.generators:
        powers = [0]
        while (power := int(table[powers[-1], s])) not in elements:
            powers.append(power)
        m = len(powers)
        root = phases[:, elements == power] // m + np.arange(m) * (exponent // m)
        turned = root[:, :, None, None] * np.arange(m)[:, None] + phases[:, None, None, :]
        phases = turned.reshape(m * len(elements), m * len(elements)) % exponent
        elements = table[powers][:, elements].ravel()
    return _tidy(_roots(exponent)[phases[:, np.argsort(elements)]])


def _of_any(group: FiniteGroup, sizes: np.ndarray, first: np.ndarray, class_of: np.ndarray) -> np.ndarray:
    powers = _power_classes(group, first, class_of)
    for seed in range(5):
        values = _solve(group, sizes, first, class_of, np.random.default_rng(seed))
        snapped = _snap(values, powers)
        if snapped is not None and _belongs(group, snapped, sizes, first, class_of, np.random.default_rng(seed + 5)):
            return snapped
    raise ArithmeticError(f"the characters of {group.name} did not come out as integers in five draws")


def _power_classes(group: FiniteGroup, first: np.ndarray, class_of: np.ndarray) -> list[np.ndarray]:
    """For the first element of each class: the classes of its powers 0 .. order - 1."""
    table, orders = group.mul.numpy(), group.element_orders.numpy()
    power, columns = np.zeros(len(first), dtype=np.int64), []
    for _ in range(int(orders[first].max())):
        columns.append(class_of[power])
        power = table[power, first]
    stacked = np.stack(columns, axis=1)
    return [stacked[k, : orders[g]] for k, g in enumerate(first)]


def _solve(
    group: FiniteGroup, sizes: np.ndarray, first: np.ndarray, class_of: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Characters in floating point.

    A central element z of order m permutes the classes and commutes with N, so that N splits into one block for each
    value ω^j of a character on z, ω = exp(2πi / m). With c_a the length of the cycle of z that starts at class a,
    B_j[a, b] = √(c_b / c_a) Σ_s ω^(js) N[z^s a, b] for those cycles on which z^c = 1 allows the value.
    """
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    inverse_class = class_of[inverse[first]]
    k = len(sizes)
    cycles = _cycles(class_of[table[_central(group, sizes, first), first]])
    starts = [cycle[0] for cycle in cycles]
    z = rng.normal(size=k) + 1j * rng.normal(size=k)
    z = (z + z[inverse_class].conj()) / 2
    f = (z / np.sqrt(sizes))[class_of]
    matrix = np.empty((k, len(cycles)), dtype=complex)
    for column, g in enumerate(first[starts]):
        term = f[table[g, inverse]]
        matrix[:, column] = np.bincount(class_of, term.real, k) + 1j * np.bincount(class_of, term.imag, k)
    matrix *= np.sqrt(sizes[None, starts] / sizes[:, None])
    lengths = np.array([len(cycle) for cycle in cycles])
    m = int(lengths.max())
    # Row a: sums along the cycle of a with the weights ω^(js), for all j that its length allows.
    sums = [np.fft.ifft(matrix[cycle], axis=0, norm="forward") for cycle in cycles]
    real = bool((inverse_class == np.arange(k)).all())
    roots, vectors, filled = _roots(m), np.zeros((k, k), dtype=complex), 0
    for j in range(m):
        inside = np.flatnonzero(j * lengths % m == 0)
        block = np.stack([sums[a][j * lengths[a] // m, inside] for a in inside])
        block *= np.sqrt(lengths[None, inside] / lengths[inside, None])
        _, small = np.linalg.eigh(block.real if real else block)
        columns = slice(filled, filled + len(inside))
        for a, row in zip(inside, small / np.sqrt(lengths[inside])[:, None], strict=True):
            vectors[cycles[a], columns] = roots[-j * np.arange(lengths[a]) % m][:, None] * row
        filled += len(inside)
    degrees = np.sqrt(group.order) * np.abs(vectors[0])
    return ((vectors / vectors[0]) * degrees / np.sqrt(sizes)[:, None]).T


def _central(group: FiniteGroup, sizes: np.ndarray, first: np.ndarray) -> int:
    """An element of the largest order in the centre."""
    centre = first[sizes == 1]
    return int(centre[group.element_orders.numpy()[centre].argmax()])


def _cycles(image: np.ndarray) -> list[list[int]]:
    """The cycles of a permutation, by their smallest entries."""
    seen, cycles, steps = np.zeros(len(image), dtype=bool), [], image.tolist()
    for start in range(len(steps)):
        if seen[start]:
            continue
        cycle = [start]
        while (following := steps[cycle[-1]]) != start:
            cycle.append(following)
        seen[cycle] = True
        cycles.append(cycle)
    return cycles


def _snap(values: np.ndarray, powers: list[np.ndarray]) -> np.ndarray | None:
    """Round to sums of roots of unity with integer multiplicities; None if that fails.

    The multiplicities of the eigenvalues of an element are those of its powers as well, so that one transform serves
    all classes that a cyclic group meets.
    """
    degrees = np.rint(values[:, 0].real)
    exact = np.empty_like(values)
    missing = np.ones(len(powers), dtype=bool)
    for column in sorted(range(len(powers)), key=lambda column: -len(powers[column])):
        if not missing[column]:
            continue
        classes = powers[column]
        order = len(classes)
        counts = np.fft.fft(values[:, classes], axis=1) / order
        rounded = np.rint(counts.real)
        if np.abs(counts - rounded).max() > SNAP or (rounded < 0).any() or (rounded.sum(axis=1) != degrees).any():
            return None
        exponents = np.flatnonzero(missing[classes])
        exponents = exponents[np.sort(np.unique(classes[exponents], return_index=True)[1])]
        common = np.gcd(exponents, order)
        for d in set(common.tolist()):
            chosen, rest = exponents[common == d], order // d
            folded = rounded.reshape(len(rounded), d, rest).sum(axis=1)
            roots = _roots(rest)[np.arange(rest)[:, None] * (chosen // d) % rest]
            exact.real[:, classes[chosen]] = folded @ roots.real
            exact.imag[:, classes[chosen]] = folded @ roots.imag
        missing[classes] = False
    return _tidy(exact)


def _tidy(values: np.ndarray) -> np.ndarray:
    """Remove the last bits of values that are multiples of one half."""
    for part in (values.real, values.imag):
        near = np.rint(2 * part) / 2
        part[np.abs(part - near) < 1e-11] = near[np.abs(part - near) < 1e-11] + 0.0
    return values


def _roots(order: int) -> np.ndarray:
    """The roots of unity exp(2πi j / order), exact at multiples of a quarter turn."""
    j = np.arange(order)
    roots = np.exp(2j * np.pi * j / order)
    quarter, rest = np.divmod(4 * j, order)
    exact = np.array([1, 1j, -1, -1j])
    return np.where(rest == 0, exact[quarter % 4], roots)


def _belongs(
    group: FiniteGroup,
    values: np.ndarray,
    sizes: np.ndarray,
    first: np.ndarray,
    class_of: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    """Whether ω(C) = |C| χ(C) / χ(1) is multiplicative on class sums; tested on one random product.

    Orthogonality alone would not tie the table to this group.
    """
    a, b = rng.normal(size=(2, len(sizes)))
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    product = np.array([a[class_of] @ b[class_of[table[inverse, g]]] for g in first])
    omega = sizes * values / values[:, :1]
    left, right = (omega @ a) * (omega @ b), omega @ product
    return bool(np.abs(left - right).max() <= 1e-8 * max(1.0, np.abs(right).max()))
