"""Run records: atomic files, ids, the folder of a run and its lock."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from regrep.errors import RegrepError
from regrep_paper.runs import origin
from regrep_paper.runs.origin import git_state
from regrep_paper.runs.records import FolderBusyError, RunFolder, read_json, run_id, write_atomic
from regrep_paper.training.checkpoints import load_best

CELL = {"experiment": "ddmnist", "group": "D4", "method": "ours", "weight": 1.0, "seed": 0}


def begin(run: RunFolder, config: dict | None = None) -> dict:
    return run.start(config or CELL, ["regrep", "fit"], 0, {"name": "digits"}, 10, "cpu", "32-true")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_write_atomic_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_atomic(path, "old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"
    assert names(path.parent) == ["file.json"]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_full_disk_leaves_the_old_content_and_no_part(tmp_path, monkeypatch, where):
    path = tmp_path / "done.json"
    write_atomic(path, "old")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "fsync":
            patch.setattr(os, "fsync", full)
        else:
            patch.setattr(Path, "replace", full)
        with pytest.raises(RegrepError, match=r"done\.json could not be written \(No space left on device\)"):
            write_atomic(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["done.json"]


def test_a_file_larger_than_the_system_allows_leaves_no_part(tmp_path):
    """A real refusal of the system in the middle of a write, which a full disk gives too."""
    path = tmp_path / "done.json"
    write_atomic(path, "old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
        with pytest.raises(RegrepError, match="could not be written"):
            write_atomic(path, "x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["done.json"]


def test_an_interrupted_write_leaves_no_part(tmp_path, monkeypatch):
    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file", "x")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ('{"a": 1', "is not valid JSON"),
        ("[1]", "must hold a JSON object, got list"),
        ('{"format": 99}', "record format 99, this version of regrep reads format 1"),
    ],
)
def test_read_json_refuses(tmp_path, content, message):
    path = tmp_path / "run.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RegrepError, match=message):
        read_json(path)


def test_run_id_hashes_every_setting():
    assert run_id(CELL).startswith("ddmnist-D4-ours-s0-")
    assert run_id(CELL) == run_id({**dict(reversed(CELL.items())), "weight": 1})
    changed = [{**CELL, "weight": 1.5}, {**CELL, "seed": 1}, {**CELL, "latent": 66}]
    assert len({run_id(config) for config in [CELL, *changed]}) == 4


def test_run_id_is_a_file_name():
    assert "/" not in run_id({**CELL, "group": "a/b"})


def test_start_writes_the_record(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert run.record is None
    assert run.done is None
    record = begin(run)
    assert record == run.record
    assert record["format"] == 1
    assert record["run_id"] == run_id(CELL)
    assert {"config", "command", "versions", "seed", "data", "git", "device", "precision", "parameters"} <= set(record)
    assert set(record["versions"]) == {"regrep", "python", "torch", "numpy", "lightning"}


def test_a_resumed_run_keeps_its_record_and_notes_the_start(tmp_path):
    run = RunFolder(tmp_path)
    first = begin(run)
    second = begin(run, {**CELL, "weight": 1})
    assert {k: v for k, v in second.items() if k != "resumed"} == first
    assert [entry["command"] for entry in begin(run)["resumed"]] == [["regrep", "fit"]] * 2


def test_a_run_refuses_other_settings(tmp_path):
    run = RunFolder(tmp_path)
    begin(run)
    with pytest.raises(RegrepError, match=r"they differ \(weight 1 -> 2\); choose another folder"):
        begin(run, {**CELL, "weight": 2.0})


def test_a_plan_holds_the_settings_until_the_run_starts(tmp_path):
    run = RunFolder(tmp_path)
    run.plan(CELL)
    assert run.record == {"format": 1, "run_id": run_id(CELL), "config": CELL}
    run.plan(CELL, {"max_steps": 5})
    assert run.record["trainer"] == {"max_steps": 5}
    with pytest.raises(RegrepError, match=r"they differ \(weight 1 -> 2\)"):
        begin(run, {**CELL, "weight": 2})
    record = begin(run)
    assert (record["trainer"], record["run_id"], record["command"]) == (
        {"max_steps": 5}, run_id(CELL), ["regrep", "fit"],
    )  # fmt: skip
    run.plan(CELL)
    assert run.record == record


def test_a_run_continues_with_the_options_of_the_trainer(tmp_path):
    run = RunFolder(tmp_path)
    run.plan(CELL, {"gradient_clip_val": 0.5})
    begin(run)
    run.plan(CELL, {"gradient_clip_val": 0.5})
    with pytest.raises(RegrepError, match=r"they differ \(gradient_clip_val 0.5 -> None\); choose another"):
        run.plan(CELL, {})


@pytest.mark.parametrize("named", [False, True])
def test_a_run_continues_with_its_precision(tmp_path, named):
    """Whether the settings name it or the machine chose it."""
    run = RunFolder(tmp_path)
    begin(run, {**CELL, "precision": "32-true"} if named else CELL)
    for config in (CELL, {**CELL, "precision": "32-true"}):
        run.plan(config, {}, "32-true")
    for config in (CELL, {**CELL, "precision": "16-mixed"}):
        with pytest.raises(RegrepError, match=r"they differ \(precision '32-true' -> '16-mixed'\)"):
            run.plan(config, {}, "16-mixed")


def test_a_finished_run_is_not_started_again_but_a_failed_one_is(tmp_path):
    run = RunFolder(tmp_path)
    begin(run)
    run.finish({"status": "failed", "message": "the loss is not finite"})
    assert not run.finished
    begin(run)
    assert run.done is None
    run.finish({"status": "finished", "test": {"accuracy": np.float32(0.5), "loss": float("nan")}})
    assert run.finished
    assert run.done == {"format": 1, "status": "finished", "test": {"accuracy": 0.5, "loss": None}}
    with pytest.raises(RegrepError, match="is finished; choose another folder"):
        begin(run)


def test_a_run_ends_in_one_of_two_ways(tmp_path):
    with pytest.raises(RegrepError, match='"finished" or "failed", got \'good\''):
        RunFolder(tmp_path).finish({"status": "good"})


def test_records_are_json_for_every_reader(tmp_path):
    run = RunFolder(tmp_path)
    run.finish({"status": "finished", "value": float("inf")})
    json.loads((tmp_path / "done.json").read_text(), parse_constant=pytest.fail)


def test_the_lock_excludes_and_is_given_back(tmp_path):
    run = RunFolder(tmp_path / "run")
    assert not run.busy
    with run.lock():
        assert run.busy
        with pytest.raises(FolderBusyError, match="another process is using"), RunFolder(run.path).lock():
            pass
        assert run.busy
    assert not run.busy
    with run.lock():
        pass


def test_the_system_gives_back_the_lock_of_a_killed_process(tmp_path):
    script = (
        "import sys, time; from regrep_paper.runs.records import RunFolder\n"
        "with RunFolder(sys.argv[1]).lock():\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert RunFolder(tmp_path).busy
        process.kill()
        process.wait()
    deadline = time.monotonic() + 10
    while RunFolder(tmp_path).busy and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not RunFolder(tmp_path).busy


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RegrepError, match=r"the run folder .*file/run cannot be used"),
        RunFolder(tmp_path / "file/run").lock(),
    ):
        pass


def test_git_state_outside_a_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == {"commit": None, "dirty": None}


def test_git_state_notices_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (tmp_path / "file").write_text("one")
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    clean = git_state(tmp_path)
    assert len(str(clean["commit"])) == 40
    assert clean["dirty"] is False
    (tmp_path / "file").write_text("two")
    assert git_state(tmp_path) == {**clean, "dirty": True}


def test_versions_name_what_is_absent(monkeypatch):
    def absent(name):
        raise origin.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(origin.metadata, "version", absent)
    assert origin.versions()["lightning"] is None


def test_a_broken_checkpoint_and_one_of_another_network_are_told_apart(tmp_path):
    folder = RunFolder(tmp_path)
    folder.checkpoint("best").parent.mkdir()
    folder.checkpoint("best").write_bytes(b"PK")
    with pytest.raises(RegrepError, match="cannot be read as a checkpoint"):
        load_best(folder, nn.Linear(2, 2))
    torch.save({"epoch": 3, "state_dict": nn.Linear(2, 3).state_dict()}, folder.checkpoint("best"))
    with pytest.raises(RegrepError, match="weights of a network other than"):
        load_best(folder, nn.Linear(2, 2))
    assert load_best(folder, nn.Linear(2, 3)) == 3
