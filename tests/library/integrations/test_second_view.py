"""The second view of a network that other frameworks run: layers that run several times."""

import pytest
import torch
from torch import nn

import regrep
from regrep.integrations.second_view import PenaltyTerms, Ran, SecondView
from regrep.objectives import OUTPUT

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


class Pair(nn.Module):
    """Two layers, and outputs in a dictionary."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(36, 8), nn.Linear(8, 12)

    def forward(self, x):
        z = self.two(self.one(x.flatten(1)))
        return {"logits": z[:, :4], "other": z}


def test_terms_are_means_over_layers_and_outputs_are_compared_by_what_is_read():
    torch.manual_seed(0)
    network, x = Pair(), torch.randn(16, 1, 6, 6)
    latents_of = {"one": RHO, "two": regrep.latent(G, 12)}
    view = SecondView(
        ACT, latents_of, 0.3, "relative", consistency=2.0, consistency_loss="squared", output_action=regrep.regular(G),
        read=lambda returned: returned["logits"],
    )  # fmt: skip
    view.check(network)
    g = torch.arange(16) % 4
    with view.watching(network) as latest:
        network(-x)
        network(x)  # the latest run counts
    first, second = latest(), latents(view, network, ACT(x, g))
    found = view.terms(first, second, g)
    one, one_g = (network.one(part.flatten(1)) for part in (x, ACT(x, g)))
    two, two_g = network.two(one), network.two(one_g)
    pairs = ((one, one_g, RHO), (two, two_g, latents_of["two"]))
    penalties = [regrep.equivariance_loss(z, z_g, g, rho, "relative") for z, z_g, rho in pairs]
    errors = [regrep.objectives.whitened_error(z, z_g, g, rho) for z, z_g, rho in pairs]
    shares = [regrep.objectives.moving_share(z, rho) for z, _, rho in pairs]
    moved = torch.stack([two[k, :4].roll(int(g[k])) for k in range(16)])
    expected = (sum(penalties) / 2, sum(errors) / 2, sum(shares) / 2, (moved - two_g[:, :4]).square().mean())
    torch.testing.assert_close(tuple(found), expected)
    torch.testing.assert_close(view.loss(found), 0.3 * expected[0] + 2 * expected[3])
    torch.testing.assert_close(found.log("a/"), {f"a/{k}": v.detach() for k, v in found._asdict().items()})
    assert not any(value.requires_grad for value in found.detached())
    assert not network._forward_hooks


def test_a_term_without_weight_is_not_part_of_the_loss():
    terms = PenaltyTerms(*(torch.tensor(value) for value in (2.0, 3.0, 5.0)), torch.tensor(7.0))
    for weight, consistency, loss in ((0.5, 0.0, 1.0), (0.0, 0.5, 3.5), (0.5, 0.25, 2.75), (0.0, 0.0, None)):
        assert SecondView(ACT, RHO, weight, "mse", consistency=consistency).loss(terms) == loss
    without = terms._replace(consistency=None)
    assert SecondView(ACT, RHO, 0.5, "mse", consistency=1.0).loss(without) == 1.0
    assert set(without.log()) == {"equivariance", "whitened_error", "moving_share"}


def test_without_consistency_no_outputs_are_kept_and_one_latent_is_the_output():
    view = SecondView(ACT, regrep.latent(G, 4), 1.0, "mse")
    assert list(view.latents) == [OUTPUT]
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 4))
    x, g = torch.randn(8, 1, 6, 6), torch.arange(8) % 4
    first, second = (latents(view, network, part) for part in (x, ACT(x, g)))
    assert first.outputs is None
    assert torch.equal(first.latents[OUTPUT][0], network(x))
    found = view.terms(first, second, g)
    assert found.consistency is None
    torch.testing.assert_close(
        found.equivariance, (regrep.latent(G, 4)(network(x), g) - network(ACT(x, g))).square().mean()
    )
    nothing = view.terms(Ran({OUTPUT: [torch.ones(8, 4)]}, None), Ran({OUTPUT: [torch.ones(8, 4)]}, None), g)
    assert (nothing.whitened_error, nothing.moving_share) == (1, 0)  # a latent that does not vary


def test_trees_move_and_what_has_no_tensor_is_refused():
    act = regrep.actions.TreeAction({"image": ACT, "name": None})
    view = SecondView(act, {"again": RHO}, 1.0, "mse")
    x = {"image": torch.randn(400, 6, 6), "name": torch.arange(400)}
    g, gx = view.move(x)
    assert torch.equal(gx["image"], ACT(x["image"], g))
    assert torch.equal(gx["name"], x["name"])
    assert (len(g), set(g.tolist())) == (400, {0, 1, 2, 3})
    with pytest.raises(regrep.RegrepError, match="of the network, but that is a str without tensors; name the part"):
        view.move("image")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"weight": -1.0}, "weight is a finite number of at least 0, got -1.0"),
        ({"consistency": float("nan")}, "consistency is a finite number of at least 0, got nan"),
        ({"penalty": "l2"}, 'penalty is "mse", "relative", "whitened" or "moving", got'),
        ({"consistency_loss": 3}, 'consistency_loss is "kl", "squared" or a function of'),
    ],
)
def test_wrong_settings_are_named(settings, said):
    with pytest.raises(regrep.RegrepError, match=said):
        SecondView(ACT, RHO, **{"weight": 1.0, "penalty": "mse", **settings})
