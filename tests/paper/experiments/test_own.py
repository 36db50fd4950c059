"""A user's own tensors as data: what becomes of their labels, and what is refused."""

import pytest
import torch

from regrep.actions import Permute
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.experiments.own import SPLITS, TensorPairs, _check

SWAP = Permute(cyclic(2), torch.tensor([[0, 1, 2], [2, 1, 0]]))


def tensors(labelled):
    """Splits of 4, 5 and 6 samples."""
    return {
        split: (torch.arange(3.0 * n).reshape(n, 3), torch.arange(n) if labelled else None)
        for split, n in zip(SPLITS, (4, 5, 6), strict=True)
    }


@pytest.mark.parametrize("labelled", [True, False])
def test_splits_are_the_given_ones(labelled):
    given = tensors(labelled)
    pairs = TensorPairs(given, SWAP, seed=3, batch_size=2, identity=False, name="mine")
    found = pairs.load()
    assert list(found) == ["train", "validation", "test"]
    for split, samples in found.items():
        x, y = given[split]
        assert samples.images is x
        assert samples.split == split
        assert torch.equal(samples.labels, torch.zeros(len(x), dtype=torch.int64) if y is None else y)
        assert samples.labels.dtype == torch.int64
    assert pairs.source() == {"name": "mine", "files": {}}
    x, moved = pairs.move(given["train"][0], torch.tensor([0, 1, 1, 0]), "train", torch.Generator())
    assert torch.equal(x, given["train"][0])
    assert moved.tolist() == [[0, 1, 2], [5, 4, 3], [8, 7, 6], [9, 10, 11]]
    assert _check(given) is labelled


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"test": (torch.zeros(0, 3), None)}, "got none for test"),
        ({"train": (torch.zeros(0, 3), None), "test": (torch.zeros(0, 3), None)}, "got none for train, test"),
        ({"test": (torch.zeros(2, 3), torch.arange(2))}, "either all splits have labels or none, got labels for"),
    ],
)
def test_splits_that_do_not_fit_are_told(change, told):
    with pytest.raises(RegrepError, match=told):
        _check({**tensors(False), **change})


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (torch.arange(4), "each input has one label, got 5 inputs and 4 labels for validation"),
        (torch.zeros(5), r"labels are class indices, int64 \[n\], got float32 \[5\] for validation"),
        (torch.zeros(5, 1, dtype=torch.int64), r"labels are class indices, int64 \[n\], got int64 \[5, 1\] for valid"),
    ],
)
def test_labels_that_do_not_fit_are_told(labels, told):
    given = tensors(True)
    with pytest.raises(RegrepError, match=told):
        _check({**given, "validation": (given["validation"][0], labels)})
