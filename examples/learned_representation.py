"""Which representation does the latent of your own model prefer? Here: of a small classifier under quarter turns.

python examples/learned_representation.py [EPOCHS]
"""

from __future__ import annotations

import sys

import torch
from torch import nn

import regrep
from regrep_paper.data.digits import embedded


def main(epochs: int = 90) -> None:
    torch.manual_seed(0)
    images, y = embedded()
    x = images[:, None] / 16
    group = regrep.groups.cyclic(4)
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 16))
    head = nn.Linear(16, 10)

    learned = regrep.LearnedRepresentation(group, dim=16)  # one free matrix, for the quarter turn
    start = regrep.diagnostics.analyse(group, learned.snapshot())
    objective = regrep.RepresentationObjective(
        encoder, head, nn.functional.cross_entropy, regrep.actions.RotateFlip2d(group), learned
    )
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters(), *learned.parameters()], lr=3e-3)

    for epoch in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            terms = objective(x[rows], y[rows])
            optimiser.zero_grad()
            terms.total.backward()
            optimiser.step()
        print(f"epoch {epoch + 1}: loss {terms.total:.3f}, relations {terms.algebra:.1e}")
    print(f"before training: {start.verdict}")
    print(f"after it: {regrep.diagnostics.analyse(group, learned.snapshot()).verdict}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
