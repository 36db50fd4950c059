"""Latent augmentation: rho(g) E(x) as further inputs of the head."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from regrep.actions.trees import Path, mapped, text
from regrep.errors import RegrepError
from regrep.objectives.functional import LatentAction, move
from regrep.objectives.layers import OUTPUT, Layer, Place


class LatentAugmentation:
    """Moves every part of what an encoder returns by the representation at its place.

    Args:
        applied: representations by layer; those on the encoder's output are used.
        fixed: parts of the encoder's output that do not move.
    """

    def __init__(self, applied: Mapping[Layer, LatentAction], fixed: Collection[Layer]) -> None:
        self.applied = applied
        places = {layer: Place.of(layer) for layer in applied}
        self._moving = {place.path: layer for layer, place in places.items() if place.layer == OUTPUT}
        self._fixed = {Place.of(layer).path for layer in fixed}

    def __call__(self, encoded: Any, g: Tensor) -> tuple[Any, dict[Layer, Tensor]]:
        """Rho(g) E(x) for the head, and its parts by layer.

        Args:
            encoded: E(x), a tree of tensors [B, ...].
            g: int64 [B].

        Raises:
            RegrepError: a part without a representation.
        """
        turned: dict[Layer, Tensor] = {}

        def turn(path: Path, leaf: Tensor) -> Tensor:
            if path in self._fixed or not leaf.dim():
                return leaf
            if path not in self._moving:
                raise RegrepError(
                    f"latent augmentation moves every part of the encoder's output, but {text(path)} has no"
                    " representation; add one to latent, or None for what does not move"
                )
            layer = self._moving[path]
            turned[layer] = move(leaf, g, self.applied[layer])
            return turned[layer].to(leaf.dtype)

        return mapped(turn, encoded), turned
