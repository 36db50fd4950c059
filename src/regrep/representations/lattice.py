"""How symmetries of a square or cubic lattice permute its points."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def lattice_index(matrices: Tensor, sizes: Sequence[int]) -> Tensor:
    """Index of the permutation representation on the points of a lattice.

    ``(g f)(p) = f(g^-1 p)`` for p relative to the centre of the lattice.

    Args:
        matrices: int64 [n, k, k], signed permutation matrices acting on coordinates in the order of the
            lattice's axes (for images: row, column); they exchange axes of one size only.
        sizes: points along each of the k axes.

    Returns:
        int64 [n, points]: ``f.flatten()[index[g]]`` is g f.

    >>> quarter = torch.tensor([[[0, -1], [1, 0]]])  # (row, column) -> (-column, row), counter-clockwise
    >>> lattice_index(quarter, (2, 2))
    tensor([[1, 3, 0, 2]])
    """
    ends = torch.tensor(sizes) - 1
    axes = [2 * torch.arange(size) - (size - 1) for size in sizes]  # doubled, so that even sizes stay integer
    points = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)  # [k, points]
    # The inverse of a signed permutation matrix is its transpose.
    sources = (matrices.transpose(1, 2)[:, :, :, None] * points[None, None]).sum(dim=2)  # [n, k, points]
    strides = torch.tensor([math.prod(sizes[j + 1 :]) for j in range(len(sizes))])
    return (((sources + ends[:, None]) // 2) * strides[None, :, None]).sum(dim=1)
