"""The idx format of MNIST's files."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from regrep.errors import RegrepError


def read_idx(path: Path) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes.

    The header is two zero bytes, the type (0x08), the number of dimensions, then each dimension as a
    big-endian 32-bit integer; the values follow. Returns a uint8 array of that shape.

    Raises:
        RegrepError: the file is cut off, is no idx file, or holds another type.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as cause:
        raise RegrepError(f"{path} is cut off or no gzip file ({cause}); delete it and download it again") from cause
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise RegrepError(f"{path} is no idx file of unsigned bytes; delete it and download it again")
    dims = content[3]
    start = 4 + 4 * dims
    shape = struct.unpack(f">{dims}I", content[4:start]) if len(content) >= start else ()
    if len(shape) != dims or len(content) - start != math.prod(shape):
        raise RegrepError(
            f"{path} promises {math.prod(shape)} values of shape {list(shape)} but holds"
            f" {max(0, len(content) - start)}; delete it and download it again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)
