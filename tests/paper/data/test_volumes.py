"""Turned volumes: views, pictures, and splits of polycubes."""

import json
from pathlib import Path

import pytest
import torch
from batches_fixture import batch_of

from regrep.errors import RegrepError
from regrep_paper.data import polycubes
from regrep_paper.data.polycubes import classes
from regrep_paper.data.volumes import MovedVolumes
from tolerance import assert_near

RESULTS = Path(__file__).parents[3] / "results"


def test_views_are_turned_volumes_between_minus_one_and_one(volumes):
    batch = batch_of(volumes)
    upright, views = volumes.views(batch, upright=True), volumes.views(batch)
    assert_near(upright.x[:, 0], batch.images.float() / 255 * 2 - 1)
    assert torch.equal(upright.g, views.g)
    assert torch.equal(volumes.views(batch).x, views.x)
    all_turned = torch.stack([volumes.action(upright.x, torch.full((len(views.x),), k)) for k in range(24)])
    equal = (all_turned == views.x).flatten(2).all(dim=2)
    assert (equal.sum(dim=0) >= 1).all()
    assert len(equal.int().argmax(dim=0).unique()) > 8  # many elements are drawn
    assert views.gx is None


def test_pictures_show_three_sides(volumes):
    x = torch.full((1, 1, 4, 4, 4), -1.0)
    x[0, 0, 0, 1, 2] = 1.0  # z = 0, y = 1, x = 2
    assert volumes.pictures(x)[0].nonzero().tolist() == [[1, 2], [1, 4], [4, 2]]


@pytest.mark.parametrize(("method", "upright"), [("cnn", True), ("cnn-augmented", False), ("ours", False)])
def test_only_the_plain_cnn_trains_upright(volumes, method, upright):
    module = MovedVolumes(size=10, per_class=4, method=method)
    module.setup()
    module.trainer = type("Trainer", (), {"training": True, "world_size": 1})()
    batch = batch_of(module)
    x = module.on_after_batch_transfer(batch, 0).x
    assert torch.equal(x, module.views(batch, upright=upright).x)
    module.trainer.training = False
    moved, fixed = (module.on_after_batch_transfer(batch, k).x for k in (0, 1))
    assert torch.equal(moved, volumes.views(batch).x)
    assert torch.equal(fixed, volumes.views(batch, upright=True).x)


def test_splits_of_polycubes_differ_and_do_not_depend_on_the_seed(volumes):
    other = MovedVolumes(size=10, per_class=4, seed=5)
    other.setup()
    assert volumes.record() == {"name": "polycubes", "files": {}, "sizes": {"train": 48, "validation": 12, "test": 24}}
    images = [samples.images for samples in volumes.splits.values()]
    assert not torch.equal(images[0][:12], images[1])
    assert not torch.equal(images[1], images[2][:12])
    for split, samples in volumes.splits.items():
        assert torch.equal(samples.images, other.splits[split].images)
        assert len(samples.labels.bincount().unique()) == 1
        assert len(samples.labels.unique()) == len(classes())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MovedVolumes("chest"), "volumes come from polycubes, organ, .* got 'chest'"),
        (lambda: MovedVolumes(size=4), "from 8 to 64, got 4"),
        (lambda: MovedVolumes(per_class=3), "per_class is at least 4, .* got 3"),
        (lambda: MovedVolumes("organ", per_class=9), "per_class is a setting of polycubes, but organ"),
        (lambda: MovedVolumes(any_file=True), "not to polycubes; leave it out"),
        (lambda: MovedVolumes(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: MovedVolumes(method="theirs"), "the methods are cnn, .* got 'theirs'"),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_validation_has_a_quarter_of_the_training_volumes_and_the_test_half():
    module = MovedVolumes(size=8, per_class=9)
    module.setup()
    assert module.record()["sizes"] == {"train": 12 * 9, "validation": 12 * 2, "test": 12 * 4}
    assert [len(samples.images) for samples in module.splits.values()] == [12 * 9, 12 * 2, 12 * 4]
    for samples in module.splits.values():
        assert samples.labels[:13].tolist() == [*range(12), 0]  # as the shapes were drawn


def test_by_default_there_are_as_many_volumes_as_in_the_records(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        polycubes, "volumes", lambda shapes, size, generator: drawn.append(size) or torch.zeros(len(shapes), 1)
    )
    module = MovedVolumes()
    module.setup()
    lines = map(json.loads, (RESULTS / "medmnist3d-polycubes.jsonl").read_text().splitlines())
    record = next(line for line in lines if line["kind"] == "run")
    assert module.record()["sizes"] == record["data"]["sizes"]
