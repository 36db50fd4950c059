"""Polycubes of five cubes that differ from their mirror image, under the rotations of a cube, 20 labels per class."""

import torch
from torch import nn

import regrep
from regrep_paper.data.polycubes import classes, volumes

GROUP = regrep.groups.octahedral()
ACTION = regrep.actions.Rotate3d(GROUP)
SIDE, LABELS = 12, 20


class Network(nn.Module):
    """Three strided convolutions; the latent holds four copies of the regular representation."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv3d(1, 8, 3, stride=2, padding=1),
            nn.BatchNorm3d(8),
            nn.ELU(),
            nn.Conv3d(8, 32, 3, stride=2, padding=1),
            nn.BatchNorm3d(32),
            nn.ELU(),
            nn.Flatten(),
            nn.Linear(32 * 27, 96),
        )
        self.head = nn.Sequential(nn.BatchNorm1d(96), nn.ELU(), nn.Linear(96, 12))

    def forward(self, x):
        """Logits."""
        return self.head(self.encoder(x))


def samples(per_class, seed):
    """Grey volumes [n, 1, 12, 12, 12] in random poses, and their classes [n]."""
    draws = torch.Generator().manual_seed(seed)
    y = torch.arange(12).repeat(per_class)
    x = volumes([classes()[k] for k in y.tolist()], SIDE, draws)[:, None].float() / 255 - 0.45
    return ACTION(x, regrep.actions.sample(GROUP, len(x), generator=draws)), y


def data(seed):
    """Labelled and unlabelled volumes are drawn by the seed; the test volumes are always the same."""
    unlabelled, _ = samples(100, 2 * seed + 1)
    return regrep.comparison.Splits(
        train=samples(LABELS, 2 * seed),
        validation=samples(25, 10**6),
        test=samples(80, 10**6 + 1),
        unlabelled=unlabelled,
    )


task = regrep.Task(
    name="polycubes",
    model=lambda seed: Network(),
    data=data,
    loss=nn.functional.cross_entropy,
    input_action=ACTION,
    steps=400,
)
