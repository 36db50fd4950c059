"""A small convolutional network for single digits."""

from __future__ import annotations

import itertools

from torch import nn

from regrep.nn import EncoderHead
from regrep_paper.networks.heads import latent_head

SIDE = 28
"""Pixels along a side of a digit."""


class SingleDigitCNN(EncoderHead):
    """Three strided convolutions and a linear layer, whose output is the latent.

    ``encoder``: [B, 1, 28, 28] -> [B, latent]; ``head``: BatchNorm1d, ELU, Linear -> [B, classes].

    >>> sum(p.numel() for p in SingleDigitCNN().parameters())
    89898
    """

    def __init__(self, latent: int = 64, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        channels = (1, width, 2 * width, 4 * width)
        blocks = [
            nn.Sequential(nn.Conv2d(i, o, 3, stride=2, padding=1), nn.BatchNorm2d(o), nn.ELU())
            for i, o in itertools.pairwise(channels)
        ]
        self.encoder = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(channels[-1] * (SIDE // 7) ** 2, latent))
        self.head = latent_head(latent, classes)
