"""The plain network on volumes, of appendix C.2."""

import pytest
import torch
from torch import nn

from regrep_paper.networks.volume_cnn import VolumeCNN


def test_counts_by_hand():
    """Weights and biases of seven convolutions and three skips, two numbers per normalised channel, the head."""

    def by_hand(c, classes):
        convolutions = [
            (1, c, 7), (c, 2 * c, 5), (1, 2 * c, 7),
            (2 * c, 4 * c, 3), (4 * c, 6 * c, 3), (2 * c, 6 * c, 3),
            (6 * c, 6 * c, 3), (6 * c, 8 * c, 1), (6 * c, 8 * c, 3),
        ]  # fmt: skip
        weights = sum(i * o * k**3 + o for i, o, k in convolutions)
        return weights + 2 * (c + 2 * c + 4 * c + 6 * c + 6 * c + 8 * c) + 8 * c * classes + classes

    for c, count in ((6, 141_998), (7, 191_942)):
        assert sum(p.numel() for p in VolumeCNN(2, c).parameters()) == count == by_hand(c, 2)
        assert sum(p.numel() for p in VolumeCNN(11, c, size=14).parameters()) == by_hand(c, 11)


@pytest.mark.parametrize("size", [8, 14, 20, 28, 64])
def test_the_latent_has_eight_channels_per_width(size):
    network = VolumeCNN(3, 3, size).eval()
    assert network.encoder(torch.zeros(2, 1, size, size, size)).shape == (2, 24)
    assert network(torch.zeros(2, 1, size, size, size)).shape == (2, 3)


def test_the_penalised_latent_is_not_normalised():
    """It is the sum of two convolutions: affine in what comes before."""
    last = VolumeCNN(2).encoder[4].eval()
    assert isinstance(last.block[-1], nn.Conv3d)
    assert isinstance(last.skip, nn.Conv3d)
    assert [type(layer) for layer in VolumeCNN(2).head] == [nn.BatchNorm1d, nn.ELU, nn.Linear]
