"""Convolutions whose kernels commute with a group, on escnn's kernel bases."""

from __future__ import annotations

import functools
import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from regrep.experiments.competitors.backend import steerable_library
from regrep.experiments.competitors.fields import SPACES, Fields, space
from regrep.experiments.data.downloads import data_folder

Convolution = Callable[[int, Fields, Fields, int, int, int, bool], nn.Module]
"""What makes a convolution of a network: (index, fields in, fields out, kernel, stride, padding, bias) -> module.

The index counts the replaceable places of a network; the module maps [B, C_in, *S] to [B, C_out, *S'].
"""


def steerable(
    index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
) -> nn.Module:
    """The :data:`Convolution` of exactly equivariant networks."""
    return SteerableConvolution(fields_in, fields_out, kernel, stride, padding, bias)


class SteerableConvolution(nn.Module):
    """A convolution with kernels in escnn's basis, one free weight per pair of fields and basis element.

    ``weights`` [fields out, fields in, n] start as in escnn's generalised He initialisation; ``bias`` exists on
    trivial irreps only and starts at 0. The basis belongs to the state: solvers of other machines may return another
    one of the same span. Kernels are expanded anew in every call, also in evaluation, which costs little beside the
    convolution and leaves nothing to go stale.
    """

    def __init__(
        self, fields_in: Fields, fields_out: Fields, kernel: int, stride: int = 1, padding: int = 0, bias: bool = True
    ) -> None:
        super().__init__()
        basis, deviation = kernel_basis(replace(fields_in, copies=1), replace(fields_out, copies=1), kernel)
        self.stride, self.padding = stride, padding
        self.register_buffer("basis", basis.clone())
        self.basis: Tensor
        self.weights = nn.Parameter(
            torch.randn(fields_out.copies, fields_in.copies, len(basis)) * deviation / fields_in.copies**0.5
        )
        invariant = fields_out.invariant_channels if bias else []
        self.bias = nn.Parameter(torch.zeros(fields_out.copies, len(invariant))) if invariant else None
        self.register_buffer("invariant", torch.tensor(invariant, dtype=torch.long), persistent=False)
        self.invariant: Tensor
        self._convolve = (functional.conv2d, functional.conv3d)[fields_in.dimension - 2]

    def kernel(self) -> Tensor:
        """The expanded kernel [C_out, C_in, k, ..]."""
        return torch.einsum("oin,npq...->opiq...", self.weights, self.basis).flatten(2, 3).flatten(0, 1)

    def offset(self) -> Tensor | None:
        """The bias of every channel [C_out]."""
        if self.bias is None:
            return None
        every = self.bias.new_zeros(len(self.bias), self.basis.shape[1])
        return every.index_copy(1, self.invariant, self.bias).flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Convolved fields."""
        return self._convolve(x, self.kernel(), self.offset(), self.stride, self.padding)


@functools.cache
def kernel_basis(field_in: Fields, field_out: Fields, kernel: int) -> tuple[Tensor, Tensor]:
    """Basis [n, size out, size in, k, ..] of the kernels from one field to one field, and their deviations [n].

    The deviations are those of escnn's generalised He initialisation for one field in; n copies divide them by √n.
    Solving for a basis takes seconds, so it is kept on disk, in ``kernels`` within the folder of downloads, under a
    name made of all that defines it.
    """
    path = data_folder() / "kernels" / f"{_fingerprint(field_in, field_out, kernel)}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile), np.load(path) as stored:
        return torch.from_numpy(stored["basis"]), torch.from_numpy(stored["deviation"])
    with _own_randomness():
        basis, deviation = solve(field_in, field_out, kernel)
    with suppress(OSError):  # a folder that cannot be written costs time, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, basis=basis.numpy(), deviation=deviation.numpy())
        Path(file.name).replace(path)  # whole or not at all, also where several processes write the same
    return basis, deviation


def solve(field_in: Fields, field_out: Fields, kernel: int) -> tuple[Tensor, Tensor]:
    """What :func:`kernel_basis` keeps, computed by escnn."""
    layers, plane = steerable_library().nn, space(field_in.group)
    convolution = (layers.R2Conv, layers.R3Conv)[plane.dimensionality - 2](
        plane.type(field_in.representation()), plane.type(field_out.representation()), kernel, initialize=False
    )
    expansion = convolution.basisexpansion
    elements = torch.stack([expansion(weight) for weight in torch.eye(expansion.dimension())])
    pairs = [(info["in_irrep"], info["out_irreps_position"]) for info in expansion.get_basis_info()]
    count, sources = Counter(pairs), defaultdict(set)
    for irrep, position in pairs:
        sources[position].add(irrep)
    deviation = torch.tensor([(len(sources[pair[1]]) * count[pair]) ** -0.5 for pair in pairs])
    return elements.reshape(*elements.shape[:3], *[kernel] * plane.dimensionality), deviation


def _fingerprint(field_in: Fields, field_out: Fields, kernel: int) -> str:
    definition = {
        "format": 1,
        "escnn": steerable_library().__version__,
        "space": SPACES[field_in.group],
        "fields": [field_in.irreps, field_out.irreps],
        "kernel": kernel,
    }
    return hashlib.sha256(json.dumps(definition).encode()).hexdigest()[:32]


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Solvers draw from numpy's and torch's generators; networks must not depend on whether a basis was stored."""
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
