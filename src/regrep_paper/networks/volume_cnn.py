"""The residual network of appendix C.2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regrep.nn import EncoderHead
from regrep_paper.networks.heads import latent_head

SMALL = 14
"""Volumes up to this side skip the first pooling, on a grid of an eighth of the points."""


def to_grid(size: int, mode: str = "nearest") -> nn.Module:
    """Resizes volumes with side ``size`` to 15 (up to :data:`SMALL`) or 29 points, larger ones by averaging."""
    grid = 15 if size <= SMALL else 29
    if size > grid:
        return nn.AdaptiveAvgPool3d(grid)
    return nn.Upsample(size=(grid,) * 3, mode=mode, align_corners=None if mode == "nearest" else True)


class Residual(nn.Module):
    """``block(x) + skip(x)``."""

    def __init__(self, block: nn.Module, skip: nn.Module) -> None:
        super().__init__()
        self.block, self.skip = block, skip

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both branches."""
        return self.block(x) + self.skip(x)


def stage(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    """Convolution, batch normalisation, ELU (in place: its input is not needed again)."""
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, kernel, stride, padding), nn.BatchNorm3d(outputs), nn.ELU(inplace=True)
    )


def convolutional_blocks(channels: Sequence[int]) -> list[Residual]:
    """The three residual blocks, from seven numbers of channels: the input's, and one after each convolution."""
    a, b, c, d, e, f, g = channels
    return [
        Residual(nn.Sequential(stage(a, b, 7, 1, 2), stage(b, c, 5, 1, 2)), nn.Conv3d(a, c, 7, 1, 2)),
        Residual(
            nn.Sequential(stage(c, d, 3, 2, 1), nn.AvgPool3d(5, 2, 1), stage(d, e, 3, 2, 2)),
            nn.Sequential(nn.AvgPool3d(5, 2, 0), nn.Conv3d(c, e, 3)),
        ),
        Residual(
            nn.Sequential(stage(e, f, 3, 1, 1), nn.AvgPool3d(3, 1, 0), nn.Conv3d(f, g, 1)),
            nn.Conv3d(e, g, 3),
        ),
    ]


class VolumeCNN(EncoderHead):
    """The network of appendix C.2: ``head(encoder(x))``, the penalty acts on the encoder's output.

    ``encoder``: [B, 1, size, size, size] -> [B, 8 · width], the third residual block before any normalisation;
    ``head``: BatchNorm1d, ELU, Linear -> [B, classes]. Volumes of 28 points a side are resized to 29 by doubling
    a plane (nearest neighbour, as published), larger ones by averaging. Volumes of at most 14 points are resized
    to 15 and skip the first pooling: the same layers and parameters for an eighth of the work.

    The paper's listing has width 6 (0.14 million parameters); its tables say 0.19 million, which is width 7.

    >>> [sum(p.numel() for p in VolumeCNN(classes=2, width=c).parameters()) for c in (6, 7)]
    [141998, 191942]
    """

    def __init__(self, classes: int, width: int = 6, size: int = 28) -> None:
        super().__init__()
        c = width
        first, second, third = convolutional_blocks((1, c, 2 * c, 4 * c, 6 * c, 6 * c, 8 * c))
        self.encoder = nn.Sequential(
            to_grid(size),
            first,
            nn.Identity() if size <= SMALL else nn.AvgPool3d(5, 2, 1),
            second,
            third,
            nn.Flatten(),
        )
        self.head = latent_head(8 * c, classes)
        # CPUs convolve fastest with channels last (benchmarks/medmnist3d.py).
        nn.Module.to(self, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
