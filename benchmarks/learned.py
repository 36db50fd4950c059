"""A learned representation beside one batched product of the same size, and the analysis of a large one.

python benchmarks/learned.py [ROUNDS]
"""

from __future__ import annotations

import sys

import torch
from interleaved import medians, ratio, save

import regrep
from regrep.actions import sample
from regrep.diagnostics import analyse
from regrep.groups import parse

BATCH, DIM, LARGE = 256, 66, 128


def main(rounds: int = 30) -> None:
    group = parse("D4xD4")
    generator = torch.Generator().manual_seed(0)
    learned = regrep.LearnedRepresentation(group, DIM, generator=generator)
    z = torch.randn(BATCH, DIM, generator=generator)
    g = sample(group, BATCH, generator)
    stack = torch.randn(BATCH, DIM, DIM, generator=generator, requires_grad=True)
    exact = regrep.regular(group).stack().double()
    noisy = torch.stack([torch.block_diag(*[matrix] * (LARGE // group.order)) for matrix in exact])
    noisy = noisy + 0.01 * torch.randn(noisy.shape, generator=generator, dtype=torch.float64)

    def apply() -> None:
        learned.zero_grad()
        learned(z.clone().requires_grad_(), g).sum().backward()

    def product() -> None:
        stack.grad = None
        (stack @ z.clone().requires_grad_()[:, :, None]).sum().backward()

    ours = f"rho(g), {BATCH} elements of D4xD4, dim {DIM}, forward and backward"
    reference = f"[{BATCH}, {DIM}, {DIM}] x [{BATCH}, {DIM}, 1], forward and backward"
    times = medians({ours: apply, reference: product}, rounds)
    times |= medians({f"analysis, D4xD4, dim {LARGE}, 1 % noise": lambda: analyse(group, noisy)}, max(3, rounds // 10))
    save("learned", times, {f"{ours} / product": ratio(times, ours, reference)})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
