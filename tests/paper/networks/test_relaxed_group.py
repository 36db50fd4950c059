"""Relaxed group convolutions."""

import pytest
import torch
from torch import nn

from regrep.actions.images import on_axes, plane_matrices
from regrep.actions.lattice import LatticeAction
from regrep.diagnostics import equivariance_error
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.smoke_windows import action
from regrep_paper.networks.relaxed_group import RelaxedGroupConv, RGroup
from tolerance import assert_near


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def scalars():
    """Turns of the cells alone, rows along +y."""
    return LatticeAction(cyclic(4), on_axes(plane_matrices(cyclic(4)), "up"), "fields of scalars")


def errors(network, act, rho):
    return equivariance_error(network, torch.randn(3, 20, 8, 8), act, rho).uncentred


def test_parameters_are_those_of_table_6():
    assert sum(p.numel() for p in RGroup().parameters()) == 1_874_632
    assert sum(p.numel() for p in RGroup(as_published=True).parameters()) == 1_874_632


@pytest.mark.parametrize("as_published", [False, True])
def test_it_is_equivariant_for_scalars_until_the_mixing_depends_on_the_element(as_published):
    network = RGroup(width=4, size=8, as_published=as_published)
    rho = network.latent_representation()
    assert errors(network.encoder, scalars(), rho).max() < 1e-5
    assert errors(network, scalars(), scalars()).max() < 1e-5
    assert errors(network, action(), action())[1:].min() > 0.1  # vectors are no scalars
    for conv in network.modules():
        if isinstance(conv, RelaxedGroupConv):
            conv.mixing.data[:] = torch.randn(2, 1)  # equal over the elements, but not over the banks
    assert errors(network.encoder, scalars(), rho).max() < 1e-5
    network.encoder[0].mixing.data[0, 1] += 1
    assert errors(network.encoder, scalars(), rho)[1:].min() > 0.05
    assert errors(network, scalars(), scalars())[1:].min() > 0.01


def test_each_layer_type_is_equivariant():
    rho = RGroup(width=4, size=8).latent_representation()
    assert errors(RelaxedGroupConv(20, 4, lifting=True), scalars(), rho).max() < 1e-5
    z = torch.randn(3, 16, 8, 8)
    assert equivariance_error(RelaxedGroupConv(4, 4), z, rho, rho).uncentred.max() < 1e-5
    assert equivariance_error(nn.Conv2d(16, 16, 3, padding=1), z, rho, rho).uncentred[1:].min() > 0.1


def test_a_convolution_is_the_sum_over_positions_and_elements():
    conv = RelaxedGroupConv(2, 3).double()
    conv.mixing.data.uniform_()
    x = torch.randn(1, 2, 4, 3, 3, dtype=torch.float64)
    expected = torch.zeros(3, 4, dtype=torch.float64)
    for a in range(4):
        for h in range(4):
            for row in range(3):
                for column in range(3):
                    # The place that a quarter turns, counter-clockwise with rows along +y, take here.
                    u, v = column - 1, row - 1
                    for _ in range(a):
                        u, v = v, -u
                    w = conv.weight[:, :, :, (h - a) % 4, v + 1, u + 1]
                    expected[:, a] += torch.einsum("b,boi,i->o", conv.mixing[:, a], w, x[0, :, h, row, column])
    assert_near(conv(x.flatten(1, 2)).unflatten(1, (3, 4))[0, :, :, 1, 1], expected)


def test_without_the_inner_relus_the_published_network_is_linear_after_the_first():
    for as_published in (False, True):
        network = RGroup(width=4, size=8, as_published=as_published)
        rest = nn.Sequential(*network.encoder[2:], network.head)
        a, b = torch.randn(2, 1, 16, 8, 8)
        whole, parts = rest(a + b), rest(a) + rest(b)
        linear = bool((whole - parts).norm() < 1e-5 * whole.norm())
        assert linear == as_published


def test_a_width_is_positive():
    with pytest.raises(RegrepError, match="at least 1, got 0"):
        RGroup(width=0)


@pytest.mark.parametrize("lifting", [False, True])
def test_first_weights_are_as_wide_as_those_of_a_convolution(lifting):
    weight = RelaxedGroupConv(25, 40, lifting=lifting).weight
    assert 0.9 / 15 < weight.abs().max() <= 1 / 15  # 9 points of 25 channels
