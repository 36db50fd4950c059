"""Latent layouts for feature maps [B, C, H, W]: the group permutes channels, pixels, or both at once.

All three are permutations of the C·H·W entries (section 6.3 of the paper uses the grid). They are stored as two
factors, so that a large map needs no index of its own size per element.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.representations.permutation import PermutationRepresentation, latent, tensor_index, trivial
from regrep.representations.representation import Representation


class FeatureMap(Representation):
    """A permutation of the channels together with a permutation of the pixels.

    Acts on z [B, ..., C, *pixels].

    Args:
        channels: representation on the C channels.
        pixels: representation on the pixels, whose number is the product of the spatial sizes.
        size: the spatial sizes, for example (H, W).

    Raises:
        RegrepError: inconsistent sizes, or different groups.
    """

    def __init__(
        self, channels: PermutationRepresentation, pixels: PermutationRepresentation, size: tuple[int, ...]
    ) -> None:
        if channels.group != pixels.group:
            raise RegrepError(
                f"{channels.group.name} acts on the channels, but {pixels.group.name} on the pixels;"
                " use one group for both"
            )
        if math.prod(size) != pixels.dim:
            raise RegrepError(
                f"pixels of size {' x '.join(map(str, size))} are {math.prod(size)}, but the group moves {pixels.dim};"
                " pass the size of the feature map"
            )
        self.group, self.channels, self.pixels, self.size = channels.group, channels, pixels, size
        self.name = f"({channels.name}) x ({pixels.name})"
        moves = torch.arange(channels.dim), torch.arange(pixels.dim)
        self._moves_channels = bool((channels.index != moves[0]).any())
        self._moves_pixels = bool((pixels.index != moves[1]).any())

    @property
    def dim(self) -> int:
        """Channels times pixels."""
        return self.channels.dim * self.pixels.dim

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W)."""
        return (self.channels.dim, *self.size)

    @property
    def character(self) -> Tensor:
        """Product of the numbers of fixed channels and fixed pixels, float64 [n]."""
        return self.channels.character * self.pixels.character

    def stack(self) -> Tensor:
        """Permutation matrices of the flattened map, float64 [n, C·H·W, C·H·W]."""
        index = tensor_index(self.channels.index, self.pixels.index)
        return torch.nn.functional.one_hot(index, self.dim).double()

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Gather channels, then pixels."""
        flat = z.reshape(*z.shape[: z.dim() - len(self.size)], self.pixels.dim)
        if self._moves_channels:
            index = self.channels.index_on(z.device)[g.to(z.device)]
            index = index.reshape(len(z), *([1] * (flat.dim() - 3)), self.channels.dim, 1)
            flat = flat.gather(-2, index.expand(flat.shape))
        if self._moves_pixels:
            flat = self.pixels.apply(flat, g)
        return flat.reshape(z.shape)


def grid(pixels: PermutationRepresentation, shape: tuple[int, ...]) -> FeatureMap:
    """The spatial action on each channel.

    On even sizes every orbit of C4 has 4 pixels, so this is C·H·W / 4 copies of the regular representation; on odd
    sizes the centre is fixed and adds trivial ones.

    Args:
        pixels: representation on the pixels, for example ``RotateFlip2d(G).pixels(H)``.
        shape: (C, H, W).

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> grid(act.pixels(4), (3, 4, 4)).multiplicities()
    {'A': 12.0, 'B': 12.0, 'E': 12.0}
    """
    return FeatureMap(trivial(pixels.group, shape[0]), pixels, shape[1:])


def channels(group: FiniteGroup, shape: tuple[int, ...], copies: int | None = None) -> FeatureMap:
    """Eq. (5) on the channels, the same at each pixel.

    >>> import regrep
    >>> rho = channels(regrep.groups.cyclic(4), (10, 2, 2))
    >>> rho.shape, rho.invariant_dim
    ((10, 2, 2), 16)
    """
    return FeatureMap(latent(group, shape[0], copies), trivial(group, math.prod(shape[1:])), shape[1:])


def both(pixels: PermutationRepresentation, shape: tuple[int, ...], copies: int | None = None) -> FeatureMap:
    """Eq. (5) on the channels and the spatial action at the same time.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> both(act.pixels(4), (8, 4, 4)).invariant_dim
    32
    """
    return FeatureMap(latent(pixels.group, shape[0], copies), pixels, shape[1:])
