"""The second view of a network that other frameworks run: layers that run several times."""

import pytest
import torch
from torch import nn

import regrep
from regrep.integrations.second_view import SecondView

G = regrep.groups.cyclic(4)
ACT = regrep.actions.RotateFlip2d(G)
RHO = regrep.latent(G, 8)


class Twice(nn.Module):
    """One layer that runs twice, or once where ``once`` is set."""

    once = False

    def __init__(self):
        super().__init__()
        self.first, self.again = nn.Linear(36, 8), nn.Linear(8, 8)

    def forward(self, x):
        z = self.again(self.first(x.flatten(1)))
        return z if self.once else self.again(z)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Twice()


def latents(view, network, x):
    with view.watching(network) as latest:
        network(x)
    return latest()


def test_every_run_of_a_layer_counts(network):
    view, x = SecondView(ACT, {"again": RHO}, 1.0, "mse"), torch.randn(16, 1, 6, 6)
    g, gx = view.move(x)
    found = view.terms(latents(view, network, x), latents(view, network, gx), g)
    z, z_g = (network.again(network.first(part.flatten(1))) for part in (x, gx))
    pairs = [(z, z_g), (network.again(z), network.again(z_g))]
    by_hand = sum(((RHO(one, g) - other) ** 2).mean() for one, other in pairs) / 2
    assert torch.allclose(found.equivariance, by_hand)
    errors = [regrep.objectives.whitened_error(one, other, g, RHO) for one, other in pairs]
    assert torch.allclose(found.whitened_error, sum(errors) / 2)


def test_a_layer_that_runs_more_often_for_one_view_is_refused(network):
    view, x = SecondView(ACT, {"again": RHO}, 1.0, "mse"), torch.randn(4, 1, 6, 6)
    first = latents(view, network, x)
    network.once = True
    with pytest.raises(regrep.RegrepError, match=r"ran 2 and 1 times; .* 'again#0'"):
        view.terms(first, latents(view, network, x), torch.zeros(4, dtype=torch.long))
