"""Digits at any angle, rotated and mirrored by D3 (MNIST, section 4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regrep.actions import RotateFlip2d, resample
from regrep.errors import RegrepError
from regrep.groups import dihedral
from regrep_paper.data.digits import FORMS, Digits, Source, load
from regrep_paper.data.pairs import PairData
from regrep_paper.data.samples import Samples, Split
from regrep_paper.runs.data_folder import check_folder
from regrep_paper.tables import exploration

DEFAULTS = exploration.MNIST.defaults
"""Defaults of the settings; None if the default depends on other settings."""

THIRD = 120.0
"""Angle of the generator r of D3, in degrees."""


class TurnedDigits(PairData):
    """Digits rotated by a random angle, and then transformed by D3.

    x is the digit rotated by an angle uniform in 0..360 degrees; gx is rotated by that angle and then
    transformed by g. Both are resampled once from the upright digit, so that interpolation blurs them equally.

    Args:
        source: ``digits`` (embedded) or ``mnist``.
        data_dir: folder with MNIST's files, instead of a download.
        seed: seed of the training angles and elements.
        batch_size: samples in a training batch.
        augment: rotate by a random angle; otherwise the digits are upright.
        identity: also draw the identity, as often as any other element.
        angle: angle of r in degrees. With any value but 120 (the published code has 60) the maps are not an action of
            D3, and ``action`` is None.

    Raises:
        RegrepError: a batch size below 1, or an angle outside 0..360.

    >>> data = TurnedDigits(batch_size=8)
    >>> data.setup()
    >>> data.views(next(iter(data.train_dataloader()))).gx.shape
    torch.Size([8, 1, 28, 28])
    """

    def __init__(
        self,
        source: Source = DEFAULTS["data"],
        data_dir: Path | None = None,
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
        augment: bool = DEFAULTS["augment"],
        identity: bool = DEFAULTS["identity"],
        angle: float = DEFAULTS["angle"],
    ) -> None:
        if not 0 < angle < 360:
            raise RegrepError(f"angle is between 0 and 360 degrees, got {angle:g}; r of D3 rotates by 120")
        group = dihedral(3)
        super().__init__(group, RotateFlip2d(group) if angle == THIRD else None, seed, batch_size, identity)
        check_folder(data_dir, source, FORMS.get(source, ()))
        self.digits_of, self.data_dir, self.augment = source, data_dir, augment
        self.matrices = element_matrices(angle)
        self.digits: Digits | None = None

    def load(self) -> dict[Split, Samples]:
        """The digits in the same splits as in the other experiments."""
        self.digits = load(self.digits_of, self.data_dir)
        labels = self.digits.labels
        return {split: Samples(images[:, None], labels[split], split) for split, images in self.digits.images.items()}

    def move(self, images: Tensor, g: Tensor, split: Split, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """One resampling for x and one for gx, whose map is the product of both."""
        angle = torch.rand(len(images), generator=generator) * (360.0 if self.augment else 0.0)
        before = turns(angle).to(images.device)
        after = self.matrices.to(before)[g] @ before
        return resample(images, before).clamp(0, 1), resample(images, after).clamp(0, 1)

    def source(self) -> dict[str, Any]:
        """Name and files of the digits."""
        assert self.digits is not None
        return {"name": self.digits.name, "files": self.digits.files}


def turns(angle: Tensor) -> Tensor:
    """Counter-clockwise rotations by angles in degrees [B], on (x to the right, y upwards): [B, 2, 2].

    >>> turns(torch.tensor([180.0])).round()
    tensor([[[-1.,  0.],
             [-0., -1.]]])
    """
    radians = torch.deg2rad(angle)
    cos, sin = radians.cos(), radians.sin()
    return torch.stack([cos, -sin, sin, cos], dim=-1).reshape(-1, 2, 2)


def element_matrices(angle: float) -> Tensor:
    """The maps of e, r, r², s, rs, r²s where r rotates by ``angle`` degrees and s mirrors left and right.

    Returns:
        float64 [6, 2, 2], on (x to the right, y upwards).

    >>> element_matrices(120)[3]
    tensor([[-1.,  0.],
            [ 0.,  1.]], dtype=torch.float64)
    """
    rotations = turns(angle * torch.arange(3, dtype=torch.float64))
    return torch.cat([rotations, rotations @ torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64))])
