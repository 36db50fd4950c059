"""The unstructured network of Table 6, and its layers."""

from __future__ import annotations

from torch import Tensor, nn

from regrep.errors import RegrepError
from regrep.nn import EncoderHead


class MLP(EncoderHead):
    """Five linear layers on the flattened window.

    ``encoder``: [B, 2·frames, size, size] -> [B, width], four times linear, BatchNorm, ReLU; ``head``: a linear layer
    to the next frame [B, 2, size, size]. 8,324,992 parameters with width 92 and size 64.

    Args:
        width: hidden units.
        frames: frames of the window.
        size: points along a side, fixed by the first and the last layer.

    >>> network = MLP(width=24, size=32)
    >>> network.latent_shape, sum(p.numel() for p in network.parameters())
    ((24,), 544736)
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64) -> None:
        super().__init__()
        if width < 1:
            raise RegrepError(f"width is the number of hidden units, at least 1, got {width}")
        first = dense(2 * frames * size**2, width)
        rest = [part for _ in range(3) for part in dense(width, width)]
        self.encoder = nn.Sequential(Flattened(2 * frames, size), *first, *rest)
        self.head = nn.Sequential(nn.Linear(width, 2 * size**2), nn.Unflatten(1, (2, size, size)))
        self.latent_shape = (width,)


class Flattened(nn.Module):
    """[B, channels, size, size] -> [B, channels·size²], for this size only."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.shape = (channels, size, size)

    def forward(self, x: Tensor) -> Tensor:
        """Flatten.

        Raises:
            RegrepError: the data have another size.
        """
        if tuple(x.shape[1:]) != self.shape:
            raise RegrepError(
                f"this network has a weight for each point of {' x '.join(map(str, self.shape))}, got data"
                f" {' x '.join(map(str, x.shape[1:]))}; build it with their size"
            )
        return x.flatten(1)


def dense(before: int, after: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """A linear layer, BatchNorm, ReLU."""
    return nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(inplace=True)
