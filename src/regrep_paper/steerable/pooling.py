"""Pooling along one axis as a product with a banded matrix."""

from __future__ import annotations

import torch
from torch import Tensor


def band(size: int, taps: Tensor, stride: int, padding: int) -> Tensor:
    """The matrix [out, size] that slides ``taps`` [kernel] along ``size`` points, with zeros beyond both ends.

    out = floor((size + 2 padding - kernel) / stride) + 1.

    >>> band(4, torch.ones(3) / 2, stride=2, padding=1)
    tensor([[0.5000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.5000, 0.5000, 0.5000]])
    """
    out = (size + 2 * padding - len(taps)) // stride + 1
    padded = torch.zeros(out, size + 2 * padding)
    for k in range(out):
        padded[k, k * stride : k * stride + len(taps)] = taps
    return padded[:, padding : padding + size].contiguous()
