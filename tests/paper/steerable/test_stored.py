"""Arrays on disk: those of the definition that is asked for, whatever lies there."""

from types import SimpleNamespace

import numpy as np
import pytest

from regrep_paper.runs.data_folder import FOLDER_VARIABLE
from regrep_paper.steerable import stored as module
from regrep_paper.steerable.stored import stored


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Arrays of a size from a folder, and the sizes that were computed."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(module, "steerable_library", lambda: SimpleNamespace(__version__="1"))
    computed = []

    def ask(size):
        def compute():
            computed.append(size)
            return {"basis": np.arange(size)}

        arrays = stored("kernels", {"size": size}, compute)
        assert {name: value.tolist() for name, value in arrays.items()} == {"basis": list(range(size))}
        return computed

    return ask


def test_arrays_are_computed_once(asked):
    asked(3)
    assert asked(3) == [3]


def test_a_file_under_the_name_of_another_is_replaced(asked, tmp_path):
    asked(3)
    (one,) = (tmp_path / "kernels").iterdir()
    asked(4)
    (other,) = {*(tmp_path / "kernels").iterdir()} - {one}
    one.write_bytes(other.read_bytes())
    assert asked(3) == [3, 4, 3]
    assert asked(3) == [3, 4, 3]


def test_a_file_of_an_earlier_version_has_no_name_and_is_read(asked, tmp_path):
    asked(3)
    (file,) = (tmp_path / "kernels").iterdir()
    np.savez_compressed(file, basis=np.arange(3))
    assert asked(3) == [3]
