"""The idx format of MNIST: a strict reader."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from regrep.errors import RegrepError

UNSIGNED_BYTE = 0x08
"""The type code of MNIST's files; no data set used here has another type."""


def read_idx(path: Path | str) -> np.ndarray:
    """Read a gzipped idx file of unsigned bytes.

    The file is ``0 0 8 d``, then d sizes as big-endian 32-bit integers, then their product of bytes.

    Returns:
        uint8 array of the sizes in the header.

    Raises:
        RegrepError: the file has another format, or is shorter or longer than its header says.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "labels.gz"
    >>> _ = file.write_bytes(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1])))
    >>> read_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as cause:
        raise RegrepError(f"{path} is not a complete gzip file ({cause}); download it again") from cause
    if len(content) < 4 or content[:3] != bytes([0, 0, UNSIGNED_BYTE]):
        raise RegrepError(
            f"an idx file of unsigned bytes begins with 00 00 08, but {path} begins with {content[:3].hex(' ')};"
            " download it again"
        )
    start = 4 + 4 * content[3]
    sizes = [int.from_bytes(content[k : k + 4], "big") for k in range(4, start, 4)]
    if len(content) != start + math.prod(sizes):
        raise RegrepError(
            f"{path} should hold {' x '.join(map(str, sizes))} bytes after its header of {start},"
            f" but holds {max(len(content) - start, 0)}; download it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)
