"""Parts of a comparison one by one: clocks, records, views, placements, costs and measures, against values by hand."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import regrep
from comparison_fixture import GROUP, SWAP, Network, evaluated, samples, splits, task, trained
from regrep.comparison import ARMS, Metric, Splits, devices, plan, symmetry, trial, watch
from regrep.comparison.batches import Order, Views
from regrep.comparison.placement import placement
from regrep.comparison.plan import choose, seeds_of
from regrep.comparison.records import LONGEST, Evaluated, Trained, fingerprint, packed, unpacked
from regrep.comparison.runs import trained_as
from regrep.comparison.symmetry import symmetry_of
from regrep.comparison.verdict import decimals, shown_interval
from regrep.comparison.watch import Course, Watch, timed
from regrep.errors import RegrepError
from regrep.objectives import DualWeight

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("regrep.comparison.watch.time.perf_counter", lambda: now[0])
    return now


def test_on_the_cpu_a_time_is_that_of_a_step_without_its_batch(clock):
    watch = Watch(CPU, 6)
    for made, taken in ((9, 100), (9, 50), (9, 40), (9, 1), (9, 2), (9, 6)):
        clock[0] += made
        watch.begin()
        watch.seen(torch.tensor(1.0, requires_grad=True))
        clock[0] += taken
        watch.end()
    assert watch.seconds == [100, 50, 40, 1, 2, 6]
    assert watch.step_seconds == 2  # the first three warm up
    for seconds, median in (([7, 3], 3), ([7], 7), ([9, 9, 9, 1], 1), ([9, 9, 9], 9), ([9, 9, 1], 1)):
        watch.seconds = seconds
        assert watch.step_seconds == median


def test_losses_are_read_about_five_times_on_a_card():
    card = torch.device("cuda")
    found = [Watch(card, steps).every for steps in (1, 4, 5, 9, 10, 249, 250, 10**6)]
    assert found == [1, 1, 1, 1, 2, 49, 50, 50]
    assert Watch(CPU, 10**6).every == 1


@pytest.mark.parametrize("wrong", [3.0, torch.ones(2, requires_grad=True), torch.tensor(1.0), None])
def test_a_loss_is_a_scalar_with_a_gradient(wrong):
    with pytest.raises(RegrepError, match="returns a scalar tensor with a gradient, got"):
        Watch(CPU, 3).seen(wrong)


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (40, 1), (41, 2), (80, 2), (81, 3)])
def test_a_course_has_at_most_forty_values_at_equal_distances(steps, every):
    course = Course(weight := DualWeight(0.5, start=0.2), steps)
    for step in range(steps):
        weight.value.fill_(step + 1.0)
        course.note(step)
    assert course.values == tuple(float(step + 1) for step in range(0, steps, every))
    assert Course(None, steps).values == ()
    assert Course(weight, steps).values == ()


def test_what_is_timed_is_the_call_and_the_wait_for_it(clock, monkeypatch):
    waits = iter([100.0, 5.0])
    monkeypatch.setattr(watch, "wait_for", lambda device: clock.__setitem__(0, clock[0] + next(waits)))
    assert timed(lambda: clock.__setitem__(0, clock[0] + 2.0), CPU) == 7.0


def test_the_cost_of_inference_is_that_of_one_sample(monkeypatch):
    seconds = iter([7.0, 1.0, 5.0, 2.0, 6.0, 3.0, 4.0])
    monkeypatch.setattr(trial, "timed", lambda call, device: (call(), next(seconds))[1])
    calls = []
    network = nn.Linear(3, 2)
    network.register_forward_hook(lambda *given: calls.append(len(given[1][0])))
    assert trial.inference_cost(network, torch.ones(10, 3), CPU) == (4.0 / 10, 2 * 3 * 2)
    assert calls == [10] * 8


WRONG = {
    Trained: {
        "seed": (1.5, "a record has a seed and a weight, got 1.5 and 0.3"),
        "weight": ("x", "a record has a seed and a weight, got 2 and 'x'"),
        "validation": (None, "validation of a record is a number, got None"),
        "steps": ("4", "steps of a record is a number, got '4'"),
        "step_seconds": (math.inf, "step_seconds of a record is a number, got inf"),
        "step_flops": (True, "step_flops of a record is a number, got True"),
        "initial": (3, "initial of a record is a text, got 3"),
        "order": (None, "order of a record is a text, got None"),
        "data": ([], "data of a record is a text, got []"),
        "device": (0, "device of a record is a text, got 0"),
        "course": ([1.0, -1.0], "course of a record holds weights above 0, got [1.0, -1.0]"),
    },
    Evaluated: {
        "seed": (True, "a record has a seed and a weight, got True and None"),
        "seconds": ("1", "seconds of a record is a number, got '1'"),
        "flops": (math.nan, "flops of a record is a number, got nan"),
        "samples": (1, "samples of a record is a text, got 1"),
        "device": (None, "device of a record is a text, got None"),
        "by_sample": (1, "by_sample of a record is true or false, got 1"),
        "before": ([1], "before of a record holds numbers, got [1]"),
        "after": ({"error": "1"}, "after of a record holds numbers, got {'error': '1'}"),
        "scores": (None, f"scores of a record are 1 to {LONGEST} numbers, got None"),
    },
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_damaged_field_of_a_record_is_named(kind):
    one = trained("consistency", 0.3, 2, 0.5, course=(0.5, 1.0))
    if kind is Evaluated:
        one = evaluated("plain", 1, [0.5, 2.0], before={"error": None}, after={"error": 0.5, "share": 1})
    record = json.loads(json.dumps(one.as_dict()))
    again = kind.from_dict(record)
    assert again.as_dict() == one.as_dict()
    for name, (wrong, said) in WRONG[kind].items():
        with pytest.raises(RegrepError) as error:
            kind.from_dict({**record, name: wrong})
        assert str(error.value) == said + "; restore a copy"
        if name not in ("course", "device", "weight"):
            with pytest.raises(RegrepError):
                kind.from_dict({key: value for key, value in record.items() if key != name})


def test_scores_are_packed_as_bits_or_numbers_and_read_back():
    draw = np.random.default_rng(0)
    for scores in (draw.integers(0, 2, 9).astype(float), draw.normal(size=40), draw.normal(size=5).astype("f4") * 1.0):
        record = packed(scores)
        assert unpacked(record).tolist() == scores.tolist()
        assert (
            unpacked({**record, "data": record["data"].replace("-", "+").replace("_", "/")}).tolist() == scores.tolist()
        )
    assert packed(np.ones(9))["kind"] == "bits"
    eight = packed(np.ones(8))
    assert (eight["count"], len(eight["data"])) == (8, 4)  # one byte
    said = "a record has 9 finite scores in 2 bytes, got 1 bytes; restore a copy"
    for wrong, message in (
        ({**eight, "count": 9}, said),
        ({**eight, "count": 0}, f"scores of a record are 1 to {LONGEST} numbers, got 0; restore a copy"),
        ({**eight, "count": LONGEST + 1}, f"1 to {LONGEST} numbers, got {LONGEST + 1};"),
        ({**eight, "count": LONGEST}, f"{LONGEST} finite scores in {LONGEST // 8} bytes, got 1 bytes"),
        ({**packed(np.full(3, 0.5)), "count": 2}, "2 finite scores in 8 bytes, got 12 bytes"),
        ({**packed(np.full(3, 0.1)), "count": 2}, "2 finite scores in 16 bytes, got 24 bytes"),
        ({**eight, "kind": "int8"}, "the scores of a record cannot be read ('int8')"),
        ({**eight, "data": "?"}, "the scores of a record cannot be read ("),
    ):
        with pytest.raises(RegrepError) as error:
            unpacked(wrong)
        assert message in str(error.value)


def test_a_fingerprint_sees_values_kinds_shapes_and_names():
    x = torch.arange(6.0).reshape(2, 3)
    trees = [
        (x,), (x + 1,), (x.double(),), (x.reshape(3, 2),), (x.int(),), ({"a": x},), ({"b": x},), (x, x), ((x, x), 1),
        ({"a": x, "b": x + 1},), ({"a": x + 1, "b": x},), (x.flatten(),),
    ]  # fmt: skip
    prints = [fingerprint(*tree) for tree in trees]
    assert len(set(prints)) == len(trees)
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in prints)
    assert fingerprint(x.T.contiguous().T) == prints[0]
    assert fingerprint(x.clone().requires_grad_()) == prints[0]


def moved_by(x, y):
    """The one element of the regular action that takes x to y, whose entries all differ."""
    rho = regrep.regular(D3)
    found = [k for k in range(6) if torch.equal(rho(x[None], torch.tensor([k]))[0], y)]
    assert len(found) == 1
    return found[0]


D3 = regrep.groups.dihedral(3)


def test_samples_targets_and_unlabelled_ones_move_by_elements_of_their_own():
    x, u = torch.randn(40, 6), torch.randn(30, 6)
    parts = Splits((x, x + 10), (x, x), (x, x), u)
    made = task(data=parts, input_action=regrep.regular(D3), output_action=regrep.regular(D3))
    index, others = torch.randperm(40)[:32], torch.randperm(30)[:24]
    found = Views(made, parts, index, others, 3, 5)
    assert torch.equal(found.upright, x[index])
    assert torch.equal(found.y_upright, x[index] + 10)
    own = [moved_by(one, other) for one, other in zip(x[index], found.x, strict=True)]
    assert own == [moved_by(one, other) for one, other in zip(x[index] + 10, found.y, strict=True)]
    further = [moved_by(one, other) for one, other in zip(u[others], found.unlabelled, strict=True)]
    g = found.g.tolist()
    assert (len(own), len(further), len(g)) == (32, 24, 56)
    assert set(own) == set(further) == set(g) == set(range(6))
    for one, other in itertools.combinations((own[:24], further, g[:24], g[32:]), 2):
        assert one != other
    again = Views(made, parts, index, others, 3, 5)
    assert torch.equal(again.x, found.x)
    assert again.fingerprint == found.fingerprint
    for changed in (
        (index, others, 4, 5),
        (index, others, 3, 6),
        (index.flip(0), others, 3, 5),
        (index, others + 1, 3, 5),
    ):
        assert Views(made, Splits(*[parts.train] * 3, torch.cat([u, u])), *changed).fingerprint != found.fingerprint
    assert not torch.equal(Views(made, parts, index, others, 4, 5).g, found.g)
    assert not torch.equal(Views(made, parts, index, others, 3, 6).g, found.g)
    without = Views(made, parts, index, None, 3, 5)
    assert without.unlabelled is None
    assert len(without.g) == 32


def test_batches_of_labelled_and_unlabelled_samples_are_orders_of_their_own():
    made = task(batch=8, unlabelled_batch=10)
    order = list(Order(made, splits(), 0, 5))
    ours, theirs = (torch.cat(part) for part in zip(*order, strict=True))
    assert [(len(one), len(other)) for one, other in order] == [(8, 10)] * 5
    assert sorted(ours.tolist()) == sorted([*range(20)] * 2)
    assert sorted(theirs.tolist()) == sorted([*range(25)] * 2)
    assert ours[:20].tolist() != ours[20:].tolist()
    other = list(Order(made, splits(), 1, 5))
    assert torch.cat([one for one, _ in other]).tolist() != ours.tolist()
    assert torch.cat([two for _, two in other]).tolist() != theirs.tolist()
    equal = Splits(*[samples(20, 0)] * 3, samples(20, 1)[0])
    assert any(one.tolist() != two.tolist() for one, two in Order(task(batch=8), equal, 0, 5))
    assert [two for _, two in Order(made, splits(unlabelled=False), 0, 2)] == [None, None]


def test_the_latent_lies_where_the_task_says_or_where_the_network_shows():
    rho = regrep.latent(GROUP, 8)
    x = samples(20, 0)[0]
    for changes, expected in (
        ({}, ("encoder", True)),
        ({"layer": "encoder"}, ("encoder", True)),
        ({"layer": "encoder.0"}, ("encoder.0", False)),
        ({"layer": "head"}, ("head", False)),
        ({"layer": "encoder", "latent": rho}, ("encoder", True)),
        ({"latent": rho}, ("encoder", True)),
    ):
        made = task(**changes)
        found = placement(made, Network(), x)
        assert (found.layer, found.split) == expected
        assert (found.rho is rho, found.reason == "given by the task") == ("latent" in changes, "latent" in changes)
    assert found.rho is rho

    class Order(nn.Module):
        """Layers that run in another order than they are listed, one of them twice, and one that returns a pair."""

        def __init__(self):
            super().__init__()
            self.last, self.pair, self.third, self.first = (
                nn.Linear(4, 2), nn.LSTM(4, 4, batch_first=True), nn.Linear(4, 4), nn.Linear(4, 4)
            )  # fmt: skip

        def forward(self, x):
            z, _ = self.pair(self.third(self.first(self.first(x)))[:, None])
            return self.last(z[:, 0])

    found = placement(task(model=lambda seed: Order()), Order(), x)
    assert (found.layer, found.split) == ("third", False)
    with pytest.raises(RegrepError, match="a latent belongs to a layer; give its name as layer"):
        placement(task(latent=rho), Order(), x)
    with pytest.raises(RegrepError, match="no layer before the last has a latent with room for C2: it runs no layers"):
        placement(task(), nn.Sequential(nn.Linear(4, 2)), x)
    seen = []
    network = Network()
    network.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    placement(task(), network, x)
    assert len(seen) == 1
    assert torch.equal(seen[0], x[:8])


def test_symmetry_is_measured_as_the_library_does(monkeypatch):
    monkeypatch.setattr(symmetry, "MEASURED", 9)
    network, made, (x, y) = task().network(0), task(), samples(30, 1)
    place, metric = placement(made, network, x), made.metric_for(splits())
    found = symmetry_of(made, network, None, place, metric, (x, y))
    hits = lambda outputs, y: float((outputs.argmax(1) == y).double().mean())  # noqa: E731
    error = regrep.equivariance_error(network, x[:9], SWAP, place.rho, "encoder")
    outputs = regrep.equivariance_error(network, x[:9], SWAP, regrep.trivial(GROUP, 2))
    through = regrep.through_rho(network.encoder, network.head, x[:9], y[:9], SWAP, place.rho, hits)
    expected = [error.mean_whitened_error, through.mean, outputs.mean_total]
    assert list(found.values()) == pytest.approx(expected)
    assert list(found) == ["whitened_error", "through_rho", "output_error"]
    layer = placement(task(layer="encoder.0"), network, x)
    inner = symmetry_of(made, network, None, layer, metric, (x, y))
    moved = regrep.diagnostics.through_layer(network, "encoder.0", x[:9], y[:9], SWAP, layer.rho, hits)
    assert inner["through_rho"] == pytest.approx(moved.mean)
    averaged = symmetry_of(made, network, regrep.nn.GroupAveraged(network, SWAP), place, metric, (x, y))
    assert averaged["output_error"] == pytest.approx(0, abs=1e-6)
    assert averaged["whitened_error"] == found["whitened_error"]
    monkeypatch.setattr(symmetry, "AVERAGED", 5)  # outputs alone, which cost a pass for each element
    few = symmetry_of(made, network, network, place, metric, (x, y))
    fewer = regrep.equivariance_error(network, x[:5], SWAP, regrep.trivial(GROUP, 2))
    assert few == {**found, "output_error": pytest.approx(fewer.mean_total)}
    nothing = symmetry_of(made, network, None, None, metric, (x, y))
    assert (nothing["whitened_error"], nothing["through_rho"]) == (None, None)
    assert nothing["output_error"] == found["output_error"]
    still = nn.Sequential(nn.Linear(4, 2))
    nn.init.zeros_(still[0].weight)
    assert symmetry_of(made, still, None, None, metric, (x, y))["output_error"] is None  # nothing varies


def test_moving_outputs_are_measured_under_their_action():
    x = torch.randn(20, 4)
    made = task(output_action=SWAP, data=Splits(*[(x, x)] * 3), model=lambda seed: nn.Linear(4, 4))
    network = made.network(0)
    metric = Metric("error", lambda outputs, y: (outputs - y).square().mean(1), larger_is_better=False)
    found = symmetry_of(made, network, None, placement(task(layer="", latent=SWAP), network, x), metric, (x, x))
    assert found["output_error"] == pytest.approx(regrep.equivariance_error(network, x, SWAP, SWAP).mean_total)


def test_seeds_and_runs_of_a_plan():
    assert seeds_of(1000) == tuple(range(1000))
    assert seeds_of([3, 0]) == (3, 0)
    for wrong in (1001, 0, -1, [], [-1], [1.0], "ab", [True, 2]):
        with pytest.raises(RegrepError, match="seeds is their number, from 1 to 1000, or a list of integers, got"):
            seeds_of(wrong)
    found = plan(task(weights=(3.0, 1.0)), ["penalty-mse", "averaged"], [4, 2])
    assert [arm.name for arm in found.arms] == ["augmented", "penalty-mse", "averaged", "mse-permuted"]
    runs = [(run.arm, run.weight, run.seed) for run in found.trainings]
    grid = [(1.0, 4), (1.0, 2), (3.0, 4), (3.0, 2)]
    assert runs == [
        *(("augmented", None, seed) for seed in (4, 2)), *(("penalty-mse", *one) for one in grid),
        *(("mse-permuted", *one) for one in grid),
    ]  # fmt: skip
    weights = {"augmented": None, "penalty-mse": 3.0, "averaged": None, "mse-permuted": 1.0}
    tests = [(run.arm, run.weight, run.seed) for run in found.tests(weights)]
    assert tests == [(arm, weights[arm], seed) for arm in weights for seed in (4, 2)]


def test_some_seeds_choose_the_weights_and_the_others_are_trained_with_those():
    found = plan(task(weights=(3.0, 1.0)), ["penalty-mse", "averaged", "consistency-target"], [4, 2, 7], tuning_seeds=2)
    runs = {arm.name: [(run.weight, run.seed) for run in found.trainings if run.arm == arm.name] for arm in found.arms}
    assert runs["penalty-mse"] == [(1.0, 4), (1.0, 2), (3.0, 4), (3.0, 2)]
    assert runs["augmented"] == runs["consistency-target"] == [(None, 4), (None, 2), (None, 7)]  # no grid to go through
    weights = dict.fromkeys(runs) | {"penalty-mse": 3.0, "mse-permuted": 1.0, "same-view": 1.0}
    further = [(run.arm, run.weight, run.seed) for run in found.further(weights)]
    assert further == [("penalty-mse", 3.0, 7), ("mse-permuted", 1.0, 7), ("same-view", 1.0, 7)]
    assert len(found.tests(weights)) == 3 * len(found.arms)
    for all_seeds in (None, 3):
        whole = plan(task(weights=(3.0, 1.0)), ["penalty-mse"], [4, 2, 7], all_seeds)
        assert len(whole.trainings) == 3 + 2 * 6
        assert whole.further(weights) == []
    one = plan(task(weights=(3.0,)), ["penalty-mse"], 3, 1)
    assert one.further(weights | {"mse-permuted": 3.0}) == []  # one weight is nobody's choice
    for wrong in (0, 4, 1.5, True):
        with pytest.raises(RegrepError, match="tuning_seeds"):
            plan(task(), ["penalty-mse"], 3, wrong)


def test_an_average_of_heads_comes_with_the_networks_that_it_tests_and_has_their_weight():
    found = plan(task(weights=(3.0, 1.0)), ["latent-averaged"], 2)
    names = ["augmented", "penalty-whitened", "latent-averaged", "permuted", "shuffled", "latent-augmentation"]
    assert [arm.name for arm in found.arms] == names
    assert {run.arm for run in found.trainings} == {*names} - {"latent-averaged"}
    assert not ARMS["latent-averaged"].needs_reference
    runs = [trained("penalty-whitened", weight, 0, value) for weight, value in ((1.0, 0.4), (3.0, 0.6))]
    assert choose(runs, True) == {"penalty-whitened": 3.0, "latent-averaged": 3.0}
    assert trained_as("latent-averaged") == "penalty-whitened"


def test_an_average_has_the_weight_of_the_reference_only_if_that_was_trained():
    assert choose([trained("augmented", None, 0, 0.5)], True) == {"augmented": None, "averaged": None}
    assert choose([trained("plain", None, 0, 0.5)], True) == {"plain": None}


def test_as_many_decimals_as_an_interval_allows():
    assert [decimals(half, 0.5) for half in (0.0, -1.0, math.nan, 0.5, 0.05, 0.004, 1e-4, 1e-8, 1e-9, 1e-12)] == [
        3, 3, 3, 3, 3, 3, 4, 8, 9, 9
    ]  # fmt: skip
    assert [decimals(half, 1.0) for half in (5.0, 0.5, 0.05, 0.004)] == [1, 1, 2, 3]
    alone = regrep.comparison.interval_of([0.12345])
    assert (shown_interval(alone), shown_interval(alone, -1)) == ("0.123", "-0.123")


def test_arms_bring_their_controls_and_what_they_add_to():
    named = regrep.comparison.arms.arms_named
    assert [arm.name for arm in named("consistency-whitened")] == [
        "augmented", "consistency", "consistency-whitened", "consistency-permuted", "same-view",
    ]  # fmt: skip
    assert [arm.name for arm in named(["plain"])] == ["plain", "augmented"]
    assert named(None) == list(ARMS.values())
    for wrong in ((), 3, {"plain"}):
        with pytest.raises(RegrepError, match="arms is a list of names, got .*; choose from plain, augmented,"):
            named(wrong)


def test_arms_need_what_their_terms_need():
    """A latent where something is penalised or moved there, a head where that is trained on it."""
    for name, arm in ARMS.items():
        tested = ARMS[arm.tests] if arm.latent and arm.averages else arm
        settings = dict(tested.settings)
        penalises = tested.weighted == "weight" or "weight" in arm.shares or "target_error" in settings
        augments = settings.get("latent_augmentation", False)
        assert (arm.latent, arm.head) == (penalises or augments, augments), name
        if arm.augmented and not penalises and not arm.averages and not arm.projects:
            assert settings["weight"] == 0.0, name
        assert ("penalty" in settings) == penalises, name
        assert (arm.teacher is not None) == (arm.weighted == "teacher_weight") == ("teacher_view" in settings), name
        assert arm.follows == any(option.startswith("target_") for option in settings), name
        assert arm.control == any(name in other.controls for other in ARMS.values()), name
        for other in (ARMS[control] for control in arm.controls):
            assert other.control
            assert list(ARMS).index(other.name) > max(k for k, one in enumerate(ARMS.values()) if not one.control)
            if arm.latent and other.weighted == arm.weighted is not None:
                same = {**settings, "control": other.settings["control"]}
                assert (dict(other.settings), other.shares) == (same, arm.shares), (name, other.name)
        if arm.averages and arm.latent:
            assert arm.adds_to == arm.tests
            assert arm.controls == tested.controls
        elif arm.adds_to is not None:
            assert ARMS[arm.adds_to].weighted == arm.weighted
    assert [(name, arm.tests) for name, arm in ARMS.items() if not arm.trains] == [
        ("averaged", "augmented"), ("latent-averaged", "penalty-whitened"),
    ]  # fmt: skip
    assert [name for name, arm in ARMS.items() if arm.needs_reference] == ["averaged", "distilled", "self-distilled"]
    assert [name for name, arm in ARMS.items() if arm.plain_views] == ["plain", "augmented", "averaged"]


def test_five_seeds_are_usual():
    assert plan(task(), ["plain"]).seeds == (0, 1, 2, 3, 4)


def test_outputs_that_their_action_does_not_fit_are_found_before_training():
    """Targets of 4 coordinates, which swap, and outputs of 3."""
    x = samples(20, 0)[0]
    other = task(output_action=SWAP, data=Splits(*[(x, x)] * 3), model=lambda seed: nn.Linear(4, 3))
    with pytest.raises(RegrepError, match=r"Permute moves 4 entries along dimension 1, got shape \[4, 3\]"):
        plan(other, ["plain"], 1)


def test_cards_that_are_used_keep_their_random_numbers(monkeypatch):
    seen = []

    class Kept:
        def __init__(self, devices):
            seen.append(list(devices))

        def __enter__(self):
            return None

        def __exit__(self, *args):
            return None

    monkeypatch.setattr(torch.random, "fork_rng", Kept)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    for used in (True, False):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda used=used: used)
        with devices.seeded(3):
            drawn = torch.rand(1)
            assert torch.equal(drawn, torch.rand(1, generator=torch.Generator().manual_seed(3)))
    assert seen == [[0, 1], []]


def test_every_seed_that_torch_takes_makes_a_network():
    for seed in (0, 2**63 - 1):
        assert fingerprint(task().network(seed).state_dict()) == fingerprint(task().network(seed).state_dict())
    for seed in (-1, 2**63):
        with pytest.raises(RegrepError, match=f"the seed of a network is an integer from 0 to {2**63 - 1}, got {seed}"):
            task().network(seed)


@pytest.mark.parametrize("what", ["steps", "epochs", "batch", "unlabelled_batch"])
def test_counts_of_a_task_are_whole_numbers(what):
    given = {"steps": None, "epochs": None, what: 10**9} if what == "epochs" else {what: 10**9}
    assert getattr(task(**given), what) == 10**9
    for wrong in (0, 10**9 + 1, 2.0, True):
        with pytest.raises(RegrepError, match=f"^{what} of a task is an integer from 1 to {10**9}, got {wrong}$"):
            task(**{**given, what: wrong})
