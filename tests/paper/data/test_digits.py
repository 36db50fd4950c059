"""Single digits: no image is in two splits."""

import hashlib

import pytest
import torch

from regrep.errors import RegrepError
from regrep_paper.data.digits import embedded, load
from regrep_paper.data.labelled_digits import LabelledDigits

PIXELS = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
LABELS = "8ba4f891220f5e4c9c819638d1602d74b83618f167043c6da52a2a247841ddf0"
"""SHA-256 of scikit-learn 1.9.1's digits as bytes."""


def test_embedded_digits_are_those_of_scikit_learn():
    images, labels = embedded()
    assert images.dtype == torch.uint8
    assert hashlib.sha256(images.numpy().tobytes()).hexdigest() == PIXELS
    assert hashlib.sha256(labels.numpy().astype("uint8").tobytes()).hexdigest() == LABELS


def test_embedded_digits_equal_those_of_an_installed_scikit_learn():
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    images, labels = embedded()
    assert (images.numpy() == theirs.images).all()
    assert (labels.numpy() == theirs.target).all()


def test_enlarged_digits_are_those_that_records_were_made_with():
    digits = load("digits")
    every = torch.cat([digits.images[split] for split in ("train", "validation", "test")])
    assert (
        hashlib.sha256(every.numpy().tobytes()).hexdigest()
        == "ba339c381971a4325f03f54411b7c14cae36f3075821761a5debe98b8c5dfbc8"
    )


def test_no_digit_crosses_splits():
    digits = load("digits")
    sets = [{image.numpy().tobytes() for image in images} for images in digits.images.values()]
    assert sum(map(len, sets)) > 1700
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: load("svhn"), '"digits" or "mnist", got \'svhn\''),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_files_of_mnist_make_the_splits(monkeypatch):
    """Training digits are divided five to one beside the official test; those of t10k alone, seven to one to two."""
    draw = torch.Generator().manual_seed(0)

    def part(count, first):
        images = torch.randint(256, (count, 28, 28), dtype=torch.uint8, generator=draw).numpy()
        return images, (torch.arange(first, first + count) % 250).to(torch.uint8).numpy()

    parts, sums = {"train": part(60, 0), "test": part(40, 100)}, {"a.gz": {"md5": "a"}}
    asked = []
    monkeypatch.setattr("regrep_paper.data.downloads.mnist", lambda folder: asked.append(folder) or (parts, sums))
    whole = load("mnist", "here")
    assert {split: len(labels) for split, labels in whole.labels.items()} == {"train": 50, "validation": 10, "test": 40}
    assert whole.labels["test"].tolist() == [*range(100, 140)]
    assert sorted([*whole.labels["train"].tolist(), *whole.labels["validation"].tolist()]) == [*range(60)]
    for split, origin in (("train", "train"), ("validation", "train"), ("test", "test")):
        for image, label in zip(whole.images[split], whole.labels[split].tolist(), strict=True):
            assert (image.numpy() == parts[origin][0][label % 100]).all()
    assert (whole.files, whole.name) == (sums, "mnist")
    del parts["train"]
    few = load("mnist", "there")
    assert {split: len(labels) for split, labels in few.labels.items()} == {"train": 28, "validation": 4, "test": 8}
    assert sorted(label for labels in few.labels.values() for label in labels.tolist()) == [*range(100, 140)]
    assert (few.files, few.name, asked) == (sums, "mnist-t10k", ["here", "there"])
    assert all(labels.dtype == torch.int64 for labels in (*few.labels.values(), *whole.labels.values()))


def test_as_many_digits_as_the_smallest_class_has_can_be_labelled():
    least = int(load("digits").labels["train"].bincount().min())
    data = LabelledDigits(labels=least)
    data.setup()
    rows = data.splits["train"].index.unique()
    assert load("digits").labels["train"][rows].bincount().tolist() == [least] * 10
    with pytest.raises(RegrepError, match=f"each class needs {least + 1} labelled digits, but . has {least}"):
        LabelledDigits(labels=least + 1).setup()
    with pytest.raises(RegrepError, match="at least 1, got 0"):
        LabelledDigits(labels=0)
    few = LabelledDigits(labels=1)
    few.setup()
    assert len(few.splits["train"].index.unique()) == 10
    assert len(few.splits["train"]) == 6400
    whole = LabelledDigits()
    whole.setup()
    assert len(whole.splits["train"]) == 6 * 1258  # at least 6,400
    assert sorted(whole.splits["train"].index.unique().tolist()) == list(range(1258))
    assert whole.source() == {"name": "digits", "files": {}}
