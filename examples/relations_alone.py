"""No data, no network: what the relations make of the published starts of TMNIST (C2) and CIFAR10 (C4).

A control for learned representations: whatever it finds as often as training does, training has not shown.

python examples/relations_alone.py [FOLDER [SEEDS [EPOCHS]]]
regrep report FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

import regrep
from regrep_paper.experiments.own import learn

STARTS = (("C2", 42, "uniform"), ("C4", 64, "orthogonal+noise"))


def main(folder: str = "runs/relations", seeds: int = 5, epochs: int = 60) -> None:
    for name, dim, init in STARTS:
        group = regrep.groups.parse(name)
        nothing = regrep.actions.Permute(group, torch.zeros(group.order, 1, dtype=torch.int64))
        samples = (torch.zeros(6400, 1), None)  # 100 updates an epoch, and nothing to be seen
        for seed in range(int(seeds)):
            generator = torch.Generator().manual_seed(seed)
            record = learn(
                encoder=Nothing(dim),
                head=nn.Identity(),
                data={"train": samples, "validation": (samples[0][:64], None), "test": (samples[0][:64], None)},
                action=nothing,
                latent=regrep.LearnedRepresentation(group, dim, init, generator=generator),
                out=Path(folder) / f"{name}-s{seed}",
                task_loss=lambda outputs, inputs: 0.0 * outputs.square().mean(),
                output_weight=0.0,
                latent_weight=0.0,
                epochs=int(epochs),
                patience=None,
                seed=seed,
                name="no data",
            )
            print(name, f"seed {seed}:", record["representation"]["verdict"])


class Nothing(nn.Module):
    """A latent of the right size, always 0."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, 1] -> [B, dim]."""
        return x.expand(-1, self.dim)


if __name__ == "__main__":
    main(*sys.argv[1:])
