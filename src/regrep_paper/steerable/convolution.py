"""Convolutions whose kernels commute with a group, on escnn's kernel bases."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from regrep.errors import RegrepError
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.fields import SPACES, Fields, space
from regrep_paper.steerable.stored import stored

Convolution = Callable[[int, Fields, Fields, int, int, int, bool], nn.Module]
"""Builder of the convolutions of a network: (index, fields in, fields out, kernel, stride, padding, bias) -> module.

The index counts the replaceable places of a network; the module maps [B, C_in, *S] to [B, C_out, *S'].
"""


def steerable(
    index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
) -> nn.Module:
    """The :data:`Convolution` of exactly equivariant networks."""
    return SteerableConvolution(fields_in, fields_out, kernel, stride, padding, bias)


class FieldConvolution(nn.Module, ABC):
    """A convolution between fields whose kernel is recomputed in every call.

    This includes evaluation: it costs little compared with the convolution, and the kernel is never stale.
    ``bias`` exists on trivial irreps only and starts at 0.

    Shapes: [B, ``fields_in.channels``, *S] -> [B, ``fields_out.channels``, *S'].
    """

    def __init__(self, fields_in: Fields, fields_out: Fields, stride: int, padding: int, bias: bool) -> None:
        super().__init__()
        if fields_in.group != fields_out.group:
            raise RegrepError(
                f"a convolution has fields of the same group, got {fields_in.group} and {fields_out.group};"
                " restrict both to a common subgroup"
            )
        self.stride, self.padding, self.size_out = stride, padding, fields_out.size
        invariant = fields_out.invariant_channels if bias else []
        self.bias = nn.Parameter(torch.zeros(fields_out.copies, len(invariant))) if invariant else None
        self.register_buffer("invariant", torch.tensor(invariant, dtype=torch.long), persistent=False)
        self.invariant: Tensor

    @abstractmethod
    def kernel(self) -> Tensor:
        """The kernel [C_out, C_in, k, ..]."""

    def offset(self) -> Tensor | None:
        """The bias of every channel [C_out]."""
        if self.bias is None:
            return None
        every = self.bias.new_zeros(len(self.bias), self.size_out)
        return every.index_copy(1, self.invariant, self.bias).flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Convolved fields."""
        convolve = functional.conv2d if x.ndim == 4 else functional.conv3d
        return convolve(x, self.kernel(), self.offset(), self.stride, self.padding)


class SteerableConvolution(FieldConvolution):
    """A convolution with kernels in escnn's basis, one free weight per pair of fields and basis element.

    ``weights`` [fields out, fields in, n] start from escnn's generalised He initialisation. The basis is part of the
    state: solvers on other machines may return another basis with the same span.
    """

    def __init__(
        self, fields_in: Fields, fields_out: Fields, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__(fields_in, fields_out, stride, padding, bias)
        basis, deviation = kernel_basis(replace(fields_in, copies=1), replace(fields_out, copies=1), kernel)
        self.register_buffer("basis", basis.flatten(1).clone())  # flat: memory formats only apply to images
        self._element = basis.shape[1:]
        self.basis: Tensor
        self.weights = nn.Parameter(
            torch.randn(fields_out.copies, fields_in.copies, len(basis)) * deviation / fields_in.copies**0.5
        )

    def kernel(self) -> Tensor:
        """The expanded kernel [C_out, C_in, k, ..]."""
        blocks = (self.weights @ self.basis).unflatten(2, self._element)
        return blocks.transpose(1, 2).flatten(2, 3).flatten(0, 1)


@functools.cache
def kernel_basis(field_in: Fields, field_out: Fields, kernel: int) -> tuple[Tensor, Tensor]:
    """Basis [n, size out, size in, k, ..] of the kernels from one field to one field, and their deviations [n].

    The deviations are those of escnn's generalised He initialisation for one field in; n copies divide them by √n.
    Solving for a basis takes seconds, so it is kept on disk, see :func:`stored`.
    """
    definition = {
        "space": SPACES[field_in.group],
        "fields": [field_in.irreps, field_out.irreps],
        "kernel": kernel,
    }
    arrays = stored("kernels", definition, lambda: solve(field_in, field_out, kernel))
    return torch.from_numpy(arrays["basis"]), torch.from_numpy(arrays["deviation"])


def solve(field_in: Fields, field_out: Fields, kernel: int) -> dict[str, np.ndarray]:
    """What :func:`kernel_basis` keeps, computed by escnn."""
    plane = space(field_in.group)
    basis, deviation = expanded(plane.type(field_in.representation()), plane.type(field_out.representation()), kernel)
    return {"basis": basis.numpy(), "deviation": deviation.numpy()}


def expanded(before: Any, after: Any, kernel: int) -> tuple[Tensor, Tensor]:
    """Basis and deviations, as of :func:`kernel_basis`, between escnn's field types of one field each."""
    layers, dimension = steerable_library().nn, before.gspace.dimensionality
    convolution = (layers.R2Conv, layers.R3Conv)[dimension - 2](before, after, kernel, initialize=False)
    expansion = convolution.basisexpansion
    (block,) = expansion.children()
    elements = block.sampled_basis.detach()
    pairs = [(info["in_irrep"], info["out_irreps_position"]) for info in expansion.get_basis_info()]
    count, sources = Counter(pairs), defaultdict(set)
    for irrep, position in pairs:
        sources[position].add(irrep)
    deviation = torch.tensor([(len(sources[pair[1]]) * count[pair]) ** -0.5 for pair in pairs])
    return elements.unflatten(3, [kernel] * dimension), deviation
