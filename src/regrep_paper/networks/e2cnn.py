"""The steerable network of Table 6."""

from __future__ import annotations

from torch import nn

from regrep_paper.steerable.regular_fields import RegularFieldNetwork, SteerableConv, hidden


class E2CNN(RegularFieldNetwork):
    """Five C4-steerable convolutions of kernel 3 (Weiler and Cesa 2019), exactly equivariant.

    ``encoder``: one vector per frame, [B, 2·frames, H, W], to regular fields [B, 4·width, H, W], four times
    convolution, RegularFieldNorm, ReLU; ``head``: a convolution to one vector [B, 2, H, W]. 622,656 parameters with
    width 92.

    Args:
        width: regular fields of the hidden layers.
        frames: frames of the window.
        size: points along a side.
        as_published: treat the row index as growing downwards.
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, as_published: bool = False) -> None:
        super().__init__(width, size, "down" if as_published else "up")
        first = hidden(SteerableConv(frames, width, source="vector", rows=self.rows), width)
        rest = [part for _ in range(3) for part in hidden(SteerableConv(width, width, rows=self.rows), width)]
        self.encoder = nn.Sequential(*first, *rest)
        self.head = SteerableConv(width, 1, target="vector", rows=self.rows)
