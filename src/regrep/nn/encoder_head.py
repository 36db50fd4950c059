"""Networks made of an encoder and a head."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from torch import Tensor, nn

from regrep.nn.latent_symmetry import LatentSymmetry


class EncoderHead(nn.Module, ABC):
    """A network made of an encoder and a head: ``head(encoder(x))``.

    Attributes:
        latent_shape: shape of the encoder's output without the batch, where it depends on the size of the data.
        latent_note: why :meth:`latent_symmetry` is None although the layers are equivariant; None for other networks.
    """

    encoder: nn.Module
    head: nn.Module
    latent_shape: tuple[int, ...]
    latent_note: ClassVar[str | None] = None

    def forward(self, x: Tensor) -> Tensor:
        """Outputs."""
        return self.head(self.encoder(x))

    def latent_symmetry(self) -> LatentSymmetry | None:
        """The symmetry that the encoder has by construction, the only one under which its equivariance is measured.

        For a network whose layers learn how equivariant they are, or which has free weights in addition to equivariant
        ones, it is the symmetry before any learning, or with free weights of 0. None for a network without symmetry.

        >>> import regrep
        >>> class Mean(EncoderHead):
        ...     def __init__(self, group):
        ...         super().__init__()
        ...         self.encoder, self.head = nn.AdaptiveAvgPool2d(1), nn.Identity()
        ...         self.group = group
        ...
        ...     def latent_symmetry(self):
        ...         return LatentSymmetry(regrep.actions.RotateFlip2d(self.group), lambda z, g: z)
        >>> Mean(regrep.groups.cyclic(4)).latent_symmetry().action
        RotateFlip2d(C4)
        """
        return None

    def regularizer(self) -> Tensor | None:
        """The term that the network itself adds to the loss, a differentiable scalar; None for most networks."""
        return None
