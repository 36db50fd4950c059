"""MNIST's test digits in random poses under D4, 30 labels per class; the other training digits are unlabelled."""

import torch
from torch import nn

import regrep
from regrep_paper.data import digits
from regrep_paper.networks.single_digit_cnn import SingleDigitCNN

GROUP = regrep.groups.dihedral(4)
ACTION = regrep.actions.RotateFlip2d(GROUP)
LABELS = 30


def task(data_dir):
    """The task, from MNIST's files in a folder, or downloaded."""
    found = digits.load("mnist", data_dir)
    draws = torch.Generator().manual_seed(20240522)
    posed = {}
    for split, images in found.images.items():
        g = regrep.actions.sample(GROUP, len(images), generator=draws)
        posed[split] = ACTION(images[:, None].float() / 255, g), found.labels[split].long()
    x, y = posed["train"]

    def data(seed):
        drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
        labelled = torch.cat([drawn[y[drawn] == k][:LABELS] for k in range(10)])
        return regrep.comparison.Splits((x[labelled], y[labelled]), posed["validation"], posed["test"], unlabelled=x)

    return regrep.Task(
        name="mnist",
        model=lambda seed: SingleDigitCNN(latent=96),
        data=data,
        loss=nn.functional.cross_entropy,
        input_action=ACTION,
        steps=500,
        batch=128,
    )
