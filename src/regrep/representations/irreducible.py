"""The irreducible representations over the real numbers, as orthogonal matrices."""

from __future__ import annotations

import numpy as np
import torch

from regrep.groups import FiniteGroup, RealCharacter, real_characters
from regrep.representations.representation import MatrixRepresentation, check_group

SPLIT = 1e-10
"""Eigenvalues of the random commuting operator that are closer than this, relative to its norm, count as equal."""

BLOCK = 10**7
"""At most this many numbers are gathered at a time, to bound memory."""


class Irrep(MatrixRepresentation):
    """An irreducible representation over the real numbers.

    Attributes:
        real_character: its exact character, with name, type (R, C or H) and constituents.
        type: ``"R"``, ``"C"`` or ``"H"``: its endomorphisms are the real, complex or quaternion numbers.
        endomorphism_dimension: 1, 2 or 4.
    """

    def __init__(self, group: FiniteGroup, matrices: torch.Tensor, real_character: RealCharacter) -> None:
        super().__init__(group, matrices, real_character.name)
        self.real_character = real_character
        self.type = real_character.type
        self.endomorphism_dimension = real_character.endomorphism_dimension


def irreps(group: FiniteGroup) -> list[Irrep]:
    """All irreducible representations over the real numbers, in the order of their characters.

    A random symmetric element of the group algebra, acting from the right on functions on G, commutes with the left
    regular representation; with probability one each of its eigenspaces is irreducible. The matrices are
    orthogonal and determined up to a change of basis; the basis is fixed by the order of the elements.

    >>> from regrep.groups import quaternion
    >>> [(rho.name, rho.dim, rho.type) for rho in irreps(quaternion())]
    [('A1', 1, 'R'), ('A2', 1, 'R'), ('B1', 1, 'R'), ('B2', 1, 'R'), ('G', 4, 'H')]
    """
    check_group(group)
    characters = real_characters(group)
    for seed in range(5):
        found = _split(group, characters, np.random.default_rng(seed))
        if found is not None:
            return found
    raise ArithmeticError(f"the regular representation of {group.name} did not split in five draws")


def _split(group: FiniteGroup, characters: tuple[RealCharacter, ...], rng: np.random.Generator) -> list[Irrep] | None:
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    weights = rng.normal(size=group.order)
    weights = weights + weights[inverse]
    values, vectors = np.linalg.eigh(weights[table[inverse]])
    gaps = np.flatnonzero(np.diff(values) > SPLIT * np.abs(values).max()) + 1
    spaces = np.split(vectors, gaps, axis=1)
    if len(spaces) != sum(chi.dim // chi.endomorphism_dimension for chi in characters):
        return None
    first = np.array([members[0] for members in group.conjugacy_classes])
    exact = np.stack([chi.values.numpy()[first] for chi in characters])
    taken: dict[int, np.ndarray] = {}
    for space in spaces:
        if len(taken) == len(characters):
            break
        # tr rho(g) = tr rho(g⁻¹) = Σ_x B[x] · B[gx], since rho is real and orthogonal.
        shifted = table[first]
        traces = np.einsum("xd,kxd->k", space, space[shifted])
        distance = np.abs(exact - traces).max(axis=1)
        k = int(distance.argmin())
        if distance[k] > 1e-8:
            return None
        taken.setdefault(k, space)
    found = []
    for k, chi in enumerate(characters):
        space = standard_basis(taken[k])
        matrices = np.empty((group.order, chi.dim, chi.dim))
        block = max(1, BLOCK // space.size)
        for start in range(0, group.order, block):
            shifted = space[table[inverse[start : start + block]]]
            matrices[start : start + block] = space.T @ shifted
        if chi.dim == 1:
            matrices = np.rint(matrices)
        found.append(Irrep(group, torch.from_numpy(matrices), chi))
    return found


def standard_basis(space: np.ndarray) -> np.ndarray:
    """An orthonormal basis that depends on the column space alone: Gram-Schmidt on the projections of δ_e, δ_1, ...

    The basis of an eigenspace depends on the machine; the projections do not. The squared distances of all n rows
    from the span so far sum to the number of missing dimensions, at least 1, so one of them exceeds 1 / 2n.
    """
    basis = np.empty((0, space.shape[1]))
    for row in space:
        if len(basis) == space.shape[1]:
            break
        for _ in range(2):  # the second pass removes rounding errors
            row = row - basis.T @ (basis @ row)
        if row @ row > 0.5 / len(space):
            basis = np.vstack([basis, row / np.linalg.norm(row)])
    return space @ basis.T
