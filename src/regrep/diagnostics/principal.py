"""Fewer coordinates for a wide latent, chosen so that a group still acts on them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

POINTS = 1024
"""At most this many latents enter the principal components."""

NUMBERS = 2**25
"""At most this many numbers in all of them together."""

GAP = 1e-4
"""Eigenvalues at least this far apart, relatively, belong to different eigenspaces."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """Latents [B, ...] to coordinates, float64 [B, d] on the CPU.

    Attributes:
        middle: [D], the mean that is subtracted; None if the coordinates are kept unchanged.
        basis: [D, d], orthonormal columns.
        kept: fraction of the variance that the coordinates keep.
    """

    middle: Tensor | None = None
    basis: Tensor | None = None
    kept: float = 1.0

    def __call__(self, z: Tensor) -> Tensor:
        """Coordinates."""
        flat = z.detach().flatten(1)
        if self.basis is None or self.middle is None:
            return flat.cpu().double().clone()
        middle, basis = (part.to(device=flat.device, dtype=flat.dtype) for part in (self.middle, self.basis))
        return ((flat - middle) @ basis).cpu().double()


def orbits_that_fit(dim: int, order: int, samples: int) -> int:
    """How many whole orbits of latents fit the limits: at least one."""
    return max(1, min(samples, POINTS // order, NUMBERS // (dim * order)))


def principal_components(points: Tensor, most: int) -> Reduction:
    """The principal components of some latents, at most ``most`` of them.

    The covariance of points that a group of orthogonal matrices permutes commutes with them, so that its eigenspaces
    are invariant. None is cut in two: fewer components are taken if the next eigenvalue is the same.

    Args:
        points: [P, D].
        most: largest number of components, at least 1.

    >>> square = torch.tensor([[1.0, 0, 0.1], [0, 1.0, 0.1], [-1.0, 0, 0.1], [0, -1.0, 0.1], [0, 0, 5.0]])
    >>> principal_components(square, 2).basis.shape, principal_components(square, 1).basis.shape
    (torch.Size([3, 1]), torch.Size([3, 1]))
    """
    middle = points.double().mean(dim=0).to(points)
    centred = points - middle
    wide = centred.shape[1] > centred.shape[0]
    gram = (centred @ centred.T if wide else centred.T @ centred).double()
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0), vectors.flip(1)
    rank = max(1, int((values > GAP**2 * values[0]).sum()))
    count = min(most, rank)
    while count > 1 and count < len(values) and values[count - 1] - values[count] < GAP * values[count - 1]:
        count -= 1
    if count == 1 and len(values) > 1 and values[0] - values[1] < GAP * values[0]:
        count = min(most, rank)  # one eigenspace is wider than that: it has to be cut
    basis = vectors[:, :count]
    if wide:
        basis = (centred.T.double() @ basis) / values[:count].clamp_min(torch.finfo(values.dtype).tiny).sqrt()
    total = float(values.clamp_min(0).sum())
    return Reduction(middle, basis, float(values[:count].sum()) / total if total else 1.0)
