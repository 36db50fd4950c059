"""A moving average of a network's weights, as its teacher."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from regrep.arguments import is_real, shown
from regrep.errors import RegrepError


class MeanTeacher(nn.Module):
    """A copy of a network whose weights are the moving average of the network's own.

    Call :meth:`update` after each step of the optimiser: every weight and every statistic becomes
    ``decay · average + (1 - decay) · current``. The copy is always in evaluation mode and has no gradients; the network
    itself is not registered, so that ``state_dict`` holds the average alone. Save and restore it beside the network.

    Pass it as ``teacher=`` to :class:`~regrep.EquivariantObjective`; with ``GroupAveraged(MeanTeacher(network), ...)``
    the teacher is the average of the average over some elements.

    Args:
        network: module x -> outputs.
        decay: from 0, which copies the network in every update, to below 1.

    Raises:
        RegrepError: no module, or a decay out of range.

    >>> network = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.zeros_(network.weight)
    >>> teacher = MeanTeacher(network, decay=0.9)
    >>> _ = nn.init.ones_(network.weight)
    >>> teacher.update()
    >>> round(float(teacher(torch.ones(1, 1))), 4)
    0.1
    """

    def __init__(self, network: nn.Module, decay: float = 0.99) -> None:
        super().__init__()
        if not isinstance(network, nn.Module):
            raise RegrepError(
                f"a mean teacher averages the weights of a module, got {shown(network)}; pass the network"
            )
        if not (is_real(decay) and 0 <= decay < 1):
            raise RegrepError(f"decay is a number from 0 to below 1, got {shown(decay)}")
        if any(is_lazy(one) for one in network.parameters()):
            raise RegrepError("a mean teacher averages weights that are there; run the lazy layers of the network once")
        self._network, self.decay = (network,), float(decay)
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.train(False)

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network."""
        averaged, current = ([*m.parameters(), *m.buffers()] for m in (self.average, *self._network))
        floating: tuple[list[Tensor], list[Tensor]] = ([], [])
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                floating[0].append(mean)
                floating[1].append(value)
            else:
                mean.copy_(value)
        if floating[0]:
            torch._foreach_lerp_(*floating, 1 - self.decay)

    @torch.no_grad()
    def forward(self, *inputs: Any, **arguments: Any) -> Any:
        """Outputs of the averaged network."""
        return self.average(*inputs, **arguments)

    def train(self, mode: bool = True) -> MeanTeacher:
        """A teacher stays in evaluation mode."""
        return super().train(False)
