"""What the arms of one seed see, drawn from the seed alone."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

from regrep.actions import sample
from regrep.actions.trees import moved, samples_in
from regrep.comparison.devices import sent
from regrep.comparison.task import Splits, Task, chosen

ORDER, ELEMENTS = 1, 2
"""Streams of random numbers, which are the same for all arms of one seed."""


class Views:
    """What one step sees: the samples of a batch, each moved by a random element, and the elements of second views.

    Everything is drawn from the seed and the number of the step alone, whatever the arm and the device: places and
    elements are drawn on the CPU, and these integers alone are sent to the samples.
    """

    def __init__(self, task: Task, splits: Splits, index: Tensor, others: Tensor | None, seed: int, step: int) -> None:
        x, y = splits.train
        draws = torch.Generator().manual_seed(stream(seed, ELEMENTS, step))
        count = len(index) + (0 if others is None else len(others))
        own, g = (sample(task.group, count, generator=draws) for _ in range(2))
        self.draws = draws
        parts = [index, own, g] if others is None else [index, others, own, g]
        self.fingerprint = torch.cat(parts).numpy().tobytes()
        index, *more, own, self.g = sent(parts, task.device)
        self.upright, self.y_upright = chosen(x, index), chosen(y, index)
        self.x = moved(task.input_action, self.upright, own[: len(index)])
        self.y = moved(task.output_action, self.y_upright, own[: len(index)])
        self.unlabelled = None
        if more:
            self.unlabelled = moved(task.input_action, chosen(splits.unlabelled, more[0]), own[len(index) :])


class Order:
    """The batches of all steps: places of labelled samples, and of unlabelled ones or None.

    Labelled samples come in a new random order in each pass; the last batch of a pass is filled from the next one.
    """

    def __init__(self, task: Task, splits: Splits, seed: int, steps: int) -> None:
        self.labelled, self.steps = samples_in(splits.train[0]), steps
        self.unlabelled = 0 if splits.unlabelled is None else samples_in(splits.unlabelled)
        self.batch, self.further = task.batch, task.unlabelled_batch or task.batch
        self.draws = [torch.Generator().manual_seed(stream(seed, ORDER, k)) for k in range(2)]

    def __iter__(self) -> Any:
        """Over the steps."""
        ours = self._places(self.labelled, self.batch, self.draws[0])
        theirs = self._places(self.unlabelled, self.further, self.draws[1]) if self.unlabelled else None
        for _ in range(self.steps):
            yield next(ours), None if theirs is None else next(theirs)

    @staticmethod
    def _places(count: int, batch: int, draws: torch.Generator) -> Any:
        left = torch.empty(0, dtype=torch.int64)
        while True:
            while len(left) < min(batch, count):
                left = torch.cat([left, torch.randperm(count, generator=draws)])
            yield left[:batch]
            left = left[batch:]


def stream(seed: int, kind: int, number: int) -> int:
    """Seed of a stream of random numbers."""
    text = f"regrep comparison {seed} {kind} {number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])
