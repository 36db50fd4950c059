"""Labelled samples, randomly transformed and upright: the common part of the tables' data modules."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from regrep.actions import Action
from regrep_paper.data.batches import mix
from regrep_paper.data.samples import Batch, Views
from regrep_paper.data.splits import SplitData
from regrep_paper.runs.arrays import as_bytes, write_arrays


class MovedData(SplitData):
    """Loaders of batches that are transferred as uint8 and augmented as a whole on the device.

    Training batches are drawn anew in every epoch. Validation and test are fixed, once randomly transformed and once
    upright. A loader yields a :class:`Batch`, from which :meth:`views` makes the model's :class:`Views`.

    Args:
        action: takes x to gx.
        seed: seed of all draws.
        batch_size: samples in a batch.

    Raises:
        RegrepError: an empty batch.
    """

    def __init__(self, action: Action, seed: int, batch_size: int) -> None:
        super().__init__(seed, batch_size)
        self.action = action

    @abstractmethod
    def views(self, batch: Batch, upright: bool = False) -> Views:
        """The two views of a batch, which depend only on the batch (including its seed)."""

    @abstractmethod
    def pictures(self, x: Tensor) -> Tensor:
        """Inputs as images for the report, values in 0..1, [B, H, W]."""

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches, drawn anew in every epoch."""
        return self.loader("train", shuffle=True)

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """The validation samples, randomly transformed and upright."""
        return [self.loader("validation"), self.loader("validation")]

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """The test samples, randomly transformed and upright."""
        return [self.loader("test"), self.loader("test")]

    def moved(self, batch: Batch, loader: int) -> Views:
        """Augment on the device, except the second loader of validation and test, which stays upright."""
        return self.views(batch, upright=loader == 1)

    def units(self) -> Tensor:
        """The units that each test sample consists of, int64 [n, k]: samples that share a unit are not independent.

        By default each sample is a unit of its own.
        """
        return torch.arange(len(self.splits["test"]))[:, None]

    def write_examples(self, path: Path, count: int = 6) -> None:
        """A few training pairs x and gx as images for the report: uint8 arrays in an npz file."""
        self.setup()
        samples = self.splits["train"]
        step = max(1, len(samples) // count)
        views = self.views(samples[(torch.arange(0, len(samples), step)[:count], mix(self.seed, 7))])
        moved = self.action(views.x, views.g) if views.gx is None else views.gx
        pictures = {key: as_bytes(self.pictures(x)).numpy() for key, x in (("x", views.x), ("gx", moved))}
        names = np.array([self.action.group.names[k] for k in views.g.tolist()])
        write_arrays(path, element=names, label=views.y.numpy(), **pictures)
