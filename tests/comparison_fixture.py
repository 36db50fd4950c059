"""A task that trains in milliseconds, and results of a comparison made of given numbers."""

import numpy as np
import torch
from torch import nn

import regrep
from regrep.comparison import Comparison, Evaluated, Splits, Trained

GROUP = regrep.groups.cyclic(2)
SWAP = regrep.actions.Permute(GROUP, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]]))


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(4, 8), nn.Tanh())
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.encoder(x))


def samples(count, seed):
    x = torch.randn(count, 4, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] * x[:, 2] > 0).long()


def splits(seed=0, unlabelled=True):
    return Splits(samples(20, seed), samples(12, 98), samples(30, 99), samples(25, 97)[0] if unlabelled else None)


def task(**changes):
    settings = {
        "model": lambda seed: Network(),
        "data": splits(),
        "loss": nn.functional.cross_entropy,
        "input_action": SWAP,
        "steps": 4,
        "batch": 8,
        "name": "swaps",
    }
    return regrep.Task(**{**settings, **changes})


def trained(arm, weight, seed, validation, **changes):
    settings = {"steps": 4, "initial": f"i{seed}", "order": f"o{seed}", "data": f"d{seed}"}
    settings |= {"step_seconds": 0.01, "step_flops": 100.0, **changes}
    return Trained(arm, weight, seed, validation, **settings)


def evaluated(arm, seed, scores, **changes):
    settings = {
        "by_sample": True,
        "samples": "t",
        "seconds": 0.001,
        "flops": 10.0,
        "before": {},
        "after": {},
        **changes,
    }
    return Evaluated(arm, None, seed, np.asarray(scores, dtype=np.float64), **{**settings, **changes})


def comparison(scores, name="swaps", **changes):
    """From scores by arm, each [S, N]."""
    runs = [trained(arm, None, s, 0.5) for arm, rows in scores.items() if arm != "averaged" for s in range(len(rows))]
    tests = [evaluated(arm, s, row) for arm, rows in scores.items() for s, row in enumerate(rows)]
    seeds = tuple(range(len(next(iter(scores.values())))))
    return Comparison(name, "accuracy", True, seeds, tuple(runs), tuple(tests), **changes)
