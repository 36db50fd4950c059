"""Pairs x, gx of an input and its transform: the common part of the data modules that draw them (appendix B)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep_paper.data.batches import mix, sent
from regrep_paper.data.digits import SPLIT_SEED
from regrep_paper.data.samples import Batch, Split, Views
from regrep_paper.data.splits import SplitData

EVALUATION_BATCH = 250
"""Batch size of validation and test; fixed, so that their draws do not depend on the training batch size."""


class PairData(SplitData):
    """Loaders of pairs: images are transferred as uint8 and transformed as a whole on the device.

    Validation and test have their own fixed random streams, the same for every seed. A loader yields a
    :class:`Batch`, from which :meth:`views` makes the model's :class:`Views`.

    Args:
        group: the group of the elements.
        action: how the group acts on x, or None if x alone does not determine gx.
        seed: seed of the training draws.
        batch_size: samples in a training batch.
        identity: whether the identity is also drawn, as often as any other element.

    Raises:
        RegrepError: an empty batch.
    """

    def __init__(self, group: FiniteGroup, action: Action | None, seed: int, batch_size: int, identity: bool) -> None:
        super().__init__(seed, batch_size)
        self.group, self.action, self.identity = group, action, identity

    @abstractmethod
    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The inputs x and gx, of the same shape, from the images of a batch with values in 0..1."""

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled batches, drawn anew in every epoch."""
        return self.loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The fixed validation samples."""
        return self.loader("validation", batch_size=EVALUATION_BATCH, seed=mix(SPLIT_SEED, 1))

    def test_dataloader(self) -> DataLoader[Batch]:
        """The fixed test samples."""
        return self.loader("test", batch_size=EVALUATION_BATCH, seed=mix(SPLIT_SEED, 2))

    shared_evaluation: ClassVar[bool] = False

    def moved(self, batch: Batch, loader: int) -> Views:
        """Draw and transform on the device."""
        return self.views(batch)

    def views(self, batch: Batch) -> Views:
        """The pair of a batch, which depends only on the batch (including its seed)."""
        generator = torch.Generator().manual_seed(batch.seed)
        g = sent(draw(self.group, len(batch.labels), self.identity, generator), batch.images.device)
        images = batch.images.float() / 255 if batch.images.dtype == torch.uint8 else batch.images
        x, gx = self.move(images, g, batch.split, generator)
        return Views(x, batch.labels, g, gx)


def draw(group: FiniteGroup, batch: int, identity: bool, generator: torch.Generator) -> Tensor:
    """Uniform random elements, int64 [batch], with or without the identity.

    Raises:
        RegrepError: the identity is left out, but the group has no other element.

    >>> import regrep
    >>> draw(regrep.groups.cyclic(2), 3, False, torch.Generator().manual_seed(0))
    tensor([1, 1, 1])
    """
    if identity:
        return sample(group, batch, generator)
    if group.order == 1:
        raise RegrepError(f"{group.name} has no element but the identity; pass identity=True to draw it")
    return torch.randint(1, group.order, (batch,), generator=generator)


def check_counts(**counts: int) -> None:
    """Raise unless each named count is at least 1.

    >>> check_counts(batch_size=64)
    """
    for name, count in counts.items():
        if count < 1:
            raise RegrepError(f"{name} is at least 1, got {count}; choose a positive number")
