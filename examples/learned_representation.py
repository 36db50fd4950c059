"""Which representation does the latent of your own model prefer? Here: of a small classifier under quarter turns.

python examples/learned_representation.py [FOLDER [EPOCHS]]
regrep report FOLDER
"""

from __future__ import annotations

import sys

import torch
from torch import nn

import regrep
from regrep_paper.data.digits import load
from regrep_paper.experiments.own import learn


def main(folder: str = "runs/own", epochs: int = 90) -> None:
    torch.manual_seed(0)
    digits = load("digits")
    group = regrep.groups.cyclic(4)
    record = learn(
        encoder=nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 16)),
        head=nn.Linear(16, 10),
        data={split: (digits.images[split][:, None], digits.labels[split]) for split in digits.images},
        action=regrep.actions.RotateFlip2d(group),
        latent=regrep.LearnedRepresentation(group, dim=16),
        out=folder,
        epochs=int(epochs),
        name="digits",
    )
    print(record["representation"]["verdict"])


if __name__ == "__main__":
    main(*sys.argv[1:])
