"""Downloads with checksums, or files that are already there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from regrep.errors import MissingExtraError, RegrepError
from regrep.experiments.data.idx import read_idx

MNIST = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
"""MNIST's four files and their published md5 checksums."""

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def cache_dir() -> Path:
    """Where downloads are kept: ``$REGREP_DATA_DIR``, or ``~/.cache/regrep``."""
    return Path(os.environ.get("REGREP_DATA_DIR") or Path.home() / ".cache" / "regrep")


def mnist(
    data_dir: Path | str | None = None,
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, dict[str, str]]]:
    """MNIST as ``{"train": (images, labels), "test": (images, labels)}`` and the checksums of its files.

    Args:
        data_dir: folder that holds the four official files or only the two ``t10k`` ones (then there is no
            ``"train"``); by default they are downloaded once into :func:`cache_dir`.

    Raises:
        RegrepError: a file is missing, altered or cannot be downloaded.
    """
    if data_dir is None:
        folder, names = cache_dir() / "mnist", list(MNIST)
        for name in names:
            fetch(name, MNIST[name], MNIST_MIRRORS, folder)
    else:
        folder = Path(data_dir)
        names = [name for name in MNIST if (folder / name).exists()]
        missing = [name for name in MNIST if name not in names and (name.startswith("t10k") or len(names) > 2)]
        if missing:
            raise RegrepError(
                f"{folder} lacks {', '.join(missing)}; put MNIST's four official files there, or the two t10k files"
            )
    files = {name: {"md5": verified(folder / name, MNIST[name])} for name in names}
    parts = {
        part: (read_idx(folder / f"{prefix}-images-idx3-ubyte.gz"), read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz"))
        for part, prefix in (("train", "train"), ("test", "t10k"))
        if f"{prefix}-images-idx3-ubyte.gz" in names
    }
    return parts, files


def verified(path: Path, md5: str) -> str:
    """The md5 checksum of a file, if it is the published one.

    Raises:
        RegrepError: the file is missing, truncated or altered.
    """
    if not path.exists():
        raise RegrepError(f"{path.name} is not in {path.parent}; download it there, its md5 is {md5}")
    found = hashlib.md5(path.read_bytes()).hexdigest()
    if found != md5:
        raise RegrepError(
            f"{path.name} in {path.parent} is truncated or altered: its md5 is {found}, published is {md5};"
            " delete it and get it again"
        )
    return found


def fetch(name: str, md5: str, mirrors: Sequence[str], folder: Path) -> Path:
    """Download a file from the first mirror that has it, unless it is there.

    Raises:
        RegrepError: no mirror gave the file with that checksum.
    """
    path = folder / name
    if path.exists():
        verified(path, md5)
        return path
    try:
        import pooch
    except ImportError as cause:
        raise MissingExtraError("data") from cause
    failures: Mapping[str, str] = {}
    for mirror in mirrors:
        try:
            pooch.retrieve(mirror + name, known_hash=f"md5:{md5}", fname=name, path=folder, progressbar=False)
        except (OSError, ValueError) as cause:
            failures = {**failures, mirror: str(cause).split("\n")[0][:120]}
        else:
            return path
    told = "; ".join(f"{mirror}: {reason}" for mirror, reason in failures.items())
    raise RegrepError(
        f"{name} (md5 {md5}) could not be downloaded into {folder} ({told}); put the file there by hand,"
        " or name the folder that holds it by --data.data_dir"
    )
