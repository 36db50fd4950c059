"""The networks of appendices B.1 to B.3."""

from __future__ import annotations

import itertools

from torch import nn

from regrep.nn import EncoderHead


class GlyphAutoencoder(EncoderHead):
    """Convolutional auto-encoder of TMNIST (appendix B.1): [B, 1, 28, 28] -> [B, d] -> [B, 1, 28, 28].

    >>> sum(p.numel() for p in GlyphAutoencoder(42).parameters())
    369391
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        half, double = latent // 2, latent * 2
        self.encoder = nn.Sequential(
            nn.Conv2d(1, half, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(half, latent, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(latent, double, 7),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(double, latent),
        )
        self.head = nn.Sequential(
            nn.Linear(latent, double),
            nn.Unflatten(1, (double, 1, 1)),
            nn.ConvTranspose2d(double, latent, 7),
            nn.ReLU(),
            nn.ConvTranspose2d(latent, half, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(half, 1, 3, stride=2, padding=1, output_padding=1),
            nn.Sigmoid(),
        )


class DigitAutoencoder(EncoderHead):
    """Fully connected auto-encoder of MNIST (appendix B.2): [B, 1, 28, 28] -> [B, d] -> [B, 1, 28, 28]."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        widths = (28 * 28, 512, 256, 128, latent)
        self.encoder = nn.Sequential(nn.Flatten(), *_linear(widths))
        self.head = nn.Sequential(*_linear(widths[::-1]), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))


class ImageClassifier(EncoderHead):
    """Convolutional classifier of CIFAR10 (appendix B.3): [B, 3, 32, 32] -> [B, d] -> logits [B, 10].

    >>> sum(p.numel() for p in ImageClassifier(64).parameters())
    168746
    """

    def __init__(self, latent: int, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        shape = ((3, width, 2), (width, width, 1), (width, 2 * width, 2), (2 * width, 2 * width, 1))
        for inputs, outputs, stride in (*shape, (2 * width, 2 * width, 2)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride), nn.GELU()]
        self.encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * width, latent))
        self.head = nn.Linear(latent, 10)


def _linear(widths: tuple[int, ...]) -> list[nn.Module]:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return layers[:-1]
