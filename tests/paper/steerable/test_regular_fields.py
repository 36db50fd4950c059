"""Steerable convolutions between fields of C4 agree with escnn, and turn with the data."""

import pytest
import torch
from torch import nn

pytest.importorskip("escnn")

from regrep.actions import VectorField2d
from regrep.diagnostics import equivariance_error
from regrep.groups import cyclic
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.regular_fields import RegularFieldNetwork, RegularFieldNorm, SteerableConv
from tolerance import assert_near

KINDS = [("vector", "regular"), ("regular", "regular"), ("regular", "vector")]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def escnn_types(source, target, inputs, outputs):
    escnn = steerable_library()
    plane = escnn.gspaces.rot2dOnR2(4)
    kinds = {"regular": plane.regular_repr, "vector": plane.irrep(1)}
    return escnn, *(escnn.nn.FieldType(plane, [kinds[k]] * n) for k, n in ((source, inputs), (target, outputs)))


def acts(kind, rows, fields, size=8):
    if kind == "vector":
        return VectorField2d(cyclic(4), rows)
    return RegularFieldNetwork(fields, size, rows).latent_representation()


@pytest.mark.parametrize(("source", "target"), KINDS)
def test_a_convolution_is_escnns_with_the_same_weights(source, target):
    escnn, before, after = escnn_types(source, target, 3, 2)
    theirs = escnn.nn.R2Conv(before, after, 3, padding=1)
    ours = SteerableConv(3, 2, source, target, rows="down")
    assert ours.weight.numel() == theirs.weights.numel()
    theirs.weights.data = ours.weight.data.flatten()
    assert (ours.bias is None) == (theirs.bias is None)
    if ours.bias is not None:
        theirs.bias.data = ours.bias.data = torch.randn(2)
    x = torch.randn(2, before.size, 8, 8)
    assert_near(ours(x), theirs(escnn.nn.GeometricTensor(x, before)).tensor)
    up = SteerableConv(3, 2, source, target)
    up.weight, up.bias = ours.weight, ours.bias
    assert_near(up(x.flip(-2)).flip(-2), ours(x))
    assert float((up(x) - ours(x)).detach().abs().max()) > 0.01


@pytest.mark.parametrize(("source", "target"), KINDS)
def test_weights_start_as_escnns_do_from_the_same_draws(source, target):
    escnn, before, after = escnn_types(source, target, 3, 400)
    theirs = escnn.nn.R2Conv(before, after, 3, initialize=False)
    one = torch.zeros_like(theirs.weights.data)
    torch.manual_seed(0)
    escnn.nn.init.generalized_he_init(one, theirs.basisexpansion)
    torch.manual_seed(0)
    ours = SteerableConv(3, 400, source, target).weight.flatten()
    assert_near(ours, one)


@pytest.mark.parametrize("rows", ["up", "down"])
@pytest.mark.parametrize(("source", "target"), KINDS)
def test_a_convolution_is_equivariant_with_rows_in_its_own_direction_alone(source, target, rows):
    conv = SteerableConv(2, 3, source, target, rows)
    if conv.bias is not None:
        conv.bias.data.normal_()
    x = torch.randn(3, 2 * conv.basis.shape[2], 8, 8)
    error = equivariance_error(conv, x, acts(source, rows, 2), acts(target, rows, 3)).uncentred
    assert error.max() < 1e-5
    other = "down" if rows == "up" else "up"
    wrong = equivariance_error(conv, x, acts(source, other, 2), acts(target, other, 3)).uncentred
    assert wrong[[1, 3]].min() > 0.1


def test_a_norm_is_escnns_and_equivariant():
    escnn, fields, _ = escnn_types("regular", "regular", 3, 3)
    ours, theirs = RegularFieldNorm(3), escnn.nn.InnerBatchNorm(fields)
    x = torch.randn(5, 12, 8, 8) * 3 + 1
    for _ in range(2):
        assert_near(ours(x), theirs(escnn.nn.GeometricTensor(x, fields)).tensor)
    ours.eval(), theirs.eval()
    assert_near(ours(x), theirs(escnn.nn.GeometricTensor(x, fields)).tensor)
    ours.weight.data.normal_()
    rho = acts("regular", "up", 3)
    assert equivariance_error(ours, x, rho, rho).uncentred.max() < 1e-5
    per_channel = nn.BatchNorm2d(12)
    per_channel.weight.data.normal_()
    assert equivariance_error(per_channel, x, rho, rho).uncentred[1:].min() > 0.1


def test_the_basis_is_kept_with_the_weights():
    conv = SteerableConv(2, 3)
    assert set(conv.state_dict()) == {"basis", "weight", "bias"}
