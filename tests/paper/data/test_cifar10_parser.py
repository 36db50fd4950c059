"""The parser of CIFAR10's pickles, operation by operation: what it reads, and why it refuses the rest."""

import pickle
import struct

import numpy as np
import pytest

from regrep_paper.data import cifar10_pickle
from regrep_paper.data.cifar10_pickle import Array, RefusedError, read_pickle

NDARRAY, DTYPE, MAKE = b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n"
EMPTY = MAKE + b"(" + NDARRAY + b"K\0\x85U\x01btR"
"""An array without values."""

BYTES = DTYPE + b"(U\x02u1K\0K\x01tR"


def state(shape=b"K\x02K\x03\x86", kind=BYTES, order=b"\x89", content=b"U\x06abcdef", version=b"K\x01"):
    return b"(" + version + shape + kind + order + content + b"t"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"(U\x01aK\x01U\x01bK\x02d.", {b"a": 1, b"b": 2}),
        (b"(K\x01K\x02l.", [1, 2]),
        (b"(K\x01K\x02t.", (1, 2)),
        (b"K\x01\x85.", (1,)),
        (b"K\x01K\x02\x86.", (1, 2)),
        (b"K\x01K\x02K\x03\x87.", (1, 2, 3)),
        (b").", ()),
        (b"](N\x88\x89e.", [None, True, False]),
        (b"]K\x01aK\x02a.", [1, 2]),
        (b"}U\x01aK\x01sU\x01bK\x02s.", {b"a": 1, b"b": 2}),
        (b"}(U\x01aK\x01U\x01bK\x02u.", {b"a": 1, b"b": 2}),
        (b"I7\n.", 7),
        (b"J\xff\xff\xff\xff.", -1),
        (b"S'ab'\n.", b"ab"),
        (b"X\x02\0\0\0ab.", "ab"),
        (b"](K\x05p3\nK\x06q\x02g3\nh\x02e.", [5, 6, 5, 6]),
        (b"\x80\x04](K\x05\x94K\x06\x94h\0h\x01h\x01e.", [5, 6, 5, 6, 6]),
        (EMPTY + b".", Array()),
    ],
)
def test_values(content, value):
    found = read_pickle(content)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("protocol", range(1, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_those_of_pickle(protocol):
    """Labels of an official file, and what lies beside them."""
    value = {"labels": [3, 9, 255, 70_000, -1], "names": ("a", "b"), "nothing": None, "parts": [[1], (), {}]}
    assert read_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b".", "a value is missing"),
        (b"(.", "a value is missing"),
        (b"K\x01e.", "a mark is missing"),
        (b"q\0.", "a value is missing"),
        (b"K\x01a.", "a list is missing"),
        (b"K\x01K\x02a.", "a list is missing"),
        (b"](K\x01e(K\x01l(K\x02t(K\x03e.", "a list is missing"),
        (b"]U\x01aK\x02s.", "a dictionary is missing"),
        (b"}(U\x01au.", "a dictionary is missing, or one of its values"),
        (b"}K\x01K\x02s.", "a key is not a string"),
        (b"K\x01)R.", "it calls something that is not a name"),
        (DTYPE + b"K\x01R.", "it calls something that is not a name"),
        (DTYPE + b")R.", "it calls dtype in a way"),
        (NDARRAY + b"(K\0K\0K\0tR.", "it calls ndarray in a way"),
        (MAKE + b"(" + NDARRAY + b"K\x01\x85U\x01btR.", "it calls _reconstruct in a way"),
        (MAKE + b"(" + DTYPE + b"K\0\x85U\x01btR.", "it calls _reconstruct in a way"),
        (MAKE + NDARRAY + b"K\0\x85\x86R.", "it calls _reconstruct in a way"),
        (b"K\x01)b.", "it sets the state of something that is not an array"),
        (BYTES + b"(K\x01]tb.", "it sets the state of something that is not an array"),
        (BYTES + b"]b.", "it sets the state of something that is not an array"),
        (EMPTY + b"(K\x01K\x02tb.", "it sets the state of something that is not an array"),
        (EMPTY + b"](K\x01K\x01K\x01K\x01K\x01eb.", "it sets the state of something that is not an array"),
        (EMPTY + state() + b"b" + state() + b"b.", "it sets the state of something that is not an array"),
        (EMPTY + state(kind=b"U\x02u1") + b"b.", "an array does not consist of bytes in row-major order"),
        (EMPTY + state(content=b"X\x06\0\0\0abcdef") + b"b.", "an array does not consist of bytes"),
        (EMPTY + state(order=b"\x88") + b"b.", "an array does not consist of bytes"),
        (EMPTY + state(order=b"N") + b"b.", "an array does not consist of bytes"),
        (EMPTY + state(shape=b"](K\x02K\x03e") + b"b.", "an array is not two-dimensional"),
        (EMPTY + state(shape=b"K\x01K\x02K\x03\x87") + b"b.", "an array is not two-dimensional"),
        (EMPTY + state(shape=b"J\xff\xff\xff\xffJ\xfa\xff\xff\xff\x86") + b"b.", "an array is not two-dimensional"),
        (EMPTY + state(shape=b"\x88K\x06\x86") + b"b.", "an array is not two-dimensional"),
        (EMPTY + state(shape=b"K\0J\x01\0\0\x10\x86", content=b"U\0") + b"b.", "an array is not two-dimensional"),
        (EMPTY + state(shape=b"K\x02K\x02\x86") + b"b.", r"an array of shape \(2, 2\) has 6 bytes"),
        (b"G" + struct.pack(">d", 0.5) + b".", "it contains the operation BINFLOAT"),
        (b"cos\nsystem\n.", r"it names os\.system"),
        (b"\x80\x04X\x02\0\0\0osX\x06\0\0\0system\x93.", r"it names os\.system"),
        (b"\x80\x04K\x01X\x06\0\0\0system\x93.", r"it names \?\.\?"),
        (b"h\x05.", "5"),
        (b"K\x01", "pickle exhausted"),
        (b"", "."),
    ],
)
def test_refusals_say_why(content, reason):
    with pytest.raises(RefusedError, match=f"^{reason}"):
        read_pickle(content)


def test_bytes_of_an_array_are_its_values():
    array = read_pickle(EMPTY + state() + b"b.")
    assert array.built
    assert array.values.tolist() == [[97, 98, 99], [100, 101, 102]]
    array.values[0, 0] = 1  # they are a copy
    for order in (b"\x89", b"K\0"):
        flat = read_pickle(EMPTY + state(shape=b"K\x06\x85", order=order) + b"b.").values
        np.testing.assert_array_equal(flat, np.frombuffer(b"abcdef", np.uint8))
    assert read_pickle(EMPTY + state(shape=b"J\0\0\0\x10K\0\x86", content=b"U\0") + b"b.").values.shape == (2**28, 0)
    other = read_pickle(EMPTY + state(kind=BYTES.replace(b"u1", b"f8")) + b"b.")
    assert (other.values, other.built) == (None, True)
    kind = BYTES + b"(K\x03U\x01|NNNJ\xff\xff\xff\xff\x88tb"
    assert read_pickle(EMPTY + state(kind=kind) + b"b.").values.shape == (2, 3)


def test_long_names_and_files_are_cut(monkeypatch):
    """A name of a pickle is shown up to 100 letters of each part, another error up to 120."""
    long = b"X\xc8\0\0\0" + b"a" * 200
    with pytest.raises(RefusedError) as error:
        read_pickle(b"\x80\x04" + 2 * long + b"\x93.")
    assert str(error.value) == f"it names {'a' * 100}.{'a' * 100}"
    with pytest.raises(RefusedError) as error:
        read_pickle(b"I" + b"x" * 500 + b"\n.")
    assert len(str(error.value)) == 120
    monkeypatch.setattr(cifar10_pickle, "LARGEST", 4)
    assert read_pickle(b"K\x01.") == 1
    assert read_pickle(b"\x80\x02N.") is None
    with pytest.raises(RefusedError, match="it has 5 bytes, more than 4"):
        read_pickle(b"K\x01K\x02.")
