"""Regular and vector fields of C4 in the plane: steerable convolutions, normalisation, and how the group acts."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from regrep.actions import VectorField2d
from regrep.actions.images import Rows
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep.nn import EncoderHead, LatentSymmetry
from regrep.representations import layouts
from regrep.representations.layouts import FeatureMap
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.convolution import expanded

ORDER = 4

Field = Literal["regular", "vector"]
"""How C4 acts on the channels of one field: four that it permutes, or (vx, vy)."""


class RegularFieldNetwork(EncoderHead):
    """A network from frames of a vector field to the next frame, whose latent consists of regular fields of C4.

    Args:
        width: fields of a hidden layer, each of four channels.
        size: points along a side.
        rows: ``"up"`` if the row index grows with +y, as in the simulations; the published networks use ``"down"``,
            which negates the vectors in quarter turns.

    Raises:
        RegrepError: a width below 1.
    """

    def __init__(self, width: int, size: int, rows: Rows = "up") -> None:
        super().__init__()
        if width < 1:
            raise RegrepError(f"width is the number of fields, at least 1, got {width}")
        self.latent_shape = (ORDER * width, size, size)
        self.rows = rows

    def latent_representation(self) -> FeatureMap:
        """C4 on the latent: the points turn, and the four channels of each field are shifted cyclically."""
        pixels = VectorField2d(cyclic(ORDER), self.rows).pixels(self.latent_shape[-1])
        return layouts.both(pixels, self.latent_shape)

    def latent_symmetry(self) -> LatentSymmetry:
        """Equivariant when quarter turns permute the points of the frames and turn their vectors.

        With ``rows="down"`` that is not the action on the simulations, see :class:`VectorField2d`.
        """
        moved = f"frames and their vectors, rows {self.rows}wards"
        return LatentSymmetry(VectorField2d(cyclic(ORDER), self.rows), self.latent_representation(), moved)


class SteerableConv(nn.Module):
    """C4-equivariant convolution of kernel 3 between fields, [B, inputs·p, H, W] -> [B, outputs·q, H, W].

    The kernel of a pair of fields is a combination of the elements of ``steerable_basis``, and each regular field has
    one bias: the same function of the same weights as ``escnn.nn.R2Conv`` with ``rows="down"``.

    Args:
        inputs: number of input fields.
        outputs: number of output fields.
        source: kind of the input fields.
        target: kind of the output fields; vectors have no bias, as none is invariant.
        rows: "up" if the row index grows with +y, else "down".
    """

    basis: Tensor

    def __init__(
        self, inputs: int, outputs: int, source: Field = "regular", target: Field = "regular", rows: Rows = "up"
    ) -> None:
        super().__init__()
        basis, deviation = steerable_basis(source, target, rows)
        self.register_buffer("basis", basis)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, len(basis)) * deviation / math.sqrt(inputs))
        self.bias = nn.Parameter(torch.zeros(outputs)) if target == "regular" else None

    def kernel(self) -> Tensor:
        """[outputs·q, inputs·p, 3, 3]."""
        return torch.einsum("oib,bqpyx->oqipyx", self.weight, self.basis).flatten(2, 3).flatten(0, 1)

    def offset(self) -> Tensor | None:
        """Bias per channel [outputs·q], 0.5 = 1/√4 of the field's, whose invariant vector has length 1."""
        return None if self.bias is None else (self.bias / math.sqrt(ORDER)).repeat_interleave(ORDER)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with zero padding to the same size."""
        return nn.functional.conv2d(x, self.kernel(), self.offset(), padding=1)


class RegularFieldNorm(nn.BatchNorm3d):
    """Batch normalisation with one mean, variance, scale and bias per regular field [B, fields·4, H, W]."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over samples, points and the channels of a field."""
        return super().forward(x.unflatten(1, (-1, ORDER))).flatten(1, 2)


def hidden(conv: nn.Module, width: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """A convolution to regular fields, their normalisation, and a ReLU."""
    return conv, RegularFieldNorm(width), nn.ReLU(inplace=True)


def steerable_basis(source: Field, target: Field, rows: Rows) -> tuple[Tensor, Tensor]:
    """Equivariant 3 x 3 kernels from one field to another, [b, q, p, 3, 3], and the deviations of their weights [b].

    b is 24 between regular fields and 12 with a vector. The deviations are those of escnn's generalised He
    initialisation for one input field; n fields divide them by √n.
    """
    plane = steerable_library().gspaces.rot2dOnR2(ORDER)
    kinds = {"regular": plane.regular_repr, "vector": plane.irrep(1)}
    basis, deviation = expanded(plane.type(kinds[source]), plane.type(kinds[target]), kernel=3)
    # escnn counts rows downwards. Convolving the flipped field with the flipped kernel is flipping the result.
    return (basis.flip(-2) if rows == "up" else basis).contiguous(), deviation
