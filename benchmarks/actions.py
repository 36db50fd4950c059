"""Actions and their derivatives beside one contiguous copy of the batch.

python benchmarks/actions.py [ROUNDS]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from interleaved import medians, ratio, save
from torch import Tensor

import regrep
from regrep.actions import (
    Action,
    KeyPoints,
    OnDims,
    Pair,
    PairIndex,
    Permute,
    Points2d,
    Rotate3d,
    RotateFlip2d,
    TensorField3d,
    Then,
    VectorField2d,
    VectorField3d,
    sample,
)
from regrep.groups import cyclic, dihedral, full_octahedral, octahedral, point_group, symmetric

D1, D4, S3 = dihedral(1), dihedral(4), symmetric(3)
COLOURS = Permute(S3, S3.points[S3.inverse], dim=1)

CASES = {
    "RotateFlip2d(D4), 256 x 1 x 56 x 56": (RotateFlip2d(D4), (256, 1, 56, 56)),
    "RotateFlip2d(D2), 64 x 3 x 96 x 128": (RotateFlip2d(dihedral(2)), (64, 3, 96, 128)),
    "VectorField2d(C4), 16 x 20 x 64 x 64": (VectorField2d(cyclic(4)), (16, 20, 64, 64)),
    "Rotate3d(O), 32 x 1 x 28 x 28 x 28": (Rotate3d(octahedral()), (32, 1, 28, 28, 28)),
    "Rotate3d(I), interpolated, 32 x 1 x 28 x 28 x 28": (Rotate3d(point_group("I")), (32, 1, 28, 28, 28)),
    "VectorField3d(Oh), 32 x 3 x 28 x 28 x 28": (VectorField3d(full_octahedral()), (32, 3, 28, 28, 28)),
    "TensorField3d(Oh), 8 x 9 x 28 x 28 x 28": (TensorField3d(full_octahedral()), (8, 9, 28, 28, 28)),
    "Then, mirrored and exchanged, 64 x 2 x 64 x 64": (
        Then(RotateFlip2d(D1), Permute(D1, D1.points, dim=1)),
        (64, 2, 64, 64),
    ),
    "Pair, D4 and colours, 64 x 3 x 64 x 64": (Pair(RotateFlip2d(D4), COLOURS), (64, 3, 64, 64)),
    "OnDims, channels last, 64 x 64 x 64 x 3": (OnDims(RotateFlip2d(D4), (1, 2)), (64, 64, 64, 3)),
    "PairIndex(S5), 256 x 5 x 5 x 16": (PairIndex(regrep.natural(symmetric(5))), (256, 5, 5, 16)),
    "KeyPoints(D4), 256 x 4 x 3": (KeyPoints(Points2d(D4, 64), regrep.natural(D4)), (256, 4, 3)),
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
