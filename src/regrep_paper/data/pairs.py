"""Pairs x, gx of an input and its moved copy, and what the data modules that draw them share (appendix B)."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep_paper.data.batches import mix
from regrep_paper.data.digits import SPLIT_SEED, Split
from regrep_paper.data.splits import SplitData

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


class PairData(SplitData):
    """Loaders of pairs: pictures travel as uint8 and are moved, all at once, on the device.

    Validation and test have fixed random streams of their own, the same for every seed. A loader yields :class:`Drawn`,
    of which :meth:`views` makes the model's :class:`Pair`.

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
        super().__init__(seed, batch_size)
        self.group, self.action, self.identity = group, action, identity

    @abstractmethod
    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The inputs x and gx of one shape, from those of a batch, pictures in 0..1."""

    def train_dataloader(self) -> DataLoader[Drawn]:
        """Shuffled batches, drawn anew in every epoch."""
        return self.loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Drawn]:
        """The fixed validation samples."""
        return self.loader("validation", batch_size=EVALUATION_BATCH, seed=mix(SPLIT_SEED, 1))

    def test_dataloader(self) -> DataLoader[Drawn]:
        """The fixed test samples."""
        return self.loader("test", batch_size=EVALUATION_BATCH, seed=mix(SPLIT_SEED, 2))

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
