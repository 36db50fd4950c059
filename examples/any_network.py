"""An existing training loop, three lines more: a network for digits that hardly notices quarter turns and mirrors.

python examples/any_network.py [EPOCHS]
"""

from __future__ import annotations

import sys

import torch
from torch import nn

import regrep
from regrep_paper.data.digits import load


def main(epochs: int = 20) -> None:
    torch.manual_seed(0)
    digits = load("digits")
    x, y = {split: images[:, None].float() / 255 for split, images in digits.images.items()}, digits.labels
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 128), nn.ReLU(), nn.Linear(128, 96))
    head = nn.Sequential(nn.ReLU(), nn.Linear(96, 10))
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-3)

    group = regrep.groups.dihedral(4)
    act, rho = regrep.actions.RotateFlip2d(group), regrep.latent(group, dim=96)
    objective = regrep.EquivariantObjective(encoder, head, nn.functional.cross_entropy, act, rho, penalty="relative")

    for epoch in range(epochs):
        for rows in torch.randperm(len(x["train"])).split(64):
            terms = objective(x["train"][rows], y["train"][rows])
            optimiser.zero_grad()
            terms.total.backward()
            optimiser.step()
        with torch.no_grad():
            accuracy = (head(encoder(x["validation"])).argmax(dim=1) == y["validation"]).float().mean()
        print(f"epoch {epoch + 1}: loss {terms.total:.3f}, validation accuracy {accuracy:.3f}")
    print(regrep.equivariance_error(encoder, x["validation"], act, rho))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
