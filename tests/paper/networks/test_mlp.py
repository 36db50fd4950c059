"""The multilayer perceptron of Table 6."""

import pytest
import torch

from regrep.errors import RegrepError
from regrep_paper.networks.mlp import MLP


def test_parameters_are_those_of_table_6():
    assert sum(p.numel() for p in MLP().parameters()) == 8_324_992


def test_a_cell_anywhere_reaches_every_output():
    network, x = MLP(width=8, frames=2, size=4).eval(), torch.randn(1, 4, 4, 4)
    other = x.clone()
    other[0, 3, 3, 3] += 10
    z = network.encoder(x)
    assert z.shape[1:] == network.latent_shape
    assert network(x).shape == (1, 2, 4, 4)
    assert bool((network(x) != network(other)).all())


@pytest.mark.parametrize("shape", [(1, 4, 8, 8), (1, 6, 4, 4), (1, 16, 2, 2)])
def test_other_data_are_refused(shape):
    with pytest.raises(RegrepError, match="4 x 4 x 4, got data"):
        MLP(width=8, frames=2, size=4)(torch.zeros(shape))


def test_a_width_is_positive():
    with pytest.raises(RegrepError, match="at least 1, got 0"):
        MLP(width=0)
