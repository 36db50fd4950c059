"""Digits drawn in two fonts: splits by angle, glyphs, and fonts that cannot be used."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("PIL")

from regrep.actions import rotate
from regrep.errors import RegrepError
from regrep_paper.data.glyphs import GlyphPairs, angles, default_font, render, rotate_and_scale, scales
from tolerance import assert_near


def test_scales_fill_their_range_evenly():
    found = scales(200_000, torch.Generator().manual_seed(0)).double()
    assert 0.8 <= found.min() < 0.8001
    assert 1.1999 < found.max() <= 1.2
    assert torch.histc(found, 4, 0.8, 1.2).tolist() == pytest.approx([50_000] * 4, rel=0.02)


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
    digits = render(default_font("digits-sans.ttf"))
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


def of_matplotlib(name):
    """A font that matplotlib ships, or one that does not exist."""
    matplotlib = pytest.importorskip("matplotlib")
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@pytest.mark.parametrize(
    ("own", "whole"),
    [("digits-sans.ttf", "DejaVuSans.ttf"), ("digits-serif-bold-italic.ttf", "DejaVuSerif-BoldItalic.ttf")],
)
def test_the_fonts_draw_the_digits_of_the_whole_ones(own, whole):
    assert torch.equal(render(default_font(own)), render(of_matplotlib(whole)))


def test_fonts_that_cannot_be_used(tmp_path):
    text = tmp_path / "text.ttf"
    text.write_text("no font")
    for font, message in [
        (tmp_path / "absent.ttf", "absent.ttf does not exist"),
        (tmp_path, "a font is a file"),
        (text, "is not a scalable font"),
        (of_matplotlib("STIXSizOneSymReg.ttf"), "draws each of 0..9, but .* lacks the digits 0, 1,"),
    ]:
        with pytest.raises(RegrepError, match=message):
            render(font)
    font = default_font("digits-sans.ttf")
    with pytest.raises(RegrepError, match="draw the same digits"):
        GlyphPairs(font, font).setup()


def test_pictures_alike_are_no_digits():
    last_resort = of_matplotlib("LastResortHE-Regular.ttf")
    if not last_resort.exists():
        pytest.skip("this matplotlib has no font that draws all digits alike")
    with pytest.raises(RegrepError, match="lacks ten different digits"):
        render(last_resort)


def test_the_default_fonts_need_no_matplotlib(monkeypatch):
    for name in ["matplotlib", *sys.modules]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    GlyphPairs(train_samples=10).setup()


@pytest.mark.parametrize("name", ["digits-sans.ttf", "digits-serif-bold-italic.ttf"])
def test_glyphs_are_whole(name):
    """As drawn in the middle of a large sheet, cut out and averaged down."""
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(default_font(name), 160, layout_engine=ImageFont.Layout.BASIC)
    for digit, found in enumerate(render(default_font(name))):
        sheet = Image.new("L", (600, 600))
        ImageDraw.Draw(sheet).text((200, 200), str(digit), fill=255, font=face)
        glyph = sheet.crop(sheet.getbbox())
        sides = [round(20 * side / max(glyph.size)) for side in glyph.size]
        small = torch.from_numpy(np.array(glyph.resize(sides, Image.Resampling.BOX)))
        width, height = sides
        left, top = (28 - width) // 2, (28 - height) // 2
        expected = torch.zeros(28, 28, dtype=torch.uint8)
        expected[top : top + height, left : left + width] = small
        assert torch.equal(found, expected), digit
