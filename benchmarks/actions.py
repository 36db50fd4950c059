"""Actions and their derivatives beside one contiguous copy of the batch.

python benchmarks/actions.py [ROUNDS]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from interleaved import medians, ratio, save
from torch import Tensor

from regrep.actions import Action, Rotate3d, RotateFlip2d, VectorField2d, sample
from regrep.groups import cyclic, dihedral, octahedral

CASES = {
    "RotateFlip2d(D4), 256 x 1 x 56 x 56": (RotateFlip2d(dihedral(4)), (256, 1, 56, 56)),
    "VectorField2d(C4), 16 x 20 x 64 x 64": (VectorField2d(cyclic(4)), (16, 20, 64, 64)),
    "Rotate3d(O), 32 x 1 x 28 x 28 x 28": (Rotate3d(octahedral()), (32, 1, 28, 28, 28)),
}


def derivative(act: Action, x: Tensor, g: Tensor) -> Callable[[], object]:
    x.requires_grad_()
    moved = act(x, g)
    gradient = torch.randn_like(moved)
    return lambda: torch.autograd.grad(moved, x, gradient, retain_graph=True)


def main(rounds: int = 100) -> None:
    generator = torch.Generator().manual_seed(0)
    functions, pairs = {}, {}
    for name, (act, shape) in CASES.items():
        x, g = torch.randn(shape, generator=generator), sample(act.group, shape[0], generator)
        functions[name] = lambda act=act, x=x, g=g: act(x, g)
        functions[f"derivative, {name}"] = derivative(act, x.clone(), g)
        functions[f"copy, {name}"] = x.clone
        pairs |= {f"{key} / copy": (key, f"copy, {name}") for key in (name, f"derivative, {name}")}
    times = medians(functions, rounds)
    save("actions", times, {name: ratio(times, *pair) for name, pair in pairs.items()})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
