"""Which test samples a run classified correctly, small enough for its record."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrep.errors import RegrepError


@dataclass(frozen=True)
class Hits:
    """Samples in test order, the same for all methods with the same seed.

    Attributes:
        correct: bool [n].
        units: uint32 [n, k], the units that a sample consists of: a digit, or the two digits of a pair. Samples that
            share a unit are not independent, so intervals are bootstrapped over units.
    """

    correct: NDArray[np.bool_]
    units: NDArray[np.uint32]

    def as_dict(self) -> dict[str, Any]:
        """For a record: bits and zlib streams in base 64.

        >>> hits = Hits(np.array([True, False]), np.array([[3], [5]], dtype=np.uint32))
        >>> Hits.from_dict(hits.as_dict()).units.tolist(), hits.as_dict()["samples"]
        ([[3], [5]], 2)
        """
        return {
            "samples": len(self.correct),
            "correct": _text(np.packbits(self.correct).tobytes()),
            "units": _text(zlib.compress(self.units.astype("<u4").T.tobytes(), 9)),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Hits:
        """From a record.

        Raises:
            RegrepError: the record is damaged.
        """
        try:
            n = int(record["samples"])
            correct = np.unpackbits(np.frombuffer(_bytes(record["correct"]), np.uint8), count=n).astype(bool)
            stream = zlib.decompressobj()
            units = np.frombuffer(stream.decompress(_bytes(record["units"]), 32 * n), "<u4").reshape(-1, n).T
        except (KeyError, TypeError, ValueError, zlib.error, binascii.Error) as cause:
            raise RegrepError(f"the hits of a record cannot be read ({cause}); restore a copy of it") from cause
        return cls(correct, units.astype(np.uint32))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()  # without slashes, which look like paths of a machine


def _bytes(text: str) -> bytes:
    return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)  # both alphabets
