"""The penalty of residual pathway priors."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

EQUIVARIANT_DECAY, FREE_DECAY = 1e-5, 1e-3
"""Weights of the two paths' squared parameters, without a factor of a half."""


def pathway_penalty(equivariant: Iterable[Tensor], free: Iterable[Tensor]) -> Tensor:
    """``1e-5 ‖equivariant‖² + 1e-3 ‖free‖²``, Gaussian priors on the two paths (Finzi, Benton and Wilson 2021).

    Args:
        equivariant: all parameters of the equivariant path, biases too.
        free: those of the other.

    >>> import torch
    >>> one = [torch.ones(2)]
    >>> round(pathway_penalty(one, one * 3).item(), 6)
    0.00602
    """
    return EQUIVARIANT_DECAY * squares(equivariant) + FREE_DECAY * squares(free)


def squares(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of the squares of all entries."""
    found = [parameter.square().sum() for parameter in parameters]
    return sum(found[1:], start=found[0])
