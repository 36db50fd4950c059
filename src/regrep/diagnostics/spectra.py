"""Spectra of an approximate representation: isotypic projectors and the eigenvalues of generators."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from regrep.groups import FiniteGroup, RealCharacter


@dataclass(frozen=True)
class Projector:
    """How close the approximate projector onto an isotypic part is to being a projector.

    Attributes:
        rank: number of eigenvalues with real part above 1/2: the dimension of the part.
        gap: twice the smallest distance of a real part from 1/2: 1 exact, 0 rank undecided.
        residual: |P² - P|_F / √d, 0 exact.
    """

    rank: int
    gap: float
    residual: float


@dataclass(frozen=True)
class GeneratorSpectrum:
    """Eigenvalues of a generator's matrix, and the roots of unity they would be in a representation.

    Attributes:
        order: order k of the generator.
        eigenvalues: the d eigenvalues, ordered by angle from 0 to 2π.
        roots: how many eigenvalues are nearest to exp(2πi j / k), for j = 0 .. k - 1.
        root_distance: rms distance of the eigenvalues from those roots.
    """

    order: int
    eigenvalues: tuple[complex, ...]
    roots: tuple[int, ...]
    root_distance: float


def projector(chi: RealCharacter, matrices: Tensor) -> Projector:
    """Spectrum of P = dim / (e n) Σ_g χ(g^-1) rho(g), with e = 1, 2, 4 for the types R, C, H.

    Over the complex numbers χ is ψ, ψ + conj ψ or 2ψ, so that dim / e is the dimension of ψ and P the sum of the usual
    projectors d_ψ / n Σ conj ψ(g) rho(g) of its constituents; a real character has χ(g^-1) = χ(g).

    Args:
        chi: character of an irreducible representation over the real numbers.
        matrices: float64 [n, d, d].

    >>> from regrep import groups, regular
    >>> Q8 = groups.quaternion()
    >>> [projector(chi, regular(Q8).stack()).rank for chi in groups.real_characters(Q8)]
    [1, 1, 1, 1, 4]
    """
    p = torch.einsum("g,gij->ij", chi.values, matrices) * (chi.dim / (chi.endomorphism_dimension * len(matrices)))
    real = torch.linalg.eigvals(p).real
    return Projector(
        rank=int((real > 0.5).sum()),
        gap=2 * float((real - 0.5).abs().min()),
        residual=float((p @ p - p).norm()) / math.sqrt(len(p)),
    )


def generator_spectrum(group: FiniteGroup, element: int, matrix: Tensor) -> GeneratorSpectrum:
    """Eigenvalues of one element's matrix and the roots of unity nearest to them.

    Args:
        group: the group.
        element: index of the element.
        matrix: float64 [d, d].

    >>> from regrep import groups, regular
    >>> G = groups.cyclic(4)
    >>> generator_spectrum(G, 1, regular(G).matrix("r")).roots
    (1, 1, 1, 1)
    """
    order = int(group.element_orders[element])
    eigenvalues = torch.linalg.eigvals(matrix)
    turns = (eigenvalues.angle() * order / (2 * math.pi)).round()
    distance = (eigenvalues - torch.polar(torch.ones_like(turns), 2 * math.pi / order * turns)).abs()
    # Angles just below zero are zero up to rounding and come first.
    ordered = eigenvalues[((eigenvalues.angle() + 1e-9) % (2 * math.pi)).argsort()]
    return GeneratorSpectrum(
        order=order,
        eigenvalues=tuple(complex(z) for z in ordered.tolist()),
        roots=tuple((turns.long() % order).bincount(minlength=order).tolist()),
        root_distance=math.sqrt(float(distance.square().mean())),
    )
