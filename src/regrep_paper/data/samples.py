"""Samples of a split as they are stored, as the loader yields them, and as the model sees them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor
from torch.utils.data import Dataset

Split = Literal["train", "validation", "test", "future", "domain"]
"""The last two are the test splits of forecasts: later frames, and other simulations."""


class Batch(NamedTuple):
    """A batch as the loader yields it, before any augmentation.

    Attributes:
        images: [B, ...], images or volumes as bytes, or floating point.
        labels: int64 [B], or the frames to be forecast.
        seed: seed of the batch's random draws.
        split: the split it belongs to.
    """

    images: Tensor
    labels: Tensor
    seed: int
    split: Split


class Views(NamedTuple):
    """A batch as the model sees it.

    Attributes:
        x: [B, ...], inputs.
        y: int64 [B], labels, or the frames to be forecast.
        g: int64 [B], group elements.
        gx: transformed inputs, or None if the action computes them from x.
        share: weight of a mean over these samples in the mean over all processes; 1 where shares are equal, and 0 where
            the one sample only stands in for none.
        whole: samples of the batch on all processes together; None if these are all.
    """

    x: Tensor
    y: Tensor
    g: Tensor
    gx: Tensor | None
    share: float = 1.0
    whole: int | None = None

    @property
    def size(self) -> int:
        """Samples of the batch on all processes together."""
        return len(self.x) if self.whole is None else self.whole

    def of_process(self, rank: int, processes: int) -> Views:
        """What one of several processes takes of a batch: every sample is that of exactly one of them.

        A process for which none is left gets the first sample with ``share`` 0, because all make the same steps.

        >>> import torch
        >>> whole = Views(torch.arange(5), torch.arange(5), torch.arange(5), None)
        >>> [(part.x.tolist(), part.share) for part in (whole.of_process(k, 2) for k in range(2))]
        [([0, 2, 4], 1.2), ([1, 3], 0.8)]
        >>> whole.of_process(6, 8).x.tolist(), whole.of_process(6, 8).share
        ([0], 0.0)
        """
        total, own = len(self.x), slice(rank, None, processes) if rank < len(self.x) else slice(0, 1)
        share = len(range(rank, total, processes)) * processes / total
        gx = None if self.gx is None else self.gx[own]
        return Views(self.x[own], self.y[own], self.g[own], gx, share, total)


class Samples(Dataset[Batch]):
    """Samples of one split, taken by (indices, seed).

    Args:
        images: [n, ...], possibly shared by several splits.
        labels: int64 [N].
        split: name of the split.
        index: int64 [N] or [N, k], the images of each sample; if None, sample k is image k.
    """

    def __init__(self, images: Tensor, labels: Tensor, split: Split, index: Tensor | None = None) -> None:
        self.images, self.labels, self.split, self.index = images, labels, split, index

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, batch: tuple[Tensor, int]) -> Batch:
        rows, seed = batch
        chosen = rows if self.index is None else self.index[rows]
        return Batch(self.images[chosen], self.labels[rows], seed, self.split)
