"""Downloads with checksums, from several mirrors, or the same files from the user's folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.data.idx import read_idx
from regrep_paper.runs.data_folder import data_folder

TIMEOUT = 60.0
"""Seconds without an answer before a mirror is given up."""

Part = tuple[np.ndarray, np.ndarray]
"""Images uint8 [n, rows, columns] and labels uint8 [n]."""


@dataclass(frozen=True)
class Release:
    """Published files of a data set.

    Attributes:
        name: name of the data set.
        md5: published checksum by file name.
        mirrors: addresses ending in ``/``, tried in this order.
    """

    name: str
    md5: Mapping[str, str]
    mirrors: Sequence[str]

    def fetch(self, file: str, folder: Path) -> Path:
        """Path of a verified file in ``folder``; downloaded first if it is not there.

        Raises:
            RegrepError: the file is truncated or altered, or no mirror supplied the right one. A bad
                download is removed; a bad file that was already there is left to its owner.
        """
        path = folder / file
        if not path.exists():
            self._download(file, folder)
        found = checksum(path)
        if found != self.md5[file]:
            raise RegrepError(
                f"{file} in {folder} is truncated or altered: its md5 checksum should be {self.md5[file]}"
                f" but is {found}; delete it to have it downloaded again, or put the published file there"
            )
        return path

    def _download(self, file: str, folder: Path) -> None:
        try:
            import pooch
        except ImportError as cause:
            raise MissingExtraError("data") from cause
        pooch.get_logger().setLevel("WARNING")
        made, failures = not folder.exists(), []
        for mirror in self.mirrors:
            try:
                pooch.retrieve(
                    mirror + file,
                    known_hash=f"md5:{self.md5[file]}",
                    fname=file,
                    path=folder,
                    downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
                )
                return
            except ValueError as cause:  # the checksum; pooch has removed the file
                failures.append(f"{mirror}: truncated or altered, {str(cause).split('. ')[0]}")
            except OSError as cause:  # including connection and HTTP errors
                failures.append(f"{mirror}: {type(cause).__name__}")
        if made:
            with suppress(OSError):
                folder.rmdir()
        raise RegrepError(
            f"{file} of {self.name} could not be downloaded ({'; '.join(failures)}); to continue without a"
            f" network, put the file with md5 checksum {self.md5[file]} into {folder}"
        )


MNIST = Release(
    "mnist",
    {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
"""The 70,000 handwritten digits; checksums as published with them."""


def mnist(
    data_dir: Path | str | None = None, release: Release = MNIST
) -> tuple[dict[str, Part], dict[str, dict[str, str]]]:
    """Read MNIST, downloading missing files.

    A folder with the two ``t10k`` files and neither ``train`` file is used as it is.

    Args:
        data_dir: folder of the four official files; None is resolved by :func:`data_folder`.
        release: names, checksums and mirrors.

    Returns:
        ``{"train": (images, labels), "test": (images, labels)}``, without ``train`` if there are only the
        ``t10k`` files, and for each file its ``{"md5": checksum}``.

    Raises:
        RegrepError: a file is truncated, altered, or missing and cannot be downloaded.
    """
    folder = data_folder(data_dir)
    there = {file for file in release.md5 if (folder / file).exists()}
    pairs = {"train": _pair("train"), "test": _pair("t10k")}
    if there == set(pairs["test"]):
        del pairs["train"]
    paths = {file: release.fetch(file, folder) for pair in pairs.values() for file in pair}
    parts = {part: (read_idx(paths[x]), read_idx(paths[y])) for part, (x, y) in pairs.items()}
    return parts, {file: {"md5": release.md5[file]} for file in paths}


def _pair(prefix: str) -> tuple[str, str]:
    return f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"


def checksum(path: Path) -> str:
    """The md5 checksum of a file, the kind published for MNIST; it detects accidents, not forgery."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
