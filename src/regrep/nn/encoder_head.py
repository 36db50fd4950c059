"""Networks made of an encoder and a head."""

from __future__ import annotations

from abc import ABC

from torch import Tensor, nn


class EncoderHead(nn.Module, ABC):
    """A network made of an encoder and a head: ``head(encoder(x))``.

    Attributes:
        latent_shape: of the encoder's output without the batch, where it follows the size of the data.
    """

    encoder: nn.Module
    head: nn.Module
    latent_shape: tuple[int, ...]

    def forward(self, x: Tensor) -> Tensor:
        """Outputs."""
        return self.head(self.encoder(x))

    def regularizer(self) -> Tensor | None:
        """What the network itself adds to the loss of every update, a scalar with gradient; None for most networks."""
        return None
