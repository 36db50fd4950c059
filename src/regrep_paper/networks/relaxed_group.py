"""The relaxed group convolutions of Table 6."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from regrep.actions.images import on_axes, plane_matrices
from regrep.actions.lattice import LatticeAction
from regrep.groups import cyclic
from regrep.nn import LatentSymmetry
from regrep_paper.steerable.regular_fields import ORDER, RegularFieldNetwork


class RGroup(RegularFieldNetwork):
    """Five relaxed group convolutions over C4 (Wang, Walters and Yu 2022).

    ``encoder``: [B, 2·frames, H, W], treated as scalars as published, to [B, 4·width, H, W], a ReLU after each
    convolution; ``head``: one more, and the mean over the group, [B, 2, H, W]. With equal mixing coefficients, as when
    new, it is equivariant under turns of the points *alone*, which do not turn the vectors. 1,874,632 parameters
    with width 92.

    Args:
        width: group-valued channels of the hidden layers.
        frames: frames of the window.
        size: points along a side.
        banks: number of filters that are mixed.
        as_published: a ReLU after the first convolution only, so that the rest is one linear map.

    >>> network = RGroup(width=24, size=32)
    >>> network.latent_shape, sum(p.numel() for p in network.parameters())
    ((96, 32, 32), 136552)
    """

    def __init__(
        self, width: int = 92, frames: int = 10, size: int = 64, banks: int = 2, as_published: bool = False
    ) -> None:
        super().__init__(width, size)
        parts: list[nn.Module] = [RelaxedGroupConv(2 * frames, width, banks, lifting=True), nn.ReLU(inplace=True)]
        for _ in range(3):
            parts.append(RelaxedGroupConv(width, width, banks))
            if not as_published:
                parts.append(nn.ReLU(inplace=True))
        self.encoder = nn.Sequential(*parts)
        self.head = nn.Sequential(RelaxedGroupConv(width, 2, banks), GroupMean())

    def latent_symmetry(self) -> LatentSymmetry:
        """Equivariant, until mixing coefficients differ, when quarter turns act on the points but not on vectors."""
        group = cyclic(ORDER)
        turns = LatticeAction(group, on_axes(plane_matrices(group), self.rows), "square fields")
        return LatentSymmetry(turns, self.latent_representation(), f"channels as scalars, rows {self.rows}wards")


class RelaxedGroupConv(nn.Module):
    """Group convolution of C4, kernel 3, whose filter depends on the element.

    The filter of element a is ``sum_b c[b, a] a·w_b``, where a turns the plane and shifts the group axis of the bank
    w_b; with c independent of a it is a group convolution. From [B, inputs·4, H, W] (lifting: [B, inputs, H, W]) to
    [B, outputs·4, H, W], without bias.

    Args:
        inputs: number of input channels.
        outputs: number of output channels.
        banks: number of filters that are mixed.
        lifting: the input has no group axis.

    Attributes:
        weight: [banks, outputs, inputs, 4 (lifting: 1), 3, 3].
        mixing: c, [banks, 4].
    """

    def __init__(self, inputs: int, outputs: int, banks: int = 2, lifting: bool = False) -> None:
        super().__init__()
        bound = 1 / math.sqrt(9 * inputs)
        elements = 1 if lifting else ORDER
        self.weight = nn.Parameter(torch.empty(banks, outputs, inputs, elements, 3, 3).uniform_(-bound, bound))
        self.mixing = nn.Parameter(torch.full((banks, ORDER), 1 / (banks * elements)))

    def kernel(self) -> Tensor:
        """[outputs·4, inputs·4, 3, 3]."""
        mixed = torch.einsum("ba,boigyx->aoigyx", self.mixing, self.weight)
        # Rows grow with +y, so that r turns the array clockwise.
        copies = [filters.rot90(-a, (-2, -1)).roll(a, -3) for a, filters in enumerate(mixed)]
        return torch.stack(copies, dim=1).flatten(2, 3).flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with zero padding to the same size."""
        return nn.functional.conv2d(x, self.kernel(), padding=1)


class GroupMean(nn.Module):
    """Mean over the group axis, [B, channels·4, H, W] -> [B, channels, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        """Average."""
        return x.unflatten(1, (-1, ORDER)).mean(dim=2)
