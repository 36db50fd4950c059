"""Batches are those of earlier versions: a run that is repeated sees what its record's run has seen."""

import hashlib

import pytest
import torch

from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.glyphs import GlyphPairs
from regrep_paper.data.labelled_digits import LabelledDigits
from regrep_paper.data.samples import Batch, Samples, Views
from regrep_paper.data.smoke_windows import Smoke, Windows
from regrep_paper.data.turned_digits import TurnedDigits


def drawn(module):
    """What is drawn for the first two batches of each loader: rows, labels and elements, integers on every machine."""
    module.setup()
    found = hashlib.sha256()
    loaders = [module.train_dataloader()]
    for more in (module.val_dataloader(), module.test_dataloader()):
        loaders += more if isinstance(more, list) else [more]
    for loader in loaders:
        loader.sampler.set_epoch(1)
        index = loader.dataset.index
        for _, (rows, seed) in zip(range(2), loader.sampler, strict=False):
            batch = loader.dataset[rows, seed]
            views = module.views(batch)
            assert (type(batch), type(views)) == (Batch, Views)
            for tensor in (rows if index is None else index[rows], batch.labels, views.g):
                found.update(tensor.contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(
    ("make", "checksum"),
    [
        (lambda: DoubleDigits(train_pairs=3, validation_pairs=2, test_pairs=1, batch_size=100), "096aa764d66eeab9"),
        (lambda: LabelledDigits(labels=3), "d8ffa5d32b625c71"),
        (lambda: GlyphPairs(train_samples=100, validation_samples=40, test_samples=40), "5ab94a71e3851d7b"),
        (lambda: TurnedDigits(identity=False), "4d46b0a0a8bb9294"),
    ],
)
def test_batches_are_those_of_earlier_versions(make, checksum):
    assert drawn(make()) == checksum


def test_samples_share_images_by_their_index():
    images, labels = torch.arange(4)[:, None], torch.tensor([5, 6, 7])
    plain, chosen = Samples(images[:3], labels, "train"), Samples(images, labels, "test", torch.tensor([3, 3, 0]))
    pairs = Samples(images, labels, "validation", torch.tensor([[0, 1], [2, 3], [3, 0]]))
    rows = torch.tensor([2, 0])
    assert [len(samples) for samples in (plain, chosen, pairs)] == [3, 3, 3]
    assert [samples[rows, 9].images[..., 0].tolist() for samples in (plain, chosen)] == [[2, 0], [0, 3]]
    assert pairs[rows, 9].images[..., 0].tolist() == [[3, 0], [0, 1]]
    assert (chosen[rows, 9].labels.tolist(), chosen[rows, 9].seed, chosen[rows, 9].split) == ([7, 5], 9, "test")


def test_windows_are_cut_where_the_frames_to_be_forecast_begin():
    frames = torch.arange(30.0)[:, None, None, None].expand(30, 2, 4, 4)
    batch = Windows([frames, frames + 100], range(3), 12, "future")[torch.tensor([0, 5]), 1]
    assert batch.images[:, :, 0, 0, 0].tolist() == [list(range(10)), list(range(102, 112))]
    assert batch.labels[:, :, 0, 0, 0].tolist() == [[10, 11], [112, 113]]
    views = Smoke(sampling="faces").views(batch)
    assert (views.x.shape, views.y.shape, batch.split) == ((2, 20, 4, 4), (2, 2, 2, 4, 4), "future")
