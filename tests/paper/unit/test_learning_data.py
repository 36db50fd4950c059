"""Pairs x, gx of the exploratory experiments: reproducible draws, disjoint splits, and actions that fit."""

from functools import partial

import numpy as np
import pytest
import torch

from regrep.actions import RotateFlip2d, rotate
from regrep.actions.images import plane_matrices
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from regrep_paper.data import turned_images as images_module
from regrep_paper.data.cifar10 import Counts, cifar10
from regrep_paper.data.glyphs import GlyphPairs, angles, default_font, render, rotate_and_scale
from regrep_paper.data.pairs import check_counts, draw
from regrep_paper.data.samples import Views
from regrep_paper.data.turned_digits import TurnedDigits, element_matrices
from regrep_paper.data.turned_images import TurnedImages
from tolerance import assert_near

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")


@pytest.fixture(scope="module")
def cifar(tmp_path_factory):
    """A folder with the binary form of 40 training and 8 test images."""
    folder = tmp_path_factory.mktemp("cifar")
    (folder / "cifar-10-batches-bin").mkdir()
    generator = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows = generator.integers(0, 256, (8, 3073), dtype=np.uint8)
        rows[:, 0] %= 10
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


@pytest.fixture
def make(cifar, monkeypatch):
    """Makes one of the data modules, small and set up."""
    monkeypatch.setattr(images_module, "cifar10", partial(cifar10, counts=Counts(40, 8)))
    settings = {
        GlyphPairs: {"train_samples": 100, "validation_samples": 40, "test_samples": 40},
        TurnedDigits: {},
        TurnedImages: {"data_dir": cifar},
    }

    def made(kind, **arguments):
        module = kind(**{"batch_size": 8, **settings[kind], **arguments})
        module.setup()
        return module

    return made


def pairs(module, loader, epoch=0):
    loader.sampler.set_epoch(epoch)
    return [module.on_after_batch_transfer(batch, 0) for batch in loader]


def equal(first, second):
    return all(torch.equal(a, b) for p, q in zip(first, second, strict=True) for a, b in zip(p, q, strict=True))


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


def test_splits_of_images_divide_the_training_images(make):
    samples = make(TurnedImages).splits
    rows = torch.cat([samples["train"].index, samples["validation"].index])
    assert torch.equal(rows.sort().values, torch.arange(40))
    assert len(samples["validation"]) == 4
    assert samples["test"].images is not samples["train"].images
    few = make(TurnedImages, train_images=7, seed=5).splits
    assert torch.equal(few["train"].index, samples["train"].index[:7])
    assert torch.equal(few["validation"].index, samples["validation"].index)


def test_bands_of_angles_are_disjoint_and_fill_the_range():
    bands = {}
    for split in ("train", "validation", "test"):
        angle = angles(split, 200_000, torch.Generator().manual_seed(0))
        assert -90 <= angle.min() < -75
        assert 65 < angle.max() < 90
        bands[split] = set((angle / 5).floor().int().tolist())
    assert sorted(band for found in bands.values() for band in found) == list(range(-18, 18))
    assert all(band % 5 == 4 for band in bands["test"])
    assert all(band % 5 == 3 for band in bands["validation"])


def test_rotate_and_scale():
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(4, 1, 9, 9, generator=generator, dtype=torch.float64)
    angle = 180 * torch.rand(4, generator=generator, dtype=torch.float64)
    ones = torch.ones(4, dtype=torch.float64)
    assert_near(rotate_and_scale(x, angle, ones), rotate(x, angle))
    disc = torch.zeros(1, 1, 41, 41)
    disc[..., 15:26, 15:26] = 1
    for scale in (0.8, 1.2):
        area = rotate_and_scale(disc, torch.tensor([30.0]), torch.tensor([scale])).sum()
        assert area == pytest.approx(121 * scale**2, rel=0.02)


def test_glyphs_are_centred_and_of_one_size():
    digits = render(default_font("DejaVuSans.ttf"))
    assert digits.dtype == torch.uint8
    assert digits.shape == (10, 28, 28)
    for digit in digits:
        rows, columns = (torch.nonzero(digit.amax(dim=d)).flatten() for d in (1, 0))
        assert max(len(rows), len(columns)) == 20
        for found in (rows, columns):
            assert abs(int(found[0]) + int(found[-1]) - 27) <= 1


def test_the_swap_changes_the_font_and_nothing_else(make):
    module = make(GlyphPairs, identity=False, train_samples=10)
    fixed = module.splits["train"][torch.arange(10), 0]
    straight = torch.zeros(10)
    posed = rotate_and_scale(fixed.images.float() / 255, straight, straight + 1)
    assert torch.equal((posed * 255).round().byte(), module.splits["train"].images)
    pair = module.views(fixed)
    swapped = module.views(fixed._replace(images=fixed.images.flip(1)))
    assert torch.equal(pair.x, swapped.gx)
    assert torch.equal(pair.gx, swapped.x)
    assert torch.equal(pair.y, torch.arange(10))
    assert module.action is None


def test_fonts_that_cannot_be_used(tmp_path):
    text = tmp_path / "text.ttf"
    text.write_text("no font")
    for font, message in [
        (tmp_path / "absent.ttf", "there is none at .*absent.ttf"),
        (tmp_path, "a font is a file"),
        (text, "is not a scalable font"),
        (default_font("STIXSizOneSymReg.ttf"), "draws each of 0..9, but .* lacks the digits 0, 1,"),
    ]:
        with pytest.raises(RegrepError, match=message):
            render(font)
    font = default_font("DejaVuSans.ttf")
    with pytest.raises(RegrepError, match="draw the same digits"):
        GlyphPairs(font, font).setup()


def test_pictures_alike_are_no_digits():
    last_resort = default_font("LastResortHE-Regular.ttf")
    if not last_resort.exists():
        pytest.skip("this matplotlib has no font that draws all digits alike")
    with pytest.raises(RegrepError, match="lacks ten different digits"):
        render(last_resort)


def test_the_elements_of_d3_are_those_of_the_action():
    assert_near(element_matrices(120), plane_matrices(dihedral(3)))
    published = element_matrices(60)
    assert float((published[1] @ published[2] - published[0]).abs().max()) > 1  # r r² = e fails


def test_digits_are_moved_as_the_action_moves_them(make):
    module = make(TurnedDigits, augment=False)
    assert isinstance(module.action, RotateFlip2d)
    fixed = module.splits["train"][torch.arange(60), 0]
    pair = module.views(fixed)
    upright = fixed.images.float() / 255
    assert float((pair.x - upright).abs().max()) < 1e-4
    assert float((pair.gx - module.action(upright, pair.g)).abs().max()) < 1e-4
    wrong = module.action(upright, module.group.inverse[pair.g])
    assert float((pair.gx - wrong).abs().max()) > 0.5


def test_digits_at_an_angle_are_moved_up_to_one_more_interpolation(make):
    module = make(TurnedDigits)
    pair = module.views(module.splits["train"][torch.arange(60), 0])
    assert module.action is not None
    missed = (pair.gx - module.action(pair.x, pair.g)).norm() / pair.gx.norm()
    wrong = (pair.gx - module.action(pair.x, module.group.inverse[pair.g])).norm() / pair.gx.norm()
    assert missed < 0.2 < 0.4 < wrong
    turned = pair.g != 0
    sharpness = [x[turned].square().mean() for x in (pair.x, pair.gx)]
    assert sharpness[1] == pytest.approx(sharpness[0].item(), rel=0.02)


def test_another_angle_has_no_action(make):
    module = make(TurnedDigits, angle=60.0)
    assert module.action is None
    pair = module.views(module.splits["train"][torch.arange(60), 0])
    r = pair.g == 1
    assert (pair.gx[r] - rotate(pair.x[r], torch.full((int(r.sum()),), 60.0))).norm() < 0.2 * pair.gx[r].norm()


def test_images_are_moved_exactly(make):
    module = make(TurnedImages)
    pair = pairs(module, module.test_dataloader())[0]
    assert len(pair.x) == 8
    for x, gx, k in zip(pair.x, pair.gx, pair.g.tolist(), strict=True):
        assert torch.equal(gx, torch.rot90(x, k, (-2, -1)))


def test_wrong_arguments(make):
    for call, message in [
        (lambda: GlyphPairs(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: GlyphPairs(test_samples=0), "test_samples is at least 1, got 0"),
        (lambda: TurnedDigits(batch_size=-1), "batch_size is at least 1, got -1"),
        (lambda: TurnedDigits(angle=0), "angle is a turn between 0 and 360 degrees, got 0"),
        (lambda: TurnedDigits(angle=float("nan")), "angle is a turn"),
        (lambda: make(TurnedDigits, source="letters"), "got 'letters'"),
        (lambda: TurnedImages(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: TurnedImages(train_images=0), "train_images is at least 1, got 0"),
        (lambda: make(TurnedImages, train_images=37), "at most the 36 training images, got 37"),
        (lambda: draw(cyclic(1), 3, False, torch.Generator()), "no element but the identity"),
        (lambda: check_counts(a=1, b=0), "b is at least 1"),
    ]:
        with pytest.raises(RegrepError, match=message):
            call()
