"""Through rho for a layer inside a model."""

import copy

import pytest
import torch
from torch import nn

import regrep
from regrep.diagnostics import through_layer
from regrep.errors import RegrepError

G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)
X, Y = torch.randn(30, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(30) % 3


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(8, 3))


def distance(outputs, y):
    return (outputs - y).square().mean()


@pytest.mark.parametrize("compiled", [False, True])
def test_it_is_through_rho_of_the_model_cut_at_the_layer(compiled):
    model = network()
    head = copy.deepcopy(model[2:]).eval()
    head[0].inplace = False
    expected = regrep.through_rho(model[:2], head, X, Y, ACT, RHO, nn.functional.cross_entropy)
    if compiled:
        model.compile(backend="eager")
        model(X)
    found = through_layer(model, "1", X, Y, ACT, RHO, nn.functional.cross_entropy, batch_size=7)
    torch.testing.assert_close(found.values, expected.values)
    assert found.own == pytest.approx(expected.own)
    assert len(set(found.values.tolist())) > 1
    assert model.training
    assert not model[1]._forward_hooks


class Shortcut(nn.Module):
    """What follows the layer reads the input too, so that no head takes the latent alone."""

    def __init__(self):
        super().__init__()
        self.latent, self.unused = nn.Flatten(), nn.Identity()

    def forward(self, x):
        return self.latent(x) + x.mean(dim=(1, 2, 3))[:, None]


def test_what_follows_may_read_more_than_the_latent():
    outputs = Shortcut()(X)
    flat = regrep.representations.PermutationRepresentation(G, ACT.pixels(4).index, "pixels")
    act = regrep.actions.Permute(G, ACT.pixels(4).index)
    assert torch.equal(act(X.flatten(1), torch.full((30,), 1)), flat(X.flatten(1), torch.full((30,), 1)))
    found = through_layer(Shortcut(), "latent", X, outputs, ACT, flat, distance, output_action=act)
    assert float(found.values.max()) < 1e-10
    assert float(through_layer(Shortcut(), "latent", X, outputs, ACT, flat, distance).values[1]) > 0.1


def test_a_layer_that_does_not_run_is_refused():
    with pytest.raises(RegrepError, match="layer 'unused' does not run"):
        through_layer(Shortcut(), "unused", X, Shortcut()(X), ACT, RHO, distance)
