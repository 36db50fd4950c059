"""Residual pathway priors on volumes: ordinary blocks in parallel to the steerable ones."""

from __future__ import annotations

from torch import Tensor, nn

from regrep.nn import EncoderHead, LatentSymmetry
from regrep_paper.networks.heads import latent_head
from regrep_paper.networks.volume_cnn import Residual, convolutional_blocks
from regrep_paper.networks.volume_scnn import invariance, steerable_blocks, volume_fields, volumes_encoder
from regrep_paper.steerable.pathways import EQUIVARIANT_DECAY, FREE_DECAY, ResidualPathway, prior


class VolumeRPP(EncoderHead):
    """:class:`~regrep_paper.networks.volume_scnn.VolumeSCNN` with a block of the CNN in parallel to each of its blocks.

    The CNN's blocks have as many channels as the steerable ones after their gates, and an ELU on the skips of the
    first two; the next block sees the sum. The regularizer is ``pathways.prior`` over all parameters of both pathways.
    Arguments and errors as for that class, and the two weights of the prior.
    """

    def __init__(
        self,
        group: str,
        classes: int,
        width: int = 6,
        size: int = 28,
        equivariant_decay: float = EQUIVARIANT_DECAY,
        free_decay: float = FREE_DECAY,
    ) -> None:
        super().__init__()
        self.decays = equivariant_decay, free_decay
        fields = volume_fields(group, width)
        one, two, three = convolutional_blocks([field.channels for field in fields])
        free = [*(Residual(b.block, nn.Sequential(b.skip, nn.ELU(inplace=True))) for b in (one, two)), three]
        paths = [ResidualPathway(*pair) for pair in zip(steerable_blocks(fields), free, strict=True)]
        self.encoder = volumes_encoder(size, paths)
        self.head = latent_head(8 * width, classes)
        self.latent_shape = (8 * width,)

    def latent_symmetry(self) -> LatentSymmetry:
        """Invariance, which the network has if its free blocks are 0; a new network has no symmetry."""
        return invariance(*self.latent_shape)

    def regularizer(self) -> Tensor:
        """The prior on both pathways as a penalty."""
        return prior(self, *self.decays)
