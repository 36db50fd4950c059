"""The networks of Table 6: sizes, the laws that all keep, and what symmetry each has."""

import copy

import pytest
import torch
from torch import nn

pytest.importorskip("escnn")

from regrep.actions import VectorField2d
from regrep.diagnostics import equivariance_error
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.smoke_windows import action
from regrep_paper.networks.e2cnn import E2CNN
from regrep_paper.networks.lift import Lift
from regrep_paper.networks.mlp import MLP
from regrep_paper.networks.relaxed_group import RGroup
from regrep_paper.networks.relaxed_steerable import RelaxedSteerableConv, RSteer
from regrep_paper.networks.smoke_rpp import SmokeRPP, TwoPathConv
from regrep_paper.steerable.regular_fields import RegularFieldNorm, SteerableConv
from tolerance import assert_near

ALL = [MLP, E2CNN, SmokeRPP, Lift, RGroup, RSteer]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def count(network):
    return sum(p.numel() for p in network.parameters())


def randomised(network):
    """Random biases, scales and running statistics too, so that no symmetry rests on their start."""
    for part in network.modules():
        if isinstance(part, RegularFieldNorm):
            part.weight.data.normal_()
            part.bias.data.normal_()
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, SteerableConv) and part.bias is not None:
            part.bias.data.normal_()
    return network


def errors(network, rho=None, act=None, size=8):
    """Relative errors per element, of the whole network where no representation is given."""
    act = act or action()
    return equivariance_error(network, torch.randn(3, 20, size, size), act, rho or act).uncentred


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


def test_parameters_of_the_steerable_layers():
    network = E2CNN()
    convolutions = [part for part in network.modules() if isinstance(part, SteerableConv)]
    assert [count(part) for part in convolutions] == [11_132, 203_228, 203_228, 203_228, 1_104]
    assert [count(part) for part in network.modules() if isinstance(part, RegularFieldNorm)] == [184] * 4


def test_parameters_of_the_lift_for_other_data():
    first = 2 * 10 * 92  # weights per config of its first layer
    assert count(Lift()) - first * (64 * 64 - 62 * 23) == 3_314_852


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


def test_rpp_is_equivariant_without_its_free_path():
    network = SmokeRPP(width=6, size=8)
    rho = network.latent_representation()
    assert errors(network.encoder, rho)[1:].min() > 0.1
    assert errors(network)[1:].min() > 0.1
    for conv in network.modules():
        if isinstance(conv, TwoPathConv):
            conv.free.weight.data.zero_()
            conv.free.bias.data.zero_()
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4


def test_both_paths_of_rpp_are_summed():
    conv, x = TwoPathConv(2, 3), torch.randn(2, 8, 5, 5)
    conv.equivariant.bias.data.normal_()
    assert_near(conv(x), conv.equivariant(x) + conv.free(x))


def test_the_priors_of_rpp():
    network, published = SmokeRPP(width=4, size=8), SmokeRPP(width=4, size=8, as_published=True)
    named = dict(network.named_parameters())
    free = sum(p.square().sum().item() for name, p in named.items() if ".free." in name)
    steered = sum(p.square().sum().item() for name, p in named.items() if ".equivariant." in name)
    assert_near(network.regularizer(), torch.tensor(1e-5 * steered + 1e-3 * free))
    named = dict(published.named_parameters())
    kernels = sum(p.square().sum().item() for name, p in named.items() if name.endswith("free.weight"))
    assert_near(published.regularizer() * 1e12, torch.tensor(kernels**2))


def test_rsteer_is_equivariant_with_weights_constant_over_the_cells():
    network = RSteer(width=6, size=8)
    rho = network.latent_representation()
    assert errors(network.encoder, rho)[1:].min() > 0.05
    assert errors(network)[1:].min() > 0.05
    for conv in network.modules():
        if isinstance(conv, RelaxedSteerableConv):
            conv.weight.data[:] = conv.weight.data.mean(dim=-1, keepdim=True)
    assert errors(network.encoder, rho)[1:].min() > 1e-3  # a bias per channel is still no bias per field
    for conv in network.modules():
        if isinstance(conv, RelaxedSteerableConv):
            conv.bias.data = conv.bias.data[::4].repeat_interleave(4) if len(conv.bias) > 2 else conv.bias.data * 0
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4
    assert network.regularizer().item() < 1e-9


@pytest.mark.parametrize(("source", "target"), [("vector", "regular"), ("regular", "regular"), ("regular", "vector")])
def test_constant_relaxed_weights_are_steerable_ones(source, target):
    relaxed, strict = RelaxedSteerableConv(2, 3, source, target), SteerableConv(2, 3, source, target)
    relaxed.weight.data[:] = strict.weight.data.transpose(1, 2)[..., None]
    relaxed.bias.data.zero_()
    x = torch.randn(2, 2 * strict.basis.shape[2], 5, 5)
    assert_near(relaxed(x), strict(x))


def test_the_penalty_of_rsteer_is_linear_unless_as_published():
    for as_published in (False, True):
        network = RSteer(width=4, size=8, as_published=as_published)
        layers = [part for part in network.modules() if isinstance(part, RelaxedSteerableConv)]
        expected = 0.0
        for layer in layers:
            w = layer.weight.detach()
            expected += float(sum((w[..., k + 1] - w[..., k]).abs().mean() for k in range(8))) / 8
        assert len(layers) == 5
        scale = 1e10 if as_published else 1e5
        assert_near(network.regularizer() * scale, torch.tensor(expected**2 if as_published else expected))


def test_the_code_of_the_lift_alone_breaks_its_symmetry():
    network = randomised(Lift(width=8, size=8))
    network.encoder.code[-1].weight.data *= 10
    rho = network.latent_representation()
    assert errors(network.encoder.trunk, rho).max() < 1e-4
    assert errors(network.encoder, rho)[1:].min() > 0.02
    assert errors(network)[1:].min() > 0.02
    network.encoder.code[-1].weight.data.zero_()
    network.encoder.code[-1].bias.data = torch.randn(2).repeat_interleave(4)
    assert errors(network.encoder, rho).max() < 1e-4
    assert errors(network).max() < 1e-4


def test_what_the_lift_refuses():
    with pytest.raises(RegrepError, match="got width 6"):
        Lift(width=6)
    with pytest.raises(RegrepError, match="got data 20 x 62 x 23"):
        Lift(width=8, size=8)(torch.zeros(2, 20, 62, 23))
