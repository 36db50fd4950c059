"""The format of MNIST's files."""

import gzip

import numpy as np
import pytest
from idx_fixture import idx

pytest.importorskip("pooch")

from regrep.errors import RegrepError
from regrep_paper.data.idx import read_idx


def test_idx_round_trip(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "x.gz").write_bytes(idx(array))
    np.testing.assert_array_equal(read_idx(tmp_path / "x.gz"), array)


GOOD = gzip.decompress(idx(np.arange(6).reshape(2, 3)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not gzip", "is not a complete gzip file"),
        (gzip.compress(GOOD, mtime=0)[:-9], "is not a complete gzip file"),
        (gzip.compress(GOOD[:-1], mtime=0), "should hold 2 x 3 bytes after its header of 12, but holds 5"),
        (gzip.compress(GOOD + b"x", mtime=0), "should hold 2 x 3 bytes after its header of 12, but holds 7"),
        (gzip.compress(GOOD[:6], mtime=0), "but holds 0"),
        (gzip.compress(bytes([0, 0, 13]) + GOOD[3:], mtime=0), "begins with 00 00 08, but .* with 00 00 0d"),
        (gzip.compress(b"", mtime=0), "begins with 00 00 08"),
        (gzip.compress(bytes([0, 0, 8]), mtime=0), "begins with 00 00 08"),
    ],
)
def test_idx_refuses(tmp_path, content, message):
    (tmp_path / "x.gz").write_bytes(content)
    with pytest.raises(RegrepError, match=message):
        read_idx(tmp_path / "x.gz")
