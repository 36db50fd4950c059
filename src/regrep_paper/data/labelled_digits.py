"""Single digits under a group of the square, with all labels or only a few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from regrep.actions import RotateFlip2d, sample
from regrep.errors import RegrepError
from regrep.groups import parse
from regrep_paper.data.batches import mix, sent
from regrep_paper.data.digits import FORMS, Digits, Source, load
from regrep_paper.data.moved import MovedData
from regrep_paper.data.samples import Batch, Samples, Split, Views
from regrep_paper.runs.data_folder import check_folder

EPOCH = 6400
"""Least number of samples in an epoch: few digits are shown several times, each time under a different element."""

TEST_VIEWS = 4
"""Random elements by which each test digit is transformed."""


class LabelledDigits(MovedData):
    """Digits transformed by a random element of G; the label is the digit.

    The digits of each split are those of every other experiment on them. An epoch has at least 6,400 samples. The test
    shows each digit under four random elements, which :meth:`units` distinguishes from four digits.

    Args:
        group: a group of the square: C2, C4, D1, D2 or D4.
        source: ``digits`` (embedded) or ``mnist``.
        data_dir: folder with MNIST's files, instead of a download.
        seed: seed of the labelled digits and all elements.
        batch_size: samples in a batch.
        labels: number of labelled training digits per class; None for all.

    Raises:
        RegrepError: fewer labels than 1, or more than a class has.

    >>> data = LabelledDigits(labels=3)
    >>> data.setup()
    >>> len(data.splits["train"]), len(set(data.splits["train"].index.tolist()))
    (6420, 30)
    """

    def __init__(
        self,
        group: str = "D4",
        source: Source = "digits",
        data_dir: Path | None = None,
        seed: int = 0,
        batch_size: int = 128,
        labels: int | None = None,
    ) -> None:
        super().__init__(RotateFlip2d(parse(group)), seed, batch_size)
        if labels is not None and labels < 1:
            raise RegrepError(
                f"labels is the number of labelled digits per class, at least 1, got {labels}; leave it out for all"
            )
        check_folder(data_dir, source, FORMS.get(source, ()))
        self.source_name, self.data_dir, self.labels = source, data_dir, labels
        self.digits: Digits | None = None

    def load(self) -> dict[Split, Samples]:
        """Load the digits and choose the labelled ones."""
        self.digits = digits = load(self.source_name, self.data_dir)
        chosen = self._labelled(digits.labels["train"])
        index: dict[Split, torch.Tensor] = {
            "train": chosen.repeat(-(-EPOCH // len(chosen))),
            "validation": torch.arange(len(digits.labels["validation"])),
            "test": torch.arange(len(digits.labels["test"])).repeat(TEST_VIEWS),
        }
        return {
            split: Samples(digits.images[split], digits.labels[split][rows], split, rows)
            for split, rows in index.items()
        }

    def source(self) -> dict[str, Any]:
        """Source of the digits, and how many are labelled."""
        assert self.digits is not None
        return {"name": self.digits.name, "files": self.digits.files}

    def views(self, batch: Batch, upright: bool = False) -> Views:
        """The digits, each under a random element unless upright, and the element of the second view."""
        generator = torch.Generator().manual_seed(batch.seed)
        own, g = (
            sent(sample(self.action.group, len(batch.labels), generator=generator), batch.images.device)
            for _ in range(2)
        )
        x = batch.images[:, None].float() / 255
        return Views(x if upright else self.action(x, own), batch.labels, g, None)

    def pictures(self, x: torch.Tensor) -> torch.Tensor:
        """The digits."""
        return x[:, 0]

    def units(self) -> torch.Tensor:
        """The digit of each test sample, int64 [n, 1]: the unit that a bootstrap draws."""
        return self.splits["test"].index[:, None]

    def _labelled(self, labels: torch.Tensor) -> torch.Tensor:
        """Rows of the training digits, drawn by the seed."""
        if self.labels is None:
            return torch.arange(len(labels))
        generator = torch.Generator().manual_seed(mix(self.seed, 5))
        rows = []
        for k in range(10):
            members = torch.nonzero(labels == k).flatten()
            if len(members) < self.labels:
                raise RegrepError(f"each class needs {self.labels} labelled digits, but {k} has {len(members)}")
            rows.append(members[torch.randperm(len(members), generator=generator)[: self.labels]])
        return torch.cat(rows)
