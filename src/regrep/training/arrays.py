"""Arrays beside a run record."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from regrep.training.records import write_atomic


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    """Write named arrays to a compressed npz file, which needs no pickle to be read, in one step.

    Raises:
        RegrepError: the file cannot be written.
    """
    with io.BytesIO() as buffer:
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        write_atomic(path, buffer.getvalue())
