"""CIFAR10 in its common forms: official archives, their folders, and a JPEG copy."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.data.cifar10_pickle import LARGEST, images_and_labels
from regrep_paper.data.downloads import Release, checksum
from regrep_paper.runs.arrays import read_npz
from regrep_paper.runs.data_folder import data_folder
from regrep_paper.runs.kept import kept

PIXELS = 3 * 32 * 32
"""Bytes per image: the red, the green and the blue plane, row by row."""

CLASSES = 10

JPEG = "cifar10_jpeg.npz"
"""Name of the JPEG copy."""

CIFAR10 = Release(
    "cifar10",
    {
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
    },
    ("https://www.cs.toronto.edu/~kriz/",),
)
"""The archives on the authors' page with the checksums published there."""


class Counts(NamedTuple):
    """The required numbers of images."""

    train: int = 50_000
    test: int = 10_000


@dataclass(frozen=True)
class Images:
    """Colour images with the official split.

    Attributes:
        train: uint8 [50000, 3, 32, 32].
        train_labels: int64 [50000], 0 .. 9.
        test: uint8 [10000, 3, 32, 32].
        test_labels: int64 [10000].
        files: md5 checksum of each file they came from.
        name: ``cifar10``, or ``cifar10-jpeg`` for the JPEG copy.
        remark: how the images differ from the published ones; empty if they do not.
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    files: dict[str, dict[str, str]]
    name: str
    remark: str = ""


class Form(NamedTuple):
    """One official form: an archive, the folder in it, its files, and their decoder."""

    archive: str
    folder: str
    train: tuple[str, ...]
    test: str
    decode: Callable[[bytes, str], tuple[np.ndarray, np.ndarray]]


@kept
def cifar10(data_dir: Path | str | None = None, release: Release = CIFAR10, counts: Counts = Counts()) -> Images:  # noqa: B008
    """Read CIFAR10 from a folder, downloading the binary archive if the folder has no form of it.

    These are looked for, in this order: ``cifar-10-binary.tar.gz``, its folder ``cifar-10-batches-bin``,
    ``cifar-10-python.tar.gz``, its folder ``cifar-10-batches-py``, and ``cifar10_jpeg.npz``. The last is a
    JPEG-compressed copy with the arrays ``jpeg`` (uint8, all files end to end), ``offsets`` (n + 1 integers;
    file i is ``jpeg[offsets[i]:offsets[i + 1]]``), ``label`` and ``is_train``, both [n].

    Archives must have the published checksum. No checksum is published for the files in the folders or for the
    JPEG copy; for these the actual checksum is recorded. Pickles are read by a special parser, which neither runs nor
    looks up anything.

    Args:
        data_dir: the folder; None is resolved by :func:`regrep_paper.runs.data_folder.data_folder`.
        release: names, checksums and mirrors of the archives.
        counts: the required numbers of images.

    Raises:
        RegrepError: a file is altered, incomplete or of another format, or missing and cannot be downloaded.
    """
    folder = data_folder(data_dir)
    for form in FORMS:
        if (folder / form.archive).exists():
            return _official(form, *_archived(form, release, folder), counts)
        if (folder / form.folder).is_dir():
            return _official(form, *_unpacked(form, folder / form.folder), counts)
    if (folder / JPEG).exists():
        return _compressed(folder / JPEG, counts)
    return _official(FORMS[0], *_archived(FORMS[0], release, folder), counts)


def _archived(form: Form, release: Release, folder: Path) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
    """Contents of the given files, read in one pass without unpacking anything to disk."""
    path = release.fetch(form.archive, folder)
    wanted = {f"{form.folder}/{file}": file for file in (*form.train, form.test)}
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() and member.name in wanted else None
                if stream is not None and _small(member.name, member.size):
                    contents[wanted[member.name]] = stream.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as cause:
        raise RegrepError(f"{path} is not a complete tar.gz archive ({cause}); download it again") from cause
    return contents, {form.archive: {"md5": release.md5[form.archive]}}


def _small(name: Path | str, size: int) -> bool:
    """Raise for a file that is larger than any file of CIFAR10."""
    if size > LARGEST:
        raise RegrepError(f"a file of CIFAR10 has at most {LARGEST} bytes, but {name} has {size}; download it again")
    return True


def _unpacked(form: Form, folder: Path) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
    paths = {file: folder / file for file in (*form.train, form.test) if (folder / file).is_file()}
    for path in paths.values():
        _small(path, path.stat().st_size)
    return (
        {file: path.read_bytes() for file, path in paths.items()},
        {f"{form.folder}/{file}": {"md5": checksum(path)} for file, path in paths.items()},
    )


def _official(form: Form, contents: Mapping[str, bytes], files: dict[str, dict[str, str]], counts: Counts) -> Images:
    missing = [file for file in (*form.train, form.test) if file not in contents]
    if missing:
        raise RegrepError(f"{form.folder} of CIFAR10 lacks {', '.join(missing)}; put the official files there")
    parts = [form.decode(contents[file], file) for file in (*form.train, form.test)]
    train, train_labels = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return _checked(train, train_labels, *parts[-1], files, "cifar10", counts)


def _checked(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    files: dict[str, dict[str, str]],
    name: str,
    counts: Counts,
    remark: str = "",
) -> Images:
    """The images, after the checks of counts and labels that all forms share."""
    found = Counts(len(train), len(test))
    if found != counts:
        raise RegrepError(
            f"CIFAR10 has {counts.train} training and {counts.test} test images, but {', '.join(files)} hold"
            f" {found.train} and {found.test}; download the data again"
        )
    labels = np.concatenate([train_labels, test_labels])
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise RegrepError(
            f"labels of CIFAR10 range from 0 to 9, but {', '.join(files)} hold {labels.min()} to {labels.max()};"
            " download the data again"
        )
    images = [torch.from_numpy(np.ascontiguousarray(x)).reshape(-1, 3, 32, 32) for x in (train, test)]
    classes = [torch.from_numpy(y.astype(np.int64)) for y in (train_labels, test_labels)]
    return Images(images[0], classes[0], images[1], classes[1], files, name, remark)


def _records(content: bytes, file: str) -> tuple[np.ndarray, np.ndarray]:
    """A binary file: for each image one byte with the label, then the planes."""
    if not content or len(content) % (1 + PIXELS):
        raise RegrepError(
            f"{file} of CIFAR10 holds records of {1 + PIXELS} bytes, got {len(content)} bytes; download it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def _pickled(content: bytes, file: str) -> tuple[np.ndarray, np.ndarray]:
    """A file of the Python form."""
    return images_and_labels(content, file, PIXELS)


FORMS = (
    Form(
        "cifar-10-binary.tar.gz",
        "cifar-10-batches-bin",
        tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
        "test_batch.bin",
        _records,
    ),
    Form(
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py",
        tuple(f"data_batch_{k}" for k in range(1, 6)),
        "test_batch",
        _pickled,
    ),
)
"""The official forms, the one without pickles first."""

FILES = (*((name,) for form in FORMS for name in (form.archive, form.folder)), (JPEG,))
"""What a data folder holds, any one of them."""


def _compressed(path: Path, counts: Counts) -> Images:
    """The JPEG copy."""
    jpeg, offsets, label, is_train = read_npz(path, ("jpeg", "offsets", "label", "is_train")).values()
    ends = offsets.astype(np.int64)
    if (
        (jpeg.dtype, is_train.dtype) != (np.uint8, np.bool_)
        or not {label.dtype.kind, offsets.dtype.kind} <= {"i", "u"}
        or not jpeg.ndim == label.ndim == 1
        or label.shape != is_train.shape
        or ends.shape != (len(label) + 1,)
        or not len(label)
        or (ends[0], ends[-1]) != (0, len(jpeg))
        or (np.diff(ends) <= 0).any()
    ):
        raise RegrepError(
            f"the offsets in {path} should divide its bytes into one file for each label and entry of is_train, but"
            " they do not; replace it"
        )
    images = np.stack([_decoded(jpeg[a:b].tobytes(), k, path) for k, (a, b) in enumerate(pairwise(ends))])
    return _checked(
        images[is_train],
        label[is_train],
        images[~is_train],
        label[~is_train],
        {path.name: {"md5": checksum(path)}},
        "cifar10-jpeg",
        counts,
        "JPEG-compressed copy; its pixels differ from the published CIFAR10",
    )


def _decoded(content: bytes, number: int, path: Path) -> np.ndarray:
    """A JPEG file as uint8 [3, 32, 32]."""
    try:
        from PIL import Image
    except ImportError as cause:
        raise MissingExtraError("data") from cause
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as picture:
            size = picture.size
            pixels = np.asarray(picture.convert("RGB")) if size == (32, 32) else None
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning) as cause:
        raise RegrepError(
            f"image {number} in {path} is not a complete JPEG file ({cause}); replace {path.name}"
        ) from cause
    if pixels is None:
        raise RegrepError(
            f"images of CIFAR10 are 32 x 32, but image {number} in {path} is {size[0]} x {size[1]}; replace {path.name}"
        )
    return pixels.transpose(2, 0, 1)
