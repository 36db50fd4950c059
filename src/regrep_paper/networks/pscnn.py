"""Networks of averaged convolutions: each layer learns how equivariant it is (PSCNN)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regrep.actions.images import plane_matrices
from regrep.groups import cyclic, parse
from regrep.nn import EncoderHead
from regrep.representations import MatrixRepresentation, Representation, regular
from regrep_paper.networks.scnn import SCNN
from regrep_paper.steerable.averaged_convolution import AveragedConv2d
from regrep_paper.steerable.fields import Fields, space
from regrep_paper.steerable.likelihood import ExponentialFamily, chain_regularizer
from regrep_paper.steerable.regular_fields import RegularFieldNetwork, hidden
from regrep_paper.steerable.wigner_eckart import SphericalConvolution


class AveragedNetwork(EncoderHead):
    """A network of averaged convolutions, each with its own likelihood or one shared within a block."""

    step = uniform = 3.0
    """Weights of the divergences, see :func:`chain_regularizer`."""

    @property
    def convolutions(self) -> list[AveragedConv2d | SphericalConvolution]:
        """The averaged convolutions, starting at the input."""
        return [module for module in self.modules() if isinstance(module, AveragedConv2d | SphericalConvolution)]

    @property
    def likelihoods(self) -> list[ExponentialFamily]:
        """Their distinct likelihoods."""
        return list(dict.fromkeys(convolution.likelihood for convolution in self.convolutions))

    def regularizer(self) -> Tensor:
        """Keeps the identity most likely and each likelihood near the previous one, see :func:`chain_regularizer`."""
        return chain_regularizer(self.likelihoods, step=self.step, uniform=self.uniform)

    def parameters_as_published(self) -> int:
        """Number of parameters including the published code's linearly dependent weights, as in the paper's column."""
        return sum(p.numel() for p in self.parameters()) + sum(layer.duplicates for layer in self.convolutions)


class PSCNN(AveragedNetwork, SCNN):
    """The steerable network on pairs of digits with six averaged convolutions.

    When new, invariant under the group acting on the whole image. Shapes and arguments as in :class:`SCNN`.

    Raises:
        RegrepError: another group.
        MissingExtraError: escnn is not installed.
    """

    def __init__(self, group: str, latent: int = 66, classes: int = 100) -> None:
        super().__init__(group, latent, classes, averaged)


class SmokePSCNN(AveragedNetwork, RegularFieldNetwork):
    """Five averaged convolutions of kernel 3 with regular fields of C4: ``head(encoder(x))``.

    ``encoder``: [B, 2·frames, H, W] -> [B, 4·width, H, W], four times convolution, batch normalisation with one mean
    and variance per field, ReLU; ``head``: a convolution to the next frame [B, 2, H, W]. Channels are (vx, vy) per
    frame. Equivariant under ``VectorField2d(cyclic(4), rows="up")`` when new.

    Args:
        width: regular fields of the hidden layers.
        frames: frames of the input.
        size: points along a side.
        as_published: treat rows as growing downwards, which negates the vectors in quarter turns, and leave the
            divergences, whose gradient vanishes in the published code for SMOKE, out of the regularizer.

    >>> import torch
    >>> SmokePSCNN(width=2, frames=3)(torch.zeros(1, 6, 8, 8)).shape
    torch.Size([1, 2, 8, 8])
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, as_published: bool = False) -> None:
        super().__init__(width, size, "down" if as_published else "up")
        if as_published:
            self.step = self.uniform = 0.0
        group = cyclic(4)
        vector, field = MatrixRepresentation(group, plane_matrices(group), "vector"), regular(group)
        sources: list[tuple[Representation, int]] = [(vector, frames), *[(field, width)] * 3]
        layers = [
            part
            for source, copies in sources
            for part in hidden(AveragedConv2d(source, copies, field, width, 3, padding=1, rows=self.rows), width)
        ]
        self.encoder = nn.Sequential(*layers)
        self.head = AveragedConv2d(field, width, vector, 1, 3, padding=1, rows=self.rows)


def averaged(
    index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
) -> AveragedConv2d:
    """The :data:`Convolution` of PSCNN."""
    return AveragedConv2d(
        field_representation(fields_in),
        fields_in.copies,
        field_representation(fields_out),
        fields_out.copies,
        kernel,
        stride,
        padding,
        bias,
    )


def field_representation(fields: Fields) -> MatrixRepresentation:
    """One field on the plane as a representation of our group, whose elements act on the plane as escnn's do."""
    group, plane = parse(fields.group), space(fields.group)
    elements = list(plane.fibergroup.elements)
    moves = torch.stack([torch.as_tensor(plane.basespace_action(element)) for element in elements])
    distances = (plane_matrices(group)[:, None] - moves).abs().amax(dim=(2, 3))
    rho = fields.representation()
    matrices = torch.stack([torch.as_tensor(rho(elements[k])) for k in distances.argmin(dim=1).tolist()])
    return MatrixRepresentation(group, matrices, " + ".join(map(str, fields.irreps)))
