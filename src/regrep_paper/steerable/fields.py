"""Feature fields: the irreps they consist of, and the layers that act on each field separately."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from regrep.errors import RegrepError
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.pooling import band

Irrep = tuple[int, ...]
"""escnn's name of an irrep: (frequency,), or (parity, frequency) for groups with reflections."""

SPACES: dict[str, tuple[str, dict[str, int]]] = {
    "C1": ("trivialOnR2", {}),
    "C4": ("rot2dOnR2", {"N": 4}),
    "D1": ("flip2dOnR2", {}),
    "D4": ("flipRot2dOnR2", {"N": 4}),
    "SO3": ("rot3dOnR3", {"maximum_frequency": 6}),
    "O3": ("flipRot3dOnR3", {"maximum_frequency": 4}),
}
"""For each group the plane or space of escnn; kernels on volumes may use twice the frequencies of features."""


@dataclass(frozen=True)
class Fields:
    """Copies of one field, a direct sum of irreps; every copy occupies contiguous channels.

    Attributes:
        group: "C4", "D4", "D1" (left-right mirror) or "C1" on images, "SO3" or "O3" on volumes.
        irreps: irreps of one field, in the order of its channels.
        copies: number of copies of the field.
    """

    group: str
    irreps: tuple[Irrep, ...]
    copies: int

    @property
    def gated(self) -> Fields:
        """The same fields before their non-linearity: one trivial gate per irrep in front of each field."""
        return Fields(self.group, (self.trivial,) * len(self.irreps) + self.irreps, self.copies)

    @property
    def trivial(self) -> Irrep:
        """The trivial irrep."""
        return space(self.group).fibergroup.trivial_representation.id

    @property
    def sizes(self) -> tuple[int, ...]:
        """Dimensions of the irreps."""
        group = space(self.group).fibergroup
        return tuple(group.irrep(*irrep).size for irrep in self.irreps)

    @property
    def size(self) -> int:
        """Channels of one field."""
        return sum(self.sizes)

    @property
    def channels(self) -> int:
        """Channels of all copies."""
        return self.copies * self.size

    @property
    def dimension(self) -> int:
        """2 on images, 3 on volumes."""
        return space(self.group).dimensionality

    @property
    def invariant_channels(self) -> list[int]:
        """Channels of one field that the group leaves fixed: those of its trivial irreps."""
        starts = [sum(self.sizes[:i]) for i in range(len(self.irreps))]
        return [start for start, irrep in zip(starts, self.irreps, strict=True) if irrep == self.trivial]

    def under(self, group: str) -> Fields:
        """The same channels under the same group, or under "C1", where all are scalars."""
        return self if group == self.group else scalars("C1", self.channels)

    def representation(self) -> Any:
        """One field as a representation of escnn."""
        group = space(self.group).fibergroup
        return steerable_library().group.directsum([group.irrep(*irrep) for irrep in self.irreps])


def scalars(group: str, copies: int) -> Fields:
    """Invariant features."""
    return Fields(group, (space(group).fibergroup.trivial_representation.id,), copies)


def irreps_up_to(group: str, frequency: int, copies: int) -> Fields:
    """Fields with each irrep up to a frequency once; for D1 only the trivial one, as published."""
    limit = 0 if group in ("D1", "C1") else frequency
    return Fields(group, tuple(space(group).fibergroup.bl_irreps(limit)), copies)


@functools.cache
def space(group: str) -> Any:
    """The plane or space of a group in escnn.

    Raises:
        RegrepError: another group.
    """
    if group not in SPACES:
        raise RegrepError(
            f"steerable networks support {', '.join(SPACES)}, not the group {group!r}; choose one of them"
        )
    name, arguments = SPACES[group]
    return getattr(steerable_library().gspaces, name)(**arguments)


class Gate(nn.Module):
    """Every irrep times the sigmoid of its gate minus a learned bias; the gates are dropped.

    Shapes: [B, ``fields.gated.channels``, *S] -> [B, ``fields.channels``, *S].
    """

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self.copies, self.gates = fields.copies, len(fields.irreps)
        self.bias = nn.Parameter(torch.randn(self.copies, self.gates))
        owner = torch.repeat_interleave(torch.arange(self.gates), torch.tensor(fields.sizes))
        self.register_buffer("owner", owner, persistent=False)
        self.owner: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """The fields after the non-linearity."""
        fields = x.unflatten(1, (self.copies, -1))
        bias = self.bias.reshape(self.copies, self.gates, *[1] * (x.ndim - 2))
        gates = torch.sigmoid(fields[:, :, : self.gates] - bias)
        return (gates.index_select(2, self.owner) * fields[:, :, self.gates :]).flatten(1, 2)


class FieldNorm(nn.Module):
    """Batch normalisation by one variance per field; only trivial irreps have mean and bias.

    Unlike in torch, no gradient flows through the batch statistics. Shapes: [B, C, *S] -> the same.
    """

    eps, momentum = 1e-5, 0.1

    def __init__(self, fields: Fields) -> None:
        super().__init__()
        self.copies, self.size = fields.copies, fields.size
        invariant = torch.tensor(fields.invariant_channels, dtype=torch.long)
        self.weight = nn.Parameter(torch.ones(self.copies))
        self.bias = nn.Parameter(torch.zeros(self.copies, len(invariant)))
        self.register_buffer("running_mean", torch.zeros(self.copies, len(invariant)))
        self.register_buffer("running_var", torch.ones(self.copies))
        self.register_buffer("invariant", invariant, persistent=False)
        self.running_mean: Tensor
        self.running_var: Tensor
        self.invariant: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Normalised fields; in training by the batch statistics, which also update the running ones."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = self._statistics(x.detach())
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        shift, offset = self._everywhere(mean), self._everywhere(self.bias)
        variance, weight = (v.repeat_interleave(self.size) for v in (variance, self.weight))
        return functional.batch_norm(x, shift, variance, weight, offset, training=False, eps=self.eps)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        variance, mean = torch.var_mean(x, dim=[0, *range(2, x.ndim)])
        variance, mean = (v.to(self.running_var.dtype).view(self.copies, self.size) for v in (variance, mean))
        return mean[:, self.invariant], variance.mean(1)

    def _everywhere(self, values: Tensor) -> Tensor:
        """[copies, trivial irreps] -> [C], zero on the other channels."""
        return values.new_zeros(self.copies, self.size).index_copy(1, self.invariant, values).flatten()


class GaussianPool(nn.Module):
    """Average pooling by a Gaussian of width 0.66 over five points, which does not alias as equal weights do.

    Shapes: [B, C, H, ..] -> [B, C, O, ..] with all sides ``size`` and O = floor((size + 2 padding - 5) / stride) + 1.
    """

    def __init__(self, size: int, stride: int, padding: int) -> None:
        super().__init__()
        taps = torch.exp(-(torch.arange(-2.0, 3.0) ** 2) / (2 * 0.66**2))
        self.register_buffer("band", band(size, taps / taps.sum(), stride, padding), persistent=False)
        self.band: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Pool one axis after the other."""
        for _ in range(x.ndim - 2):  # each pass contracts the first axis and appends the result as the last
            x = torch.tensordot(x, self.band.to(x.dtype), ([2], [1]))
        return x


class BallMask(nn.Module):
    """Fades out points outside the ball inscribed in the grid, which a rotation would take off the grid.

    Weight 1 within 99 percent of the radius, then exp(-(r² - r₀²) / 4) in grid points.
    Shapes: [B, C, S, ..] -> the same.
    """

    def __init__(self, size: int, dimension: int) -> None:
        super().__init__()
        squares = (torch.arange(size) - (size - 1) / 2) ** 2
        radii = functools.reduce(lambda a, b: a[..., None] + b, [squares] * dimension)
        inner = (0.99 * (size - 1) / 2) ** 2
        self.register_buffer("mask", torch.exp((inner - radii).clamp(max=0) / 4), persistent=False)
        self.mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """The masked grid."""
        return x * self.mask
