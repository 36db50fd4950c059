"""Pairs x, gx of an input and its moved copy, and what the data modules that draw them share (appendix B)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.experiments.data.batches import BatchSampler, mix
from regrep.experiments.data.digits import SPLIT_SEED, Split
from regrep.groups import FiniteGroup

EVALUATION_BATCH = 250
"""Batch size of validation and test; fixed, so that their draws do not depend on that of the training."""


class Pair(NamedTuple):
    """A batch as the model sees it.

    Attributes:
        x: [B, C, H, W], inputs in 0..1.
        gx: [B, C, H, W], the same inputs moved by g.
        y: int64 [B], labels.
        g: int64 [B], group elements.
    """

    x: Tensor
    gx: Tensor
    y: Tensor
    g: Tensor


class Drawn(NamedTuple):
    """A batch as the loader yields it, before anything is moved."""

    images: Tensor  # [B, C, H, W] bytes of pictures, or floating-point [B, ...]
    y: Tensor  # int64 [B]
    seed: int  # of the batch's random draws
    split: Split


class Samples(Dataset[Drawn]):
    """Samples of one split: sample k is ``images[rows[k]]`` with the label ``labels[rows[k]]``.

    Args:
        images: uint8 [n, C, H, W], shared by the splits.
        labels: int64 [n].
        rows: int64 [N], images of this split.
        split: its name.
    """

    def __init__(self, images: Tensor, labels: Tensor, rows: Tensor, split: Split) -> None:
        self.images, self.labels, self.rows, self.split = images, labels, rows, split

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, batch: tuple[Tensor, int]) -> Drawn:
        index, seed = batch
        rows = self.rows[index]
        return Drawn(self.images[rows], self.labels[rows], seed, self.split)


class PairData(lightning.LightningDataModule, ABC):
    """Loaders of pairs: pictures travel as uint8 and are moved, all at once, on the device.

    Train batches are a function of (seed, epoch, batch number) alone, so that a resumed run sees what an
    uninterrupted one would have seen. Validation and test have fixed random streams of their own, the same
    for every seed. A loader yields :class:`Drawn`, of which :meth:`views` makes the model's :class:`Pair`.

    Args:
        group: draws the elements.
        action: how the group moves x, or None where x alone does not determine gx.
        seed: of the training draws.
        batch_size: samples in a training batch.
        identity: whether the identity is drawn too, as often as any other element.

    Raises:
        RegrepError: an empty batch.
    """

    def __init__(self, group: FiniteGroup, action: Action | None, seed: int, batch_size: int, identity: bool) -> None:
        super().__init__()
        check_counts(batch_size=batch_size)
        self.group, self.action, self.seed, self.batch_size, self.identity = group, action, seed, batch_size, identity
        self.samples: dict[Split, Samples] = {}

    @abstractmethod
    def load(self) -> dict[Split, Samples]:
        """Read the pictures and split them."""

    @abstractmethod
    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The inputs x and gx of one shape, from those of a batch, pictures in 0..1."""

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Name and files of the data set, for the run record."""

    def setup(self, stage: str | None = None) -> None:
        """Read and split the data once."""
        self.samples = self.samples or self.load()

    def record(self) -> dict[str, Any]:
        """What was used, for the run record: name, files with md5 checksums, and sizes of the splits."""
        self.setup()
        return {**self.source(), "sizes": {split: len(samples) for split, samples in self.samples.items()}}

    def train_dataloader(self) -> DataLoader[Drawn]:
        """Shuffled batches, drawn anew in every epoch."""
        return self._loader("train", self.batch_size, self.seed, shuffle=True)

    def val_dataloader(self) -> DataLoader[Drawn]:
        """The fixed validation samples."""
        return self._loader("validation", EVALUATION_BATCH, mix(SPLIT_SEED, 1), shuffle=False)

    def test_dataloader(self) -> DataLoader[Drawn]:
        """The fixed test samples."""
        return self._loader("test", EVALUATION_BATCH, mix(SPLIT_SEED, 2), shuffle=False)

    def _loader(self, split: Split, batch_size: int, seed: int, shuffle: bool) -> DataLoader[Drawn]:
        samples = self.samples[split]
        return DataLoader(samples, sampler=BatchSampler(len(samples), batch_size, seed, shuffle), batch_size=None)

    def on_after_batch_transfer(self, batch: Drawn, dataloader_idx: int) -> Pair:
        """Draw and move on the device."""
        return self.views(batch)

    def views(self, batch: Drawn) -> Pair:
        """The pair of a batch, a function of the batch alone (its seed included)."""
        generator = torch.Generator().manual_seed(batch.seed)
        g = draw(self.group, len(batch.y), self.identity, generator).to(batch.images.device)
        images = batch.images.float() / 255 if batch.images.dtype == torch.uint8 else batch.images
        x, gx = self.move(images, g, batch.split, generator)
        return Pair(x, gx, batch.y, g)


def draw(group: FiniteGroup, batch: int, identity: bool, generator: torch.Generator) -> Tensor:
    """Uniform random elements, int64 [batch], with or without the identity.

    Raises:
        RegrepError: a group that has the identity alone, and that is left out.

    >>> import regrep
    >>> draw(regrep.groups.cyclic(2), 3, False, torch.Generator().manual_seed(0))
    tensor([1, 1, 1])
    """
    if identity:
        return sample(group, batch, generator)
    if group.order == 1:
        raise RegrepError(f"{group.name} has no element beside the identity; draw that too, with identity=True")
    return torch.randint(1, group.order, (batch,), generator=generator)


def check_counts(**counts: int) -> None:
    """Raise unless each named count is at least 1.

    >>> check_counts(batch_size=64)
    """
    for name, count in counts.items():
        if count < 1:
            raise RegrepError(f"{name} is at least 1, got {count}; choose a positive number")
