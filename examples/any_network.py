"""An existing training loop, three lines more: a network for digits whose latent turns with its input.

python examples/any_network.py [EPOCHS]
"""

from __future__ import annotations

import sys

import torch
from torch import nn

import regrep
from regrep_paper.data.digits import embedded


def main(epochs: int = 30) -> None:
    torch.manual_seed(0)
    images, y = embedded()
    x = images[:, None] / 16
    train, held_out = torch.randperm(len(x)).split([1400, len(x) - 1400])
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 40))
    head = nn.Sequential(nn.ReLU(), nn.Linear(40, 10))
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=5e-3)

    group = regrep.groups.cyclic(4)
    act, rho = regrep.actions.RotateFlip2d(group), regrep.latent_representation(group, dim=40)
    objective = regrep.EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, act, rho, weight=3.0, penalty="whitened", latent_augmentation=True
    )

    for epoch in range(epochs):
        for rows in train[torch.randperm(len(train))].split(200):
            terms = objective(x[rows], y[rows])
            optimiser.zero_grad()
            terms.total.backward()
            optimiser.step()
        with torch.no_grad():
            accuracy = (head(encoder(x[held_out])).argmax(dim=1) == y[held_out]).float().mean()
        print(f"epoch {epoch + 1}: loss {terms.total:.3f}, accuracy on held-out digits {accuracy:.3f}")
    print(regrep.equivariance_error(encoder, x[held_out], act, rho))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
