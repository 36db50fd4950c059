"""Which use of a symmetry helps: a regression whose target turns with its input, and few labels."""

import argparse

import torch
from torch import nn

import regrep
from regrep.comparison import Splits

G = regrep.groups.cyclic(4)
TURN = regrep.actions.Permute(G, torch.tensor([[(k + shift) % 4 for k in range(4)] for shift in range(4)]))


class Network(nn.Module):
    """Four readings around a point -> how strongly to move in each of the four directions."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 32))
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(32, 4))

    def forward(self, x):
        """Policies [B, 4]."""
        return self.head(self.encoder(x))


def samples(count, seed):
    """Readings, and a policy: move away from what is near, more so if the opposite side is free."""
    x = torch.rand(count, 4, generator=torch.Generator().manual_seed(seed))
    return x, x.roll(2, dims=1) * torch.sigmoid(8 * (x - x.roll(2, dims=1)))


def data(seed):
    return Splits(samples(40, seed), samples(200, 10**6), samples(400, 10**6 + 1), samples(400, 10**5 + seed)[0])


def main(seeds: int = 5, steps: int = 300) -> None:
    task = regrep.Task(
        name="policy",
        model=lambda seed: Network(),
        data=data,
        loss=nn.functional.mse_loss,
        input_action=TURN,
        output_action=TURN,
        steps=steps,
    )
    found = regrep.compare(task, ["plain", "consistency", "penalty-whitened", "averaged"], seeds, progress=print)
    print(f"\n{found}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="which use of a symmetry helps a small regression")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds (default 5)")
    parser.add_argument("--steps", type=int, default=300, help="steps of each training (default 300)")
    main(**vars(parser.parse_args()))
