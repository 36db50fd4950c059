"""Pairs of digits on one canvas, drawn, transformed and normalised by batched tensor operations (appendix C.1)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regrep.actions import RotateFlip2d, SideBySide, rotate
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, parse
from regrep_paper.data.batches import mix
from regrep_paper.data.digits import FORMS, Digits, Source, load
from regrep_paper.data.moved import MovedData
from regrep_paper.data.resident import Drawn, Randomness, ResidentBatches
from regrep_paper.data.samples import Batch, Samples, Split, Views
from regrep_paper.runs.data_folder import check_folder
from regrep_paper.tables.table4 import DEFAULTS, check_group

MEAN, DEVIATION = 0.5 * 0.1307, math.sqrt(0.3081)
"""Normalisation of the canvas, including the square root in the original code."""

TURN = 360.0


def group_of(name: str) -> FiniteGroup:
    """The group that acts on one digit: C4, D1 or D4.

    Raises:
        RegrepError: any other name.
    """
    check_group(name)
    return parse(name)


def action_of(name: str) -> SideBySide:
    """G x G on the canvas: the first factor transforms the left digit, the second the right one."""
    act = RotateFlip2d(group_of(name))
    return SideBySide(act, act)


class DoubleDigits(MovedData):
    """Double-digit images: two digits side by side on a square canvas; the label is the pair.

    Each digit is rotated by a random angle and back (the rotation noise of appendix C.1; not for D1), then
    transformed by a random element of G; the two are pasted in the middle rows and the canvas is normalised. The
    paper's number is the accuracy on randomly transformed test pairs.

    Args:
        group: ``C4``, ``D1`` or ``D4``.
        source: ``digits`` (embedded) or ``mnist``.
        data_dir: folder with MNIST's files, instead of a download.
        seed: seed of the pairs and all augmentation.
        batch_size: pairs in a batch.
        classes: digits 0 .. classes - 1 are used; the task has classes² classes.
        train_pairs: pairs per class for training; ``validation_pairs`` and ``test_pairs`` likewise.
        second_noise: give the second view its own rotation noise.
        as_published: leave out the rotation back in the noise of C4, as the published code does; implies
            ``second_noise``.
    """

    def __init__(
        self,
        group: str = DEFAULTS["group"],
        source: Source = DEFAULTS["data"],
        data_dir: Path | None = None,
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
        classes: int = DEFAULTS["classes"],
        train_pairs: int = DEFAULTS["train_pairs"],
        validation_pairs: int = DEFAULTS["validation_pairs"],
        test_pairs: int = DEFAULTS["test_pairs"],
        second_noise: bool = DEFAULTS["second_noise"],
        as_published: bool = DEFAULTS["noise_as_published"],
    ) -> None:
        if as_published and group != "C4":
            raise RegrepError(f"as_published changes only the noise of C4, got group {group}; leave it out")
        if not 2 <= classes <= 10:
            raise RegrepError(f"classes is the number of digits used, from 2 to 10, got {classes}")
        super().__init__(action_of(group), seed, batch_size)
        self.per_class: dict[Split, int] = {
            "train": train_pairs,
            "validation": validation_pairs,
            "test": test_pairs,
        }
        for split, count in self.per_class.items():
            if count < 1:
                raise RegrepError(f"{split}_pairs is at least 1, got {count}")
        check_folder(data_dir, source, FORMS.get(source, ()))
        self.group_name, self.source_name, self.data_dir, self.classes = group, source, data_dir, classes
        self.noise = group != "D1"
        self.turn_back = not as_published
        self.second_noise = second_noise or as_published
        self.digit_action = RotateFlip2d(group_of(group))
        self.digits: Digits | None = None

    def load(self) -> dict[Split, Samples]:
        """Load the digits and draw the pairs of each split."""
        self.digits = load(self.source_name, self.data_dir)
        samples: dict[Split, Samples] = {}
        for offset, (split, count) in enumerate(self.per_class.items()):
            generator = torch.Generator().manual_seed(mix(self.seed, offset))
            labels, index = pairs(self.digits.labels[split], self.classes, count, generator)
            samples[split] = Samples(self.digits.images[split], labels, split, index)
        return samples

    def source(self) -> dict[str, Any]:
        """Source of the digits, and how many each split has."""
        assert self.digits is not None
        return {
            "name": self.digits.name,
            "files": self.digits.files,
            "digits": {split: len(x) for split, x in self.digits.images.items()},
        }

    def views(self, batch: Batch, upright: bool = False) -> Views:
        """The two views of a batch, which depend only on the batch (including its seed)."""
        return self._views(batch.images, batch.labels, Drawn(batch), upright)

    def resident(self) -> ResidentBatches:
        """The training batches as a function of the step."""
        return ResidentBatches(self.splits["train"], self.batch_size, self.seed, self._views)

    def _views(self, images: Tensor, labels: Tensor, source: Randomness, upright: bool = False) -> Views:
        digits = images.float() / 255
        group = self.digit_action.group
        g = source.elements(self.action.group, len(digits))
        if not upright:
            own = source.elements(group, 2 * len(digits))
            digits = self._noisy(digits, source).flatten(0, 1)
            digits = self.digit_action(digits, own).reshape(images.shape)
        gx = None
        if self.second_noise and not upright:
            both = torch.stack([g // group.order, g % group.order], dim=1).flatten()
            moved = self.digit_action(self._noisy(digits, source).flatten(0, 1), both)
            gx = canvas(moved.reshape(digits.shape))
        return Views(canvas(digits), labels, g, gx)

    def units(self) -> Tensor:
        """The two digits of each test pair, int64 [n, 2]."""
        return self.splits["test"].index

    def pictures(self, x: Tensor) -> Tensor:
        """The canvas before normalisation."""
        return x[:, 0] * DEVIATION + MEAN

    def _noisy(self, digits: Tensor, source: Randomness) -> Tensor:
        """Each digit rotated by a random angle and back, which leaves interpolation artefacts."""
        if not self.noise:
            return digits
        flat = digits.flatten(0, 1)
        angle = (source.uniform(len(flat)) - 0.5) * TURN
        flat = rotate(flat, angle)
        return (rotate(flat, -angle) if self.turn_back else flat).reshape(digits.shape)


def pairs(labels: Tensor, classes: int, per_class: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random pairs of digits with label ``classes · left + right``, the same number for each label.

    Args:
        labels: int64 [n], labels of the single digits.
        classes: digits 0 .. classes - 1 are used.
        per_class: number of pairs per label.
        generator: source of randomness.

    Returns:
        Labels int64 [N] and digits int64 [N, 2].

    >>> found, index = pairs(torch.tensor([0, 1]), 2, 1, torch.Generator())
    >>> found.tolist(), index.tolist()
    ([0, 1, 2, 3], [[0, 0], [0, 1], [1, 0], [1, 1]])
    """
    left, right = torch.meshgrid(torch.arange(classes), torch.arange(classes), indexing="ij")
    left, right = (side.flatten().repeat_interleave(per_class) for side in (left, right))
    index = torch.empty(len(left), 2, dtype=torch.int64)
    for column, side in enumerate((left, right)):
        for k in range(classes):
            members, where = torch.nonzero(labels == k).flatten(), side == k
            index[where, column] = members[torch.randint(len(members), (int(where.sum()),), generator=generator)]
    return classes * left + right, index


def canvas(digits: Tensor) -> Tensor:
    """Paste digits [B, 2, a, a] in [0, 1] side by side into the middle rows of [B, 1, 2a, 2a]; normalise.

    >>> canvas(torch.ones(3, 2, 28, 28)).shape
    torch.Size([3, 1, 56, 56])
    """
    b, _, a, _ = digits.shape
    sheet = digits.new_zeros(b, 1, 2 * a, 2 * a)
    sheet[:, 0, a // 2 : a // 2 + a] = digits.permute(0, 2, 1, 3).reshape(b, a, 2 * a)
    return (sheet - MEAN) / DEVIATION
