"""Hits of a record."""

import base64
import struct
import zlib

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.hits import Hits


def test_damaged_hits_are_refused():
    whole = Hits(np.array([True, False, True]), np.array([[1], [2], [3]], dtype=np.uint32)).as_dict()
    for damage in ({"correct": "!"}, {"units": "AAAA"}, {"samples": None}):
        with pytest.raises(RegrepError, match="hits of a record cannot be read"):
            Hits.from_dict({**whole, **damage})


def hits(count, units):
    correct = np.arange(count) % 3 == 0
    return Hits(correct, (np.arange(count * units, dtype=np.uint32) * 70_001).reshape(count, units))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 20])
def test_bits_and_columns_of_numbers_are_written(count):
    """Eight answers to a byte, the first in its highest bit; units as little-endian columns, compressed."""
    found = hits(count, 2)
    record = found.as_dict()
    assert record["samples"] == count
    bits = base64.urlsafe_b64decode(record["correct"])
    assert [bits[k // 8] >> (7 - k % 8) & 1 for k in range(count)] == [int(one) for one in found.correct]
    assert len(bits) == -(-count // 8)
    data = zlib.decompress(base64.urlsafe_b64decode(record["units"]))
    assert list(struct.unpack(f"<{2 * count}I", data)) == [*found.units[:, 0], *found.units[:, 1]]
    again = Hits.from_dict(record)
    assert (again.correct.dtype, again.units.dtype) == (np.bool_, np.uint32)
    assert np.array_equal(again.correct, found.correct)
    assert np.array_equal(again.units, found.units)


def test_no_character_looks_like_a_path_and_either_alphabet_is_read():
    found = Hits(np.ones(6 * 8, dtype=bool), np.zeros((6 * 8, 1), dtype=np.uint32))
    record = found.as_dict()
    assert set(record["correct"]) == {"_"}
    for text in ("/" * 8, "_" * 8, "_/" * 4):
        assert Hits.from_dict({**record, "correct": text}).correct.all()
    assert Hits.from_dict({**record, "correct": "-+" * 4}).correct.sum() == 8 * 5  # 62 is 111110


def test_a_stream_that_grows_without_bound_is_cut():
    """Eight units of a sample are more than any data have."""
    assert Hits.from_dict(hits(5, 8).as_dict()).units.shape == (5, 8)
    record = hits(5, 8).as_dict()
    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(10_000_000), 9)).decode()
    assert Hits.from_dict({**record, "units": bomb}).units.shape == (5, 8)
