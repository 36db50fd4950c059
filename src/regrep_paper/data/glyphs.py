"""Digits in two fonts that C2 swaps (TMNIST, section 4)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep.errors import MissingExtraError, RegrepError
from regrep.groups import cyclic
from regrep_paper.data.downloads import checksum
from regrep_paper.data.pairs import PairData, check_counts
from regrep_paper.data.samples import Samples, Split
from regrep_paper.tables import exploration

DEFAULTS = exploration.TMNIST.defaults
"""Defaults of the settings; None if the default depends on other settings."""

FONTS = ("digits-sans.ttf", "digits-serif-bold-italic.ttf")
"""The default fonts: the digits of DejaVu Sans and DejaVu Serif Bold Italic, which come with the package."""

SIZE, FILLED = 28, 20
"""Side of the square image and longer side of the glyph in it, in pixels."""

FONT_SIZE = 8 * FILLED
"""Glyphs are drawn large and averaged down, because hinting would distort small ones."""

ABSENT = "\U0010ffff"
"""A code point without a character: it is drawn as the font's sign for a missing glyph."""

BAND = 5
"""Width of a band of angles in degrees; each band belongs to one split."""

LARGEST = 90
"""Angles are drawn from minus to plus this many degrees."""

SCALES = (0.8, 1.2)
"""Range of the scales."""


class GlyphPairs(PairData):
    """The digits 0..9 in two fonts; the element r of C2 swaps the font and keeps digit, angle and scale.

    A sample is a digit in one of the fonts, rotated by an angle within ±90 degrees and scaled by 0.8..1.2,
    all uniform; gx is the same digit with the same angle and scale in the font of g·f. The samples are
    virtual: new ones are drawn in every epoch.

    There are only 20 glyphs, so the splits share them and differ in the angle: of the bands of 5 degrees,
    those with floor(angle / 5) mod 5 = 4 belong to the test split, = 3 to validation, and the rest to
    training. No training step sees an image of another split.

    Args:
        font_a: a font file, DejaVu Sans if None.
        font_b: another, DejaVu Serif Bold Italic if None.
        seed: seed of the training samples.
        batch_size: samples in a training batch.
        train_samples: samples in an epoch; ``validation_samples`` and ``test_samples`` likewise.
        identity: also draw the identity, as often as the swap.

    Raises:
        RegrepError: counts below 1; in ``setup``, fonts that cannot be used or draw the same digits.

    >>> data = GlyphPairs(train_samples=20)
    >>> data.setup()
    >>> data.views(data.splits["train"][torch.arange(6), 0]).gx.shape
    torch.Size([6, 1, 28, 28])
    """

    def __init__(
        self,
        font_a: Path | None = None,
        font_b: Path | None = None,
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
        train_samples: int = DEFAULTS["train_samples"],
        validation_samples: int = DEFAULTS["validation_samples"],
        test_samples: int = DEFAULTS["test_samples"],
        identity: bool = DEFAULTS["identity"],
    ) -> None:
        super().__init__(cyclic(2), None, seed, batch_size, identity)
        check_counts(train_samples=train_samples, validation_samples=validation_samples, test_samples=test_samples)
        self.fonts = [font if font else default_font(name) for font, name in zip((font_a, font_b), FONTS, strict=True)]
        self.sizes: dict[Split, int] = {
            "train": train_samples,
            "validation": validation_samples,
            "test": test_samples,
        }

    def load(self) -> dict[Split, Samples]:
        """Render the fonts; an image has its digit in both fonts as channels."""
        a, b = (render(font) for font in self.fonts)
        if torch.equal(a, b):
            raise RegrepError(
                f"the two fonts differ, but {self.fonts[0]} and {self.fonts[1]} draw the same digits; choose another"
            )
        glyphs = torch.stack([a, b], dim=1)
        digits = {split: torch.arange(n) % 10 for split, n in self.sizes.items()}
        return {split: Samples(glyphs, digit, split, index=digit) for split, digit in digits.items()}

    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Both fonts in the same pose, and the choice of the font for x."""
        b = len(images)
        font = torch.randint(2, (b,), generator=generator).to(g.device)
        angle, scale = (v.to(g.device) for v in (angles(split, b, generator), scales(b, generator)))
        posed = rotate_and_scale(images, angle, scale).clamp(0, 1)
        sample = torch.arange(b, device=g.device)
        return posed[sample, font, None], posed[sample, font ^ g, None]

    def source(self) -> dict[str, Any]:
        """Names and checksums of the fonts."""
        files = {
            key: {"name": font.name, "md5": checksum(font)}
            for key, font in zip(("font_a", "font_b"), self.fonts, strict=True)
        }
        return {"name": "glyphs", "files": files}


def angles(split: Split, count: int, generator: torch.Generator) -> Tensor:
    """Random angles in degrees, [count], uniform over the bands of a split.

    >>> angle = angles("test", 1000, torch.Generator().manual_seed(0))
    >>> (angle / BAND).floor().remainder(5).unique()
    tensor([4.])
    """
    last = {"train": (0, 1, 2), "validation": (3,), "test": (4,)}[split]
    bands = torch.tensor([k for k in range(-LARGEST // BAND, LARGEST // BAND) if k % 5 in last])
    chosen = bands[torch.randint(len(bands), (count,), generator=generator)]
    # The clamp prevents rounding up into the next band, which may belong to another split.
    return BAND * (chosen + torch.rand(count, generator=generator).clamp(max=1 - 1e-4))


def scales(count: int, generator: torch.Generator) -> Tensor:
    """Random scales, [count], uniform."""
    low, high = SCALES
    return low + (high - low) * torch.rand(count, generator=generator)


def rotate_and_scale(x: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
    """Rotate each image counter-clockwise and scale it about its centre in one bilinear resampling.

    Pixels outside the image are 0.

    Args:
        x: floating point [B, C, H, H].
        angle: [B], degrees.
        scale: [B], above 1 enlarges.

    >>> x = torch.eye(3)[None, None]
    >>> rotate_and_scale(x, torch.tensor([90.0]), torch.tensor([1.0])).round().tolist()
    [[[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]]]
    """
    radians = torch.deg2rad(angle)
    cos, sin, zero = radians.cos() / scale, radians.sin() / scale, torch.zeros_like(scale)
    # From a position in the result to the position in x: the inverse, with rows growing downwards.
    theta = torch.stack([cos, -sin, zero, sin, cos, zero], dim=-1).reshape(-1, 2, 3)
    places = torch.nn.functional.affine_grid(theta, list(x.shape), align_corners=False)
    return torch.nn.functional.grid_sample(x, places, align_corners=False)


def default_font(name: str) -> Path:
    """A font that comes with the package.

    >>> default_font("digits-sans.ttf").name
    'digits-sans.ttf'
    """
    return Path(__file__).parent / "embedded" / name


def render(font: Path) -> Tensor:
    """The digits 0..9 of a font, each centred on its bounding box, its longer side 20 of 28 pixels.

    Args:
        font: a TrueType or OpenType file.

    Returns:
        uint8 [10, 28, 28], 255 where there is ink.

    Raises:
        RegrepError: no such file, not a scalable font, or a font without ten different digits.

    >>> render(default_font("digits-sans.ttf")).amax(dim=(1, 2)).min() > 200
    tensor(True)
    """
    try:
        from PIL import ImageFont
    except ImportError as cause:
        raise MissingExtraError("data") from cause
    if not font.is_file():
        raise RegrepError(f"a font is a file, but {font} does not exist; give the path of a .ttf or .otf file")
    try:
        face = ImageFont.truetype(font, FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
        absent, *digits = (_picture(face, character) for character in (ABSENT, *"0123456789"))
    except OSError as cause:
        raise RegrepError(f"{font} is not a scalable font ({cause}); give a .ttf or .otf file") from cause
    missing = [k for k, digit in enumerate(digits) if not digit.any() or torch.equal(digit, absent)]
    if missing or len({digit.numpy().tobytes() for digit in digits}) < 10:
        which = f"the digits {', '.join(map(str, missing))}" if missing else "ten different digits"
        raise RegrepError(f"a font for digits draws each of 0..9, but {font} lacks {which}; choose another font")
    return torch.stack(digits)


def _picture(face: Any, character: str) -> Tensor:
    """One character, uint8 [28, 28]; 0 throughout if the font draws nothing for it."""
    from PIL import Image, ImageDraw

    sheet = Image.new("L", (SIZE, SIZE))
    left, top, right, bottom = face.getbbox(character)
    large = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    ImageDraw.Draw(large).text((-left, -top), character, fill=255, font=face)
    ink = large.getbbox()
    if ink is not None:
        glyph = large.crop(ink)
        width, height = (max(1, round(FILLED * side / max(glyph.size))) for side in glyph.size)
        glyph = glyph.resize((width, height), Image.Resampling.BOX)
        sheet.paste(glyph, ((SIZE - width) // 2, (SIZE - height) // 2))
    return torch.from_numpy(np.array(sheet))
