"""The steerable network on pairs of digits that drops its symmetry before the last two convolutions."""

from __future__ import annotations

from regrep.nn import EncoderHead
from regrep_paper.networks.heads import latent_head
from regrep_paper.networks.scnn import digits_encoder, group_fields
from regrep_paper.steerable.fields import scalars

KEPT = 5
"""Number of fields on which the group acts: the input and those after the first four convolutions."""


class Restriction(EncoderHead):
    """:class:`~regrep_paper.networks.scnn.SCNN` whose last two convolutions treat channels as plain scalars.

    Their kernels are arbitrary combinations of escnn's polar functions, so that the latent has no symmetry and its
    equivariance is not measured. Arguments and errors as for that class.
    """

    latent_note = "the last two convolutions are free, so that no representation acts on the latent by construction"

    def __init__(self, group: str, latent: int = 66, classes: int = 100) -> None:
        super().__init__()
        fields = group_fields(group, latent)
        self.encoder = digits_encoder([*fields[:KEPT], *(scalars("C1", field.copies) for field in fields[KEPT:])])
        self.head = latent_head(latent, classes)
