"""Files of arrays: what is written is read back, and a damaged file is one sentence or is made again."""

import zlib

import numpy as np
import pytest

from regrep_paper.runs.arrays import DamagedArraysError, read_npz, write_arrays
from regrep_paper.steerable import stored as stored_module


def test_damage_of_any_kind_is_one_sentence(tmp_path):
    """Each single byte of a file overwritten: the arrays, or an error that names the file."""
    file = tmp_path / "some.npz"
    write_arrays(file, first=np.arange(300) % 7, second=np.eye(3))
    sound, causes, sentences = file.read_bytes(), set(), set()
    for at in range(len(sound)):
        file.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        try:
            assert set(read_npz(file)) == {"first", "second"}
        except DamagedArraysError as error:
            causes.add(type(error.__cause__))
            sentences.add(str(error).startswith(f"{file} is not a readable npz file (") and str(error)[-13:])
        except AssertionError:  # a name was hit
            causes.add(AssertionError)
    assert sentences == {"); replace it"}
    assert zlib.error in causes
    assert len(causes) > 3


def test_missing_files_and_arrays_are_named(tmp_path):
    with pytest.raises(DamagedArraysError, match="none.npz is not an npz file with the arrays a, b"):
        read_npz(tmp_path / "none.npz", ["a", "b"])
    write_arrays(tmp_path / "one.npz", a=np.zeros(1))
    with pytest.raises(DamagedArraysError, match="with the arrays a, b .*b is not a file in the archive"):
        read_npz(tmp_path / "one.npz", ["a", "b"])
    np.save(tmp_path / "single.npy", np.zeros(1))
    with pytest.raises(DamagedArraysError, match="is not a readable npz file"):
        read_npz(tmp_path / "single.npy")


def test_damaged_kernels_are_computed_again(tmp_path, monkeypatch):
    monkeypatch.setattr(stored_module, "data_folder", lambda: tmp_path)
    monkeypatch.setattr(stored_module, "steerable_library", lambda: np)  # anything with a version
    calls = []

    def compute():
        calls.append(1)
        return {"kernel": np.arange(300) % 7}

    def kernel():
        return stored_module.stored("test", {"size": 3}, compute)["kernel"].tolist()

    expected = kernel()
    assert kernel() == expected
    assert len(calls) == 1
    (file,) = (tmp_path / "kernels").iterdir()
    sound = file.read_bytes()
    for at in range(0, len(sound), 5):
        file.write_bytes(sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :])
        assert kernel() == expected
    assert len(calls) > 10
