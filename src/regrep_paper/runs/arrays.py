"""Arrays stored next to a run record."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regrep_paper.runs.records import write_atomic


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
