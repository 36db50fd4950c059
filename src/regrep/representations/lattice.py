"""How symmetries of a square or cubic lattice permute its points."""

from __future__ import annotations

import torch
from torch import Tensor


def lattice_index(matrices: Tensor, size: int) -> Tensor:
    """Index of the permutation representation on the points of a lattice.

    ``(g f)(p) = f(g^-1 p)`` for p relative to the centre of the lattice.

    Args:
        matrices: int64 [n, k, k], signed permutation matrices acting on coordinates in the order of the
            lattice's axes (for images: row, column).
        size: points along each axis.

    Returns:
        int64 [n, size^k]: ``f.flatten()[index[g]]`` is g f.

    >>> quarter = torch.tensor([[[0, -1], [1, 0]]])  # (row, column) -> (-column, row), counter-clockwise
    >>> lattice_index(quarter, 2)
    tensor([[1, 3, 0, 2]])
    """
    k = matrices.shape[-1]
    axis = 2 * torch.arange(size) - (size - 1)  # doubled, so that even sizes stay integer
    points = torch.stack(torch.meshgrid(*[axis] * k, indexing="ij")).flatten(1)  # [k, size^k]
    # The inverse of a signed permutation matrix is its transpose.
    sources = (matrices.transpose(1, 2)[:, :, :, None] * points[None, None]).sum(dim=2)  # [n, k, size^k]
    strides = torch.tensor([size ** (k - 1 - j) for j in range(k)])
    return (((sources + (size - 1)) // 2) * strides[None, :, None]).sum(dim=1)
