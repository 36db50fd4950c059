"""Where data lie."""

import pytest

pytest.importorskip("pooch")

from regrep_paper.runs.data_folder import data_folder


def test_the_folder_comes_from_the_argument_then_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path / "a"))
    assert data_folder() == tmp_path / "a"
    assert data_folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("REGREP_DATA_DIR")
    assert data_folder().name == "regrep"
