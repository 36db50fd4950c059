"""The penalty on several processes: network and objective are one module, which DistributedDataParallel wraps.

torchrun --nproc-per-node=2 examples/several_processes.py [STEPS]
"""

from __future__ import annotations

import sys

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import regrep


class Training(nn.Module):
    """What a step computes."""

    def __init__(self) -> None:
        super().__init__()
        group = regrep.groups.dihedral(4)
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 96))
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(96, 10))
        self.objective = regrep.EquivariantObjective(
            self.encoder,
            self.head,
            nn.functional.cross_entropy,
            regrep.actions.RotateFlip2d(group),
            regrep.latent_representation(group, dim=96),
            penalty="whitened",  # of the covariance of all processes' samples
            latent_augmentation=True,
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The loss of this process's samples."""
        return self.objective(x, y).total


def main(steps: int = 20) -> None:
    torch.distributed.init_process_group("gloo")  # with a GPU for each process: "nccl"
    rank, processes = torch.distributed.get_rank(), torch.distributed.get_world_size()
    torch.manual_seed(0)  # the same weights everywhere
    training = DistributedDataParallel(Training())
    optimiser = torch.optim.Adam(training.parameters(), lr=1e-3)
    torch.manual_seed(rank + 1)  # other samples and elements everywhere
    for step in range(steps):
        x, y = torch.rand(256 // processes, 8, 8), torch.randint(10, (256 // processes,))
        loss = training(x, y)  # not training.module(x, y), whose gradients nobody would average
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if rank == 0:
            print(f"step {step + 1}: loss {loss:.3f}")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
