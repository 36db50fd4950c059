"""`results/keep.py`, which writes the records of this repository."""

import importlib.util
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[3] / "results"


@pytest.fixture(scope="module")
def keep():
    spec = importlib.util.spec_from_file_location("keep_of_results", RESULTS / "keep.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("place", [["--run=runs/a"], ["--run", "runs/a"]], ids=["today", "older records"])
def test_the_command_of_a_comparison_is_that_of_a_run_without_its_folder(keep, place):
    words = ["regrep", "compare", "demo", *place, "--data-dir=--run", "--device", "cpu"]
    assert keep.command({"a": {"command": words}}) == [
        "regrep", "compare", "demo", "--data-dir=--run", "--device", "cpu",
    ]  # fmt: skip


@pytest.mark.parametrize("git", [{"commit": "a", "dirty": True}, {"commit": None, "dirty": None}, None])
def test_runs_of_code_that_is_not_committed_are_not_kept(keep, git):
    clean = {"git": {"commit": "a", "dirty": False}}
    keep.check_committed("name", {**clean, "resumed": [clean]})
    for record in ({"git": git}, {**clean, "resumed": [{"git": git}]}):
        with pytest.raises(SystemExit, match="name ran on another"):
            keep.check_committed("name", record)
