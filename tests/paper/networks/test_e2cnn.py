"""The steerable network of Table 6: layers and symmetry."""

import pytest
import torch
from forecasters_fixture import randomised
from networks_fixture import parameters as count

pytest.importorskip("escnn")

from forecasters_fixture import errors

from regrep.actions import VectorField2d
from regrep.groups import cyclic
from regrep_paper.networks.e2cnn import E2CNN
from regrep_paper.steerable.regular_fields import RegularFieldNorm, SteerableConv


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_parameters_of_the_steerable_layers():
    network = E2CNN()
    convolutions = [part for part in network.modules() if isinstance(part, SteerableConv)]
    assert [count(part) for part in convolutions] == [11_132, 203_228, 203_228, 203_228, 1_104]
    assert [count(part) for part in network.modules() if isinstance(part, RegularFieldNorm)] == [184] * 4


@pytest.mark.parametrize("size", [7, 8])
def test_e2cnn_is_equivariant(size):
    network = randomised(E2CNN(width=6, size=size))
    assert errors(network.encoder, network.latent_representation(), size=size).max() < 1e-4
    assert errors(network, size=size).max() < 1e-4


def test_the_published_e2cnn_negates_the_vectors_in_quarter_turns():
    network = randomised(E2CNN(width=6, size=8, as_published=True))
    down = VectorField2d(cyclic(4), rows="down")
    assert errors(network, act=down).max() < 1e-4
    assert errors(network.encoder, network.latent_representation(), act=down).max() < 1e-4
    assert errors(network)[[1, 3]].min() > 0.5
