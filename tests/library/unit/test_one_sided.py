"""A second view without gradient: the penalty moves E(x) alone, and the shifted loss trains the head alone."""

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import RotateFlip2d
from regrep.groups import dihedral
from regrep.objectives import OUTPUT, EquivariantObjective, equivariance_loss

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
LOSS = nn.functional.cross_entropy
pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


class Shifted(nn.Module):
    """An encoder with an argument of one row per sample, and a normalisation in training mode."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm, self.last = nn.Linear(36, 16), nn.BatchNorm1d(16), nn.Linear(16, 18)
        self.calls = []

    def forward(self, x, shift=None):
        self.calls.append((len(x), torch.is_grad_enabled()))
        z = self.norm(self.linear(x.flatten(1)))
        return self.last(z if shift is None else z + shift)


def made(latent=None, **settings):
    torch.manual_seed(0)
    encoder, head = Shifted().double(), nn.Linear(18, 3).double()
    rho = regrep.latent(D4, 18) if latent is None else latent
    return EquivariantObjective(encoder, head, LOSS, ACT, rho, weight=0.7, one_sided=True, **settings)


def batch():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(10, 6, 6, generator=generator, dtype=torch.float64)
    return x, torch.arange(10) % 3, torch.randint(8, (10,), generator=generator)


@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("augment", [False, True])
def test_terms_and_gradients_are_those_of_a_detached_second_view(fraction, augment):
    loop, (x, y, g) = made(fraction=fraction, latent_augmentation=augment), batch()
    count, shift = int(10 * fraction), torch.linspace(-1, 1, 10, dtype=torch.float64)[:, None]
    terms = loop(x, y, g, arguments={"shift": shift})
    weights = [*loop.encoder.parameters(), *loop.head.parameters()]
    found = torch.autograd.grad(terms.total, weights)

    encoder, head = loop.encoder, loop.head
    assert encoder.calls == [(10, True), (count, False)]
    rho = regrep.latent(D4, 18)
    z, z_g = encoder(x, shift), encoder(ACT(x[:count], g[:count]), shift[:count]).detach()
    parts = [LOSS(head(z), y), LOSS(head(z_g), y[:count]), 0.7 * equivariance_loss(z[:count], z_g, g[:count], rho)]
    if augment:
        parts.append(LOSS(head(rho(z, g)), y))
    torch.testing.assert_close(terms.total, sum(parts))
    torch.testing.assert_close(found, torch.autograd.grad(sum(parts), weights))


def test_unlabelled_inputs_have_a_second_view_without_gradient_too():
    loop, (x, y, g) = made(fraction=0.5), batch()
    shift = torch.linspace(-1, 1, 10, dtype=torch.float64)[:, None]
    terms = loop(x[:6], y[:6], g, arguments={"shift": shift}, unlabelled=x[6:])
    chosen = torch.tensor([0, 1, 2, 6, 7])
    assert loop.encoder.calls == [(10, True), (5, False)]
    z, z_g = loop.encoder(x, shift)[chosen], loop.encoder(ACT(x[chosen], g[chosen]), shift[chosen])
    torch.testing.assert_close(terms.equivariance, equivariance_loss(z, z_g, g[chosen], regrep.latent(D4, 18)))


def test_inner_layers_are_read_in_both_passes():
    layers = {"norm": regrep.latent(D4, 16), OUTPUT: regrep.latent(D4, 18)}
    loop, (x, y, g) = made(latent=layers), batch()
    terms = loop(x, y, g)
    z, z_g = (loop.encoder.norm(loop.encoder.linear(v.flatten(1))) for v in (x, ACT(x, g)))
    inner = equivariance_loss(z, z_g, g, layers["norm"])
    outer = equivariance_loss(loop.encoder.last(z), loop.encoder.last(z_g), g, layers[OUTPUT])
    torch.testing.assert_close(terms.equivariance, (inner + outer) / 2)
    for compared, expected in zip(terms.compared, (z_g, loop.encoder.last(z_g)), strict=True):
        torch.testing.assert_close(compared[0].target, expected.detach())


def test_it_is_one_graph_and_takes_no_second_pass_where_nothing_moves(compiler):
    loop, (x, y, g) = made(latent={"norm": regrep.latent(D4, 16)}), batch()
    compiled = compiler(loop, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, y, g)[:5], loop(x, y, g)[:5])
    still = made(fraction=0.0)
    still(x, y, g)
    assert still.encoder.calls == [(10, True)]


def test_a_layer_that_runs_more_often_for_gx_says_so():
    class Uneven(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(36, 36), 0

        def forward(self, x):
            self.calls += 1
            for _ in range(self.calls):
                z = self.layer(x.flatten(1))
            return z[:, :18]

    rho = regrep.latent(D4, 36)
    loop = EquivariantObjective(Uneven(), nn.Linear(18, 3), LOSS, ACT, {"layer": rho}, one_sided=True)
    x, y, g = batch()
    with pytest.raises(regrep.RegrepError, match="'layer' runs as often for gx as for x, got 2 runs and 1; .*layer#0"):
        loop(x.float(), y, g)
