"""No sample of one split reaches a step of another, for every data module, and each seed changes what it should.

Every sample that is made up here carries a name that can be read off a batch: the number of a digit and whether it is
of the official test, the bytes of a volume or photograph, the number of a simulation and of a frame. A trainer runs two
epochs and a test, and what each of its steps is given is written down.
"""

import warnings
from collections import defaultdict
from functools import partial
from itertools import combinations

import lightning
import numpy as np
import pytest
import torch
from smoke_fixture import SIZE
from volumes_fixture import write

from regrep_paper.data import downloads, glyphs, turned_images
from regrep_paper.data import polycubes as data_polycubes
from regrep_paper.data.cifar10 import Counts, cifar10
from regrep_paper.data.digits import load
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.glyphs import GlyphPairs
from regrep_paper.data.labelled_digits import LabelledDigits
from regrep_paper.data.smoke_files import DOMAIN, TRAIN
from regrep_paper.data.smoke_windows import Smoke
from regrep_paper.data.turned_digits import TurnedDigits
from regrep_paper.data.turned_images import TurnedImages
from regrep_paper.data.volumes import MovedVolumes
from regrep_paper.training.run import TRAINER

OFFICIAL = {"train": 120, "test": 40}


@pytest.fixture
def numbered_digits(monkeypatch):
    """MNIST made up: the first pixel is the digit's number, the second tells the official test; labels alternate."""

    def part(name):
        number = np.arange(OFFICIAL[name], dtype=np.uint8)
        images = np.random.default_rng(len(number)).integers(0, 256, (len(number), 28, 28), dtype=np.uint8)
        images[:, 0, 0], images[:, 0, 1] = number, name == "test"
        return images, number % 2

    monkeypatch.setattr(downloads, "mnist", lambda folder: ({name: part(name) for name in OFFICIAL}, {}))


def digit_names(images):
    return {(flag, number) for number, flag in images.reshape(-1, 28 * 28)[:, :2].tolist()}


def digits(kind, **options):
    def make(request, **seed):
        request.getfixturevalue("numbered_digits")
        return kind(source="mnist", **options, **seed), lambda batch: digit_names(batch.images)

    return make


def whole(batch):
    return {image.numpy().tobytes() for image in batch.images}


def flagged(batch):
    """Pictures of a set of which the official test is marked in the first byte."""
    return {(image.flatten()[0].item(), image.numpy().tobytes()) for image in batch.images}


def volumes(request, **seed):
    folder = request.getfixturevalue("tmp_path") / f"volumes{len(seed)}"
    marked = {}
    for number, (key, count) in enumerate({"train": 6, "val": 4, "test": 4}.items()):
        images = np.random.default_rng(number).integers(0, 256, (count, 28, 28, 28), dtype=np.uint8)
        images[:, 0, 0, 0] = key == "test"
        marked[f"{key}_images"] = images
    write(folder, **marked)
    return MovedVolumes("nodule", folder, any_file=True, batch_size=2, **seed), flagged


def polycubes(request, **seed):
    return MovedVolumes(size=8, per_class=4, batch_size=8, **seed), whole


def photographs(request, **seed):
    folder, monkeypatch = request.getfixturevalue("tmp_path"), request.getfixturevalue("monkeypatch")
    (folder / "cifar-10-batches-bin").mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows = generator.integers(0, 256, (8, 3073), dtype=np.uint8)
        rows[:, 0], rows[:, 1] = rows[:, 0] % 10, name == "test_batch"
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(rows.tobytes())
    monkeypatch.setattr(turned_images, "cifar10", partial(cifar10, counts=Counts(40, 8)))
    return TurnedImages(folder, batch_size=8, **seed), flagged


def smoke(request, **seed):
    """Each frame holds its simulation's number in vx and its own in vy."""
    folder = request.getfixturevalue("tmp_path")
    for number in (27, 33, 6, 14):
        velocity = np.empty((60, 2, SIZE, SIZE), dtype=np.float32)
        velocity[:, 0], velocity[:, 1] = number, np.arange(60)[:, None, None]
        np.save(folder / f"raw_data_{number}_{(number - 1) % 4}.npy", velocity)

    def names(batch):
        frames = torch.cat([batch.images, batch.labels], dim=1)[..., 0, 0].flatten(0, 1)
        return {(int(number), int(frame)) for number, frame in frames}

    return Smoke(folder, size=SIZE, batch_size=2, rollout=3, horizon=5, sampling="faces", **seed), names


def fonts(request, **seed):
    """The splits share the glyphs and differ in the bands of 5 degrees that angles are drawn from."""
    pytest.importorskip("PIL")
    seen = []

    def spied(x, angle, scale):
        seen.append({int(band) for band in (angle / 5).floor()})
        return rotate_and_scale(x, angle, scale)

    rotate_and_scale = glyphs.rotate_and_scale
    request.getfixturevalue("monkeypatch").setattr(glyphs, "rotate_and_scale", spied)
    data = GlyphPairs(batch_size=50, train_samples=200, validation_samples=80, test_samples=80, **seed)
    return data, lambda batch: seen[-1]


CASES = {
    "double_digits": digits(DoubleDigits, classes=2, train_pairs=20, validation_pairs=5, test_pairs=5, batch_size=16),
    "labelled_digits": digits(LabelledDigits, batch_size=512),
    "turned_digits": digits(TurnedDigits, batch_size=16),
    "volumes": volumes,
    "polycubes": polycubes,
    "turned_images": photographs,
    "smoke_windows": smoke,
    "glyphs": fonts,
}
TESTS = {"smoke_windows": ("future", "domain")}
every_module = pytest.mark.parametrize("case", CASES)


class Spy(lightning.LightningModule):
    """Learns nothing, and writes down what each step is given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.given = defaultdict(list)

    def training_step(self, views, index):
        self.given["train", self.current_epoch].append(views)
        return self.weight.square()

    def validation_step(self, views, index, dataloader_idx=0):
        self.given["validation", dataloader_idx, self.current_epoch].append(views)

    def test_step(self, views, index, dataloader_idx=0):
        self.given["test", dataloader_idx].append(views)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Steps:
    """What the steps of two epochs and a test have seen, by stage: names of samples, and the batches in order."""

    def __init__(self, data, names):
        made = {}
        after = data.on_after_batch_transfer

        def transferred(batch, dataloader_idx):
            views = after(batch, dataloader_idx)
            made[id(views)] = (views, batch, names(batch))  # the views are kept, so that no other has their id
            return views

        data.on_after_batch_transfer = transferred
        spy = Spy()
        trainer = lightning.Trainer(accelerator="cpu", max_epochs=2, **TRAINER)
        trainer.fit(spy, datamodule=data)
        trainer.test(spy, datamodule=data, verbose=False)
        self.batches = {stage: [made[id(v)][1] for v in views] for stage, views in spy.given.items()}
        self.names = defaultdict(set)
        for stage, views in spy.given.items():
            for v in views:
                self.names[stage[0]] |= made[id(v)][2]
                self.names[stage[:2]] |= made[id(v)][2]
        for batch in data.calibration_dataloader():
            transferred(batch, 0)
            self.names["statistics"] |= list(made.values())[-1][2]


@pytest.fixture
def steps(request, case):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning advises on loaders and on logging
        return Steps(*CASES[case](request))


@every_module
def test_no_sample_crosses_splits(case, steps):
    """The steps of training, the choice of an epoch, statistics and the test see samples of their own split only."""
    stages = {stage: steps.names[stage] for stage in ("train", "validation", "test")}
    assert all(stages.values())
    for one, other in combinations(stages, 2):
        assert stages[one].isdisjoint(stages[other]), (one, other)
    assert steps.names["statistics"] <= stages["train"]
    for stage, batches in steps.batches.items():
        expected = TESTS.get(case, ("test", "test"))[stage[1]] if stage[0] == "test" else stage[0]
        assert {batch.split for batch in batches} == {expected}


@pytest.mark.parametrize("case", ["double_digits", "labelled_digits", "turned_digits", "volumes", "turned_images"])
def test_the_official_test_is_tested_and_nothing_else(case, steps):
    """The first part of a name is 1 for samples of the official test."""
    official = {stage: {name[0] for name in steps.names[stage]} for stage in ("train", "validation", "test")}
    assert official == {"train": {0}, "validation": {0}, "test": {1}}


@pytest.mark.parametrize("case", ["smoke_windows"])
def test_held_out_simulations_are_in_domain_alone(case, steps):
    numbers = {stage: {name[0] for name in names} for stage, names in steps.names.items()}
    assert numbers["train"] | numbers["validation"] | numbers["test", 0] <= set(TRAIN)
    assert numbers["test", 1] <= set(DOMAIN)
    frames = {stage: [frame for _, frame in names] for stage, names in steps.names.items()}
    assert max(frames["train"]) < min(frames["validation"])
    assert max(frames["validation"]) < min(frames["test", 0])


def drawn(batches):
    """Seeds and images in order."""
    return [batch.seed for batch in batches], torch.cat([batch.images.flatten(1) for batch in batches])


@every_module
def test_training_is_shuffled_and_every_batch_has_draws_of_its_own(case, steps):
    (seeds, first), (other_seeds, second) = (drawn(steps.batches["train", epoch]) for epoch in (0, 1))
    assert len({*seeds, *other_seeds}) == 2 * len(seeds) > 2
    assert not torch.equal(first, second)
    for loader in range(len({stage[1] for stage in steps.batches if stage[0] == "validation"})):
        (seeds, first), (other_seeds, second) = (drawn(steps.batches["validation", loader, e]) for e in (0, 1))
        assert seeds == other_seeds
        assert torch.equal(first, second)


SEEDED = {
    "double_digits": {"train", "validation", "test"},  # which digits make a pair
    "labelled_digits": set(),
    "turned_digits": set(),
    "volumes": set(),
    "polycubes": set(),
    "turned_images": set(),
    "smoke_windows": set(),
    "glyphs": set(),
}
"""Splits whose samples the seed draws; of all others it draws the order and the elements only."""


def samples(data, split):
    part = data.splits[split]
    batch = part[torch.arange(len(part)), 0]
    return batch.images, batch.labels


@every_module
def test_a_seed_changes_the_draws_and_only_the_samples_that_it_should(case, request):
    one, other = (CASES[case](request, seed=seed)[0] for seed in (0, 1))
    for data in (one, other):
        data.setup()
    changed = {
        split
        for split in one.splits
        if not all(map(torch.equal, samples(one, split), samples(other, split)))
    }  # fmt: skip
    assert changed == SEEDED[case]
    batches = [list(data.train_dataloader()) for data in (one, other)]
    assert {batch.seed for batch in batches[0]}.isdisjoint(batch.seed for batch in batches[1])
    assert not torch.equal(drawn(batches[0])[1], drawn(batches[1])[1])


def test_few_labels_are_drawn_by_the_seed_and_the_rest_is_not(numbered_digits):
    one, other = (LabelledDigits(source="mnist", labels=None, seed=seed) for seed in (0, 1))
    few = [LabelledDigits(labels=3, seed=seed) for seed in (0, 1)]
    for data in (one, other, *few):
        data.setup()
    assert torch.equal(one.splits["train"].index, other.splits["train"].index)
    assert not torch.equal(few[0].splits["train"].index, few[1].splits["train"].index)
    for split in ("validation", "test"):
        assert torch.equal(few[0].splits[split].index, few[1].splits[split].index)


def test_every_training_digit_is_in_one_split(numbered_digits):
    found = load("mnist")
    names = {split: digit_names(images) for split, images in found.images.items()}
    assert names["test"] == {(1, k) for k in range(OFFICIAL["test"])}
    assert names["train"] | names["validation"] == {(0, k) for k in range(OFFICIAL["train"])}
    assert [len(found.images[split]) for split in ("train", "validation", "test")] == [100, 20, 40]
    for split, images in found.images.items():  # each image keeps its label
        assert torch.equal(images[:, 0, 0] % 2, found.labels[split].to(torch.uint8)), split


def test_polycubes_of_each_split_have_a_stream_of_their_own(monkeypatch):
    """From one stream the volumes of two splits would share sizes without being equal."""
    seeds, volumes = [], data_polycubes.volumes

    def spied(shapes, size, generator):
        seeds.append(generator.initial_seed())
        return volumes(shapes, size, generator)

    monkeypatch.setattr(data_polycubes, "volumes", spied)
    MovedVolumes(size=8, per_class=4).setup()
    assert len(set(seeds)) == len(seeds) == 3
