"""Validation and test are seen twice: transformed at random, then upright."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from regrep_paper.data.batches import mix
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.labelled_digits import LabelledDigits
from regrep_paper.data.turned_digits import TurnedDigits
from regrep_paper.data.volumes import MovedVolumes

MODULES = {
    "double_digits": lambda: DoubleDigits("D1", classes=2, train_pairs=8, validation_pairs=8, test_pairs=8),
    "labelled_digits": LabelledDigits,
    "volumes": lambda: MovedVolumes(size=8, per_class=4),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_first_loader_is_transformed_and_the_second_upright(name):
    """A step is given what the number of its loader says; both have the same samples in the same order."""
    data = MODULES[name]()
    data.setup()
    for loaders in (data.val_dataloader(), data.test_dataloader()):
        first, second = (next(iter(loader)) for loader in loaders)
        assert torch.equal(first.images, second.images)
        moved, upright = data.on_after_batch_transfer(first, 0), data.on_after_batch_transfer(second, 1)
        assert torch.equal(moved.x, data.views(first).x)
        assert torch.equal(upright.x, data.views(second, upright=True).x)
        assert not torch.equal(moved.x, upright.x)
        centre = data.views(first._replace(seed=first.seed + 1), upright=True).x
        assert torch.equal(centre, upright.x)  # upright, nothing is drawn


@pytest.mark.parametrize("name", MODULES)
def test_training_is_transformed(name):
    data = MODULES[name]()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert torch.equal(data.on_after_batch_transfer(batch, 0).x, data.views(batch).x)


@pytest.mark.parametrize(("kind", "shared"), [(LabelledDigits, True), (TurnedDigits, False)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("processes", [1, 2])
def test_processes_share_training_and_where_models_gather_it_evaluation(kind, shared, training, processes):
    data = kind(batch_size=7)
    data.setup()
    batch = next(iter(data.loader("validation")))
    whole = data.moved(batch, 0)
    data.trainer = SimpleNamespace(training=training, world_size=processes, global_rank=processes - 1)
    found = data.on_after_batch_transfer(batch, 0)
    if processes == 2 and (training or shared):
        assert torch.equal(found.x, whole.x[1::2])
        assert (found.share, found.size) == (6 / 7, 7)
    else:
        assert torch.equal(found.x, whole.x)
        assert (found.share, found.size) == (1.0, 7)


def test_every_view_of_a_digit_is_of_one_unit_and_every_volume_is_one():
    """Pairs consist of two digits; a digit under four elements is one digit."""
    pairs, single, volumes = (make() for make in MODULES.values())
    for data in (pairs, single, volumes):
        data.setup()
    assert torch.equal(pairs.units(), pairs.splits["test"].index)
    assert pairs.units().shape == (32, 2)
    digits = single.units()[:, 0]
    assert digits.tolist() == 4 * list(range(len(digits) // 4))
    assert volumes.units().tolist() == [[k] for k in range(24)]


@pytest.mark.parametrize("name", MODULES)
def test_examples_are_training_pairs_from_everywhere_in_the_split(name, tmp_path):
    """x as the network sees it, and the same moved by the element that stands beside it."""
    data = MODULES[name]()
    data.write_examples(tmp_path / "examples.npz")
    samples = data.splits["train"]
    rows = torch.arange(6) * (len(samples) // 6)
    with np.load(tmp_path / "examples.npz") as found:
        assert found["label"].tolist() == samples.labels[rows].tolist()
        names = data.action.group.names
        g = torch.tensor([names.index(element) for element in found["element"]])
        assert len(set(g.tolist())) > 1
        views = data.views(samples[rows, mix(0, 7)])
        assert torch.equal(g, views.g)
        for key, x in (("x", views.x), ("gx", data.action(views.x, g))):
            pictures = (255 * data.pictures(x)).round().clamp(0, 255).byte().numpy()
            assert found[key].dtype == np.uint8
            assert np.abs(found[key].astype(int) - pictures).max() <= 1
            assert found[key].max() > 200
    few = MODULES[name]()
    few.write_examples(tmp_path / "few.npz", 2)
    with np.load(tmp_path / "few.npz") as found:
        assert found["label"].tolist() == samples.labels[[0, len(samples) // 2]].tolist()


def test_examples_have_the_noise_of_their_own_second_view(tmp_path):
    data = DoubleDigits("C4", classes=2, train_pairs=8, validation_pairs=1, test_pairs=1, second_noise=True)
    data.write_examples(tmp_path / "examples.npz")
    samples = data.splits["train"]
    views = data.views(samples[torch.arange(6) * (len(samples) // 6), mix(0, 7)])
    with np.load(tmp_path / "examples.npz") as found:
        pictures = (255 * data.pictures(views.gx)).round().clamp(0, 255).byte().numpy()
        assert np.abs(found["gx"].astype(int) - pictures).max() <= 1
