"""Ready tasks: data that have the symmetry, splits that share no sample, and every arm possible."""

import json
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import regrep
from regrep.comparison import ARMS, Comparison, plan
from regrep.comparison.records import fingerprint
from regrep_paper.data import digits
from regrep_paper.experiments.task_file import read_task
from regrep_paper.tasks import TASKS, chiral_cubes, forces, pairs_c4, pairs_d1, pairs_d4, task_file

EMBEDDED = ("demo", "digits", "polycubes", "vectors")


@pytest.mark.parametrize("name", TASKS)
def test_a_ready_task_has_a_file_of_its_own(name):
    assert task_file(name).is_file()
    assert len({task_file(other) for other in TASKS}) == len(TASKS)


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_arm_is_possible(name):
    assert {arm.name for arm in plan(read_task(name).task, None, 1).arms} == set(ARMS)


@pytest.mark.parametrize("name", EMBEDDED)
def test_splits_share_no_sample_and_the_test_is_the_same_for_every_seed(name):
    task = read_task(name).task
    one, other = task.splits(0), task.splits(1)
    assert torch.equal(one.test[0], other.test[0])
    assert torch.equal(one.validation[0], other.validation[0])
    assert not torch.equal(one.train[0], other.train[0])
    groups = [{row.numpy().tobytes() for row in x} for x in (one.test[0], one.validation[0], one.train[0])]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    unlabelled = {row.numpy().tobytes() for row in one.unlabelled}
    assert not unlabelled & (groups[0] | groups[1])


RECORDS = Path(__file__).parents[3] / "results" / "comparisons"


def recorded(name):
    return Comparison.from_dict(json.loads((RECORDS / f"{name}.json").read_text()))


def check_is_of_record(task, name):
    """Steps, initial weights, and operations of a step with its batch and of one forecast, as a record has them.

    Records of several machines and versions of PyTorch have the same initial weights.
    """
    trained, tested = recorded(name).trained[0], recorded(name).tested[0]
    network, (x, y) = task.network(0), task.splits(0).train
    with FlopCounterMode(display=False) as step:
        task.loss(network(x[: task.batch]), y[: task.batch]).backward()
    with FlopCounterMode(display=False) as one, torch.no_grad():
        network.eval()(x[:2])
    assert (task.name, task.steps, fingerprint(task.network(0).state_dict())) == (name, trained.steps, trained.initial)
    assert (step.get_total_flops(), one.get_total_flops() / 2) == (trained.step_flops, tested.flops)


@pytest.mark.parametrize("name", ["digits", "polycubes", "vectors"])
def test_tasks_are_those_of_the_records(name):
    """As many steps, operations and test samples; so many validation samples that shares of them are whole numbers."""
    task = read_task(name).task
    check_is_of_record(task, name)
    splits, found = task.splits(0), recorded(name)
    assert len(splits.test[1]) == len(found.tested[0].scores)
    labels = {"digits": (100, 797), "polycubes": (240, 1200), "vectors": (200, 2000)}  # in README and docs
    assert (len(splits.train[1]), len(splits.unlabelled)) == labels[name]
    if name != "vectors":
        assert len(splits.train[1].bincount().unique()) == 1
        count = len(splits.validation[1])
        assert all(abs(one.validation * count - round(one.validation * count)) < 1e-9 for one in found.trained)


def test_samples_of_digits_are_those_of_the_record():
    """Every one of them, for the seed and the labels of each run: they are whole numbers, the same on every machine."""
    task, found = read_task("digits").task, recorded("digits")
    for seed in (0, 1):
        splits = task.splits(seed)
        seen = {one.data for one in found.trained if one.seed == seed}
        assert seen == {fingerprint(splits.train, splits.validation, splits.unlabelled)}
    assert {one.samples for one in found.tested} == {fingerprint(splits.test)}


def test_all_digits_are_those_of_the_task_with_few_labels():
    task, few = read_task("digits-all").task, read_task("digits").task
    splits, other = task.splits(0), few.splits(0)
    assert {arm.name for arm in plan(task, None, 1).arms} == set(ARMS)
    assert (fingerprint(splits.test), fingerprint(splits.validation)) == (
        fingerprint(other.test), fingerprint(other.validation),
    )  # fmt: skip
    assert torch.equal(splits.train[0], other.unlabelled)
    places = [int((splits.train[0] == x).flatten(1).all(dim=1).nonzero()[0]) for x in other.train[0]]
    assert torch.equal(splits.train[1][places], other.train[1])
    assert (splits.unlabelled, task.steps, task.weights) == (None, 2000, few.weights)


def test_the_demo_is_the_task_digits_with_two_weights():
    demo, whole = (read_task(name).task for name in ("demo", "digits"))
    assert (demo.name, len(demo.weights)) == ("demo", 2)
    assert set(demo.weights) < set(whole.weights)
    assert (demo.steps, demo.batch, demo.group.name) == (whole.steps, whole.batch, whole.group.name)
    assert fingerprint(demo.splits(0).test) == fingerprint(whole.splits(0).test)


def test_digits_have_ten_labels_for_each_class():
    assert read_task("digits").task.splits(3).train[1].bincount().tolist() == [10] * 10


def test_the_force_of_moved_charges_is_the_moved_force():
    file = read_task("vectors")
    task, (x, y) = file.task, file.task.splits(0).test
    force = vars(__import__("regrep_task"))["force"]
    assert torch.equal(force(x), y)
    for k in range(task.group.order):
        g = torch.full((len(x),), k)
        torch.testing.assert_close(force(task.input_action(x, g)), task.output_action(y, g))


@pytest.mark.parametrize(
    ("name", "labels"), [("mnist", 300), ("ddmnist-c4", 1000), ("ddmnist-d1", 1000), ("ddmnist-d4", 10_000)]
)
@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_tasks_that_read_files_are_like_the_embedded_ones(name, labels, monkeypatch):
    """With the embedded digits in place of MNIST."""
    monkeypatch.setattr(digits, "load", lambda source, folder, load=digits.load: load("digits"))
    task = read_task(name, Path("folder")).task
    one, other = task.splits(0), task.splits(1)
    assert task.name == name
    if name in ("mnist", "ddmnist-c4"):
        check_is_of_record(task, name)
    if name == "mnist":
        assert one.train[1].bincount().tolist() == [30] * 10
    assert task.network(0).encoder(one.train[0][:1]).shape[1] % task.group.order == 0  # copies of the regular one
    assert len(one.train[1]) == labels
    assert torch.equal(one.test[0], other.test[0])
    assert not torch.equal(one.train[0], other.train[0])
    wanted = plan(task, None, 1)
    assert {arm.name for arm in wanted.arms} | set(wanted.left_out) == set(ARMS)
    assert set(wanted.left_out) == (set() if name == "mnist" else {"projected", "projected-shuffled"})
    assert all("SideBySide(" in why and "does not move a window" in why for why in wanted.left_out.values())


def test_no_digit_is_in_two_test_pairs(monkeypatch):
    """Digits that carry their number, as many as the smaller files of MNIST hold: each is in one pair of its split."""
    counts = {"train": 7000, "validation": 1000, "test": 2000}
    images = {split: torch.arange(count)[:, None, None].expand(count, 28, 28) for split, count in counts.items()}
    found = digits.Digits(images, {split: torch.zeros(count) for split, count in counts.items()}, {}, "mnist")
    monkeypatch.setattr(digits, "load", lambda source, folder: found)
    splits = read_task("ddmnist-c4", Path("folder")).task.splits(0)
    for split, (x, _) in (("validation", splits.validation), ("test", splits.test)):
        seen = (torch.cat([x[:, 0, 28, 14], x[:, 0, 28, 42]]) * 255).round().int().tolist()
        assert sorted(seen) == list(range(counts[split]))


def test_pairs_of_every_split_and_seed_have_draws_of_their_own(monkeypatch):
    from regrep_paper.tasks import digit_pairs

    asked = []

    def drawn(split, count, seed):
        asked.append((split, seed))
        return torch.zeros(2, 1, 56, 56), torch.zeros(2, dtype=torch.long)

    drawn.action = regrep.actions.SideBySide(*[regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))] * 2)
    monkeypatch.setattr(digit_pairs, "drawn_pairs", lambda group, folder: drawn)
    data = digit_pairs.pairs_task("C4", None, labels=2, steps=1, batch=1).data
    for seed in range(4):
        data(seed)
    seeds = {split: [seed for one, seed in asked if one == split] for split in ("train", "validation", "test")}
    assert len(set(seeds["train"])) == 8  # labelled and unlabelled
    assert (set(seeds["validation"]), set(seeds["test"])) == ({10**6}, {10**6 + 1})
    assert not set(seeds["validation"] + seeds["test"]) & set(seeds["train"])
    asked.clear()
    assert digit_pairs.pairs_task("C4", None, labels=2, steps=1, batch=1, unlabelled=0).data(0).unlabelled is None
    assert len([one for one, _ in asked if one == "train"]) == 1


@pytest.mark.parametrize("module", [chiral_cubes, forces])
def test_samples_of_every_split_and_seed_have_draws_of_their_own(monkeypatch, module):
    asked = []
    monkeypatch.setattr(
        module, "samples", lambda count, seed: asked.append(seed) or (torch.zeros(1), torch.full((1,), seed))
    )
    splits = [module.data(seed) for seed in range(4)]
    drawn = [int(one.train[1]) for one in splits]
    fixed = {(int(one.validation[1]), int(one.test[1])) for one in splits}
    assert fixed == {(10**6, 10**6 + 1)}  # with which the records were made
    assert len({*drawn, *fixed.copy().pop()}) == 6
    assert len(set(asked)) == 4 + 4 + 2  # those without labels have draws of their own, too


def test_tasks_of_pairs_differ_in_group_labels_and_steps():
    """With all labels there are no further pairs without."""
    made = {}
    for module in (pairs_c4, pairs_d1, pairs_d4):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "pairs_task", lambda group, folder, **settings: made.update({group: settings}))
            module.task(None)
    assert made["C4"] == made["D1"] == {"labels": 1000, "steps": 800, "batch": 64}
    assert made["D4"] == {"labels": 10_000, "steps": 1000, "batch": 128, "unlabelled": 0}


def test_the_network_of_pairs_is_the_papers_with_a_stride():
    from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
    from regrep_paper.tasks.digit_pairs import Network

    def layers(network):
        kinds = (torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.ELU, torch.nn.Linear)
        return [type(one) for one in network.modules() if isinstance(one, kinds)]

    network, paper = Network(), DoubleDigitCNN(128)
    assert layers(network) == layers(paper)
    x = torch.randn(3, 1, 56, 56)
    assert network.encoder(x).shape == (3, 128)
    assert torch.equal(network.eval()(x), network.head(network.encoder(x)))
    strides = [
        [one.stride[0] for one in net.encoder.modules() if isinstance(one, torch.nn.Conv2d)] for net in (network, paper)
    ]
    assert strides == [[2, 1, 1, 1, 1, 1], [1, 1, 2, 2, 1, 1]]
    widths = [
        [one.out_channels for one in net.encoder.modules() if isinstance(one, torch.nn.Conv2d)]
        for net in (network, paper)
    ]
    assert widths == [[12, 24, 48, 72, 72, 128], [6, 12, 24, 36, 36, 128]]


def test_a_force_is_that_of_its_own_charges():
    """The sum over the charges, each along its direction and as the inverse of its distance; its size saturates."""
    from regrep_paper.tasks.forces import SIDE, force, samples

    x, y = samples(5, 0)
    for charges, found in zip(x, y, strict=True):
        right = up = 0.0
        for row in range(SIDE):
            for column in range(SIDE):
                across, above = column - (SIDE - 1) / 2, (SIDE - 1) / 2 - row
                pull = float(charges[0, row, column]) / (across**2 + above**2)
                right, up = right + pull * across, up + pull * above
        size = (right**2 + up**2) ** 0.5
        saturated = torch.tanh(torch.tensor(2 * size))
        expected = torch.stack([saturated * right / size, saturated * up / size])
        assert torch.allclose(found.flatten(), expected, atol=1e-5)
        assert torch.equal(force(charges[None])[0], found)


@pytest.mark.parametrize("group", ["C4", "D1", "D4"])
def test_pairs_are_two_moved_digits_on_an_empty_canvas(monkeypatch, group):
    """Each digit is used once while there are enough, and each half is one of its images."""
    from types import SimpleNamespace

    from regrep_paper.tasks import digit_pairs

    images = torch.randint(1, 256, (10, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = SimpleNamespace(images={"train": images}, labels={"train": torch.arange(10)})
    monkeypatch.setattr(digit_pairs.digits, "load", lambda source, folder: found)
    x, y = digit_pairs.Pairs(group, None)("train", 5, 3)
    assert x.shape == (5, 1, 56, 56)
    assert sorted([*(y // 10).tolist(), *(y % 10).tolist()]) == [*range(10)]
    assert not x[:, :, :14].any()
    assert not x[:, :, 42:].any()
    for picture, label in zip(x[:, 0, 14:42], y.tolist(), strict=True):
        for half, digit in ((picture[:, :28], label // 10), (picture[:, 28:], label % 10)):
            turned = [(images[digit].float() / 255).rot90(k) for k in range(4)]
            orbit = [*turned, *(one.flip(0) for one in turned)]
            assert any(torch.equal(half, one) for one in orbit)
