"""Batches that depend only on (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler


class BatchSampler(Sampler[Any]):
    """Yields (indices, seed) of each batch, which depend only on (seed, epoch).

    Args:
        size: number of samples.
        batch_size: samples in a batch; the last one may have fewer.
        seed: seed of the order and of the batches' seeds.
        shuffle: draw a new order in every epoch; otherwise all epochs have the same batches.
        whole: leave out the last batch if it is not full, unless it is the only one.

    >>> [index.tolist() for index, _ in BatchSampler(5, 2, seed=0, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    >>> len(BatchSampler(5, 2, seed=0, shuffle=False, whole=True)), len(BatchSampler(1, 2, 0, False, whole=True))
    (2, 1)
    """

    def __init__(self, size: int, batch_size: int, seed: int, shuffle: bool, whole: bool = False) -> None:
        self.size, self.batch_size, self.seed, self.shuffle = size, batch_size, seed, shuffle
        self.whole = whole
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer at the start of each epoch."""
        self.epoch = epoch if self.shuffle else 0

    def __len__(self) -> int:
        return max(1, self.size // self.batch_size) if self.whole else math.ceil(self.size / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        seed = mix(self.seed, 1000 + self.epoch)
        order = (
            torch.randperm(self.size, generator=torch.Generator().manual_seed(seed))
            if self.shuffle
            else torch.arange(self.size)
        )
        for k, index in enumerate(order.split(self.batch_size)[: len(self)]):
            yield index, mix(seed, k)


def sent(x: Tensor, device: torch.device) -> Tensor:
    """What was drawn on the CPU, on the device of a batch; nobody waits until it is there.

    Draws are made on the CPU, so that a batch is the same on every device.

    >>> sent(torch.tensor([1]), torch.device("cpu"))
    tensor([1])
    """
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def mix(seed: int, salt: int) -> int:
    """Well separated seeds from small integers (Weyl steps and a shift-multiply finaliser, 63 bits)."""
    mask = (1 << 64) - 1
    v = ((seed + 1) * 0x9E3779B97F4A7C15 + (salt + 1) * 0xD1B54A32D192ED03) & mask
    v = ((v ^ (v >> 29)) * 0xBF58476D1CE4E5B9) & mask
    return (v ^ (v >> 32)) >> 1
