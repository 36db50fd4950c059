"""The convolutional network of Table 6."""

from __future__ import annotations

import itertools
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from regrep.actions import VectorField2d
from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep.representations import Representation, latent, layouts

Layout = Literal["grid", "channels", "both"]
"""What the group permutes in the latent: pixels (section 6.3's choice), channels, or both."""


class SmokeCNN(EncoderHead):
    """Five convolutions of kernel 3: ``head(encoder(x))``, the penalty acts on the encoder's output.

    ``encoder``: [B, 2·frames, H, W] -> [B, width, H, W], four times convolution, BatchNorm, ReLU; ``head``: a
    convolution to the next frame [B, 2, H, W]. 247,850 parameters with width 92.

    >>> sum(p.numel() for p in SmokeCNN().parameters())
    247850
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64) -> None:
        super().__init__()
        if width < 1:
            raise RegrepError(f"width is the number of channels, at least 1, got {width}")
        widths = [2 * frames, *[width] * 4]
        parts: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.latent_shape = (width, size, size)
        self.encoder = nn.Sequential(*parts)
        self.head = nn.Conv2d(width, 2, 3, padding=1)
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Tensor:
        """The next frame."""
        return self.head(self.encoder(x))


def latent_representation(act: VectorField2d, layout: Layout, shape: tuple[int, ...]) -> Representation:
    """The representation on a latent [channels, size, size], or, without pixels, on [channels] (Eq. 5).

    The group acts on its pixels as on the points of the data, with the rows in the same direction.

    Args:
        act: how the group acts on the data.
        layout: what the group permutes in the latent.
        shape: shape of one sample's latent.

    Raises:
        RegrepError: an unknown layout; an odd size if pixels are permuted, since the centre is then a fixed point and
            the representation not a multiple of the regular one.

    >>> import regrep
    >>> act = VectorField2d(regrep.groups.cyclic(4), rows="up")
    >>> latent_representation(act, "grid", (3, 4, 4)).multiplicities()
    {'A': 12.0, 'B': 12.0, 'E': 12.0}
    """
    if layout not in get_args(Layout):
        raise RegrepError(f'the layouts are "grid", "channels" and "both", got {layout!r}')
    if len(shape) not in (1, 3):
        raise RegrepError(f"a latent is [channels] or [channels, size, size], got shape {list(shape)}")
    if len(shape) == 1:
        return latent(act.group, shape[0])
    if layout == "channels":
        return layouts.channels(act.group, shape)
    size = shape[-1]
    if size % 2:
        raise RegrepError(
            f"the layout {layout} permutes pixels, but on an odd grid ({size} x {size}) the centre stays fixed;"
            ' use an even size or the layout "channels"'
        )
    pixels = act.pixels(size)
    return layouts.grid(pixels, shape) if layout == "grid" else layouts.both(pixels, shape)
