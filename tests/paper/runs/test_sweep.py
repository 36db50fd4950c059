"""Sweeps with a stand-in for training: continuation, kills, two at a time, failures."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.executors import LocalExecutor, SubmititExecutor, thread_environment
from regrep_paper.runs.manifest import Manifest, check_keys
from regrep_paper.runs.records import RunFolder, run_id
from regrep_paper.runs.sweep import Runner, plan, plan_dict, plan_text, planned

WORKER = """
import json, os, sys, time
from pathlib import Path
from regrep_paper.runs.records import FolderBusyError, RunFolder

out = Path(sys.argv[2])
run = RunFolder(out)
config = json.loads(Path(sys.argv[1]).read_text())["config"]

def note(word):
    with open(out.parent / "journal", "a") as journal:
        journal.write(f"{word} {config['seed']} {os.getpid()}\\n")

try:
    with run.lock():
        if run.finished:
            sys.exit(0)
        run.start(config, sys.argv, config["seed"], {}, 1, "cpu", "32-true")
        note("start")
        print("threads", os.environ["OMP_NUM_THREADS"], flush=True)
        time.sleep(config.get("sleep", 0))
        if config["method"] == "fails" and not (out.parent / "mended").exists():
            run.finish({"status": "failed", "message": "the loss is not finite"})
            sys.exit(1)
        if config["method"] == "raises":
            sys.exit("no such thing")
        if config["method"] == "vanishes":
            os.kill(os.getpid(), 9)
        if config["method"] == "forgets":
            sys.exit(0)
        note("end")
        run.finish({"status": "finished", "seconds": 1.0, "validation": {"accuracy": 0.5}})
except FolderBusyError:
    sys.exit(FolderBusyError.exit_code)
"""

SWEEPER = """
import json, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell inherits it ignored
from test_sweep import runs_of
from regrep_paper.runs.executors import LocalExecutor
from regrep_paper.runs.sweep import Runner
folder, grid, jobs = Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
sys.exit(Runner(runs_of(folder, **grid), LocalExecutor(jobs), pause=0.02, wait=0.1).run())
"""


class Trials:
    """Cells whose command is the stand-in."""

    def check_config(self, config):
        check_keys("a config", config, ("experiment", "group", "method", "seed", "sleep"))

    def resolved(self, config):
        if "method" not in config:
            raise RegrepError("no method")
        return {"sleep": 0, **{key: value for key, value in config.items() if value is not None}}

    def settings_command(self, config, file, out, data_dir):
        return [str(file), str(out), *([str(data_dir)] if data_dir else [])]


def runs_of(folder: Path, **grid):
    folder.mkdir(exist_ok=True)
    worker = folder / "worker.py"
    worker.write_text(WORKER)
    manifest = Manifest("trial", folder, {"group": "D4"}, {"method": ["ours"], **grid})
    return plan(manifest, Trials(), folder, program=(sys.executable, str(worker)))


def run(runs, jobs: int = 1) -> int:
    return Runner(runs, LocalExecutor(jobs), pause=0.02, wait=0.1).run()


def journal(folder: Path) -> dict[str, Counter]:
    """How often each config was started and ended."""
    lines = (folder / "journal").read_text().split("\n")[:-1]
    words = [line.split() for line in lines]
    return {word: Counter(int(seed) for w, seed, _ in words if w == word) for word in ("start", "end")}


def in_background(folder: Path, jobs: int, **grid) -> subprocess.Popen:
    words = [
        sys.executable,
        "-c",
        SWEEPER,
        str(Path(__file__).parent),
        str(folder),
        json.dumps(grid),
        str(jobs),
    ]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(condition, seconds: float = 60) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("waited too long")


def test_every_cell_runs_once_and_a_second_sweep_runs_none(tmp_path, capsys):
    runs = runs_of(tmp_path, seed=[0, 1, 2])
    assert [one.state for one in runs] == ["to do"] * 3
    assert run(runs) == 0
    assert [one.state for one in runs] == ["finished"] * 3
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"1/3 ours D4 seed 0: validation accuracy 0\.500, 1 s, about \d+ (s|min) left", lines[0])
    assert lines[-1] == "3/3 ours D4 seed 2: validation accuracy 0.500, 1 s"
    assert run(runs) == 0
    assert capsys.readouterr().out == "3 of 3 runs were already finished\n"
    assert journal(tmp_path)["start"] == {0: 1, 1: 1, 2: 1}


def test_failures_are_listed_with_their_logs_and_tried_again(tmp_path, capsys):
    runs = runs_of(tmp_path, method=["ours", "fails"], seed=[0])
    assert run(runs) == 1
    assert runs[1].state == "failed"
    error = capsys.readouterr().err
    assert f"failed: fails D4 seed 0: the loss is not finite; see {runs[1].folder.path / 'log.txt'}" in error
    (tmp_path / "mended").touch()
    assert run(runs) == 0
    assert journal(tmp_path)["start"] == {0: 3}


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("raises", "no such thing"),
        ("vanishes", "killed by SIGKILL, possibly out of memory"),
        ("forgets", "it ended without a record"),
    ],
)
def test_a_command_that_leaves_no_record_has_failed(tmp_path, capsys, method, reason):
    assert run(runs_of(tmp_path, method=[method], seed=[0])) == 1
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize("orphans", ["survive", "die"])
def test_a_killed_sweep_continues(tmp_path, orphans):
    grid = {"seed": list(range(5)), "sleep": [0.3]}
    with in_background(tmp_path, 2, **grid) as first:
        wait_for(lambda: (tmp_path / "journal").exists() and journal(tmp_path)["end"].total() >= 2)
        first.send_signal(signal.SIGKILL)
    if orphans == "die":
        words = [line.split() for line in (tmp_path / "journal").read_text().splitlines()]
        done = {pid for word, _, pid in words if word == "end"}
        for pid in {pid for word, _, pid in words if word == "start"} - done:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    runs = runs_of(tmp_path, **grid)
    ended = {one.label for one in runs if one.folder.finished}
    assert run(runs, jobs=2) == 0
    assert all(one.folder.finished for one in runs)
    assert len(ended) >= 1
    times = journal(tmp_path)
    if orphans == "survive":
        assert times["start"] == times["end"] == dict.fromkeys(range(5), 1)
    else:
        assert all(times["start"][int(label.split()[-1])] == 1 for label in ended)
        assert set(times["end"]) == set(range(5))


def test_two_sweeps_share_a_folder(tmp_path):
    grid = {"seed": list(range(6)), "sleep": [0.15]}
    with in_background(tmp_path, 1, **grid) as first, in_background(tmp_path, 1, **grid) as second:
        outputs = [process.communicate(timeout=100)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert all("6/6" in output for output in outputs)
    times = journal(tmp_path)
    assert times["start"] == times["end"] == dict.fromkeys(range(6), 1)


def test_a_cell_at_work_elsewhere_is_waited_for(tmp_path, capsys):
    (planned,) = runs_of(tmp_path, seed=[0])
    other = RunFolder(planned.folder.path)

    class Impatient(LocalExecutor):
        def start(self, command, log):
            pytest.fail("the config is at work elsewhere")

    with other.lock():
        assert planned.state == "running"
        runner = Runner([planned], Impatient(), pause=0, wait=0)
        looks = itertools.count()

        def end_the_other(tasks, waiting):
            if next(looks) == 3:
                other.finish({"status": "finished"})
            elif other.finished:
                raise KeyboardInterrupt

        runner._show = end_the_other
        assert runner.run() == 130
    assert "another process is working on it; waiting" in capsys.readouterr().out
    assert run([planned]) == 0


def test_a_busy_cell_is_looked_at_again_after_the_wait(tmp_path, monkeypatch, capsys):
    (planned,) = runs_of(tmp_path, seed=[0])
    looks, now = [], [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(RunFolder, "busy", property(lambda folder: looks.append(now[0]) or now[0] < 125))
    runner, todo, waiting = Runner([planned], LocalExecutor(), wait=10.0), deque(), {}
    runner._wait(planned, waiting)
    for moment in range(100, 140):
        now[0] = float(moment)
        runner._reconsider(todo, waiting)
    assert looks == [110.0, 120.0, 130.0]
    assert (list(todo), waiting) == ([planned], {})


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_processes_and_tells_how_to_go_on(tmp_path, signum):
    with in_background(tmp_path, 2, seed=[0, 1, 2], sleep=[60]) as process:
        wait_for(lambda: (tmp_path / "journal").exists() and journal(tmp_path)["start"].total() == 2)
        process.send_signal(signum)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signum
    assert "stopped; 0 of 3 runs are finished" in output
    assert "the same command goes on" in output
    runs = runs_of(tmp_path, seed=[0, 1, 2], sleep=[60])
    wait_for(lambda: not any(one.folder.busy for one in runs))


def test_a_run_gets_its_settings_as_one_file(tmp_path):
    (planned,) = runs_of(tmp_path, seed=[3])
    assert not planned.folder.path.exists()
    assert run([planned]) == 0
    record = planned.folder.record
    assert record["config"] == {
        "experiment": "trial", "group": "D4", "method": "ours", "seed": 3, "sleep": 0,
    }  # fmt: skip
    assert record["run_id"] == planned.folder.path.name == run_id(record["config"])
    assert planned.command[2:] == (str(planned.folder.path / "run.json"), str(planned.folder.path))


def test_names_are_those_of_the_resolved_settings(tmp_path):
    """A default that is written out makes no other run."""
    assert len(runs_of(tmp_path, seed=[0], sleep=[None, 0])) == 1


def test_runs_of_an_earlier_version_are_found_by_their_settings(tmp_path, capsys):
    """It named folders by the settings of the file, and its records say ``cell``."""
    config = {"experiment": "trial", "group": "D4", "method": "ours", "seed": 0}
    for seed, cell in ((0, {"sleep": 0}), (1, {"sleep": 5}), (2, None)):
        folder = tmp_path / run_id({**config, "seed": seed})
        folder.mkdir()
        (folder / "done.json").write_text('{"format": 1, "status": "finished"}')
        if cell is not None:
            cell = {**config, "seed": seed, **cell, "precision": "bf16-mixed"}
            (folder / "run.json").write_text(json.dumps({"format": 1, "cell": cell, "command": []}))
    runs = runs_of(tmp_path, seed=[0, 1, 2])
    assert [one.state for one in runs] == [
        "finished",
        "to do",
        "to do",
    ]  # the second has other settings, the third none
    assert run(runs) == 0
    assert "1 of 3 runs were already finished" in capsys.readouterr().out
    assert journal(tmp_path)["start"] == {1: 1, 2: 1}


def test_labels_name_what_varies(tmp_path):
    runs = runs_of(tmp_path, seed=[0], sleep=[0, 1])
    assert [one.label for one in runs] == ["ours D4 sleep 0 seed 0", "ours D4 sleep 1 seed 0"]


FILE = "experiment: trial\ngrid: {method: [ours, fails], seed: [0, 1]}\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(FILE)
    return path


def test_a_plan_tells_states_and_makes_nothing(tmp_path, file):
    out = tmp_path / "out"

    def lines():
        return plan_text(*reversed(planned(file, Trials(), out))).splitlines()

    first = lines()
    assert not out.exists()
    assert first[-1] == f"4 runs in {out}: 4 to do"
    RunFolder(out / first[0].split()[-1]).finish({"status": "finished"})
    partial = RunFolder(out / first[1].split()[-1])
    partial.checkpoint("last").parent.mkdir(parents=True)
    partial.checkpoint("last").touch()
    assert [line.split("  ")[0].strip() for line in lines()[:4]] == ["finished", "partial", "to do", "to do"]
    assert lines()[-1].endswith("1 finished, 1 partial, 2 to do")
    assert [run["state"] for run in plan_dict(planned(file, Trials(), out)[1], out)["runs"]][:2] == [
        "finished",
        "partial",
    ]


def test_settings_are_checked_and_applied(tmp_path, file):
    with pytest.raises(RegrepError, match="no key 'sede'; did you mean seed"):
        planned(file, Trials(), settings={"sede": 1})
    _, runs = planned(file, Trials(), tmp_path / "out", settings={"seed": 5, "method": "ours"})
    assert len(runs) == 1


def test_jobs_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr("regrep_paper.runs.executors.cores", lambda: 8)
    assert thread_environment(3)["OMP_NUM_THREADS"] == "2"
    assert thread_environment(20)["OMP_NUM_THREADS"] == "1"
    (planned,) = runs_of(tmp_path, seed=[0])
    assert run([planned], jobs=2) == 0
    assert (planned.folder.path / "log.txt").read_text() == "threads 4\n"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert set(thread_environment(3).values()) == {"7"}  # MKL waits in a spin for threads that others run on


def test_gpus_are_taken_in_turn(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    executor = LocalExecutor(3)
    go = tmp_path / "go"  # none ends before all have started
    program = (
        "import os, sys, time\nprint(os.environ['CUDA_VISIBLE_DEVICES'])\n"
        "while not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    )
    words = [sys.executable, "-S", "-c", program, str(go)]
    tasks = [executor.start(words, tmp_path / f"{k}.txt") for k in range(3)]
    go.touch()
    wait_for(lambda: all(task.poll() == 0 for task in tasks))
    assert [(tmp_path / f"{k}.txt").read_text().strip() for k in range(3)] == ["2", "5", "2"]


def test_at_least_one_job():
    with pytest.raises(RegrepError, match="at least 1 job runs at a time, got 0"):
        LocalExecutor(0)


def test_a_log_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RegrepError, match=r"file/log\.txt cannot be written"):
        LocalExecutor().start([sys.executable], tmp_path / "file" / "log.txt")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:submitit.*", "ignore::ResourceWarning")
def test_a_cluster_runs_the_cells(tmp_path):
    pytest.importorskip("submitit")
    runs = runs_of(tmp_path, method=["ours", "fails"], seed=[0])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    executor = SubmititExecutor(tmp_path / ".submitit", {"timeout_min": 2}, cluster="local")
    assert Runner(runs, executor, pause=0.1, wait=0.1).run() == 1
    assert [one.state for one in runs] == ["finished", "failed"]


def test_a_cluster_that_is_not_there_is_told(tmp_path):
    pytest.importorskip("submitit")
    with pytest.raises(RegrepError, match="the cluster cannot be used as asked"):
        SubmititExecutor(tmp_path, {"no_such_option": 1}, cluster="slurm")
