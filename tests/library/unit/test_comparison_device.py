"""A comparison on an accelerator, with a pretended card: the same samples and the same numbers, without waiting."""

import copy
from functools import cache

import pytest
import torch
from torch import nn

import regrep
from comparison_fixture import Network, comparison, evaluated, splits, task, trained
from pretended import CARD, NAME, OnCard, on_card, pretended_card
from regrep.comparison import ARMS, Comparison, Splits, Trained, evaluate, train
from regrep.comparison.devices import check_present, device_named, on_device, sent
from regrep.comparison.records import Evaluated
from regrep.comparison.watch import Watch
from regrep.errors import RegrepError

pytestmark = [
    pytest.mark.filterwarnings("ignore::regrep.CapacityWarning"),
    pytest.mark.filterwarnings("ignore::regrep.objectives.PositionsWarning"),
]

TRAINED = [name for name, arm in ARMS.items() if arm.trains]

D4 = regrep.groups.dihedral(4)


class Images(nn.Module):
    """Convolutions with batch statistics, and a mask that is a buffer."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ELU(inplace=True))
        self.encoder.append(nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 64)))
        self.head = nn.Sequential(nn.BatchNorm1d(64), nn.ELU(), nn.Linear(64, 3))

    def forward(self, x):
        return self.head(self.encoder(x))


class Field(nn.Module):
    """A field of vectors from a picture, without encoder and head."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x):
        return self.two(self.one(x).tanh())


def pictures(action):
    """A task of classes of pictures."""
    side = 8 if isinstance(action, regrep.actions.SideBySide) else 4
    x = torch.randn(40, 1, side, side, generator=torch.Generator().manual_seed(1))
    y = torch.arange(40) % 3
    net = Images if side == 4 else lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3))
    parts = Splits((x[:12], y[:12]), (x[12:20], y[12:20]), (x[20:30], y[20:30]), x[30:])
    return task(
        model=lambda seed: net(), data=parts, input_action=action, batch=6, steps=10, loss=nn.functional.cross_entropy
    )


def fields():
    """A task with equivariant output."""
    x = torch.randn(40, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    y = torch.cat([x, x.transpose(2, 3)], dim=1)
    parts = Splits((x[:12], y[:12]), (x[12:20], y[12:20]), (x[20:30], y[20:30]), x[30:])
    return task(
        model=lambda seed: Field(), data=parts, loss=nn.functional.mse_loss, batch=6, steps=10,
        input_action=regrep.actions.RotateFlip2d(D4), output_action=regrep.actions.VectorField2d(D4, rows="down"),
    )  # fmt: skip


def trees():
    """A task whose inputs are a tree of tensors."""

    class Sum(nn.Linear):
        def forward(self, x):
            return super().forward(x["one"] + x["two"])

    def model(seed):
        network = Network()
        network.encoder[0] = Sum(4, 8)
        return network

    def doubled(pair):
        return {"one": pair[0], "two": pair[0].flip(0)}, pair[1]

    plain = splits()
    parts = Splits(doubled(plain.train), doubled(plain.validation), doubled(plain.test))
    swap = task().input_action
    return task(model=model, data=parts, input_action={"one": swap, "two": swap}, steps=10)


SIDES = regrep.actions.SideBySide(*[regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))] * 2)

TASKS = {
    "vectors": lambda: task(steps=10),
    "pictures": lambda: pictures(regrep.actions.RotateFlip2d(D4)),
    "pairs": lambda: pictures(SIDES),
    "fields": fields,
    "trees": trees,
}


@cache
def reference(name):
    """The state of the augmented network."""
    return train(TASKS[name](), ARMS["augmented"], None, 0)[1]


def possible(name):
    """The arms that a task allows."""
    return [arm.name for arm in regrep.comparison.plan(TASKS[name](), None, 1).arms]


TWINS = (
    *("plain", "augmented", "latent-augmentation", "same-view", "self-distilled", "consistency-target"),
    *("mse-permuted", "consistency-permuted", "projected-shuffled"),
)
"""Arms whose steps are made of those of others."""

QUICK = [
    *(("vectors", arm) for arm in ARMS if arm not in TWINS),
    ("fields", "mean-teacher"),
    ("pairs", "consistency"),
    ("pictures", "penalty-target"),
    ("trees", "penalty-whitened"),
]
"""Nearly every arm, and what is particular to a task."""

CASES = [
    pytest.param(name, arm, marks=[] if (name, arm) in QUICK else pytest.mark.slow)
    for name in TASKS
    for arm in possible(name)
]


@pytest.mark.parametrize(("name", "arm"), CASES)
def test_an_arm_gives_the_same_on_a_card_and_waits_for_it_in_no_step_between_readings(name, arm, monkeypatch):
    """Samples, elements, weights, scores and measures; every step of 10 but each second one without waiting."""
    trains = ARMS["augmented" if ARMS[arm].averages else arm]
    weight, steps = None if trains.weighted is None else 0.3, []
    teacher = reference(name)
    here, state = train(TASKS[name](), trains, weight, 0, teacher)
    tested = evaluate(TASKS[name](), ARMS[arm], weight, 0, state)
    with pretended_card(monkeypatch) as card:
        begin, end = Watch.begin, Watch.end

        def begun(self):
            steps.append(len(card.waits))
            begin(self)

        def ended(self):
            steps[-1] = card.waits[steps[-1] :]
            end(self)

        monkeypatch.setattr(Watch, "begin", begun)
        monkeypatch.setattr(Watch, "end", ended)
        there, moved = train(on_card(TASKS[name]()), trains, weight, 0, teacher)
        found = evaluate(on_card(TASKS[name]()), ARMS[arm], weight, 0, moved)
    assert there.pairing == here.pairing
    assert (here.device, there.device, tested.device, found.device) == ("cpu", NAME, "cpu", NAME)
    assert there.validation == pytest.approx(here.validation, abs=1e-5)
    assert not any(isinstance(value, OnCard) for value in moved.values())
    for key, value in state.items():
        torch.testing.assert_close(moved[key], value, rtol=1e-3, atol=1e-5)
    assert found.samples == tested.samples
    assert found.scores == pytest.approx(tested.scores, abs=1e-4)
    assert found.flops == tested.flops
    for one, other in ((found.before, tested.before), (found.after, tested.after)):
        assert one == {key: value if value is None else pytest.approx(value, abs=1e-3) for key, value in other.items()}
    assert len(steps) == 10
    assert [steps[k] for k in (2, 3, 4, 6, 7, 8, 9)] == [[]] * 7  # a table is brought once; a mean teacher begins late


def test_what_would_fail_on_a_card_fails_on_the_pretended_one(monkeypatch):
    """A loss with weights that were left on the CPU, found by the plan; and a metric that does not notice the card."""
    weights = torch.ones(2)

    def loss(outputs, targets):
        return nn.functional.cross_entropy(outputs * weights, targets)

    seen = []

    def metric(outputs, targets):
        seen.append((outputs.device.type, targets.device.type))
        return (outputs.argmax(1) == targets).double()

    with pretended_card(monkeypatch) as card:
        with pytest.raises(RegrepError, match="the loss failed with RuntimeError: mul of tensors on two devices"):
            regrep.comparison.plan(on_card(task(loss=loss)), None, 1)
        train(on_card(task(metric=regrep.comparison.Metric("hits", metric))), ARMS["plain"], None, 0)
        before = len(card.waits)
        x = torch.ones(3).to(CARD)
        float(x.sum())
        assert card.waits[before:] == ["_to_copy", "_local_scalar_dense"]
        with pytest.raises(RuntimeError, match="two devices"):
            x + torch.ones(3)
    assert set(seen) == {("cpu", "cpu")}


def test_random_elements_of_a_teacher_are_drawn_on_the_cpu(monkeypatch):
    """As many as in a distilled average, from torch's generator, which the seed of a run sets."""
    generator, drawn = torch.default_generator, []
    original = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *a, **k: drawn.append(k.get("generator")) or original(*a, **k))
    train(task(), ARMS["distilled"], 0.3, 0, train(task(), ARMS["augmented"], None, 0)[1])
    assert drawn == [generator] * 4


@pytest.mark.parametrize(("bad", "steps", "begun"), [(0, 3, 1), (7, 20, 8), (5, 20, 8), (19, 20, 20), (130, 400, 150)])
def test_a_loss_that_is_not_finite_is_found_with_its_step(bad, steps, begun):
    """At the next reading, which is one in four, or in fifty, steps."""
    watch, begins = Watch(CARD, steps), []
    watch.device = torch.device("cpu")

    def trained():
        for k in range(steps):
            begins.append(watch.begin())
            watch.seen(torch.tensor(float("nan") if k == bad else 1.0, requires_grad=True))
            watch.end()

    with pytest.raises(RegrepError, match=f"the loss of step {bad} is finite, got nan; lower the learning rate"):
        trained()
    assert len(begins) == begun


def test_times_are_those_of_the_steps_between_readings(monkeypatch):
    """With a clock that ticks at every step: each step takes a second, whatever the reading takes."""
    clock = [0.0]
    monkeypatch.setattr("regrep.comparison.watch.time.perf_counter", lambda: clock[0])
    watch = Watch(CARD, 20)
    watch.device = torch.device("cpu")
    for _ in range(20):
        watch.begin()
        watch.seen(torch.tensor(1.0, requires_grad=True))
        clock[0] += 1.0
        watch.end()
    assert watch.seconds == [1.0] * 5
    assert watch.step_seconds == 1.0


def test_places_and_elements_are_sent_in_one_copy(monkeypatch):
    with pretended_card(monkeypatch) as card:
        parts = [torch.arange(3), torch.arange(5), torch.arange(2)]
        found = sent(parts, CARD)
        assert [one.held.tolist() for one in found] == [one.tolist() for one in parts]
        assert card.waits == []
    assert sent(parts, torch.device("cpu")) is parts


def test_data_that_are_on_the_device_are_not_copied():
    pair = torch.ones(2), {"y": torch.zeros(2)}
    assert on_device(pair, torch.device("cpu")) is pair


@pytest.mark.parametrize("name", ["gpu", "", 3, None, "meta", torch.ones(2), "cuda:x"])
def test_an_unknown_device_is_one_sentence(name):
    with pytest.raises(
        RegrepError, match="a device is named cpu, cuda, cuda:1 or as torch names another one, got"
    ) as e:
        task(device=name)
    assert "\n" not in str(e.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is there")
def test_an_absent_device_is_one_sentence_before_anything_is_trained():
    assert task(device="cpu:0").device == device_named("cpu")
    calls = (
        lambda: regrep.compare(task(), device="cuda"),
        lambda: regrep.compare(task(device="cuda:1")),
        lambda: train(task(device="cuda"), ARMS["plain"], None, 0),
        lambda: evaluate(task(device="cuda"), ARMS["plain"], None, 0, {}),
        lambda: check_present(torch.device("cuda")),
    )
    for call in calls:
        with pytest.raises(RegrepError, match=r"there is no device cuda(:1)? here \(.*\); choose another one") as e:
            call()
        assert "\n" not in str(e.value)


def test_a_device_of_the_call_stands_above_that_of_the_task():
    found = regrep.compare(task(device="cuda"), ["plain"], seeds=1, device="cpu")
    assert found.devices == ("cpu",)


def test_a_record_without_a_device_was_made_on_the_cpu():
    one = trained("plain", None, 0, 0.5).as_dict()
    assert one.pop("device") == "cpu"
    assert Trained.from_dict(one).device == "cpu"
    other = evaluated("plain", 0, [1.0, 0.0]).as_dict()
    assert other.pop("device") == "cpu"
    assert Evaluated.from_dict(other).device == "cpu"
    for read, record in ((Trained, one), (Evaluated, other)):
        with pytest.raises(RegrepError, match="device of a record is a text"):
            read.from_dict({**record, "device": 3})


def test_a_result_names_its_cards_and_says_if_there_were_several():
    rows = {"augmented": [[1, 0], [0, 0]], "plain": [[0, 0], [1, 0]]}
    record = comparison(rows).as_dict()
    assert not any("Computed on" in note for note in Comparison.from_dict(record).notes)
    one, other = copy.deepcopy(record), copy.deepcopy(record)
    for run in (*one["trained"], *one["tested"]):
        run["device"] = NAME
    assert f"Computed on {NAME}." in Comparison.from_dict(one).notes
    other["trained"][0]["device"] = NAME
    said = f"Computed on cpu and {NAME}, and seconds on different ones are not comparable."
    assert said in Comparison.from_dict(other).notes
