"""Where in a network the symmetry is asked for: encoder, head, layer and representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions.trees import rows
from regrep.comparison.devices import on_device
from regrep.comparison.task import Task
from regrep.diagnostics.reading import evaluating
from regrep.diagnostics.suggestion import suggest_latent
from regrep.errors import RegrepError
from regrep.objectives.layers import find_layer

LOOKED_AT = 8
"""Samples that a network is run on to find its layers."""


@dataclass(frozen=True, eq=False)
class Placement:
    """The latent of a network.

    Attributes:
        layer: name of its layer.
        rho: its representation.
        split: whether the latent is what ``network.encoder`` hands to ``network.head``.
        reason: why this layer and this representation.
    """

    layer: Any
    rho: Any
    split: bool
    reason: str


def placement(task: Task, network: nn.Module, x: Any) -> Placement:
    """The layer and representation of a task on a network; those not given are proposed.

    Args:
        task: the task.
        network: run once, on the device of the task.
        x: inputs.

    Raises:
        RegrepError: no layer has room for the regular representation, or the given one does not exist.
    """
    x = on_device(rows(x, slice(LOOKED_AT)), task.device)
    split = has_encoder_and_head(network)
    if task.layer is not None:
        if isinstance(task.layer, str):
            find_layer(network, task.layer)
        return _at(task, network, task.layer, split and task.layer == "encoder", x)
    if split:
        return _at(task, network, "encoder", True, x)
    if task.latent is not None:
        raise RegrepError("a latent belongs to a layer; give its name as layer, or a network with encoder and head")
    wrong = "it runs no layers"
    for layer in reversed(_in_order(network, x)[:-1]):
        try:
            return _at(task, network, layer, False, x)
        except RegrepError as error:
            wrong = str(error)
    raise RegrepError(f"no layer before the last has a latent with room for {task.group.name}: {wrong}")


def has_encoder_and_head(network: nn.Module) -> bool:
    """Whether a network says which part is its encoder and which its head."""
    return all(isinstance(getattr(network, part, None), nn.Module) for part in ("encoder", "head"))


def _at(task: Task, network: nn.Module, layer: Any, split: bool, x: Any) -> Placement:
    if task.latent is not None:
        return Placement(layer, task.latent, split, "given by the task")
    found = suggest_latent(network, layer, x, task.input_action)
    return Placement(layer, found.rho, split, found.reason)


def _in_order(network: nn.Module, x: Any) -> list[str]:
    """Names of the layers without children, in the order in which they first run."""
    names = {module: name for name, module in network.named_modules() if not list(module.children())}
    found: list[str] = []

    def note(module: nn.Module, args: object, output: object) -> None:
        if names[module] not in found and isinstance(output, Tensor):
            found.append(names[module])

    handles = [module.register_forward_hook(note) for module in names]
    try:
        with evaluating(network), torch.no_grad():
            network(x)
    finally:
        for handle in handles:
            handle.remove()
    return found
