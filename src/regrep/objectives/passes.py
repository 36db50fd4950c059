"""One forward pass of an encoder and a head, and the latents that are read in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from regrep.actions.trees import joined, part_of, tensor_in
from regrep.errors import RegrepError
from regrep.objectives.checks import check_latent
from regrep.objectives.layers import OUTPUT, Copies, Layer, Place, Tap, tapped
from regrep.objectives.modules import current, trains

Encoded = tuple[Any, Mapping[str, Any]]
"""A tree of inputs [B, ...] of the encoder, and its further arguments."""

Turn = Callable[[Any], tuple[Any, dict[Layer, Tensor]]]
"""Encoded inputs -> rho(g) E(x) of the first samples, and its parts by layer."""


class Passes:
    """Runs an encoder and a head, and reads latents; remembers where copies of these are needed.

    Args:
        encoder: x -> z, or a model and the name of a part.
        head: z -> outputs, likewise, or None.
        layers: what is read.
        strict: whether a layer that runs without gradients is an error.
    """

    def __init__(self, encoder: Any, head: Any, layers: Collection[Layer], strict: bool) -> None:
        self.network, self.layers, self.strict = (encoder, head), tuple(layers), strict
        self.places = {layer: Place.of(layer) for layer in self.layers}
        self.copies = Copies()

    def __call__(
        self, inputs: Any, arguments: Mapping[str, Any], turn: Turn | None, still: Encoded | None = None
    ) -> tuple[Any, dict[Layer, Tensor], dict[Layer, tuple[Tensor, ...]]]:
        """The outputs of the network, what ``turn`` gives, and the latents of each run by layer.

        Args:
            inputs: a tree of tensors [B, ...].
            arguments: further arguments of the encoder.
            turn: gives latents that the head is called with as well.
            still: further inputs and their arguments, which the encoder runs without gradient; their rows follow those
                of ``inputs``.
        """
        encoder, head = (current(part) for part in self.network)
        mode = getattr(encoder, "training", None), getattr(head, "training", None)
        outputs, turned, passes = self._once(encoder, head, (inputs, arguments), still, turn, mode)
        if any(tap.lost for taps in passes for tap in taps.values()):
            # Overwritten in place, as in no pass before: once more, now with copies.
            self._note(passes, mode)
            outputs, turned, passes = self._once(encoder, head, (inputs, arguments), still, turn, mode)
        self._note(passes, mode)
        for tap in passes[0].values():
            if self.strict and tap.detached and trains(encoder):
                raise RegrepError(
                    f"the penalty on layer {tap.layer!r} needs gradients, but the model switches them off around it, as"
                    " a checkpoint with use_reentrant=True does; use use_reentrant=False, or a layer outside"
                )
        likes = [tensor_in(inputs), *([] if still is None else [tensor_in(still[0])])]
        return outputs, turned, {layer: _latents([taps[layer] for taps in passes], likes) for layer in passes[0]}

    def _once(
        self, encoder: Any, head: Any, main: Encoded, still: Encoded | None, turn: Turn | None, mode: object
    ) -> tuple[Any, dict[Layer, Tensor], list[dict[Layer, Tap]]]:
        encoded, taps = self._encode(encoder, *main, mode)
        passes = [taps]
        if still is not None:
            with torch.no_grad():
                others, taps = self._encode(encoder, *still, mode)
            encoded = joined([encoded, others])
            passes.append(taps)
        if head is None:
            return encoded, {}, passes
        if turn is None:
            return head(encoded), {}, passes
        moved, turned = turn(encoded)
        return head(joined([encoded, moved])), turned, passes

    def _encode(
        self, encoder: Any, inputs: Any, arguments: Mapping[str, Any], mode: object
    ) -> tuple[Any, dict[Layer, Tap]]:
        copies = {layer: self.copies.needed(layer, mode) for layer in self.layers}
        inner = {layer: kept for layer, kept in copies.items() if self.places[layer].layer != OUTPUT}
        with tapped(encoder, inner) as taps:
            encoded = encoder(inputs, **arguments)
        for layer, place in self.places.items():
            if place.layer == OUTPUT:
                taps[layer] = Tap(layer, copies=copies[layer])
                taps[layer].record(
                    check_latent(part_of(encoded, place.path, "the encoder's outputs"), tensor_in(inputs))
                )
        return encoded, taps

    def _note(self, passes: list[dict[Layer, Tap]], mode: object) -> None:
        for taps in passes:
            self.copies.note(taps, mode)


def _latents(taps: list[Tap], likes: list[Tensor]) -> tuple[Tensor, ...]:
    """The latents of each run of a layer, of all passes together, whose inputs have so many rows."""
    runs = [[check_latent(z, like) for z in tap.values] for tap, like in zip(taps, likes, strict=True)]
    if len(runs) == 1:
        return tuple(runs[0])
    if len({len(values) for values in runs}) > 1:
        raise RegrepError(
            f"layer {taps[0].layer!r} runs as often for gx as for x, got {len(runs[1])} runs and {len(runs[0])}; name"
            f' one run, as in "{taps[0].place.layer}#0"'
        )
    return tuple(torch.cat(values) for values in zip(*runs, strict=True))
