"""A learnable likelihood of the rotations of space, with or without reflections."""

from __future__ import annotations

import functools
import math
from typing import Self

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.fields import Irrep, space
from regrep_paper.steerable.likelihood import ExponentialFamily
from regrep_paper.steerable.stored import stored

BAND_LIMIT = 2
"""Highest frequency of the likelihood's logarithm, and of the density that layers use."""

POINTS = 70
"""Number of rotations in the grid, in addition to the identity."""

RIDGE = 1e-8
"""Ridge of the least-squares fit that truncates the density."""

NEIGHBOURS, NOISE = 100, 0.1
"""Number of random rotations near the identity for the alignment, and the noise of their quaternions."""


class SphericalLikelihood(ExponentialFamily):
    """A density lambda on SO(3) or O(3), exp f up to its mean, with f band-limited (PSCNN).

    f(g) = Σ √d ⟨ψ(g), f̂_ψ⟩ over the irreps of frequency at most 2, which is 35 coefficients for SO(3) and 70 for
    O(3). It starts uniform. Means over the group are means over a grid: the identity and 70 rotations that repel
    each other, for O(3) also their products with the inversion. Layers see the density through its
    :meth:`moments`, which truncate it at the same frequency by a least-squares fit on the grid.

    Args:
        group: "SO3" or "O3".
        as_published: takes divergences from the truncated density, in closed form. On these grids that is wrong to
            first order: their gradient does not vanish where the likelihood is uniform, and they may be negative.

    Raises:
        RegrepError: another group.
        MissingExtraError: escnn is not installed.
    """

    group: str

    def __init__(self, group: str, as_published: bool = False) -> None:
        if group not in ("SO3", "O3"):
            raise RegrepError(
                f"likelihoods of rotations support SO3 and O3, not the group {group!r}; choose one of them"
            )
        fibre = space(group).fibergroup
        self.irreps: list[Irrep] = list(fibre.bl_irreps(BAND_LIMIT))
        self.sizes = [fibre.irrep(*psi).size for psi in self.irreps]
        rotations = torch.cat([torch.eye(3, dtype=torch.float64)[None], rotation_grid()])
        functions = self.matrix_coefficients(rotations)
        if group == "O3":
            functions = torch.cat([functions, self.matrix_coefficients(rotations[1:], inverted=True)])
        super().__init__(group, functions)
        self.as_published = as_published
        gram = functions.T @ functions
        fit = torch.linalg.solve(gram + RIDGE * torch.eye(len(gram)).to(gram), functions.T)
        # They are part of the state: on another machine the grid may differ.
        self.register_buffer("functions", self.functions)
        self.register_buffer("fit", fit.to(self.functions))
        self.fit: Tensor

    def matrix_coefficients(self, rotations: Tensor, inverted: bool = False) -> Tensor:
        """√d ψ(g) of all irreps, [n, p] with the entries of one ψ after the other, each by rows.

        Args:
            rotations: [n, 3, 3].
            inverted: of these rotations times the inversion -1, which the odd irreps of O(3) take to -1.
        """
        axes, coupling = (constant.to(rotations) for constant in vector_bases())
        one = axes.T @ rotations @ axes
        two = torch.einsum("abi,nac,nbd,cdj->nij", coupling, one, one, coupling)
        matrices = [torch.ones_like(one[:, :1, :1]), one, two]
        signs = [-1 if inverted and len(psi) == 2 and psi[0] else 1 for psi in self.irreps]
        parts = [
            sign * math.sqrt(size) * matrices[psi[-1]].flatten(1)
            for psi, size, sign in zip(self.irreps, self.sizes, signs, strict=True)
        ]
        return torch.cat(parts, dim=1)

    def truncated(self) -> Tensor:
        """Coefficients [p] of the truncated density in the functions that f is a sum of."""
        return self.fit @ self.density()

    def moments(self) -> list[Tensor]:
        """Mean of each ψ(g) [d, d] under the truncated density; if uniform, 0 except for the trivial irrep."""
        parts = self.truncated().split([size**2 for size in self.sizes])
        return [part.view(size, size) / math.sqrt(size) for part, size in zip(parts, self.sizes, strict=True)]

    def alignment(self) -> Tensor:
        """Max over g of f(g) - f(e), on the grid and on random rotations near e, redrawn in each call."""
        noise = torch.randn(NEIGHBOURS, 4).to(self.functions) * NOISE
        noise[:, 0] += 1
        near = self.matrix_coefficients(quaternion_rotations(noise)) @ self.coefficients
        f = self.logarithm()
        return (torch.cat([f, near]) - f[0]).relu().max()

    def divergence(self, other: Self | None = None) -> Tensor:
        """As in :class:`ExponentialFamily`, by means over the grid; as published ⟨λ̂, f̂ - f̂_other⟩ - z + z_other."""
        value = super().divergence(other)
        if not self.as_published:
            return value
        truncated = self.truncated()
        value = truncated @ self.coefficients - self.log_mean()
        if other is not None:
            value = value - truncated @ other.coefficients.detach() + other.log_mean().detach()
        return value


@functools.cache
def vector_bases() -> tuple[Tensor, Tensor]:
    """The axes [3, 3] that the irrep of frequency 1 is written in, and its squares' part of frequency 2 [3, 3, 5]."""
    group = steerable_library().group.so3_group(BAND_LIMIT)
    axes, coupling = group.standard_representation().change_of_basis, group._clebsh_gordan_coeff((1,), (1,), (2,))
    return torch.from_numpy(axes), torch.from_numpy(coupling[:, :, 0])


@functools.cache
def rotation_grid() -> Tensor:
    """The 70 rotations that repel each other, float64 [70, 3, 3]; half a minute once, then from disk."""

    def compute() -> dict[str, np.ndarray]:
        grid = steerable_library().group.so3_group(BAND_LIMIT).grid("thomson", POINTS)
        return {"matrices": np.stack([g.to("MAT") for g in grid])}

    return torch.from_numpy(stored("rotations", {"grid": "thomson", "points": POINTS}, compute)["matrices"])


def quaternion_rotations(quaternions: Tensor) -> Tensor:
    """Rotation matrices [n, 3, 3] of quaternions (w, x, y, z) [n, 4] of any length but 0.

    >>> quaternion_rotations(torch.tensor([[2.0, 0.0, 0.0, 2.0]])).round().int().tolist()
    [[[0, -1, 0], [1, 0, 0], [0, 0, 1]]]
    """
    w, vector = quaternions[:, 0, None, None], quaternions[:, 1:]
    cross = torch.linalg.cross(vector[:, None], torch.eye(3).to(vector)[None]).mT  # matrix of the product v × .
    outer = vector[:, :, None] * vector[:, None]
    square = (vector**2).sum(1)[:, None, None]
    eye = torch.eye(3).to(vector)
    return ((w**2 - square) * eye + 2 * outer + 2 * w * cross) / (w**2 + square)
