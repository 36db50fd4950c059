"""The plain network of DDMNIST, and its pooling."""

import pytest
import torch
from torch import nn

from regrep_paper.networks.double_digit_cnn import AveragePool, DoubleDigitCNN


def test_network_of_the_appendix():
    for latent, count in ((66, 33_742), (48, 31_240)):
        assert sum(p.numel() for p in DoubleDigitCNN(latent).parameters()) == count
    network = DoubleDigitCNN()
    assert network.encoder(torch.zeros(2, 1, 56, 56)).shape == (2, 66)
    assert network(torch.zeros(2, 1, 56, 56)).shape == (2, 100)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(55, 5, 2, 1), (15, 5, 2, 1), (3, 5, 1, 1), (4, 3, 1, 1)]
)
def test_pooling_is_average_pooling(size, kernel, stride, padding):
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x.requires_grad_(True)
    ours, theirs = AveragePool(size, kernel, stride, padding).double(), nn.AvgPool2d(kernel, stride, padding)
    weight = torch.randn(theirs(x).shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    values = [pool(x) for pool in (ours, theirs)]
    gradients = [torch.autograd.grad((value * weight).sum(), x)[0] for value in values]
    assert (values[0] - values[1]).abs().max() < 1e-6
    assert (gradients[0] - gradients[1]).abs().max() < 1e-6
