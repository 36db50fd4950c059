"""The steerable residual network on volumes: invariant under rotations of the whole volume."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import octahedral
from regrep.nn import EncoderHead, LatentSymmetry
from regrep.representations import trivial
from regrep_paper.networks.heads import latent_head
from regrep_paper.networks.volume_cnn import SMALL, Residual, to_grid
from regrep_paper.steerable.convolution import Convolution, steerable
from regrep_paper.steerable.fields import FieldNorm, Fields, Gate, GaussianPool, irreps_up_to, scalars

FREQUENCIES = {"SO3": 3, "O3": 2}
"""Highest frequency of features, per group."""


class VolumeSCNN(EncoderHead):
    """Three residual blocks of steerable convolutions with gated fields, with the CNN's widths and geometry.

    ``encoder``: [B, 1, size, size, size] -> [B, 8 · width], invariant under rotations of the volume, and for O(3) also
    under inversion; ``head``: BatchNorm1d, ELU, Linear -> [B, classes]. Grids as in the CNN, but trilinear: volumes of
    at most 14 points a side are resized to 15 and skip the first pooling.

    Args:
        group: "SO3" or "O3".
        classes: number of classes.
        width: the latent has eight times as many channels.
        size: points per side.
        convolution: builds the second convolution and the skip of every block, with the block's number 0 to 2 as index.

    Raises:
        RegrepError: another group.
        MissingExtraError: escnn is not installed.
    """

    def __init__(
        self, group: str, classes: int, width: int = 6, size: int = 28, convolution: Convolution = steerable
    ) -> None:
        super().__init__()
        fields = volume_fields(group, width)
        self.encoder = volumes_encoder(size, steerable_blocks(fields, convolution))
        self.head = latent_head(8 * width, classes)
        self.latent_shape = (8 * width,)

    def latent_symmetry(self) -> LatentSymmetry:
        """See :func:`invariance`."""
        return invariance(*self.latent_shape)


def invariance(channels: int) -> LatentSymmetry:
    """Invariance under the 24 rotations of the cube, the elements of SO(3) and O(3) that act exactly on volumes.

    >>> invariance(48).as_dict()
    {'action': 'Rotate3d(O)', 'representation': '48 trivial'}
    """
    group = octahedral()
    return LatentSymmetry(Rotate3d(group), trivial(group, channels))


def volume_fields(group: str, width: int) -> list[Fields]:
    """Input, the fields after each of the six convolutions.

    Raises:
        RegrepError: another group.
    """
    if group not in FREQUENCIES:
        raise RegrepError(
            f"steerable networks on volumes support the groups SO3 and O3, not {group!r}; choose one of them"
        )
    high = FREQUENCIES[group]
    bands = ((1, 2), (2, high), (4, high), (6, high), (6, 2))
    return [scalars(group, 1), *(irreps_up_to(group, top, n * width) for n, top in bands), scalars(group, 8 * width)]


def steerable_blocks(fields: list[Fields], convolution: Convolution = steerable) -> list[Residual]:
    """The three residual blocks through the seven given fields."""
    return [block(fields, convolution) for block in (first, second, third)]


def volumes_encoder(size: int, blocks: Sequence[nn.Module]) -> nn.Sequential:
    """Grid, three blocks with a pooling after the first, flattened."""
    pool = nn.Identity() if size <= SMALL else GaussianPool(27, 2, 1)
    return nn.Sequential(to_grid(size, "trilinear"), blocks[0], pool, *blocks[1:], nn.Flatten())


def stage(convolution: nn.Module, fields: Fields, gate: nn.Module) -> nn.Sequential:
    """Convolution, normalisation, gate."""
    return nn.Sequential(convolution, FieldNorm(fields.gated), gate)


def first(fields: list[Fields], convolution: Convolution) -> Residual:
    """Block on 29 (15) points, to 27 (13); both branches end in one gate with one bias."""
    source, middle, target = fields[:3]
    gate = Gate(target)
    return Residual(
        nn.Sequential(
            stage(steerable(0, source, middle.gated, 7, 1, 2, True), middle, Gate(middle)),
            stage(convolution(0, middle, target.gated, 5, 1, 2, True), target, gate),
        ),
        nn.Sequential(convolution(0, source, target.gated, 7, 1, 2, True), gate),
    )


def second(fields: list[Fields], convolution: Convolution) -> Residual:
    """Block on 13 points, to 3; both branches end in one gate with one bias."""
    source, middle, target = fields[2:5]
    gate = Gate(target)
    return Residual(
        nn.Sequential(
            stage(steerable(1, source, middle.gated, 3, 2, 1, True), middle, Gate(middle)),
            GaussianPool(7, 2, 1),
            stage(convolution(1, middle, target.gated, 3, 2, 2, True), target, gate),
        ),
        nn.Sequential(GaussianPool(13, 2, 0), convolution(1, source, target.gated, 3, 1, 0, True), gate),
    )


def third(fields: list[Fields], convolution: Convolution) -> Residual:
    """Block on 3 points, to a single point of invariants."""
    source, middle, target = fields[4:]
    return Residual(
        nn.Sequential(
            stage(steerable(2, source, middle.gated, 3, 1, 1, True), middle, Gate(middle)),
            GaussianPool(3, 1, 1),
            convolution(2, middle, target, 1, 1, 0, False),
        ),
        convolution(2, source, target, 3, 1, 0, True),
    )
