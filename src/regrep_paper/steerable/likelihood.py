"""A learnable likelihood of the elements of a group: how equivariant a layer is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.representations import Irrep, irreps


class ExponentialFamily(nn.Module):
    """A density lambda of mean 1 on a group, exp f up to its mean, with f a learnable sum of given functions.

    It starts uniform.

    Args:
        group: the group or grid of the density; only densities with the same one can be compared.
        functions: [n, p], values on the elements over which means are taken, identity first; the first is constant.
    """

    def __init__(self, group: object, functions: Tensor) -> None:
        super().__init__()
        self.group = group
        self.register_buffer("functions", functions.to(torch.get_default_dtype()), persistent=False)
        self.functions: Tensor
        self.coefficients = nn.Parameter(torch.zeros(functions.shape[1]))
        with torch.no_grad():
            self.coefficients[0] = 1

    def logarithm(self) -> Tensor:
        """f(g) [n], not normalised."""
        return self.functions @ self.coefficients

    def log_mean(self) -> Tensor:
        """The logarithm z of the mean of exp f."""
        f = self.logarithm()
        return f.logsumexp(dim=0) - math.log(len(f))

    def log_density(self) -> Tensor:
        """Log lambda(g) [n] = f(g) - z."""
        return self.logarithm() - self.log_mean()

    def density(self) -> Tensor:
        """lambda(g) [n], of mean 1."""
        return self.log_density().exp()

    def alignment(self) -> Tensor:
        """Max over g of f(g) - f(e): 0 if no element is likelier than the identity."""
        f = self.logarithm()
        # With relu, since at a tie the maximum alone would change a likelihood that is already aligned.
        return (f - f[0]).relu().max()

    def divergence(self, other: Self | None = None) -> Tensor:
        """Kullback-Leibler divergence KL(lambda ‖ other) in nats; no gradient reaches the other.

        Args:
            other: a likelihood on the same group; defaults to the uniform one.

        Raises:
            RegrepError: the other is on another group.

        >>> import regrep
        >>> one, two = (Likelihood(regrep.groups.cyclic(3)) for _ in range(2))
        >>> with torch.no_grad():
        ...     two.coefficients[1] += 1
        >>> one.divergence(two).item() > 0, two.divergence(two).item()
        (True, 0.0)
        """
        if other is not None and other.group != self.group:
            one, two = (getattr(family.group, "name", family.group) for family in (self, other))
            raise RegrepError(
                f"likelihoods are compared on one group, got {one} and {two}; build both on the same group"
            )
        log = self.log_density()
        return (log.exp() * (log if other is None else log - other.log_density().detach())).mean()


class Likelihood(ExponentialFamily):
    """A density lambda on a finite group, exp f up to its mean, with f a sum over all real irreps ψ (PSCNN).

    f(g) = Σ √d ⟨ψ(g) V, f̂⟩, where the columns of V [d, c] are orthonormal and independent over the endomorphisms of ψ:
    d of them for type R, d/2 for C, d/4 for H, so that there are as many coefficients as elements. It is uniform when
    new: the average over the group weighted with it is then equivariant; with a point mass at the identity, the average
    changes nothing.

    Args:
        group: any finite group.

    >>> import regrep
    >>> likelihood = Likelihood(regrep.groups.quaternion())
    >>> likelihood.density().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    group: FiniteGroup

    def __init__(self, group: FiniteGroup) -> None:
        super().__init__(group, torch.cat([matrix_coefficients(psi) for psi in irreps(group)], dim=1))


def matrix_coefficients(psi: Irrep) -> Tensor:
    """Orthonormal basis of the matrix coefficients of ψ, float64 [n, d·d/e], ordered by columns of ψ(g).

    ``basis.T @ basis / n`` is the identity. e is the dimension of the endomorphism algebra of ψ: columns that it maps
    to each other have the same coefficients and count once.

    >>> import regrep
    >>> [matrix_coefficients(psi).shape[1] for psi in regrep.irreps(regrep.groups.cyclic(3))]
    [1, 2]
    """
    n, d = psi.group.order, psi.dim
    basis = torch.empty(n, 0, dtype=torch.float64)
    for column in psi.stack().unbind(dim=2):
        functions = math.sqrt(d) * column
        for _ in range(2):  # the second pass removes rounding errors
            functions = functions - basis @ (basis.T @ functions) / n
        # What is left are the coefficients of a part of the column, whose squared length is this; before the
        # basis is complete one of the d columns has 1 / d left or more.
        square = functions.square().mean()
        if square > 0.5 / d:
            basis = torch.cat([basis, functions / square.sqrt()], dim=1)
    return basis


def chain_regularizer(
    chain: Sequence[ExponentialFamily], alignment: float = 5.0, step: float = 3.0, uniform: float = 3.0
) -> Tensor:
    """A differentiable penalty that keeps the likelihoods of successive layers near the identity and near each other.

    alignment · Σ (max f - f(e)), plus the mean over the layers of uniform · KL(first ‖ uniform) and step · KL(layer ‖
    the layer before it, held fixed): becoming more equivariant again costs.

    Args:
        chain: the likelihoods, from the input on.
        alignment: weight of the alignments, which are summed.
        step: weight of the divergences between neighbours.
        uniform: weight of the first divergence.

    >>> import regrep
    >>> chain_regularizer([Likelihood(regrep.groups.cyclic(4)) for _ in range(3)]).item()
    0.0
    """
    if not chain:
        raise RegrepError("a chain has at least 1 likelihood, got none")
    aligned = torch.stack([likelihood.alignment() for likelihood in chain]).sum()
    steps = [step * after.divergence(before) for before, after in itertools.pairwise(chain)]
    return alignment * aligned + torch.stack([uniform * chain[0].divergence(), *steps]).sum() / len(chain)
