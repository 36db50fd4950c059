"""Pairs x, gx of the exploratory experiments: what holds for every module that makes them."""

import pytest
import torch
from batches_fixture import pairs

pytest.importorskip("PIL")

from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.glyphs import GlyphPairs
from regrep_paper.data.pairs import check_counts, draw
from regrep_paper.data.samples import Views
from regrep_paper.data.turned_digits import TurnedDigits
from regrep_paper.data.turned_images import TurnedImages


def equal(first, second):
    return all(torch.equal(a, b) for p, q in zip(first, second, strict=True) for a, b in zip(p[:4], q[:4], strict=True))


KINDS = pytest.mark.parametrize("kind", [GlyphPairs, TurnedDigits, TurnedImages])


@KINDS
def test_a_batch_is_a_pair_in_0_to_1(make, kind):
    module = make(kind)
    pair = pairs(module, module.train_dataloader())[0]
    shape = (8, 3, 32, 32) if kind is TurnedImages else (8, 1, 28, 28)
    assert isinstance(pair, Views)
    assert pair.x.shape == pair.gx.shape == shape
    assert pair.x.dtype == pair.gx.dtype == torch.float32
    assert pair.y.dtype == pair.g.dtype == torch.int64
    assert pair.y.shape == pair.g.shape == (8,)
    both = torch.cat([pair.x, pair.gx])
    assert both.min() >= 0
    assert 0.5 < both.max() <= 1


@KINDS
def test_train_batches_depend_on_seed_and_epoch_alone(make, kind):
    first, again, other = make(kind), make(kind), make(kind, seed=1)
    epoch0 = pairs(first, first.train_dataloader())
    epoch1 = pairs(first, first.train_dataloader(), 1)
    assert equal(epoch0, pairs(again, again.train_dataloader()))
    assert equal(epoch1, pairs(again, again.train_dataloader(), 1))
    assert not equal(epoch0, epoch1)
    assert not equal(epoch0, pairs(other, other.train_dataloader()))


@KINDS
def test_validation_and_test_are_fixed(make, kind):
    first, other = make(kind), make(kind, seed=1, batch_size=5)
    for loader in ("val_dataloader", "test_dataloader"):
        fixed = pairs(first, getattr(first, loader)())
        assert equal(fixed, pairs(first, getattr(first, loader)(), 3))
        assert equal(fixed, pairs(other, getattr(other, loader)()))


@KINDS
def test_every_element_is_drawn_and_the_identity_can_be_left_out(make, kind):
    for identity in (True, False):
        module = make(kind, identity=identity)
        g = torch.cat([pair.g for epoch in range(5) for pair in pairs(module, module.train_dataloader(), epoch)])
        assert g.unique().tolist() == list(range(not identity, module.group.order))


@KINDS
def test_the_identity_leaves_the_input(make, kind):
    module = make(kind)
    fixed = pairs(module, module.train_dataloader())
    x, gx, g = (torch.cat([getattr(pair, name) for pair in fixed]) for name in ("x", "gx", "g"))
    same = (x == gx).flatten(1).all(dim=1)
    assert same[g == 0].all()
    assert not same[g != 0].any()


@KINDS
def test_the_record_tells_the_data(make, kind):
    module = make(kind)
    record = module.record()
    assert record["sizes"] == {split: len(samples) for split, samples in module.splits.items()}
    assert all(len(file["md5"]) == 32 for file in record["files"].values())
    assert record["name"] == {GlyphPairs: "glyphs", TurnedDigits: "digits", TurnedImages: "cifar10"}[kind]


@KINDS
def test_no_picture_crosses_splits(make, kind):
    module = make(kind)
    loaders = [module.train_dataloader(), module.val_dataloader(), module.test_dataloader()]
    sets = [{x.numpy().tobytes() for pair in pairs(module, loader) for x in pair.x} for loader in loaders]
    assert all(sets)
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


def test_wrong_arguments(make):
    for call, message in [
        (lambda: GlyphPairs(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: GlyphPairs(batch_size=10**6 + 1), "batch_size is at most 1000000, got 1000001"),
        (lambda: GlyphPairs(test_samples=0), "test_samples is at least 1, got 0"),
        (lambda: TurnedDigits(batch_size=-1), "batch_size is at least 1, got -1"),
        (lambda: TurnedDigits(angle=0), "angle is between 0 and 360 degrees, got 0"),
        (lambda: TurnedDigits(angle=float("nan")), "angle is between"),
        (lambda: make(TurnedDigits, source="letters"), "got 'letters'"),
        (lambda: TurnedImages(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: TurnedImages(train_images=0), "train_images is at least 1, got 0"),
        (lambda: make(TurnedImages, train_images=37), "at most the 36 training images, got 37"),
        (lambda: draw(cyclic(1), 3, False, torch.Generator()), "no element but the identity"),
        (lambda: check_counts(a=1, b=0), "b is at least 1"),
    ]:
        with pytest.raises(RegrepError, match=message):
            call()
