"""Processes that are started in a folder of somebody else import nothing from it."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import regrep
from regrep_paper.runs.executors import SubmititExecutor, without_current_folder
from regrep_paper.runs.sweep import PROGRAM

PLANTED = ("regrep_paper", "json", "multiprocessing", "pickle", "submitit", "torch", "struct")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder full of modules that leave a trace when they are imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write({name!r})\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(Path(regrep.__file__).parents[1]))
    return folder


def test_the_trap_would_be_sprung(here, tmp_path):
    words = [word for word in PROGRAM if word != "-P"]
    subprocess.run([*words, "--version"], capture_output=True, check=False)
    assert (tmp_path / "ran").exists()


def test_runs_of_a_sweep(here, tmp_path):
    result = subprocess.run([*PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("regrep ")
    assert not (tmp_path / "ran").exists()


def test_processes_that_simulate(here, tmp_path):
    script = tmp_path / "script" / "run.py"
    script.parent.mkdir()
    script.write_text(
        textwrap.dedent(
            """
            if __name__ == "__main__":
                from regrep_paper.data.smoke_files import _results

                print(sorted(count for _, count in _results([[1], [2, 3]], len, 2)))
            """
        )
    )
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert result.stdout == "[1, 2]\n", result.stderr
    assert not (tmp_path / "ran").exists()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:submitit.*", "ignore::ResourceWarning")
def test_jobs_of_a_cluster(here, tmp_path):
    pytest.importorskip("submitit")
    executor = SubmititExecutor(tmp_path / "jobs", {"timeout_min": 2}, cluster="local")
    task = executor.start([sys.executable, "-P", "-c", "print('done')"], tmp_path / "log.txt")
    while task.poll() is None:
        time.sleep(0.1)
    assert (task.poll(), (tmp_path / "log.txt").read_text()) == (0, "done\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("before", [None, "x"])
def test_the_environment_is_as_before(monkeypatch, before):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    if before is not None:
        monkeypatch.setenv("PYTHONSAFEPATH", before)
    with without_current_folder():
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert os.environ.get("PYTHONSAFEPATH") == before
