"""Latent layouts for feature maps [B, C, H, W] and tokens [B, N, D]: the group permutes channels, places, or both.

All are permutations of the entries (section 6.3 of the paper uses the grid). They are stored as two factors, so that a
large map needs no index of its own size per element.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from regrep.arguments import is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, Homomorphism
from regrep.representations.permutation import PermutationRepresentation, latent, sum_index, tensor_index, trivial
from regrep.representations.representation import Representation, check_target

MOST_PREFIX = 8
"""At most this many tokens before the grid (class, distillation, registers) are read from the number of tokens."""


class Lattice(Protocol):
    """What moves the points of a lattice, such as an action on images or volumes."""

    @property
    def group(self) -> FiniteGroup:
        """The group."""

    def pixels(self, size: int) -> PermutationRepresentation:
        """The permutation representation on the points of a lattice with so many along a side."""


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
        for what, rho in (("channels", channels), ("pixels", pixels)):
            if not isinstance(rho, PermutationRepresentation):
                raise RegrepError(f"{what} are permuted by a PermutationRepresentation, got {shown(rho)}")
        if channels.group != pixels.group:
            raise RegrepError(
                f"{channels.group.name} acts on the channels, but {pixels.group.name} on the pixels;"
                " use one group for both"
            )
        if not isinstance(size, tuple | list) or not all(map(is_whole, size)):
            raise RegrepError(f"the size of a feature map is a tuple of integers, got {shown(size)}")
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

    def pullback(self, f: Homomorphism, name: str | None = None) -> FeatureMap:
        """The same map with channels and pixels pulled back; its name is that of the two."""
        check_target(self.group, f)
        return FeatureMap(self.channels.pullback(f), self.pixels.pullback(f), self.size)

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


class Tokens(FeatureMap):
    """Tokens [B, ..., N, D] of a transformer: the group permutes the N places, the D channels, or both.

    Args:
        places: representation on the N places.
        width: representation on the D channels of each token.

    Attributes:
        channel_axis: -1: measures and penalties whiten the channels of tokens, as they do those of feature maps.

    Raises:
        RegrepError: different groups.
    """

    channel_axis = -1

    def __init__(self, places: PermutationRepresentation, width: PermutationRepresentation) -> None:
        if not isinstance(width, PermutationRepresentation):
            raise RegrepError(f"channels are permuted by a PermutationRepresentation, got {shown(width)}")
        super().__init__(places, width, (width.dim,))

    def pullback(self, f: Homomorphism, name: str | None = None) -> Tokens:
        """The same tokens with places and width pulled back."""
        check_target(self.group, f)
        return Tokens(self.channels.pullback(f), self.pixels.pullback(f))


def tokens(lattice: Lattice, shape: tuple[int, int], prefix: int | None = None, copies: int | None = None) -> Tokens:
    """The tokens of a vision transformer: prefix tokens stay, patches move with the image, and Eq. (5) on the channels.

    Args:
        lattice: action on the images, for example ``RotateFlip2d(G)``; it moves the grid of patches likewise.
        shape: (N, D), number of tokens and their width: 196 patches of 14 x 14 and a class token make (197, 768).
        prefix: number of tokens before the patches (class, distillation, registers); by default what is left of N
            beside the largest square grid (for volumes: cube), at most 8.
        copies: copies of the regular representation on the channels, as in :func:`regrep.latent`; 0 leaves them fixed.

    Raises:
        RegrepError: the patches form no square grid, or the channels cannot hold the copies.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.dihedral(4))
    >>> tokens(act, (197, 768))
    <(trivial ⊕ lattice) x (96 regular) of D4, dim 151296>
    >>> tokens(act, (18, 10), copies=0).invariant_dim  # a class token, a distillation token, 4 x 4 patches
    50
    """
    count, width = shape
    side, prefix = patches(lattice, count, prefix)
    group, places = lattice.group, lattice.pixels(side)
    if prefix:
        fixed = trivial(group, prefix)
        places = PermutationRepresentation(
            group, sum_index([fixed.index, places.index]), f"{fixed.name} ⊕ {places.name}"
        )
    return Tokens(places, trivial(group, width) if copies == 0 else latent(group, width, copies))


def patches(lattice: Lattice, count: int, prefix: int | None = None) -> tuple[int, int]:
    """Side of the grid of patches and number of tokens before it.

    Args:
        lattice: what moves the patches.
        count: number of tokens.
        prefix: number of tokens before the grid; by default read from the number of tokens.

    Raises:
        RegrepError: the patches form no square (or cubic) grid.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> patches(act, 197), patches(act, 16), patches(act, 261)
    ((14, 1), (4, 0), (16, 5))
    """
    axes = lattice.pixels(2).dim.bit_length() - 1
    points = count - (prefix or 0)
    side = max(0, round(max(points, 0) ** (1 / axes)))
    side -= side**axes > points
    left = points - side**axes
    if side < 1 or (left if prefix is not None else left > MOST_PREFIX):
        what = "square" if axes == 2 else "cubic"
        before = f"after {prefix} prefix tokens" if prefix is not None else f"with at most {MOST_PREFIX} before them"
        raise RegrepError(
            f"the patches form a {what} grid, but {count} tokens hold none {before}; pass prefix=, or use a {what} grid"
        )
    return side, (prefix or 0) + left
