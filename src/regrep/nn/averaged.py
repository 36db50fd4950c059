"""Averages of trained networks over a group at test time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.actions.trees import as_action, joined, mapped, rows, samples_in, tensor_in
from regrep.arguments import check_callable, check_flag, is_whole, shown, whole
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, LargeGroup
from regrep.groups.finite import check_group
from regrep.nn.encoder_head import EncoderHead
from regrep.placed import Placed


class GroupAveraged(EncoderHead):
    """The group average of a network, ``(1 / n) Σ_g g^-1 f(g x)``: equivariant, whatever the network is.

    Without an output action it is the invariant ``(1 / n) Σ_g f(g x)``. Inference costs n times as much, training
    nothing. Exact up to rounding if the actions are and f treats samples independently (evaluation mode). With
    ``elements=K`` the mean runs over K distinct random elements, drawn anew for each sample in each call: its
    expectation is the exact average, its cost K passes.

    ``encoder``: [B, ...] -> [B, n, ...], the outputs on all transformed inputs, transformed back; ``head``: their mean.
    Inputs and outputs may be trees of tensors.

    Args:
        network: f, x [B, ...] -> outputs [B, ...]; a module or a function; not copied.
        input_action: how G acts on x.
        output_action: how G acts on the outputs; None if they are invariant.
        probabilities: average softmax probabilities instead of the outputs, and return the logarithm of their mean,
            which works as logits for cross entropy, softmax and argmax.
        chunk: number of transformed inputs per forward pass, which bounds the memory.
        elements: K, from 1 to the order of the group; None for all elements.
        generator: for drawing the elements; defaults to torch's global one.

    Raises:
        RegrepError: a chunk size below 1, an input action that is not an action, actions of different groups, or more
            elements than the group has.

    >>> import regrep
    >>> quarters = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> corner = GroupAveraged(lambda x: x[:, 0, 0], quarters)
    >>> corner(torch.tensor([[[1.0, 2.0], [3.0, 6.0]]]))
    tensor([3.])
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        input_action: Action,
        output_action: Action | None = None,
        probabilities: bool = False,
        chunk: int = 256,
        *,
        elements: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        check_callable("the network", network)
        check_flag("probabilities", probabilities)
        input_action, output_action = as_action(input_action), as_action(output_action)
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
        check_group(input_action.group, table=elements is None)
        if elements is not None:
            elements = whole("the number of elements to average over", elements, 1, input_action.group.order)
        self.encoder = Orbit(network, input_action, output_action, probabilities, chunk, elements, generator)
        self.head = OrbitMean(logarithms=probabilities)


class Orbit(nn.Module):
    """[B, ...] -> [B, n, ...]: ``g^-1 f(g x)`` for every g, or for K random ones; arguments as in the average.

    Transforming x by h transforms the entries by h and permutes them: the entry of g becomes h applied to that of gh.
    """

    def __init__(
        self,
        network: Callable[[Any], Any],
        input_action: Action,
        output_action: Action | None,
        probabilities: bool,
        chunk: int,
        elements: int | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.input_action, self.output_action = input_action, output_action
        self.probabilities, self.chunk = probabilities, chunk
        self.elements, self.generator = elements, generator
        group = input_action.group
        self._inverse = Placed(torch.zeros(0) if isinstance(group, LargeGroup) else group.inverse)

    def forward(self, x: Any) -> Any:
        """Outputs on the orbit of each input; log-probabilities if probabilities are averaged."""
        group, found, size, device = self.input_action.group, [], samples_in(x), tensor_in(x).device
        some = None if self.elements is None else random_elements(group, size, self.elements, self.generator, device)
        width = group.order if self.elements is None else self.elements
        for views in torch.arange(size * width, device=device).split(self.chunk):
            samples = views // width
            g = views % width if some is None else some[samples, views % width]
            y = self.network(self.input_action(rows(x, samples), g))
            if self.output_action is not None:
                y = self.output_action(y, self._inverse_of(g))
            found.append(mapped(lambda path, leaf: leaf.log_softmax(dim=1), y) if self.probabilities else y)
        return mapped(lambda path, leaf: leaf.unflatten(0, (size, width)), joined(found))

    def _inverse_of(self, g: Tensor) -> Tensor:
        group = self.input_action.group
        return group.invert(g) if isinstance(group, LargeGroup) else self._inverse.on(g.device)[g]


def random_elements(
    group: FiniteGroup, batch: int, count: int, generator: torch.Generator | None, device: torch.device
) -> Tensor:
    """Random elements for each sample, [batch, count]: distinct ones, or any of a group too large for a table."""
    if isinstance(group, LargeGroup):
        return group.sample(batch * count, generator, device).unflatten(0, (batch, count))
    return distinct(group.order, batch, count, generator, device)


def distinct(
    order: int, batch: int, count: int, generator: torch.Generator | None, device: torch.device | None = None
) -> Tensor:
    """Distinct random elements for each of several samples, int64 [batch, count]; every element is equally likely.

    >>> distinct(4, 2, 4, torch.Generator().manual_seed(0)).sort(dim=1).values.tolist()
    [[0, 1, 2, 3], [0, 1, 2, 3]]
    """
    where = device if generator is None else generator.device
    keys = torch.rand(batch, order, generator=generator, device=where, dtype=torch.float64)
    return keys.topk(count, dim=1).indices.to(device, non_blocking=keys.device.type == "cpu")


class OrbitMean(nn.Module):
    """Mean of [B, n, ...] over n; with ``logarithms``, the logarithm of the mean of the exponentials.

    >>> halves = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    >>> OrbitMean(logarithms=True)(halves.log()).exp(), OrbitMean(logarithms=False)(halves)
    (tensor([[0.7500, 0.2500]]), tensor([[0.7500, 0.2500]]))
    """

    def __init__(self, logarithms: bool) -> None:
        super().__init__()
        self.logarithms = logarithms

    def forward(self, orbit: Any) -> Any:
        """The mean."""
        return mapped(self._mean, orbit)

    def _mean(self, path: object, orbit: Tensor) -> Tensor:
        return orbit.logsumexp(dim=1) - math.log(orbit.shape[1]) if self.logarithms else orbit.mean(dim=1)
