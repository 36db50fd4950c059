"""The common part of all data modules: splits that are read once, seeded batches, a record of the data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sized
from typing import Any, ClassVar

import lightning
import torch
from torch.utils.data import DataLoader

from regrep.errors import RegrepError
from regrep_paper.data.batches import BatchSampler, mix
from regrep_paper.data.resident import ResidentBatches, Step, Steps, StepSampler
from regrep_paper.data.samples import Batch, Views

LARGEST_BATCH = 10**6
"""Samples; the splits are smaller."""

CALIBRATION = 11
"""Salt for the seed of the batches from which statistics are re-estimated."""


class SplitData(lightning.LightningDataModule, ABC):
    """Splits of samples that are indexed by (indices, seed); a batch depends only on (seed, epoch, number).

    A resumed run therefore sees what an uninterrupted one would have seen. On several processes a batch is the same as
    on one: each process draws all of it and takes its share of the samples.

    Args:
        seed: seed of the order of the samples and of all draws.
        batch_size: samples in a training batch.

    Attributes:
        whole_batches: leave out an epoch's last training batch if it is not full; set by the run's protocol.
        captured: the training loader yields the numbers of steps, whose batches :meth:`resident` makes on the device.
        shared_evaluation: whether several processes share the batches of validation and test as well, for models that
            gather what they measure; otherwise each process has all of them.

    Raises:
        RegrepError: an empty batch.
    """

    def __init__(self, seed: int, batch_size: int) -> None:
        super().__init__()
        if not 1 <= batch_size <= LARGEST_BATCH:
            end = "least 1" if batch_size < 1 else f"most {LARGEST_BATCH}"
            raise RegrepError(f"batch_size is at {end}, got {batch_size}")
        self.seed, self.batch_size = seed, batch_size
        self.splits: Mapping[Any, Any] = {}
        self.whole_batches = False
        self.captured = False

    shared_evaluation: ClassVar[bool] = True

    @abstractmethod
    def load(self) -> Mapping[Any, Sized]:
        """Read or generate the samples of each split."""

    @abstractmethod
    def moved(self, batch: Batch, loader: int) -> Views:
        """The views of a whole batch of a loader, on the device of the batch."""

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """A batch on the device; the number of a step stays where it can be read without waiting."""
        return batch if isinstance(batch, Step) else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Batch | Step, dataloader_idx: int) -> Views | Step:
        """The views of a batch; on several processes this one's share."""
        if isinstance(batch, Step):
            return batch
        views, trainer = self.moved(batch, dataloader_idx), self.trainer
        if trainer is None or trainer.world_size == 1 or not (trainer.training or self.shared_evaluation):
            return views
        return views.of_process(trainer.global_rank, trainer.world_size)

    def resident(self) -> ResidentBatches | None:
        """The training batches as a function of the step, made on the device; None where the data do not have that."""
        return None

    @abstractmethod
    def source(self) -> dict[str, Any]:
        """Name and files of the data set, for the run record; called after :meth:`load`."""

    def setup(self, stage: str | None = None) -> None:
        """Load the splits once."""
        self.splits = self.splits or self.load()

    def record(self) -> dict[str, Any]:
        """The data used, for the run record: name, files with md5 checksums, and sizes of the splits."""
        self.setup()
        return {**self.source(), "sizes": {split: len(samples) for split, samples in self.splits.items()}}

    def loader(
        self, split: str, shuffle: bool = False, batch_size: int | None = None, seed: int | None = None
    ) -> DataLoader[Any]:
        """Batches of a split, in a new order in every epoch if shuffled.

        Args:
            split: name of the split.
            shuffle: whether every epoch has a new order and new draws.
            batch_size: defaults to the training batch size.
            seed: defaults to the training seed.
        """
        if self.captured and split == "train" and seed is None:
            steps = StepSampler(len(self.splits[split]) // self.batch_size)
            return DataLoader(Steps(), sampler=steps, batch_size=None)
        samples = self.splits[split]
        size, source = batch_size or self.batch_size, self.seed if seed is None else seed
        sampler = BatchSampler(len(samples), size, source, shuffle, whole=shuffle and self.whole_batches)
        return DataLoader(samples, sampler=sampler, batch_size=None, pin_memory=torch.cuda.is_available())

    def calibration_dataloader(self) -> DataLoader[Any]:
        """Training batches in a fixed random order, for the statistics of a trained network."""
        return self.loader("train", shuffle=True, seed=mix(self.seed, CALIBRATION))
