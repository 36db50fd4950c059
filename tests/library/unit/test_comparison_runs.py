"""One training and one test of a comparison, and what their records say, by hand."""

import math

import pytest
import torch
from torch import nn

import regrep
from comparison_fixture import SWAP, Network, splits, task
from regrep.comparison import ARMS, Metric, Splits, evaluate, train, trial
from regrep.comparison.batches import Order, Views
from regrep.comparison.placement import placement
from regrep.comparison.records import fingerprint
from regrep.comparison.symmetry import symmetry_of

PLAIN = ARMS["plain"]


def hits(network, pair):
    return (network(pair[0]).argmax(1) == pair[1]).double()


def test_the_record_of_a_training(monkeypatch):
    monkeypatch.setattr(trial.Watch, "step_seconds", 0.25)
    made, parts = task(steps=3), splits()
    record, state = train(made, PLAIN, None, 5)
    network = made.network(5)
    first = fingerprint(network.state_dict())
    network.load_state_dict(state)
    with torch.no_grad():
        validation = float(hits(network, parts.validation).mean())
    # Products of a step with 8 samples: forward 4 x 8 and 8 x 2, gradients of both weights and of the hidden layer.
    operations = 2 * 8 * (2 * (4 * 8 + 8 * 2) + 8 * 2)
    data = fingerprint(parts.train, parts.validation, parts.unlabelled)
    assert (record.arm, record.weight, record.seed, record.steps) == ("plain", None, 5, 3)
    assert (record.validation, record.initial, record.data) == (validation, first, data)
    assert (record.step_flops, record.step_seconds, record.device, record.course) == (operations, 0.25, "cpu", ())
    assert len(record.order) == 16
    assert not any(value.requires_grad for value in state.values())
    other = train(made, ARMS["penalty-mse"], 0.3, 5)[0]
    assert (other.arm, other.weight, other.pairing) == ("penalty-mse", 0.3, record.pairing)
    assert train(task(steps=4), PLAIN, None, 5)[0].order != record.order


@pytest.mark.parametrize("arm", ["plain", "averaged", "latent-averaged"])
def test_the_record_of_a_test(arm, monkeypatch):
    monkeypatch.setattr(trial, "timed", lambda call, device: 3.0)
    made, parts = task(), splits()
    first, network = made.network(5), made.network(5)
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(1.5)
    found = evaluate(made, ARMS[arm], 0.7, 5, network.state_dict())
    x, y = parts.test
    used = network
    if arm == "averaged":
        used = regrep.nn.GroupAveraged(network, SWAP, probabilities=True)
    place, metric = placement(made, network, parts.train[0]), made.metric_for(parts)
    if arm == "latent-averaged":

        def used(x):
            z = network.encoder(x)
            return sum(network.head(place.rho(z, torch.full((len(z),), k))).softmax(1) for k in range(2)).log()

        with torch.no_grad():
            assert not torch.equal(used(x), network(x).softmax(1).log())
    assert (found.arm, found.weight, found.seed, found.by_sample, found.device) == (arm, 0.7, 5, True, "cpu")
    with torch.no_grad():
        assert found.scores.tolist() == hits(used, (x, y)).tolist()
    assert found.samples == fingerprint(parts.test)
    encoders, heads = {"plain": (1, 1), "averaged": (2, 2), "latent-averaged": (1, 2)}[arm]
    assert (found.seconds, found.flops) == (3.0 / 20, 2 * (encoders * 4 * 8 + heads * 8 * 2))  # of 20 labelled samples
    assert found.before == symmetry_of(made, first, None, place, metric, (x, y))
    if arm == "latent-averaged":
        used = torch.nn.Sequential(
            network.encoder, regrep.nn.GroupAveraged(network.head, place.rho, probabilities=True)
        )
    assert found.after == symmetry_of(made, network, used, place, metric, (x, y))
    assert found.before["whitened_error"] is not None
    assert found.before != found.after


def test_one_number_or_one_sample_is_no_score_by_sample():
    parts = splits()
    state = task().network(0).state_dict()
    whole = task(metric=Metric("m", lambda outputs, y: 0.5))
    found = evaluate(whole, PLAIN, None, 0, state)
    assert (found.by_sample, found.scores.tolist()) == (False, [0.5])
    alone = Splits(parts.train, parts.validation, tuple(part[:1] for part in parts.test), parts.unlabelled)
    assert not evaluate(task(data=alone), PLAIN, None, 0, state).by_sample


def test_every_group_of_parameters_has_its_rate_and_frozen_ones_none():
    """Two steps of plain descent by hand: factors of the schedule at a half and at the whole."""

    def model(seed):
        network = Network()
        network.encoder[0].bias.requires_grad_(False)
        return network

    given, shares = [], []

    def optimiser(parameters):
        given.extend(parameters)
        return torch.optim.SGD([{"params": given[:1], "lr": 0.2}, {"params": given[1:], "lr": 0.5}])

    def schedule(done):
        shares.append(done)
        return 1.5 - done

    made = task(model=model, optimiser=optimiser, schedule=schedule, steps=2)
    _, state = train(made, PLAIN, None, 0)
    assert shares == [0.5, 1.0]
    network = made.network(0)
    assert [tuple(one.shape) for one in given] == [(8, 4), (2, 8), (2,)]
    for k, (index, others) in enumerate(Order(made, splits(), 0, 2)):
        views = Views(made, splits(), index, others, 0, k)
        loss = nn.functional.cross_entropy(network(views.upright), views.y_upright)
        trained = [one for one in network.parameters() if one.requires_grad]
        gradients = torch.autograd.grad(loss, trained)
        with torch.no_grad():
            for one, gradient, rate in zip(trained, gradients, (0.2, 0.5, 0.5), strict=True):
                one -= (1.0, 0.5)[k] * rate * gradient
    for name, value in network.state_dict().items():
        torch.testing.assert_close(state[name], value)


def test_a_batch_norm_is_in_training_mode_while_it_is_trained_and_not_when_it_is_tested():
    def model(seed):
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2))

    made = task(model=model)
    record, state = train(made, PLAIN, None, 0)
    assert int(state["1.num_batches_tracked"]) == 4
    network = made.network(0)
    network.load_state_dict(state)
    network.eval()
    with torch.no_grad():
        assert record.validation == float(hits(network, splits().validation).mean())
        tested = evaluate(made, PLAIN, None, 0, state)
        assert tested.scores.tolist() == hits(network, splits().test).tolist()
    assert math.isfinite(tested.flops)
