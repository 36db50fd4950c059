"""Averages of trained networks over a group at test time."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.arguments import check_callable, is_whole, shown
from regrep.errors import RegrepError
from regrep.nn.encoder_head import EncoderHead


class GroupAveraged(EncoderHead):
    """The group average of a network, ``(1 / n) Σ_g g^-1 f(g x)``: equivariant, whatever the network is.

    Without an output action it is the invariant ``(1 / n) Σ_g f(g x)``. Inference costs n times as much, training
    nothing. Exact up to rounding if the actions are and f treats samples independently (evaluation mode).

    ``encoder``: [B, ...] -> [B, n, ...], the outputs on all transformed inputs, transformed back; ``head``: their mean.

    Args:
        network: f, x [B, ...] -> outputs [B, ...]; not copied.
        input_action: how G acts on x.
        output_action: how G acts on the outputs; None if they are invariant.
        probabilities: average softmax probabilities instead of the outputs, and return the logarithm of their mean,
            which works as logits for cross entropy, softmax and argmax.
        chunk: number of transformed inputs per forward pass, which bounds the memory.

    Raises:
        RegrepError: a chunk size below 1, an input action that is not an action, or actions of different groups.

    >>> import regrep
    >>> quarters = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> corner = GroupAveraged(lambda x: x[:, 0, 0], quarters)
    >>> corner(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]))
    tensor([3.])
    """

    def __init__(
        self,
        network: nn.Module,
        input_action: Action,
        output_action: Action | None = None,
        probabilities: bool = False,
        chunk: int = 256,
    ) -> None:
        super().__init__()
        check_callable("the network", network)
        if not is_whole(chunk) or chunk < 1:
            raise RegrepError(f"chunk is at least 1 transformed input per forward pass, got {shown(chunk)}")
        if not isinstance(input_action, Action):
            raise RegrepError(f"input_action is an action of a group on inputs, got {input_action!r}")
        if output_action is not None and not isinstance(output_action, Action):
            raise RegrepError(f"output_action is an action of a group on outputs, got {shown(output_action)}")
        if output_action is not None and output_action.group != input_action.group:
            raise RegrepError(
                f"{output_action.group.name} acts on the outputs, but {input_action.group.name} on the inputs;"
                " use one group for both"
            )
        self.encoder = Orbit(network, input_action, output_action, probabilities, chunk)
        self.head = OrbitMean(logarithms=probabilities)


class Orbit(nn.Module):
    """[B, ...] -> [B, n, ...]: ``g^-1 f(g x)`` for every g; arguments as in :class:`GroupAveraged`.

    Transforming x by h transforms the entries by h and permutes them: the entry of g becomes h applied to that of gh.
    """

    def __init__(
        self, network: nn.Module, input_action: Action, output_action: Action | None, probabilities: bool, chunk: int
    ) -> None:
        super().__init__()
        self.network = network
        self.input_action, self.output_action = input_action, output_action
        self.probabilities, self.chunk = probabilities, chunk

    def forward(self, x: Tensor) -> Tensor:
        """Outputs on the orbit of each input; log-probabilities if probabilities are averaged."""
        group, found = self.input_action.group, []
        inverse = group.inverse.to(x.device)
        for views in torch.arange(len(x) * group.order, device=x.device).split(self.chunk):
            g = views % group.order
            y = self.network(self.input_action(x[views // group.order], g))
            if self.output_action is not None:
                y = self.output_action(y, inverse[g])
            found.append(y.log_softmax(dim=1) if self.probabilities else y)
        return torch.cat(found).unflatten(0, (len(x), group.order))


class OrbitMean(nn.Module):
    """Mean of [B, n, ...] over n; with ``logarithms``, the logarithm of the mean of the exponentials.

    >>> halves = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    >>> OrbitMean(logarithms=True)(halves.log()).exp(), OrbitMean(logarithms=False)(halves)
    (tensor([[0.7500, 0.2500]]), tensor([[0.7500, 0.2500]]))
    """

    def __init__(self, logarithms: bool) -> None:
        super().__init__()
        self.logarithms = logarithms

    def forward(self, orbit: Tensor) -> Tensor:
        """The mean."""
        return orbit.logsumexp(dim=1) - math.log(orbit.shape[1]) if self.logarithms else orbit.mean(dim=1)
