"""The networks of Table 6: sizes, and the laws that all keep."""

import copy

import pytest
import torch
from networks_fixture import parameters as count
from torch import nn

pytest.importorskip("escnn")

from regrep_paper.networks.e2cnn import E2CNN
from regrep_paper.networks.lift import Lift
from regrep_paper.networks.mlp import MLP
from regrep_paper.networks.relaxed_group import RGroup
from regrep_paper.networks.relaxed_steerable import RSteer
from regrep_paper.networks.smoke_rpp import SmokeRPP
from tolerance import assert_near

ALL = [MLP, E2CNN, SmokeRPP, Lift, RGroup, RSteer]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("network", "parameters", "published"),
    [
        (E2CNN, 622_656, 622_656),
        (SmokeRPP, 4_355_650, 4_355_654),
        (Lift, 8_227_652, 8_227_652),
        (RSteer, 5_595_442, 5_596_178),
    ],
)
def test_parameters_are_those_of_table_6(network, parameters, published):
    assert count(network()) == parameters
    assert count(network(as_published=True)) == published


@pytest.mark.parametrize("network", ALL)
def test_the_laws_that_all_networks_keep(network):
    net = network(width=8, size=8)
    x, y = torch.randn(4, 20, 8, 8), torch.randn(4, 2, 8, 8)
    z = net.encoder(x)
    assert z.shape == (4, *net.latent_shape)
    assert net(x).shape == (4, 2, 8, 8)
    keys = set(net.state_dict())
    other = network(width=8, size=8)
    other.load_state_dict(copy.deepcopy(net).eval().state_dict())
    net.eval()
    assert set(net.state_dict()) == keys
    assert_near(other.eval()(x), net(x))
    adam = torch.optim.Adam(net.train().parameters(), 1e-3)
    losses = []
    for _ in range(8):
        own = net.regularizer()
        loss = nn.functional.mse_loss(net(x), y) + (0 if own is None else own)
        adam.zero_grad()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
        adam.step()
        net.eval()(x)
        net.train()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("network", [SmokeRPP, Lift, RSteer])
def test_the_published_forms_run(network):
    published = network(width=8, size=8, as_published=True)
    assert published.rows == "down"
    assert published(torch.randn(2, 20, 8, 8)).shape == (2, 2, 8, 8)


@pytest.mark.parametrize("network", ALL)
def test_the_small_cell(network):
    net = network(width=24, size=32)
    assert net(torch.randn(2, 20, 32, 32)).shape == (2, 2, 32, 32)
