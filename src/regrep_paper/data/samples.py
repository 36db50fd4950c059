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
    """

    x: Tensor
    y: Tensor
    g: Tensor
    gx: Tensor | None


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
