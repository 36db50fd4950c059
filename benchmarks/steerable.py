"""Our convolutions between fields beside escnn's own, forward and backward; needs the extra [baselines].

python benchmarks/steerable.py [ROUNDS]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from interleaved import medians, ratio, save
from torch import Tensor, nn

from regrep_paper.networks.pscnn import averaged
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.convolution import steerable
from regrep_paper.steerable.fields import Fields, irreps_up_to, space
from regrep_paper.steerable.regular_fields import SteerableConv

GATED = {
    "second block of Table 4, C4": ("C4", 2, 6, 12, 5, (16, 55, 55)),
    "second block of Table 4, D4": ("D4", 2, 6, 12, 5, (16, 55, 55)),
    "first block of Table 5, SO(3)": ("SO3", 2, 6, 12, 5, (1, 29, 29, 29)),
    "first block of Table 5, O(3)": ("O3", 2, 6, 12, 5, (1, 29, 29, 29)),
}
"""Group, frequency, copies before and after, kernel, batch and grid."""

REGULAR = ("hidden layer of Table 6, C4", 24, (16, 32, 32))


def escnn_convolution(before: Fields, after: Fields, kernel: int) -> nn.Module:
    library, plane = steerable_library(), space(before.group)
    types = [plane.type(*[fields.representation()] * fields.copies) for fields in (before, after)]
    layer = (library.nn.R2Conv, library.nn.R3Conv)[before.dimension - 2](*types, kernel)
    return Tensors(layer, types[0])


class Tensors(nn.Module):
    """One of escnn's layers on plain tensors."""

    def __init__(self, layer: nn.Module, kind: object) -> None:
        super().__init__()
        self.layer, self.kind = layer, kind

    def forward(self, x: Tensor) -> Tensor:
        """The layer's channels."""
        return self.layer(steerable_library().nn.GeometricTensor(x, self.kind)).tensor


def step(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def run() -> None:
        layer.zero_grad()
        layer(x).square().mean().backward()

    return run


def main(rounds: int = 5) -> None:
    functions, pairs = {}, {}
    for name, (group, frequency, before, after, kernel, (batch, *grid)) in GATED.items():
        fields = irreps_up_to(group, frequency, before), irreps_up_to(group, frequency, after).gated
        x = torch.randn(batch, fields[0].channels, *grid, requires_grad=True)
        functions[f"escnn, {name}"] = step(escnn_convolution(*fields, kernel), x)
        functions[name] = step(steerable(0, *fields, kernel, 1, 0, True), x)
        pairs[f"steerable / escnn, {name}"] = (name, f"escnn, {name}")
        if len(grid) == 2:
            functions[f"averaged, {name}"] = step(averaged(0, *fields, kernel, 1, 0, True), x)
            pairs[f"averaged / escnn, {name}"] = (f"averaged, {name}", f"escnn, {name}")
    name, width, (batch, *grid) = REGULAR
    library, plane = steerable_library(), space("C4")
    kind = plane.type(*[plane.regular_repr] * width)
    x = torch.randn(batch, kind.size, *grid, requires_grad=True)
    functions[f"escnn, {name}"] = step(Tensors(library.nn.R2Conv(kind, kind, 3, padding=1), kind), x)
    functions[name] = step(SteerableConv(width, width), x)
    pairs[f"steerable / escnn, {name}"] = (name, f"escnn, {name}")
    times = medians(functions, rounds)
    save("steerable", times, {key: ratio(times, *pair) for key, pair in pairs.items()})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
