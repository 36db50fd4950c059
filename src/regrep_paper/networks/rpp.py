"""Residual pathway priors on pairs of digits: an ordinary convolution in parallel to each steerable one."""

from __future__ import annotations

from torch import Tensor, nn

from regrep_paper.networks.scnn import SCNN
from regrep_paper.steerable.convolution import steerable
from regrep_paper.steerable.fields import Fields
from regrep_paper.steerable.pathways import EQUIVARIANT_DECAY, FREE_DECAY, ResidualPathway, prior


def pathway(
    index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
) -> ResidualPathway:
    """A steerable and an ordinary convolution in parallel, on the same channels."""
    return ResidualPathway(
        steerable(index, fields_in, fields_out, kernel, stride, padding, bias),
        nn.Conv2d(fields_in.channels, fields_out.channels, kernel, stride, padding, bias=bias),
    )


class RPP(SCNN):
    """:class:`~regrep_paper.networks.scnn.SCNN` with an ordinary convolution in parallel to each steerable one.

    Both are summed before normalisation and gate; the regularizer is ``pathways.prior``. A new network has no symmetry;
    if the ordinary convolutions are 0 it has that of SCNN, for which its equivariance is measured. Arguments and errors
    as for SCNN, and the two weights of the prior.
    """

    def __init__(
        self,
        group: str,
        latent: int = 66,
        classes: int = 100,
        equivariant_decay: float = EQUIVARIANT_DECAY,
        free_decay: float = FREE_DECAY,
    ) -> None:
        super().__init__(group, latent, classes, pathway)
        self.decays = equivariant_decay, free_decay

    def regularizer(self) -> Tensor:
        """The prior on both pathways as a penalty."""
        return prior(self, *self.decays)
