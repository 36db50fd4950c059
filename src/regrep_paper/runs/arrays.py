"""Arrays stored next to a run record."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep_paper.runs.records import write_atomic


class DamagedArraysError(RegrepError):
    """A file of arrays is missing, damaged or incomplete."""


def as_bytes(x: Tensor) -> Tensor:
    """Grey or colour values in 0..1 as uint8 in 0..255; values outside are clipped.

    >>> as_bytes(torch.tensor([-0.1, 0.5, 1.0])).tolist()
    [0, 128, 255]
    """
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays atomically to a compressed npz file, which can be read without pickle.

    Raises:
        RegrepError: the file cannot be written.
    """
    with io.BytesIO() as buffer:
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(path, buffer.getvalue())


def read_npz(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an npz file, read without pickle; by default all of them.

    Raises:
        DamagedArraysError: there is no such file, it is damaged, or it lacks one of the arrays.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "two.npz"
    >>> write_arrays(file, first=np.arange(3), second=np.zeros(2))
    >>> read_npz(file, ["first"])
    {'first': array([0, 1, 2])}
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (arrays.files if names is None else names)}
    except Exception as cause:  # damaged archives raise errors of many kinds: of zlib, zipfile, struct, numpy
        what = "a readable npz file" if names is None else f"an npz file with the arrays {', '.join(names)}"
        reason = " ".join(str(cause).split())[:120] or type(cause).__name__
        raise DamagedArraysError(f"{path} is not {what} ({reason}); replace it") from cause
