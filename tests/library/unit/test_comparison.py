"""A comparison: pairing, choice on validation alone, tests once, what is wrong in one sentence."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

import regrep
from comparison_fixture import GROUP, SWAP, Network, comparison, evaluated, samples, splits, task, trained
from regrep.comparison import ARMS, Arm, Comparison, Metric, Splits, Trained, choose, evaluate, plan, train
from regrep.comparison.batches import Order, Views
from regrep.comparison.placement import placement
from regrep.comparison.plan import check_paired
from regrep.comparison.records import Evaluated, fingerprint, packed, unpacked
from regrep.comparison.result import HEAD
from regrep.comparison.steps import Taught, step_of
from regrep.errors import RegrepError

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")

TRAINED = [name for name, arm in ARMS.items() if arm.trains]


def reference(seed, of=None):
    return train(of or task(), ARMS["augmented"], None, seed)[1]


def trained_arm(name, seed, of=None):
    return train(of or task(), ARMS[name], weight_of(name), seed, reference(seed, of))


def place_of(of):
    return placement(of, of.network(0), of.splits(0).train[0])


def weight_of(name):
    return None if ARMS[name].weighted is None else 0.3


class Sentinel(torch.Tensor):
    """Samples that nobody may look at."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        raise AssertionError(f"the test samples were looked at by {function}")


def hidden(x):
    return x.as_subclass(Sentinel)


def test_all_arms_of_a_seed_begin_alike_and_see_the_same(monkeypatch):
    """Initial weights and every view of every step, bit by bit."""
    seen = {}
    original = Views.__init__

    def recording(self, *args):
        original(self, *args)
        seen.setdefault(name, []).append((self.x.clone(), self.y.clone(), self.g.clone(), self.unlabelled.clone()))

    monkeypatch.setattr(Views, "__init__", recording)
    records = {}
    for name in TRAINED:
        teacher = reference(3)
        seen.pop(name, None)
        records[name], _ = train(task(), ARMS[name], weight_of(name), 3, teacher)
    check_paired(records.values())
    for name in TRAINED:
        assert records[name].pairing == records["plain"].pairing, name
        for step, other in zip(seen[name], seen["plain"], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(step, other, strict=True)), name
    assert len(seen["plain"]) == 4
    assert len({tuple(g.tolist()) for _, _, g, _ in seen["plain"]}) == 4  # new elements in each step
    assert train(task(), ARMS["plain"], None, 4)[0].initial != records["plain"].initial
    assert train(task(), ARMS["plain"], None, 4)[0].order != records["plain"].order


def test_a_run_is_the_same_again_and_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, state = train(task(), ARMS["penalty-whitened"], 0.3, 0)
    assert torch.equal(torch.get_rng_state(), before)
    two, other = train(task(), ARMS["penalty-whitened"], 0.3, 0)
    assert (one.validation, one.pairing) == (two.validation, two.pairing)
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_dropout_is_drawn_from_the_seed():
    def model(seed):
        return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))

    states = []
    for draw in (1, 2):
        torch.manual_seed(draw)
        states.append(fingerprint(train(task(model=model), ARMS["plain"], None, 0)[1]))
    assert states[0] == states[1]


def test_the_arms_are_what_they_say():
    """Networks differ where the arms do, and a loop by hand gives those of two arms."""
    states = {name: trained_arm(name, 0)[1] for name in TRAINED}
    prints = {name: fingerprint(state) for name, state in states.items()}
    assert len(set(prints.values())) == len(prints), prints
    for name in ("plain", "augmented"):
        mine = task().network(0)
        optimiser = torch.optim.Adam(mine.parameters(), lr=2e-3)
        for k, (index, others) in enumerate(Order(task(), splits(), 0, 4)):
            optimiser.param_groups[0]["lr"] = 2e-3 * task().schedule((k + 1) / 4)
            views = Views(task(), splits(), index, others, 0, k)
            x, y = splits().train[0][index], splits().train[1][index]
            loss = nn.functional.cross_entropy(mine(x), y)
            if name == "augmented":
                both = torch.cat([views.x, SWAP(views.x, views.g[: len(y)])])
                loss = 2 * nn.functional.cross_entropy(mine(both), torch.cat([y, y]))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        for key, value in mine.state_dict().items():
            torch.testing.assert_close(states[name][key], value, rtol=1e-4, atol=1e-6)


def test_terms_without_labels_use_the_unlabelled_samples():
    """Other unlabelled samples change the networks of the arms that need no labels, and of no other arm."""
    one = splits()
    other = task(data=Splits(one.train, one.validation, one.test, 3 * one.unlabelled))
    for name in TRAINED:
        changed = fingerprint(trained_arm(name, 0, task())[1]) != fingerprint(trained_arm(name, 0, other)[1])
        labelled = name in ("plain", "augmented", "latent-augmentation") or ARMS[name].projects
        assert changed == (not labelled), name


@pytest.mark.parametrize(("name", "control"), [("consistency-whitened", None), ("consistency-permuted", "permuted")])
def test_the_penalty_that_joins_consistency_has_a_tenth_of_its_weight(name, control):
    step = Taught(task(), ARMS[name], 3.0, task().network(0), splits(), place_of(task()), None)
    objective = step.objective
    assert (objective.consistency, objective.weight) == (3.0, pytest.approx(0.3))
    assert (objective.penalty, objective.latent_augmentation, objective.control) == ("whitened", True, control)
    views = Views(task(), splits(), torch.arange(8), torch.arange(8), 0, 0)
    terms = objective(views.x, views.y, g=views.g, unlabelled=views.unlabelled)
    parts = terms.task + terms.shifted_task + terms.latent_task + 3 * terms.consistency + 0.3 * terms.equivariance
    torch.testing.assert_close(terms.total, parts)


def test_an_arm_that_adds_to_another_is_compared_with_it():
    found = regrep.compare(task(), ["consistency-whitened"], seeds=2)
    assert found.arms == ("augmented", "consistency", "consistency-whitened", "consistency-permuted", "same-view")
    alone, both = found.findings
    assert (alone.arm, alone.added) == ("consistency", None)
    assert both.added == ("consistency", found.gain("consistency-whitened", "consistency"))
    assert [name for name, _, _ in both.controls] == ["consistency-permuted"]
    rows = {"augmented": [[0, 0]] * 2, "consistency": [[1, 0], [0, 0]], "consistency-whitened": [[1, 1]] * 2}
    ((base, gain),) = (one.added for one in comparison(rows).findings if one.added)
    assert (base, gain.mean) == ("consistency", 0.75)


@pytest.mark.parametrize(("name", "weight"), [("projected", 0.7), ("projected-shuffled", 2.0)])
def test_the_distance_of_weights_is_one_at_first_and_its_gradient_pulls_them_to_the_projection(name, weight):
    """By hand for the swap of two halves: tied entries move to their mean; under the control others are tied."""
    network = task().network(0)
    step = step_of(task(), ARMS[name], weight, network, splits())
    views = Views(task(), splits(), torch.arange(8), torch.arange(8), 0, 0)
    plain = step_of(task(), ARMS["augmented"], None, network, splits())(views, 0.0)
    torch.testing.assert_close(step(views, 0.0) - plain, torch.tensor(weight))
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (step(views, 0.0) - step_of(task(), ARMS["augmented"], None, network, splits())(views, 0.0)).backward()
        optimiser.step()
    first, last = network.encoder[0].weight, network.head.weight  # [8, 4] with four copies of the swap, and [2, 8]
    swapped = first.reshape(4, 2, 2, 2).flip(1, 2).reshape(8, 4), last.reshape(2, 4, 2).flip(2).reshape(2, 8)
    near = torch.allclose(first, swapped[0], atol=1e-3), torch.allclose(last, swapped[1], atol=1e-3)
    assert near == ((True, True) if name == "projected" else (False, False))
    assert len(set(first.detach().mul(1e3).round().flatten().tolist())) <= 16  # half as many values as entries


def test_an_arm_that_projects_is_left_out_with_the_reason_or_refused_if_it_was_named():
    class Scaled(Network):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.scale * super().forward(x)

    other = task(model=lambda seed: Scaled())
    reason = "convolutions, linear layers and batch normalisations that run can be projected and nothing else, got"
    left_out = plan(other, None, 1).left_out
    assert left_out == dict.fromkeys(("projected", "projected-shuffled"), f"{reason} the parameter scale")
    with pytest.raises(RegrepError, match=f"the arm projected is not possible for swaps: {reason}"):
        plan(other, ["projected"], 1)


def test_a_mean_teacher_teaches_in_the_second_half_and_follows_the_network():
    first_half = train(task(steps=4), ARMS["mean-teacher"], 100.0, 0)[1]
    small = train(task(steps=4), ARMS["mean-teacher"], 1e-9, 0)[1]
    assert fingerprint(first_half) != fingerprint(small)
    step = Taught(task(), ARMS["mean-teacher"], 0.3, network := task().network(0), splits(), None, None)
    before = fingerprint(step.mean.average.state_dict())
    views = Views(task(), splits(), torch.arange(8), torch.arange(8), 0, 0)
    for done, weight in ((0.0, 0.0), (0.49, 0.0), (0.5, 0.3), (0.99, 0.3)):
        step(views, done)
        assert step.objective.teacher_weight == weight
    network.head.bias.data.add_(1)
    step.taken()
    assert fingerprint(step.mean.average.state_dict()) != before


@pytest.mark.parametrize("name", ["penalty-target", "consistency-target"])
def test_the_course_of_a_weight_that_follows_a_target_is_kept(name, monkeypatch):
    """The weight of each third step of 100, as the terms of the objective had it."""
    seen = []
    original = regrep.EquivariantObjective.forward

    def watched(self, *args, **kwargs):
        terms = original(self, *args, **kwargs)
        seen.append(terms.weight if name == "penalty-target" else terms.consistency_weight)
        return terms

    monkeypatch.setattr(regrep.EquivariantObjective, "forward", watched)
    record = train(task(steps=100), ARMS[name], None, 0)[0]
    assert len(seen) == 100
    assert record.course == tuple(float(value) for value in seen[::3])
    assert len(record.course) == 34
    assert len(set(record.course)) > 20
    again = Trained.from_dict(json.loads(json.dumps(record.as_dict())))
    assert again == record


def test_other_arms_have_no_course_and_older_records_neither():
    record = train(task(), ARMS["penalty-mse"], 0.3, 0)[0]
    assert record.course == ()
    older = {key: value for key, value in record.as_dict().items() if key != "course"}
    assert Trained.from_dict(older) == record
    for wrong in (3, [0.0], ["a"], [float("nan")], None):
        with pytest.raises(RegrepError, match="course of a record holds weights above 0"):
            Trained.from_dict({**older, "course": wrong})


def test_an_arm_that_learns_from_the_reference_needs_it_and_leaves_it_alone():
    with pytest.raises(RegrepError, match="the arm distilled learns from the network of augmented; train that first"):
        train(task(), ARMS["distilled"], 0.3, 0)
    state = reference(0)
    before = fingerprint(state)
    train(task(), ARMS["distilled"], 0.3, 0, state)
    assert fingerprint(state) == before


def test_each_pass_shows_every_sample_once():
    order = [index for index, _ in Order(task(batch=8), splits(), 0, 5)]
    assert sorted(torch.cat(order).tolist()) == sorted([*range(20), *range(20)])
    assert [len(index) for index, _ in Order(task(batch=64), splits(), 0, 3)] == [20, 20, 20]


def test_training_and_choice_never_see_the_test_samples():
    x, y = samples(30, 99)
    open_ones = splits()
    closed = Splits(open_ones.train, open_ones.validation, (hidden(x), hidden(y)), open_ones.unlabelled)
    secret = task(data=closed)
    with pytest.raises(AssertionError, match="looked at"):
        closed.test[0] + 1
    wanted = plan(secret, None, 1)
    teacher = reference(0, secret)
    records = [train(secret, ARMS[run.arm], run.weight, run.seed, teacher)[0] for run in wanted.trainings]
    choose(records, True)
    with pytest.raises(RegrepError, match="the model on the test inputs failed with AssertionError: the test samples"):
        evaluate(secret, ARMS["plain"], None, 0, train(secret, ARMS["plain"], None, 0)[1])


def test_only_chosen_weights_are_tested(monkeypatch):
    calls = []
    original = regrep.comparison.runs.evaluate

    def counted(task, arm, weight, seed, state):
        calls.append((arm.name, weight, seed))
        return original(task, arm, weight, seed, state)

    monkeypatch.setattr(regrep.comparison.runs, "evaluate", counted)
    found = regrep.compare(task(), ["penalty-mse"], seeds=2)
    assert len(calls) == len(set(calls)) == 2 * len(found.arms)
    assert len({weight for name, weight, _ in calls if name == "penalty-mse"}) == 1
    assert len([run for run in found.trained if run.arm == "penalty-mse"]) == 2 * len(task().weights)


def test_a_comparison_that_some_seeds_tune_trains_the_others_with_their_weights():
    said = []
    found = regrep.compare(task(), ["distilled"], seeds=3, tuning_seeds=1, progress=said.append)
    chosen = {one.arm: one.weight for one in found.tested}
    assert len(found.trained) == len(said) == 3 + 2 * (4 + 2)
    for arm in ("distilled", "self-distilled"):
        weights = {
            seed: {one.weight for one in found.trained if (one.arm, one.seed) == (arm, seed)} for seed in range(3)
        }
        assert weights == {0: set(task().weights), 1: {chosen[arm]}, 2: {chosen[arm]}}
    assert "(mean over the seed 0) from 0.1" in found.notes[2]
    assert said[-1].startswith("15/15 ")
    every = regrep.compare(task(), ["distilled"], seeds=3)
    assert "(mean over the seeds) from 0.1" in every.notes[2]
    pairs = {(one.arm, one.weight, one.seed): one.validation for one in every.trained}
    assert all(pairs[one.arm, one.weight, one.seed] == one.validation for one in found.trained)


@pytest.mark.parametrize(("larger", "weight"), [(True, 0.1), (False, 1.0)])
def test_the_weight_with_the_best_mean_on_validation_is_chosen(larger, weight):
    values = {0.1: (0.6, 0.7), 0.3: (0.9, 0.2), 1.0: (0.05, 0.4)}  # the best single seed is not the best mean
    records = [trained("penalty-mse", w, s, value) for w, pair in values.items() for s, value in enumerate(pair)]
    assert choose(records, larger)["penalty-mse"] == weight
    equal = [trained("penalty-mse", w, 0, 0.5) for w in (1.0, 0.1, 0.3)]
    assert choose(equal, larger)["penalty-mse"] == 0.1
    with pytest.raises(RegrepError, match="the same seeds"):
        choose(records[:-1], larger)


@pytest.mark.parametrize("what", ["initial", "order", "data", "steps"])
def test_runs_that_are_not_paired_are_not_compared(what):
    one = trained("augmented", None, 0, 0.5)
    other = trained("plain", None, 0, 0.5, **{what: 9 if what == "steps" else "other"})
    with pytest.raises(RegrepError, match="the arms of a seed are paired, but plain and augmented have different"):
        check_paired([one, other])


def test_a_factory_that_ignores_its_seed_is_noticed():
    count = iter(range(100))

    def model(seed):
        network = Network()
        network.head.bias.data.fill_(next(count))
        return network

    with pytest.raises(RegrepError, match="different initial weights for seed 0"):
        regrep.compare(task(model=model), ["plain"], seeds=1)


def test_gains_are_paired_by_seed_and_sample():
    draw = np.random.default_rng(0)
    base = draw.integers(0, 2, (3, 40)).astype(float)
    better = np.maximum(base, draw.integers(0, 2, (3, 40)))
    found = comparison({"augmented": base, "averaged": better})
    assert found.gain("averaged").mean == pytest.approx((better - base).mean())
    assert found.gain("averaged") == regrep.comparison.interval_of(better - base)
    assert found.gain("augmented", "averaged").mean == -found.gain("averaged").mean
    errors = Comparison("e", "error", False, found.seeds, found.trained, found.tested)
    assert errors.gain("averaged").mean == -found.gain("averaged").mean
    with pytest.raises(RegrepError, match="there is no arm plain here"):
        found.gain("plain")


def test_flags_are_true_or_false():
    with pytest.raises(RegrepError, match="larger_is_better is True or False, got 'no'"):
        Metric("error", float, "no")
    with pytest.raises(RegrepError, match=r"averages is True or False, got a tensor of shape \[2\]"):
        Arm("mine", "an arm", averages=torch.ones(2))


def test_a_metric_that_is_one_number_gives_intervals_over_seeds():
    rows = {"augmented": [0.5, 0.6, 0.7], "plain": [0.4, 0.55, 0.5]}
    runs = [trained(arm, None, s, 0.5) for arm in rows for s in range(3)]
    tests = [
        evaluated(arm, s, [value], by_sample=False) for arm, values in rows.items() for s, value in enumerate(values)
    ]
    found = Comparison("t", "auc", True, (0, 1, 2), tuple(runs), tuple(tests))
    assert found.gain("plain").covers == "seeds"
    whole = Metric("accuracy of all", lambda outputs, y: float((outputs.argmax(1) == y).float().mean()))
    assert regrep.compare(task(metric=whole), ["plain"], seeds=2).gain("plain").covers == "seeds"


def test_averages_cost_the_group_and_are_invariant():
    found = regrep.compare(task(), ["plain", "averaged", "penalty-mse"], seeds=2)
    assert found.inference("averaged") == GROUP.order
    assert found.inference("plain") == found.inference("penalty-mse") == found.step("plain") == 1.0
    assert found.step("augmented") == 2.0
    assert found.step("averaged") == found.step("augmented")
    assert found.equivariance("averaged", "output_error") == pytest.approx(0, abs=1e-6)
    assert found.equivariance("augmented", "output_error") > 0.01
    assert found.equivariance("augmented", "whitened_error") is not None
    assert "averaged" in str(found)
    assert "averaged" in found._repr_html_()
    assert [line["arm"] for line in found.table()] == list(found.arms)


@pytest.mark.parametrize(("weight", "told"), [(0.1, True), (0.3, False), (1.0, True)])
def test_a_weight_at_an_end_of_the_grid_is_told(weight, told):
    runs = [trained("augmented", None, 0, 0.5)]
    runs += [trained("consistency", one, 0, 0.9 if one == weight else 0.5) for one in (0.1, 0.3, 1.0)]
    tests = [
        evaluated("augmented", 0, [0.0, 1.0]),
        dataclasses.replace(evaluated("consistency", 0, [1.0, 1.0]), weight=weight),
    ]
    found = Comparison("t", "accuracy", True, (0,), tuple(runs), tuple(tests))
    assert ("The weight of consistency stands at an end of the grid" in " ".join(found.notes)) is told
    alone = Comparison("t", "accuracy", True, (0,), (runs[0], *(r for r in runs if r.weight == weight)), tuple(tests))
    assert "end of the grid" not in " ".join(alone.notes)  # the only one


@pytest.mark.parametrize(
    ("scores", "kind"),
    [([0, 1, 1], "bits"), ([0.5, 3, 2], "float32"), ([0.1, 3, 2], "float64"), ([2, 2, 1e300], "float64")],
)
def test_scores_are_kept_exactly_in_few_bytes(scores, kind):
    record = packed(np.array(scores, dtype=np.float64))
    assert record["kind"] == kind
    assert unpacked(record).tolist() == scores


def test_controls_are_no_comparisons():
    found = regrep.compare(task(), ["penalty-mse"], seeds=2)
    assert found.arms == ("augmented", "penalty-mse", "mse-permuted")
    assert [one.arm for one in found.findings] == ["penalty-mse"]
    assert [name for name, _, _ in found.findings[0].controls] == ["mse-permuted"]


def test_the_printed_table_explains_its_columns_in_a_line_below():
    rows = {"augmented": [[1, 0], [0, 0]], "averaged": [[0, 0], [1, 0]]}
    found = comparison(rows)
    *table, empty, legend, gap, said = str(found).split("\n")
    assert (empty, gap, said) == ("", "", found.verdict)
    assert len(table) == 1 + 1 + len(found.arms)
    explained = {name for part in legend.split("; ") for name in part.split(": ")[0].split(", ")}
    assert explained == set(HEAD) - {"arm", "weight", "step s", "inference s"}
    assert "cost, augmented is 1, in operations and in seconds (s)" in legend  # without plain
    assert "accuracy, larger is better" in legend
    assert "error, smaller is better" in Comparison("e", "error", False, (0, 1), found.trained, found.tested).legend


def test_a_record_of_everything_is_read_back():
    found = regrep.compare(task(), ["averaged", "penalty-whitened"], seeds=2)
    again = Comparison.from_dict(copy.deepcopy(found.as_dict()))
    assert again.verdict == found.verdict
    assert again.rows() == found.rows()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("trained", [{"arm": "plain"}]),
        ("trained", 3),
        ("tested", [3]),
        ("seeds", ["x"]),
        ("seeds", None),
    ],
)
def test_damaged_records_are_refused(place, value):
    record = comparison({"augmented": [[1, 0]], "plain": [[0, 0]]}).as_dict()
    with pytest.raises(RegrepError):
        Comparison.from_dict({**record, place: value})


@pytest.mark.parametrize(
    "change",
    [
        {"count": 10**9},
        {"count": -1},
        {"count": "3"},
        {"count": 4},
        {"data": "!"},
        {"data": None},
    ],
)
def test_damaged_scores_are_refused(change):
    record = packed(np.array([0.5, 0.25, 0.125]))
    assert unpacked(record).tolist() == [0.5, 0.25, 0.125]
    with pytest.raises(RegrepError):
        unpacked({**record, **change})
    with pytest.raises(RegrepError, match="finite"):
        unpacked(packed(np.array([np.nan, 1.0])))


@pytest.mark.parametrize(("key", "value"), [("arm", "mine"), ("seed", "0"), ("weight", "x"), ("validation", None)])
def test_a_damaged_training_is_refused(key, value):
    with pytest.raises(RegrepError, match="of a record|a record"):
        Trained.from_dict({**trained("plain", None, 0, 0.5).as_dict(), key: value})
    if key != "validation":
        with pytest.raises(RegrepError, match="a record"):
            Evaluated.from_dict({**evaluated("plain", 0, [1.0]).as_dict(), key: value})


def quarter():
    return regrep.actions.Permute(regrep.groups.cyclic(4), torch.arange(4).repeat(4, 1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": 3}, "model of a task is a module or a function, got 3"),
        ({"model": lambda seed: 3}, "model(seed) returns a torch module, got 3"),
        ({"model": lambda seed: nn.Linear(5, 2)}, "the model on the training inputs failed with RuntimeError"),
        ({"data": 3}, "data of a task, if they are no Splits,"),
        ({"data": lambda seed: 3}, "data(seed) returns regrep.comparison.Splits, got 3"),
        ({"data": lambda seed: 1 / 0}, "data(0) of the task failed with ZeroDivisionError"),
        (
            {"data": Splits((samples(3, 0)[0], samples(2, 0)[1]), samples(2, 1), samples(2, 2))},
            "got 3 inputs and 2 targets",
        ),
        ({"loss": lambda outputs, y: outputs}, "loss(outputs, targets) returns a scalar tensor"),
        ({"loss": lambda outputs, y: outputs.nothing()}, "the loss failed with AttributeError"),
        ({"metric": Metric("m", lambda outputs, y: "high")}, "the metric m is a number, or one score for each"),
        ({"metric": Metric("m", lambda outputs, y: outputs)}, "the metric m is a number, or one score for each"),
        ({"metric": Metric("m", lambda outputs, y: float("nan"))}, "the metric m is a finite number"),
        ({"metric": "accuracy"}, "metric is a regrep.comparison.Metric"),
        ({"input_action": "rotate"}, "input_action is an action of a group, got 'rotate'"),
        ({"output_action": quarter()}, "C4 acts on the outputs, but C2 acts on the inputs"),
        ({"latent": regrep.regular(regrep.groups.cyclic(4))}, "C4 is represented on the latent, but C2"),
        ({"layer": "encodr"}, "encodr"),
        ({"steps": 3, "epochs": 2}, "give steps or epochs"),
        ({"steps": 0}, "steps of a task is an integer from 1 to"),
        ({"lr": -1.0}, "lr is a learning rate above 0"),
        ({"weights": (1.0, 1.0)}, "weights are different numbers above 0"),
        ({"optimiser": lambda parameters: 3}, "optimiser(parameters) returns an optimiser of torch"),
        ({"name": 3}, "the name of a task is a text"),
    ],
)
def test_what_is_wrong_with_a_task_is_said_in_one_sentence(changes, said):
    with pytest.raises(RegrepError) as error:
        regrep.compare(task(**changes), ["penalty-mse"], seeds=1)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arms", "seeds", "said"),
    [
        (["penalty-msee"], 1, "there is no arm 'penalty-msee'; did you mean penalty-mse?"),
        ([], 1, "arms is a list of names"),
        ([3], 1, "there is no arm 3; choose from plain"),
        (None, 0, "seeds is their number"),
        (None, [1, 1], "every seed is given once"),
        (None, ["x"], "seeds is their number"),
    ],
)
def test_wrong_arms_and_seeds_are_named(arms, seeds, said):
    with pytest.raises(RegrepError, match=said.replace("?", r"\?")):
        regrep.compare(task(), arms, seeds)
    with pytest.raises(RegrepError, match=r"a comparison is of a regrep.Task, got 3"):
        regrep.compare(3)


def test_a_loss_that_is_not_finite_ends_the_run():
    def loss(outputs, y):
        return outputs.sum() * (float("inf") if next(steps) == 2 else 1.0)

    steps = iter(range(9))
    with pytest.raises(RegrepError, match="the loss of step 2 is finite, got"):
        train(task(loss=loss), ARMS["plain"], None, 0)


def test_a_network_without_encoder_and_head_gets_the_last_layer_with_room():
    def model(seed):
        return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1), nn.Linear(1, 2))

    wanted = plan(task(model=model), None, 1)
    assert "permuted" in wanted.left_out
    assert "needs a network with encoder and head" in wanted.left_out["penalty-whitened"]
    found = regrep.compare(task(model=model), ["penalty-mse"], seeds=1)
    assert "layer '1'" in found.place
    with pytest.raises(RegrepError, match="the arm penalty-whitened is not possible for swaps"):
        plan(task(model=model), ["penalty-whitened"], 1)
    narrow = plan(task(model=lambda seed: nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 2))), None, 1)
    assert {arm.name for arm in narrow.arms} == {name for name, arm in ARMS.items() if not arm.latent}
    assert {"consistency", "averaged", "distilled", "mean-teacher"} <= {arm.name for arm in narrow.arms}


def test_trees_of_inputs_and_moving_targets():
    """A pair of inputs, of which one moves; the target is the swapped half, and moves too."""

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 2)

        def forward(self, x):
            return self.last(self.first(torch.cat([x["places"], x["scale"]], dim=1)).tanh())

    def data(count, seed):
        x, _ = samples(count, seed)
        return {"places": x, "scale": torch.ones(count, 1)}, x[:, [0, 2]]

    pair = task(
        model=lambda seed: Pair(),
        data=Splits(data(20, 0), data(9, 1), data(11, 2)),
        loss=nn.functional.mse_loss,
        input_action={"places": SWAP, "scale": None},
        output_action=regrep.regular(GROUP),
    )
    found = regrep.compare(pair, ["plain", "penalty-mse"], seeds=2)
    assert found.metric == "squared error"
    assert not found.larger_is_better
    assert "layer 'first'" in found.place
