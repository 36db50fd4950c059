"""Residual pathway priors: free pathways parallel to equivariant ones, both kept small by a penalty."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

EQUIVARIANT_DECAY, FREE_DECAY = 1e-5, 1e-3
"""Weights of the sum of squares of a pathway's parameters, without a factor of a half, as in the published code."""


class ResidualPathway(nn.Module):
    """``equivariant(x) + free(x)`` (Finzi, Benton and Wilson 2021)."""

    def __init__(self, equivariant: nn.Module, free: nn.Module) -> None:
        super().__init__()
        self.equivariant, self.free = equivariant, free

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both pathways."""
        return self.equivariant(x) + self.free(x)


def prior(network: nn.Module, equivariant_decay: float = EQUIVARIANT_DECAY, free_decay: float = FREE_DECAY) -> Tensor:
    """``equivariant_decay ‖θ_equivariant‖² + free_decay ‖θ_free‖²`` over all pathways of a network, including biases.

    >>> one = nn.Linear(1, 1, bias=False).requires_grad_(False)
    >>> two = ResidualPathway(one, nn.Sequential(one, one))
    >>> bool(prior(two, 2.0, 3.0).isclose(5 * one.weight.square().sum()))
    True
    """
    paths = [module for module in network.modules() if isinstance(module, ResidualPathway)]
    equivariant = squares(p for path in paths for p in path.equivariant.parameters())
    return equivariant_decay * equivariant + free_decay * squares(p for path in paths for p in path.free.parameters())


def squares(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of the squares of all entries."""
    found = [parameter.square().sum() for parameter in parameters]
    return sum(found[1:], start=found[0])
