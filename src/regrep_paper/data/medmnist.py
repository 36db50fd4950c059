"""The six three-dimensional sets of MedMNIST in their official npz format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep_paper.data.downloads import Release, checksum
from regrep_paper.data.samples import Split
from regrep_paper.runs.arrays import read_npz
from regrep_paper.runs.data_folder import data_folder
from regrep_paper.runs.kept import kept

Size = Literal[28, 64]


@dataclass(frozen=True)
class VolumeSet:
    """The published facts of one data set.

    Attributes:
        md5: checksum of the file, by size.
        counts: volumes in each split.
        labels: names of the classes.
    """

    md5: dict[int, str]
    counts: dict[Split, int]
    labels: tuple[str, ...]


def _set(md5_28: str, md5_64: str, train: int, validation: int, test: int, labels: str) -> VolumeSet:
    counts: dict[Split, int] = {"train": train, "validation": validation, "test": test}
    return VolumeSet({28: md5_28, 64: md5_64}, counts, tuple(labels.split(", ")))


# Checksums, sizes and labels as in medmnist/info.py of github.com/MedMNIST/MedMNIST, version 3 (Zenodo record
# 10519652); the older record 6496656 has different files for organ and vessel, with one more sample.
SETS = {
    "organ": _set(
        "a0c5a1ff56af4f155c46d46fbb45a2fe",
        "58a2205adf14a9d0a189cb06dc78bf10",
        *(971, 161, 610),
        "liver, kidney-right, kidney-left, femur-right, femur-left, bladder, heart, lung-right, lung-left, spleen,"
        " pancreas",
    ),
    "nodule": _set(
        "8755a7e9e05a4d9ce80a24c3e7a256f3", "c47c5b7d457bf6332200d2ea6d64ecd8", 1158, 165, 310, "benign, malignant"
    ),
    "adrenal": _set(
        "bbd3c5a5576322bc4cdfea780653b1ce", "17721accfe9fb005146a47d33bc54b2f", 1188, 98, 298, "normal, hyperplasia"
    ),
    "fracture": _set(
        "6aa7b0143a6b42da40027a9dda61302f",
        "f01d7e6316aedf4210da0da5b7437b42",
        *(1027, 103, 240),
        "buckle rib fracture, nondisplaced rib fracture, displaced rib fracture",
    ),
    "vessel": _set(
        "b41fd4f7e7e2feedddb201585ecafa1b", "6bb274a8846e1097066dcd64e2c4520f", 1335, 191, 382, "vessel, aneurysm"
    ),
    "synapse": _set(
        "1235b78a3cd6280881dd7850a78eadb6",
        "43bd14ebf3af9d3dd072446fedc14d5e",
        *(1230, 177, 352),
        "inhibitory synapse, excitatory synapse",
    ),
}
"""The data sets by their names in Table 5."""

MIRRORS = ("https://zenodo.org/records/10519652/files/",)

KEYS: dict[Split, str] = {"train": "train", "validation": "val", "test": "test"}
"""Splits and their names in the files."""


@dataclass(frozen=True)
class Volumes:
    """Labelled volumes in the official splits.

    Attributes:
        images: for each split, uint8 [n, size, size, size].
        labels: for each split, int64 [n].
        files: md5 checksum of each file they came from.
        name: ``organmnist3d``, with ``-unverified`` if the checksum is not the published one.
    """

    images: dict[Split, Tensor]
    labels: dict[Split, Tensor]
    files: dict[str, dict[str, str]]
    name: str


@kept
def medmnist3d(
    name: str,
    size: Size = 28,
    data_dir: Path | str | None = None,
    any_file: bool = False,
    mirrors: tuple[str, ...] = MIRRORS,
) -> Volumes:
    """Read one of the data sets, downloading it if necessary.

    Args:
        name: ``organ``, ``nodule``, ``adrenal``, ``fracture``, ``vessel`` or ``synapse``.
        size: 28 (``organmnist3d.npz``) or 64 (``organmnist3d_64.npz``).
        data_dir: folder of the file; None is resolved by :func:`regrep_paper.runs.data_folder.data_folder`.
        any_file: accept an existing file of this format with another checksum and other split sizes.
        mirrors: addresses of the folder to download from.

    Raises:
        RegrepError: there is no such data set, or its file is altered, has another format, or is missing and cannot be
            downloaded.
    """
    if name not in SETS:
        raise RegrepError(f"the sets of MedMNIST3D are {', '.join(SETS)}, got {name!r}")
    if size not in SETS[name].md5:
        raise RegrepError(f"volumes of MedMNIST3D have the size 28 or 64, got {size}")
    published, file = SETS[name], file_of(name, size)
    folder = data_folder(data_dir)
    path = folder / file
    if not any_file:
        path = Release(f"{name}mnist3d", {file: published.md5[size]}, mirrors).fetch(file, folder)
    elif not path.is_file():
        raise RegrepError(f"any_file needs an existing file, but {folder} has no {file}; put it there")
    images, labels = _read(path, size, len(published.labels))
    counts: dict[Split, int] = {split: len(y) for split, y in labels.items()}
    if not any_file and counts != published.counts:
        raise RegrepError(
            f"{file} should hold {_listed(published.counts)} volumes, got {_listed(counts)}; download it again"
        )
    found = checksum(path)
    official = found == published.md5[size]
    return Volumes(images, labels, {file: {"md5": found}}, f"{name}mnist3d{'' if official else '-unverified'}")


def file_of(name: str, size: int) -> str:
    """The name of a set's file.

    >>> file_of("organ", 28), file_of("organ", 64)
    ('organmnist3d.npz', 'organmnist3d_64.npz')
    """
    return f"{name}mnist3d{'' if size == 28 else f'_{size}'}.npz"


def _read(path: Path, size: int, classes: int) -> tuple[dict[Split, Tensor], dict[Split, Tensor]]:
    """Volumes and labels of each split, after checking everything that the arrays show."""
    names = [f"{key}_{what}" for key in KEYS.values() for what in ("images", "labels")]
    found = read_npz(path, names)
    images: dict[Split, Tensor] = {}
    labels: dict[Split, Tensor] = {}
    for split, key in KEYS.items():
        x, y = found[f"{key}_images"], found[f"{key}_labels"]
        if x.dtype != np.uint8:
            raise RegrepError(f"{key}_images in {path} should be uint8, got {x.dtype}; scale them to 0..255")
        if x.shape[1:] != (size,) * 3 or not len(x):
            raise RegrepError(
                f"{key}_images in {path} should have the shape [n, {size}, {size}, {size}] with n > 0, got"
                f" {list(x.shape)}; resize the volumes or give their size"
            )
        if y.shape != (len(x), 1) or y.dtype.kind not in "iu":
            raise RegrepError(
                f"{key}_labels in {path} should be integers [{len(x)}, 1], one for each volume, got {y.dtype}"
                f" {list(y.shape)}; replace them"
            )
        if y.min() < 0 or y.max() >= classes:
            raise RegrepError(
                f"{key}_labels in {path} should range from 0 to {classes - 1}, got {y.min()} to {y.max()}; replace them"
            )
        images[split], labels[split] = torch.from_numpy(x), torch.from_numpy(y[:, 0].astype(np.int64))
    return images, labels


def _listed(counts: dict[Split, int]) -> str:
    return " / ".join(map(str, counts.values()))
