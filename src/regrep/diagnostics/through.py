"""The acid test of an equivariant latent: the task's metric of the head on transformed latents."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.actions.trees import as_action, batches, children, joined, moved, tensor_in
from regrep.arguments import check_callable
from regrep.diagnostics.reading import beyond_identity, check_samples, copied, element, evaluating, plain
from regrep.errors import RegrepError
from regrep.html import table
from regrep.objectives.checks import check_latent, check_positions
from regrep.objectives.functional import LatentAction, move
from regrep.objectives.layers import find_layer
from regrep.objectives.uncompiled import has_compiled, uncompiled


@dataclass(frozen=True, eq=False)
class ThroughRho:
    """A metric of head(rho(g) E(x)) against gy, one value per group element.

    Attributes:
        elements: names of the elements.
        values: float64 [n].
        own: the metric of head(E(x)) against y; on an invariant task an exactly equivariant network has this value for
            every element.
    """

    elements: tuple[str, ...]
    values: Tensor
    own: float

    @property
    def mean(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.values)

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        return {
            "elements": list(self.elements),
            "values": plain(self.values),
            "mean": plain(self.mean),
            "own": plain(self.own),
        }

    def _repr_html_(self) -> str:
        rows = [[name, value] for name, value in zip(self.elements, self.values.tolist(), strict=True)]
        return table("through rho", ["element", "metric"], [*rows, ["mean but e", self.mean], ["head(E(x))", self.own]])

    def __str__(self) -> str:
        names = (*self.elements, "mean but e", "head(E(x))")
        width = max(len(name) for name in names)
        values = (*self.values.tolist(), self.mean, self.own)
        return "\n".join(f"{name:{width}}  {value:10.4f}" for name, value in zip(names, values, strict=True))


def through_rho(
    encoder: Callable[..., Any],
    head: Callable[[Any], Any],
    x: Any,
    y: Any,
    act: Any,
    rho: Any,
    metric: Callable[[Any, Any], Tensor | float],
    output_action: Any = None,
    batch_size: int = 256,
) -> ThroughRho:
    """The task's metric of head(rho(g) E(x)) against gy for every element, and of head(E(x)) against y for comparison.

    A small equivariance error can hide that the head uses a part of the latent that is not equivariant. This metric
    shows it: if rho(g) transforms the latent as g transforms the data, the head does as well on rho(g) E(x) as on E(x).

    Args:
        encoder: x -> latent; modules are evaluated as by :func:`regrep.equivariance_error`. Samples, latents, outputs
            and targets may be trees of tensors, with trees of actions in their shape (None: does not move).
        head: latent -> outputs.
        x: [N, ...], samples.
        y: [N, ...], targets.
        act: how G acts on x.
        rho: representation or action on the latent.
        metric: (outputs [N, ...], targets [N, ...]) -> a number over all samples.
        output_action: how G acts on y; None if the targets are invariant.
        batch_size: samples at a time.

    Raises:
        RegrepError: no samples, or different groups.

    Warns:
        EvaluationWarning: a given function calls modules in training mode.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> act, x = regrep.actions.RotateFlip2d(G), torch.arange(48.0).reshape(3, 4, 4)
    >>> corners = lambda x: torch.stack([x[:, 0, 0], x[:, 3, 0], x[:, 3, 3], x[:, 0, 3]], dim=1)
    >>> distance = lambda outputs, y: (outputs - y).abs().max()
    >>> found = through_rho(corners, lambda z: z.sum(dim=1), x, corners(x).sum(dim=1), act, regrep.regular(G), distance)
    >>> found.own, found.mean
    (0.0, 0.0)
    """
    act, rho, output_action = as_action(act), as_action(rho), as_action(output_action)
    check_samples(x, batch_size, act, rho)
    for name, value in (("the encoder", encoder), ("the head", head), ("the metric", metric)):
        check_callable(name, value)
    values = []
    with evaluating(encoder, head):
        # Copies: encoder and head may overwrite what they are given.
        latents = [encoder(copied(part)) for part in batches(x, batch_size)]
        for z, part in zip(latents, batches(x, batch_size), strict=True):
            if children(z) is None:
                check_positions(check_latent(z, tensor_in(part)), rho)
        own = float(metric(joined([head(copied(z)) for z in latents]), y))
        for k in range(act.group.order):
            outputs = joined([head(moved(rho, copied(z), element(k, z))) for z in latents])
            values.append(
                float(metric(outputs, y if output_action is None else moved(output_action, y, element(k, y))))
            )
    return ThroughRho(act.group.names, torch.tensor(values, dtype=torch.float64), own)


def through_layer(
    model: nn.Module,
    layer: str,
    x: Tensor,
    y: Tensor,
    act: Action,
    rho: LatentAction,
    metric: Callable[[Tensor, Tensor], Tensor | float],
    output_action: Action | None = None,
    batch_size: int = 256,
) -> ThroughRho:
    """:func:`regrep.through_rho` for a layer inside any model: what follows the layer reads rho(g) z in place of z.

    Args:
        model: x -> outputs; evaluated as by :func:`regrep.equivariance_error`.
        layer: name of a layer as listed by ``model.named_modules()``; moved at each of its runs if it has several.
        x: [N, ...], samples.
        y: [N, ...], targets.
        act: how G acts on x.
        rho: representation or action on the latent.
        metric: (outputs [N, ...], targets [N, ...]) -> a number over all samples.
        output_action: how G acts on y; None if the targets are invariant.
        batch_size: samples at a time.

    Raises:
        RegrepError: no samples, different groups, or a layer that is unknown or does not run.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> act = regrep.actions.Permute(G, torch.tensor([[0, 1], [1, 0]]))
    >>> model = nn.Sequential(nn.Tanh(), nn.Linear(2, 1))
    >>> _ = nn.init.ones_(model[1].weight)  # a sum, which a swap does not change
    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> error = lambda outputs, y: round(float((outputs - y).abs().max()), 6)
    >>> through_layer(model, "0", x, model(x).detach(), act, regrep.regular(G), error).values
    tensor([0., 0.], dtype=torch.float64)
    """
    check_samples(x, batch_size, act, rho)
    place, ran, thread = find_layer(model, layer), False, threading.get_ident()

    def outputs(k: int | None) -> Tensor:
        def turn(module: nn.Module, args: object, z: Tensor) -> Tensor | None:
            nonlocal ran
            if threading.get_ident() != thread:
                return None
            ran = True
            return None if k is None else move(z, element(k, z), rho).to(z.dtype)

        handle = place.register_forward_hook(turn)
        try:
            return torch.cat([model(part.clone()) for part in x.split(batch_size)])
        finally:
            handle.remove()

    values = []
    with evaluating(model), uncompiled() if has_compiled(model) else nullcontext():
        own = float(metric(outputs(None), y))
        if not ran:
            raise RegrepError(
                f"layer {layer!r} does not run, so that nothing reads its latent; choose a layer that the model runs"
            )
        for k in range(act.group.order):
            values.append(float(metric(outputs(k), y if output_action is None else output_action(y, element(k, y)))))
    return ThroughRho(act.group.names, torch.tensor(values, dtype=torch.float64), own)
