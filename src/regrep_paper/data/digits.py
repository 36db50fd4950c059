"""Digits and their splits: no digit is in two splits."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep_paper.data.samples import Split
from regrep_paper.runs.kept import kept

Source = Literal["digits", "mnist"]

FORMS: dict[Source, tuple[tuple[str, ...], ...]] = {
    "digits": (),
    "mnist": (("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),),
}
"""Files that a data folder holds at least, by source."""

SPLIT_SEED = 20240522
"""Seed of the permutation that splits digits; fixed, so that all runs share the splits."""


@dataclass(frozen=True)
class Digits:
    """Images of single digits in three disjoint splits.

    Attributes:
        images: for each split, uint8 [n, 28, 28].
        labels: for each split, int64 [n], 0 .. 9.
        files: md5 checksum of each file they came from.
        name: ``digits`` or ``mnist``.
    """

    images: dict[Split, Tensor]
    labels: dict[Split, Tensor]
    files: dict[str, dict[str, str]]
    name: str


@kept
def load(source: Source, data_dir: Path | str | None = None) -> Digits:
    """Load and split the digits.

    ``digits``: the 1,797 :func:`embedded` digits of 8 x 8 pixels, enlarged to 24 x 24 (bilinear) with a margin
    of 2. ``mnist``: the official files, downloaded with checksums or read from
    ``data_dir``. With all four files the 60,000 training digits are split 50,000 to 10,000 into train and
    validation, and the test split is the official one; with only the two ``t10k`` files, their 10,000
    digits are split 7,000 / 1,000 / 2,000.

    >>> digits = load("digits")
    >>> {split: tuple(x.shape) for split, x in digits.images.items()}
    {'train': (1258, 28, 28), 'validation': (180, 28, 28), 'test': (359, 28, 28)}
    """
    if source == "digits":
        return _divide("digits", *_enlarged(), {}, 0.7, 0.1)
    if source == "mnist":
        from regrep_paper.data.downloads import mnist

        parts, sources = mnist(data_dir)
        images, labels = (torch.from_numpy(np.array(a)) for a in parts["test"])
        labels = labels.long()
        if "train" not in parts:
            return _divide("mnist-t10k", images, labels, sources, 0.7, 0.1)
        train, names = (torch.from_numpy(np.array(a)) for a in parts["train"])
        halves = _divide("mnist", train, names.long(), sources, 5 / 6, 1 / 6)
        return Digits({**halves.images, "test": images}, {**halves.labels, "test": labels}, sources, "mnist")
    raise RegrepError(f'digits come from "digits" or "mnist", got {source!r}')


def _divide(
    name: str,
    images: Tensor,
    labels: Tensor,
    sources: dict[str, dict[str, str]],
    train: float,
    validation: float,
) -> Digits:
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(SPLIT_SEED))
    first, second = round(train * len(images)), round((train + validation) * len(images))
    chosen: dict[Split, Tensor] = {
        "train": order[:first],
        "validation": order[first:second],
        "test": order[second:],
    }
    return Digits(
        {split: images[k] for split, k in chosen.items()},
        {split: labels[k] for split, k in chosen.items()},
        sources,
        name,
    )


def embedded() -> tuple[Tensor, Tensor]:
    """The digits that come with the package: images uint8 [1797, 8, 8] with values 0 .. 16, and labels int64 [1797].

    The test part of *Optical Recognition of Handwritten Digits* (UCI, CC BY 4.0), in the order of scikit-learn's
    ``load_digits``; ``embedded/README.md`` names its authors.

    >>> images, labels = embedded()
    >>> images.shape, int(images.max()), labels[:3].tolist()
    (torch.Size([1797, 8, 8]), 16, [0, 1, 2])
    """
    with (files("regrep_paper.data") / "embedded" / "digits.npz").open("rb") as file, np.load(file) as arrays:
        return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"]).long()


def _enlarged() -> tuple[Tensor, Tensor]:
    """The same, uint8 [1797, 28, 28]."""
    images, labels = embedded()
    small = images.float()[:, None] * (255 / 16)
    large = torch.nn.functional.interpolate(small, size=(24, 24), mode="bilinear", align_corners=False)
    return torch.nn.functional.pad(large, (2, 2, 2, 2))[:, 0].round().to(torch.uint8), labels
