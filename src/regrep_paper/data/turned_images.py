"""Photographs rotated by C4 (CIFAR10, section 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.cifar10 import FILES, Images, cifar10
from regrep_paper.data.digits import SPLIT_SEED
from regrep_paper.data.pairs import PairData, check_counts
from regrep_paper.data.samples import Samples, Split
from regrep_paper.runs.data_folder import check_folder
from regrep_paper.tables import exploration

DEFAULTS = exploration.CIFAR10.defaults
"""Defaults of the settings; None if the default depends on other settings."""


class TurnedImages(PairData):
    """Images of CIFAR10 and the same images rotated exactly by multiples of 90 degrees.

    A tenth of the training images, drawn once for all seeds, is the validation split (45,000 and 5,000); the
    test split is the official one.

    Args:
        data_dir: folder with a form of CIFAR10, see :func:`regrep_paper.data.cifar10.cifar10`.
        seed: seed of the training elements.
        batch_size: samples in a training batch.
        train_images: train on only this many images, for quick runs.
        identity: also draw the identity, as often as any other element.

    Raises:
        RegrepError: counts below 1; in ``setup``, more training images than there are.

    >>> TurnedImages(batch_size=32).action
    RotateFlip2d(C4)
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
        train_images: int | None = None,
        identity: bool = DEFAULTS["identity"],
    ) -> None:
        group = cyclic(4)
        self.turn = RotateFlip2d(group)
        super().__init__(group, self.turn, seed, batch_size, identity)
        if train_images is not None:
            check_counts(train_images=train_images)
        check_folder(data_dir, "cifar10", FILES)
        self.data_dir, self.train_images = data_dir, train_images
        self.images: Images | None = None

    def load(self) -> dict[Split, Samples]:
        """Read the images and split the training images."""
        self.images = data = cifar10(self.data_dir)
        order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(SPLIT_SEED))
        held = len(order) // 10
        train = order[held:]
        if self.train_images is not None and self.train_images > len(train):
            raise RegrepError(
                f"train_images is at most the {len(train)} training images, got {self.train_images}; leave it out"
                " to train on all of them"
            )
        parts: dict[Split, Tensor] = {"train": train[: self.train_images], "validation": order[:held]}
        return {
            **{split: Samples(data.train, data.train_labels[rows], split, rows) for split, rows in parts.items()},
            "test": Samples(data.test, data.test_labels, "test"),
        }

    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The images and their exact rotations."""
        return images, self.turn(images, g)

    def source(self) -> dict[str, Any]:
        """Name, files and remark of the form of the data that was read."""
        assert self.images is not None
        return {"name": self.images.name, "files": self.images.files, "remark": self.images.remark}
