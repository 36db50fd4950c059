"""Pairs of digits under the square of a group, in random poses; no digit is in two test pairs."""

import torch
from torch import nn

import regrep
from regrep_paper.data import digits
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN


def pairs_task(group, data_dir, labels, steps):
    """The task for C4, D1 or D4.

    Args:
        group: the name of the group that moves one digit.
        data_dir: folder with MNIST's files, or None to download them.
        labels: number of labelled training pairs.
        steps: steps of training.
    """
    found = digits.load("mnist", data_dir)
    one = regrep.actions.RotateFlip2d(regrep.groups.parse(group))
    action = regrep.actions.SideBySide(one, one)

    def pairs(split, count, seed):
        """Pairs [count, 1, 56, 56] and their classes; each digit once, as long as there are enough."""
        draws = torch.Generator().manual_seed(seed)
        images, classes = found.images[split], found.labels[split].long()
        order = torch.cat([torch.randperm(len(images), generator=draws) for _ in range(-(-2 * count // len(images)))])
        left, right = order[: 2 * count].reshape(2, count)
        canvas = torch.zeros(count, 1, 56, 56)
        canvas[:, 0, 14:42, :28], canvas[:, 0, 14:42, 28:] = images[left].float() / 255, images[right].float() / 255
        g = regrep.actions.sample(action.group, count, generator=draws)
        return action(canvas, g), 10 * classes[left] + classes[right]

    def data(seed):
        validation, test = pairs("validation", 500, 10**6), pairs("test", 1000, 10**6 + 1)
        return regrep.comparison.Splits(
            pairs("train", labels, 2 * seed), validation, test, unlabelled=pairs("train", 10_000, 2 * seed + 1)[0]
        )

    return regrep.Task(
        name=f"ddmnist-{group.lower()}",
        model=lambda seed: DoubleDigitCNN(latent=128),
        data=data,
        loss=nn.functional.cross_entropy,
        input_action=action,
        steps=steps,
        batch=128,
    )
