"""No data, no network: what the relations make of the published starts of TMNIST (C2) and CIFAR10 (C4).

A control for learned representations: whatever it finds as often as training does, training has not shown.

python examples/relations_alone.py [SEEDS [UPDATES]]
"""

from __future__ import annotations

import sys

import torch

import regrep

STARTS = (("C2", 42, "uniform"), ("C4", 64, "orthogonal+noise"))


def main(seeds: int = 5, updates: int = 6000) -> None:
    for name, dim, init in STARTS:
        group = regrep.groups.parse(name)
        for seed in range(seeds):
            generator = torch.Generator().manual_seed(seed)
            learned = regrep.LearnedRepresentation(group, dim, init, generator=generator)
            optimiser = torch.optim.Adam(learned.parameters(), lr=3e-3)
            for _ in range(updates):
                optimiser.zero_grad()
                learned.algebra_loss().backward()
                optimiser.step()
            print(name, f"seed {seed}:", regrep.diagnostics.analyse(group, learned.snapshot()).verdict)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
