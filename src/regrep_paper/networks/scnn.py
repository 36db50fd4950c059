"""The steerable network on pairs of digits: invariant under a group acting on the whole image."""

from __future__ import annotations

from torch import nn

from regrep.actions import RotateFlip2d
from regrep.groups import parse
from regrep.nn import EncoderHead, LatentSymmetry
from regrep.representations import trivial
from regrep_paper.networks.heads import latent_head
from regrep_paper.steerable.convolution import Convolution, steerable
from regrep_paper.steerable.fields import (
    BallMask,
    FieldNorm,
    Fields,
    Gate,
    GaussianPool,
    irreps_up_to,
    scalars,
)

COPIES = (6, 12, 24, 36, 36)
"""Fields after each of the five gated convolutions."""

CONVOLUTIONS = ((7, 1, 2), (5, 1, 2), (3, 2, 2), (3, 2, 0), (3, 1, 1), (1, 1, 0))
"""Kernel, stride and padding of each convolution."""

POOLS = {1: (55, 2, 1), 2: (15, 2, 1), 4: (3, 1, 1)}
"""Side, stride and padding of the pooling after some of them."""


class SCNN(EncoderHead):
    """Six steerable convolutions with gated fields and an invariant latent, with the CNN's widths and geometry.

    ``encoder``: [B, 1, 56, 56] -> [B, latent], invariant under the group acting on the whole image;
    ``head``: BatchNorm1d, ELU, Linear -> [B, classes].

    Args:
        group: "C4", "D4", or "D1" for the left-right mirror.
        latent: invariant channels; the paper's text has 66, its parameter counts belong to 48.
        classes: number of classes.
        convolution: builds the six convolutions, with indices 0 to 5.

    Raises:
        RegrepError: another group.
        MissingExtraError: escnn is not installed.
    """

    def __init__(self, group: str, latent: int = 66, classes: int = 100, convolution: Convolution = steerable) -> None:
        super().__init__()
        self.encoder = digits_encoder(group_fields(group, latent), convolution)
        self.head = latent_head(latent, classes)
        self.group, self.latent_shape = group, (latent,)

    def latent_symmetry(self) -> LatentSymmetry:
        """Invariant when the group acts on the whole canvas with both digits."""
        group = parse(self.group)
        return LatentSymmetry(RotateFlip2d(group), trivial(group, *self.latent_shape), "the whole canvas")


def group_fields(group: str, latent: int) -> list[Fields]:
    """Input, the fields after each gate, and the latent."""
    return [scalars(group, 1), *(irreps_up_to(group, 2, copies) for copies in COPIES), scalars(group, latent)]


def digits_encoder(fields: list[Fields], convolution: Convolution = steerable) -> nn.Sequential:
    """[B, 1, 56, 56] -> [B, latent] through the seven given fields, of which the last may be of the group "C1"."""
    layers: list[nn.Module] = [nn.Upsample(size=(57, 57), mode="bilinear", align_corners=True), BallMask(57, 2)]
    for index, (kernel, stride, padding) in enumerate(CONVOLUTIONS[:-1]):
        target = fields[index + 1]
        source = fields[index].under(target.group)
        layers.append(convolution(index, source, target.gated, kernel, stride, padding, True))
        layers += [FieldNorm(target.gated), Gate(target)]
        if index in POOLS:
            layers.append(GaussianPool(*POOLS[index]))
    layers.append(convolution(5, fields[5], fields[6], *CONVOLUTIONS[-1], False))
    return nn.Sequential(*layers, nn.Flatten())
