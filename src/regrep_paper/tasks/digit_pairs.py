"""Pairs of digits under the square of a group, in random poses; no digit is in two test pairs.

The network is that of the paper's appendix C.1 with a stride in its first layer and twice the channels. It takes less
than half of the time on a CPU, so that a comparison of many arms ends on two cores, for a few hundredths of accuracy.
"""

from functools import lru_cache

import torch
from torch import nn

import regrep
from regrep_paper.data import digits
from regrep_paper.networks.double_digit_cnn import AveragePool, block
from regrep_paper.networks.heads import latent_head
from regrep_paper.runs.kept import kept

VALIDATION, TEST, UNLABELLED = 500, 1000, 10_000

KEPT = 12
"""At most so many draws stay in memory: the samples of five seeds, of validation and of the test."""


class Network(nn.Module):
    """Pairs [B, 1, 56, 56] -> logits [B, 100]; the latent of 128 channels lies before any normalisation."""

    def __init__(self, latent=128):
        super().__init__()
        self.encoder = nn.Sequential(
            block(1, 12, 7, 2, 3),
            block(12, 24, 3, 1, 1),
            AveragePool(28, 5, 2, 1),
            block(24, 48, 3, 1, 1),
            AveragePool(13, 5, 2, 1),
            block(48, 72, 3, 1, 0),
            block(72, 72, 3, 1, 1),
            nn.AvgPool2d(4),
            nn.Conv2d(72, latent, 1),
            nn.Flatten(),
        )
        self.head = latent_head(latent, 100)
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        """Logits."""
        return self.head(self.encoder(x))


class Pairs:
    """Draws of pairs, which stay in memory as bytes: the runs of a seed share its samples, and all runs the test."""

    def __init__(self, group, data_dir):
        one = regrep.actions.RotateFlip2d(regrep.groups.parse(group))
        self.action = regrep.actions.SideBySide(one, one)
        self.found = digits.load("mnist", data_dir)
        self.drawn = lru_cache(KEPT)(self.draw)

    def __call__(self, split, count, seed):
        """Pairs [count, 1, 56, 56] and their classes; each digit once, as long as there are enough."""
        x, y = self.drawn(split, count, seed)
        return x.float() / 255, y

    def draw(self, split, count, seed):
        """The same as bytes."""
        draws = torch.Generator().manual_seed(seed)
        images, classes = self.found.images[split], self.found.labels[split].long()
        order = torch.cat([torch.randperm(len(images), generator=draws) for _ in range(-(-2 * count // len(images)))])
        left, right = order[: 2 * count].reshape(2, count)
        canvas = torch.zeros(count, 1, 56, 56, dtype=images.dtype)
        canvas[:, 0, 14:42, :28], canvas[:, 0, 14:42, 28:] = images[left], images[right]
        g = regrep.actions.sample(self.action.group, count, generator=draws)
        return self.action(canvas, g), 10 * classes[left] + classes[right]


drawn_pairs = kept(Pairs)
"""The draws of a group and a folder; a process that does many runs makes them once."""


def pairs_task(group, data_dir, labels, steps, batch, unlabelled=UNLABELLED):
    """The task for C4, D1 or D4.

    Args:
        group: the name of the group that moves one digit.
        data_dir: folder with MNIST's files, or None to download them.
        labels: number of labelled training pairs.
        steps: steps of training.
        batch: labelled pairs in a step, and as many without labels.
        unlabelled: number of further pairs without labels; 0 for none.
    """
    pairs = drawn_pairs(group, data_dir)

    def data(seed):
        further = pairs("train", unlabelled, 2 * seed + 1)[0] if unlabelled else None
        return regrep.comparison.Splits(
            train=pairs("train", labels, 2 * seed),
            validation=pairs("validation", VALIDATION, 10**6),
            test=pairs("test", TEST, 10**6 + 1),
            unlabelled=further,
        )

    return regrep.Task(
        name=f"ddmnist-{group.lower()}",
        model=lambda seed: Network(),
        data=data,
        loss=nn.functional.cross_entropy,
        input_action=pairs.action,
        steps=steps,
        batch=batch,
    )
