"""1,797 digits of 8 x 8 pixels, in random poses, with 10 labels per class; the other ones are unlabelled."""

import torch
from torch import nn

import regrep
from regrep_paper.data.digits import embedded

GROUP = regrep.groups.dihedral(4)
ACTION = regrep.actions.RotateFlip2d(GROUP)
LABELS, VALIDATION, TEST = 10, 200, 800


class Network(nn.Module):
    """Two convolutions; the latent between encoder and head holds twelve copies of the regular representation."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ELU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.BatchNorm2d(32),
            nn.ELU(),
            nn.Flatten(),
            nn.Linear(512, 96),
        )
        self.head = nn.Sequential(nn.BatchNorm1d(96), nn.ELU(), nn.Linear(96, 10))

    def forward(self, x):
        """Logits."""
        return self.head(self.encoder(x))


def posed():
    """Every digit in one random pose, in one random order; the first are for the test, the next for validation."""
    images, labels = embedded()
    generator = torch.Generator().manual_seed(20240522)
    order = torch.randperm(len(labels), generator=generator)
    x = images[order, None].float() / 16
    x = ACTION(x, regrep.actions.sample(GROUP, len(x), generator=generator))
    return x, labels[order]


def data(seed):
    """The seed draws which training digits have labels."""
    x, y = posed()
    test, validation = slice(TEST), slice(TEST, TEST + VALIDATION)
    x_rest, y_rest = x[TEST + VALIDATION :], y[TEST + VALIDATION :]
    drawn = torch.randperm(len(x_rest), generator=torch.Generator().manual_seed(seed))
    labelled = torch.cat([drawn[y_rest[drawn] == k][:LABELS] for k in range(10)])
    return regrep.comparison.Splits(
        train=(x_rest[labelled], y_rest[labelled]),
        validation=(x[validation], y[validation]),
        test=(x[test], y[test]),
        unlabelled=x_rest,
    )


task = regrep.Task(
    name="digits",
    model=lambda seed: Network(),
    data=data,
    loss=nn.functional.cross_entropy,
    input_action=ACTION,
    steps=300,
)
