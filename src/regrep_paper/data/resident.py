"""Training samples that stay on the device, and batches of them as a function of the number of the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from regrep.actions import Draws, sample
from regrep.groups import FiniteGroup
from regrep_paper.data.batches import sent
from regrep_paper.data.samples import Batch, Samples, Views


class Randomness(Protocol):
    """Where the random numbers of a batch come from; :class:`regrep.actions.draws.StepDraws` is one too."""

    def elements(self, group: FiniteGroup, count: int) -> Tensor:
        """Uniform elements, int64 [count], on the device of the batch."""

    def uniform(self, count: int) -> Tensor:
        """Uniform numbers in [0, 1), float32 [count], likewise."""


class Drawn:
    """A generator on the CPU, whose draws are sent to the device of the batch: the random stream of all other training.

    Args:
        batch: the batch, with its seed.
    """

    def __init__(self, batch: Batch) -> None:
        self.generator, self.device = torch.Generator().manual_seed(batch.seed), batch.images.device

    def elements(self, group: FiniteGroup, count: int) -> Tensor:
        """Uniform elements."""
        return sent(sample(group, count, generator=self.generator), self.device)

    def uniform(self, count: int) -> Tensor:
        """Uniform numbers."""
        return sent(torch.rand(count, generator=self.generator), self.device)


class Step(NamedTuple):
    """The number of a training step, in the place of a batch that the device makes itself.

    Attributes:
        number: int64 scalar on the CPU, counted from the beginning of the run.
    """

    number: Tensor


class Steps(Dataset[Step]):
    """Every number, as that of a step."""

    def __getitem__(self, number: int) -> Step:
        return Step(torch.tensor(number))


class StepSampler(Sampler[int]):
    """The numbers of the steps of an epoch.

    >>> sampler = StepSampler(3)
    >>> sampler.set_epoch(2)
    >>> list(sampler), len(sampler)
    ([6, 7, 8], 3)
    """

    def __init__(self, steps: int) -> None:
        self.steps, self.epoch = steps, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer at the start of each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        yield from range(self.epoch * self.steps, (self.epoch + 1) * self.steps)  # of the epoch when it begins


class ResidentBatches(nn.Module):
    """Step number -> the batch of that step, by operations on the device alone, so that they can be captured.

    Every epoch takes the samples in a new order and leaves out what does not fill a batch. Order and augmentation
    depend on seed and step only (:class:`regrep.actions.Draws`), so that a resumed run goes on as it would have.

    Args:
        samples: the training samples; copied to the device when the module is.
        batch_size: samples in a batch; no more than there are.
        seed: seed of the draws.
        views: (images of a batch, labels, source of random numbers) -> what the model sees.
    """

    images: Tensor
    labels: Tensor
    index: Tensor | None

    def __init__(
        self, samples: Samples, batch_size: int, seed: int, views: Callable[[Tensor, Tensor, Randomness], Views]
    ) -> None:
        super().__init__()
        for name, value in (("images", samples.images), ("labels", samples.labels), ("index", samples.index)):
            self.register_buffer(name, value, persistent=False)
        self.batch_size, self.steps = batch_size, len(samples) // batch_size
        self.orders, self.draws, self.views = Draws(2 * seed), Draws(2 * seed + 1), views

    def rows(self, step: Tensor) -> Tensor:
        """The samples of a step, int64 [batch_size]."""
        order = self.orders.at(step // self.steps).order(len(self.labels))
        return order[step % self.steps * self.batch_size + torch.arange(self.batch_size, device=step.device)]

    def forward(self, step: Tensor) -> Views:
        """The batch of a step."""
        rows = self.rows(step)
        chosen = rows if self.index is None else self.index[rows]
        return self.views(self.images[chosen], self.labels[rows], self.draws.at(step))
