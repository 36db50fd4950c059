"""From approximate matrices to the nearest exact representation: gauge, defect, averaging."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.representations import Irrep, irreps
from regrep.representations.representation import check_group, check_stack

SINGULAR = 1e-12
"""The gauge is inverted if its smallest eigenvalue, relative to the largest, is at least this."""

EXACT = 1e-12
"""Defect below which matrices count as an exact representation."""

ROUNDS = 50
"""At most this many rounds of averaging and polar decomposition."""

POLAR_STEPS = 12
"""At most this many Newton-Schulz steps per polar decomposition; matrices that need more are decomposed by SVD."""


@dataclass(frozen=True, eq=False)
class NearestRepresentation:
    """The exact orthogonal representation reached from approximate matrices.

    Attributes:
        matrices: float64 [n, d, d], in the gauge of the given matrices.
        defects: defect of the given matrices and after each round; the last is that of ``matrices``.
        moved: rms over g of |rho'(g) - rho(g)|_F / √(2d): 0 exact, about 1 for unrelated matrices.
    """

    matrices: Tensor
    defects: tuple[float, ...]
    moved: float

    @property
    def converged(self) -> bool:
        """Whether the last defect is below 1e-12; otherwise the matrices are not a representation."""
        return self.defects[-1] < EXACT


def nearest_representation(group: FiniteGroup, matrices: Tensor) -> NearestRepresentation:
    """Nearest exact orthogonal representation, by repeating rho'(g) = polar(mean over h of rho(gh) rho(h)^T).

    The averages are those of Grove, Karcher and Ruh (Math. Ann. 211, 1974) and Kazhdan (Israel J. Math. 43, 1982) for
    almost homomorphisms; near a representation each round squares the defect. Matrices far from any representation
    may still end in one, so only a small ``moved`` says something about the given matrices.

    Args:
        group: the group.
        matrices: [n, d, d], in the order of the elements, almost orthogonal (see :func:`gauge`).

    Raises:
        RegrepError: a wrong shape, or numbers that are not finite.

    >>> from regrep import groups, regular
    >>> G = groups.symmetric(3)
    >>> exact = regular(G).stack()
    >>> noise = torch.randn(exact.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> found = nearest_representation(G, exact + 0.02 * noise)
    >>> found.converged, len(found.defects), found.moved < 0.05
    (True, 4, True)
    """
    check_group(group)
    given = nearest = _finite(group, check_stack(group, matrices))
    parts, defects = irreps(group), [defect(group, nearest, group.generators)]
    while not defects[-1] < EXACT and len(defects) <= ROUNDS:
        nearest = _polar(_average(parts, nearest))
        defects.append(defect(group, nearest, group.generators))
    return NearestRepresentation(nearest, tuple(defects), rms(nearest - given))


def gauge(group: FiniteGroup, matrices: Tensor) -> tuple[Tensor, float]:
    """Matrices in the basis in which an exact representation is orthogonal, and the condition number of the change.

    With M = mean of rho(g)^T rho(g), a representation leaves <x, M y> invariant; conjugating by M^(1/2) makes this the
    ordinary inner product.

    Args:
        group: the group.
        matrices: float64 [n, d, d].

    Returns:
        float64 [n, d, d], and cond(M): 1 orthogonal, large where some vectors grow or shrink without bound.

    Raises:
        RegrepError: numbers that are not finite, or singular M.

    >>> from regrep import groups
    >>> flip = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [0.5, 0.0]]]).double()
    >>> orthogonal, condition = gauge(groups.cyclic(2), flip)
    >>> [round(v, 9) for v in orthogonal[1].flatten().tolist()], round(condition, 9)
    ([0.0, 1.0, 1.0, 0.0], 4.0)
    """
    _finite(group, matrices)
    values, vectors = torch.linalg.eigh(torch.einsum("gki,gkj->ij", matrices, matrices) / group.order)
    if not float(values[0]) > SINGULAR * float(values[-1]):
        raise RegrepError(
            f"the mean of rho(g)^T rho(g) is invertible for a representation of {group.name}, got eigenvalues from"
            f" {float(values[0]):.1e} to {float(values[-1]):.1e}; restrict the matrices to the space they act on"
        )
    root = (vectors * values.sqrt()) @ vectors.T
    inverse = (vectors / values.sqrt()) @ vectors.T
    return root @ matrices @ inverse, float(values[-1] / values[0])


def defect(group: FiniteGroup, matrices: Tensor, left: Sequence[int]) -> float:
    """Rms over s in ``left`` and all g of |rho(s) rho(g) - rho(sg)|_F / √(2d); over s = e where ``left`` is empty.

    0 exact, about 1 for unrelated orthogonal matrices.

    >>> from regrep import groups, regular
    >>> G = groups.cyclic(4)
    >>> defect(G, regular(G).stack(), G.generators)
    0.0
    """
    pairs = [
        rms(torch.baddbmm(matrices[group.mul[s]], matrices[s].expand_as(matrices), matrices, alpha=-1))
        for s in left or (group.identity,)
    ]
    return math.sqrt(sum(value * value for value in pairs) / len(pairs))


def rms(difference: Tensor) -> float:
    """Rms over the matrices [..., d, d] of |difference|_F / √(2d): 1 for unrelated orthogonal ones."""
    return float(torch.linalg.vector_norm(difference)) * math.sqrt(difference.shape[-1] / (2 * difference.numel()))


def _finite(group: FiniteGroup, matrices: Tensor) -> Tensor:
    if not bool(matrices.isfinite().all()):
        raise RegrepError(
            f"the matrices of a representation of {group.name} are finite, got"
            f" {int((~matrices.isfinite()).sum())} entries that are not; check the training that produced them"
        )
    return matrices


def _average(parts: list[Irrep], matrices: Tensor) -> Tensor:
    """Mean over h of rho(gh) rho(h)^T for every g.

    This correlation over the group is a product in Fourier space: with T = Σ_g rho(g) ⊗ σ(g) for an orthogonal
    irreducible σ, its transform is T T^T / n. That takes d³ Σ dim(σ)³ operations instead of d³ n².
    """
    n, d = matrices.shape[:2]
    flat, average = matrices.reshape(n, d * d), torch.zeros(n, d * d, dtype=matrices.dtype)
    for part in parts:
        m, sigma = part.dim, part.stack().reshape(n, -1)
        transform = (sigma.T @ flat).reshape(m, m, d, d).permute(2, 0, 3, 1).reshape(d * m, d * m)
        product = (transform @ transform.T).reshape(d, m, d, m).permute(1, 3, 0, 2).reshape(m * m, d * d)
        average.addmm_(sigma, product, alpha=m / (part.endomorphism_dimension * n * n))
    return average.reshape(n, d, d)


def _polar(average: Tensor) -> Tensor:
    """Orthogonal polar factor of each average; one of several if the average is singular.

    The Newton-Schulz iteration needs singular values below √3: by Cauchy-Schwarz the average of e has the largest.
    """
    factor = average / torch.linalg.matrix_norm(average[0], 2)
    eye = torch.eye(factor.shape[-1], dtype=factor.dtype)
    for _ in range(POLAR_STEPS):
        excess = factor.mT @ factor - eye
        factor = torch.baddbmm(factor, factor, excess, alpha=-0.5)
        # Each step squares the excess.
        done = excess.abs().amax(dim=(1, 2)) < 1e-9
        if bool(done.all()):
            return factor
    u, _, v = torch.linalg.svd(average[~done])
    factor[~done] = u @ v
    return factor
