"""A regression with equivariant output: the force that a few charges on a square exert on its centre."""

import torch
from torch import nn

import regrep

GROUP = regrep.groups.dihedral(4)
ACTION = regrep.actions.RotateFlip2d(GROUP)
SIDE, CHARGES = 8, 4


class Network(nn.Module):
    """A small convolutional network; outputs are a vector field of one pixel."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ELU(),
            nn.Conv2d(16, 16, 3, stride=2, padding=1),
            nn.ELU(),
            nn.Flatten(),
            nn.Linear(256, 64),
        )
        self.head = nn.Sequential(nn.ELU(), nn.Linear(64, 2), nn.Unflatten(1, (2, 1, 1)))

    def forward(self, x):
        """Forces [B, 2, 1, 1]."""
        return self.head(self.encoder(x))


def samples(count, seed):
    """Charges [count, 1, 8, 8], and the forces that they exert."""
    draws = torch.Generator().manual_seed(seed)
    x = torch.zeros(count, SIDE * SIDE)
    places = torch.rand(count, SIDE * SIDE, generator=draws).argsort(dim=1)[:, :CHARGES]
    x.scatter_(1, places, torch.randn(count, CHARGES, generator=draws))
    x = x.reshape(count, 1, SIDE, SIDE)
    return x, force(x)


def force(x):
    """Forces [B, 2, 1, 1] to the right and up, whose size saturates."""
    middle = torch.arange(SIDE) - (SIDE - 1) / 2
    down, right = torch.meshgrid(middle, middle, indexing="ij")
    distance = (down.square() + right.square()).sqrt()
    pull = torch.stack([right, -down]).flatten(1) / distance.flatten() ** 2
    total = x.flatten(1) @ pull.T
    size = total.norm(dim=1, keepdim=True)
    return (torch.tanh(2 * size) * total / size)[:, :, None, None]


def data(seed):
    """200 labelled charges and 2,000 without forces, drawn by the seed; the test charges are always the same."""
    unlabelled, _ = samples(2000, 3 * seed + 2)
    return regrep.comparison.Splits(
        train=samples(200, 3 * seed + 1),
        validation=samples(300, 10**6),
        test=samples(1000, 10**6 + 1),
        unlabelled=unlabelled,
    )


task = regrep.Task(
    name="vectors",
    model=lambda seed: Network(),
    data=data,
    loss=nn.functional.mse_loss,
    input_action=ACTION,
    output_action=regrep.actions.VectorField2d(GROUP, rows="down"),
    steps=400,
)
