"""The convolutional network of appendix C.1."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regrep.nn import EncoderHead
from regrep_paper.networks.heads import latent_head
from regrep_paper.steerable.pooling import band


class AveragePool(nn.Module):
    """``nn.AvgPool2d(kernel, stride, padding)`` on square maps, as two products with a banded matrix.

    The same function, padding counted in the mean. On CPUs the products are faster than the direct form in
    both directions (``benchmarks/ddmnist.py``), where the backward pass of 5 x 5 windows dominates the step.

    Shapes: [B, C, H, H] -> [B, C, O, O], O = floor((H + 2 padding - kernel) / stride) + 1.

    >>> x = torch.arange(32.0).reshape(1, 2, 4, 4)
    >>> torch.allclose(AveragePool(4, 3, 1, 1)(x), nn.functional.avg_pool2d(x, 3, 1, 1))
    True
    """

    def __init__(self, size: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__()
        self.register_buffer("band", band(size, torch.full((kernel,), 1 / kernel), stride, padding), persistent=False)
        self.band: Tensor
        self.out = len(self.band)

    def forward(self, x: Tensor) -> Tensor:
        """Pool rows, then columns; the result is laid out channels last."""
        b, c, h, w = x.shape
        matrix = self.band.to(x.dtype)
        rows = torch.matmul(matrix, x.permute(0, 2, 3, 1).reshape(b, h, w * c))
        pooled = torch.matmul(matrix, rows.reshape(b * self.out, w, c))
        return pooled.reshape(b, self.out, self.out, c).permute(0, 3, 1, 2)


def block(inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> nn.Sequential:
    """Convolution, batch normalisation, ELU (in place: its input is not needed again)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs), nn.ELU(inplace=True)
    )


class DoubleDigitCNN(EncoderHead):
    """The network of appendix C.1: ``head(encoder(x))``, the penalty acts on the encoder's output.

    ``encoder``: [B, 1, 56, 56] -> [B, latent], the k1 convolution before any normalisation;
    ``head``: BatchNorm1d, ELU, Linear -> [B, classes]. 33,742 parameters with 66 latent channels.

    >>> sum(p.numel() for p in DoubleDigitCNN().parameters())
    33742
    """

    def __init__(self, latent: int = 66, classes: int = 100, width: int = 6) -> None:
        super().__init__()
        c = width
        self.encoder = nn.Sequential(
            nn.Upsample(size=(57, 57)),
            block(1, c, 7, 1, 2),
            block(c, 2 * c, 5, 1, 2),
            AveragePool(55, 5, 2, 1),
            block(2 * c, 4 * c, 3, 2, 2),
            AveragePool(15, 5, 2, 1),
            block(4 * c, 6 * c, 3, 2, 0),
            block(6 * c, 6 * c, 3, 1, 1),
            AveragePool(3, 5, 1, 1),
            nn.Conv2d(6 * c, latent, 1),
            nn.Flatten(),
        )
        self.head = latent_head(latent, classes)
        # CPUs and GPUs convolve fastest with channels last (benchmarks/ddmnist.py).
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]
