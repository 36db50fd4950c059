"""One forward pass of an encoder and a head, and the latents that are read in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from regrep.actions.trees import joined, mapped, part_of, tensor_in
from regrep.errors import RegrepError
from regrep.objectives.checks import check_latent
from regrep.objectives.layers import OUTPUT, Copies, Layer, Place, Tap, tapped
from regrep.objectives.modules import current, trains

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
        self, inputs: Any, arguments: Mapping[str, Any], turn: Turn | None
    ) -> tuple[Any, dict[Layer, Tensor], dict[Layer, tuple[Tensor, ...]]]:
        """The outputs of the network, what ``turn`` gives, and the latents of each run by layer.

        Args:
            inputs: a tree of tensors [B, ...].
            arguments: further arguments of the encoder.
            turn: gives latents that the head is called with as well.
        """
        encoder, head = (current(part) for part in self.network)
        mode = getattr(encoder, "training", None), getattr(head, "training", None)
        outputs, turned, taps = self._once(encoder, head, inputs, arguments, turn, mode)
        if any(tap.lost for tap in taps.values()):
            # Overwritten in place, as in no pass before: once more, now with copies.
            self.copies.note(taps, mode)
            outputs, turned, taps = self._once(encoder, head, inputs, arguments, turn, mode)
        self.copies.note(taps, mode)
        for tap in taps.values():
            if self.strict and tap.detached and trains(encoder):
                raise RegrepError(
                    f"the penalty on layer {tap.layer!r} needs gradients, but the model switches them off around it, as"
                    " a checkpoint with use_reentrant=True does; use use_reentrant=False, or a layer outside"
                )
        like = tensor_in(inputs)
        return outputs, turned, {layer: tuple(check_latent(z, like) for z in tap.values) for layer, tap in taps.items()}

    def _once(
        self, encoder: Any, head: Any, inputs: Any, arguments: Mapping[str, Any], turn: Turn | None, mode: object
    ) -> tuple[Any, dict[Layer, Tensor], dict[Layer, Tap]]:
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
        if head is None:
            return encoded, {}, taps
        if turn is None:
            return head(encoded), {}, taps
        moved, turned = turn(encoded)
        return head(joined([encoded, moved])), turned, taps


def extended(arguments: Mapping[str, Any], rows: int, count: int) -> dict[str, Any]:
    """Arguments of the encoder for x and the first ``count`` samples of gx: tensors with a row per sample get more."""

    def extend(path: object, leaf: Tensor) -> Tensor:
        return joined([leaf, leaf[:count]]) if leaf.dim() and len(leaf) == rows else leaf

    return {name: mapped(extend, value) for name, value in arguments.items()}
