"""Where data lie."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("pooch")

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.runs.data_folder import check_folder, data_folder


def test_the_folder_comes_from_the_argument_then_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path / "a"))
    assert data_folder() == tmp_path / "a"
    assert data_folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("REGREP_DATA_DIR")
    assert data_folder().name == "regrep"


def test_a_folder_of_the_user_needs_no_extra(monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", "~/data")
    monkeypatch.setitem(sys.modules, "pooch", None)
    assert data_folder() == Path.home() / "data"
    assert data_folder("") == Path.home() / "data"
    monkeypatch.setenv("REGREP_DATA_DIR", "")
    with pytest.raises(MissingExtraError, match=r"\[data\]"):
        data_folder()


FORMS = [["a.gz", "b.gz"], ["raw_*.pt"]]


@pytest.mark.parametrize(
    ("files", "whole"),
    [([], False), (["a.gz"], False), (["a.gz", "b.gz"], True), (["raw_1.pt"], True), (["raw_1.gz", "b.gz"], False)],
)
def test_a_given_folder_holds_all_files_of_one_form(tmp_path, monkeypatch, files, whole):
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    for name in files:
        (tmp_path / name).touch()
    for given in (tmp_path, str(tmp_path), f"~/{tmp_path.name}"):
        if whole:
            check_folder(given, "some", FORMS)
            continue
        with pytest.raises(RegrepError) as error:
            check_folder(given, "some", FORMS)
        assert str(error.value) == (
            f"the folder {given} does not hold the files of some (a.gz, b.gz or raw_*.pt);"
            " put them there, or leave the folder out"
        )


def test_no_folder_is_right_for_all_data_and_any_is_wrong_for_those_without_files(tmp_path):
    check_folder(None, "some", FORMS)
    check_folder(None, "digits", [])
    with pytest.raises(RegrepError, match="the data digits are read from no file, but the folder here is given; leave"):
        check_folder("here", "digits", [])
    (tmp_path / "file").touch()
    with pytest.raises(RegrepError, match="there is no data folder .*/file; name the one that holds some, or leave it"):
        check_folder(tmp_path / "file", "some", FORMS)
