"""Read the output of any layer of any model by its name."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from regrep.deprecated import warn_renamed
from regrep.errors import RegrepError

OUTPUT = "<output>"
"""The name of a model's output where layers are named; no layer can have this name."""


class Latents(dict[str, Any]):
    """Representations or actions by layer name; ``""`` is an old name of the output."""

    def __missing__(self, layer: str) -> Any:
        if layer == "" and OUTPUT in self:
            warn_renamed('the layer ""', "regrep.objectives.OUTPUT")
            return self[OUTPUT]
        raise KeyError(layer)


def named(latent: Any) -> Latents:
    """Representations or actions by layer name, from such a mapping or from the one on the output alone."""
    if not isinstance(latent, Mapping):
        return Latents({OUTPUT: latent})
    if "" not in latent:
        return Latents(latent)
    warn_renamed('the layer ""', "regrep.objectives.OUTPUT", stacklevel=5)
    return Latents({layer or OUTPUT: rho for layer, rho in latent.items()})


class Tap:
    """What one layer returned in the latest forward pass."""

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self._value: Tensor | None = None

    @property
    def value(self) -> Tensor:
        """The layer's output, with its gradient history.

        Raises:
            RegrepError: the layer has not run since the tap was set.
        """
        if self._value is None:
            raise RegrepError(
                f"layer {self.layer!r} has not run yet; call the model inside the with-block before reading the tap"
            )
        return self._value

    def __call__(self, module: nn.Module, args: object, output: object) -> None:
        """Forward hook."""
        if not isinstance(output, Tensor):
            raise RegrepError(
                f"layer {self.layer!r} returns a {type(output).__name__}, but a latent is one tensor;"
                " choose a layer that returns a tensor"
            )
        self._value = output


@contextmanager
def latent_of(model: nn.Module, layer: str) -> Iterator[Tap]:
    """Tap a layer of a model by name, as listed by ``model.named_modules()``.

    The hook is removed at the end of the block; the model is unchanged. :data:`OUTPUT`, or ``""`` as in
    ``named_modules()``, is the model's output.

    Raises:
        RegrepError: the model has no such layer.

    >>> import torch
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> with latent_of(model, "1") as tap:
    ...     y = model(torch.ones(5, 2))
    >>> tap.value.shape
    torch.Size([5, 3])
    """
    tap = Tap(layer)
    handle = find_layer(model, layer).register_forward_hook(tap)
    try:
        yield tap
    finally:
        handle.remove()


def find_layer(model: nn.Module, layer: str) -> nn.Module:
    """The submodule of that name; raises an error that lists similar names."""
    layers = dict(model.named_modules())
    if layer == OUTPUT:
        return model
    if layer not in layers:
        near = difflib.get_close_matches(layer, layers, n=3, cutoff=0.3) or [k for k in layers if k][:6]
        raise RegrepError(
            f"the model has no layer {layer!r}; choose one of model.named_modules(), for example {', '.join(near)}"
        )
    return layers[layer]
