"""Workers with a stand-in for training: many commands, one process; failures are alone; nothing is left in memory."""

import json
import os
import signal
import subprocess
import sys
import time
import weakref

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.folder_lock import FolderBusyError
from regrep_paper.runs.kept import kept, switch_off, switch_on
from regrep_paper.runs.workers import WorkerExecutor

PROGRAM = ("stand-in",)

WORKER = """
import os, sys, time, warnings, weakref
from regrep_paper.runs.workers import serve

class Model:
    def __init__(self):
        self.me = self  # freed by the collector alone

alive = []

def main(words):
    what = words[0]
    print(what, os.getpid(), os.environ.get("CHANGED"), sys.argv[1:] == words, flush=True)
    print("alive", sum(model() is not None for model in alive), flush=True)
    os.environ["CHANGED"] = "yes"
    warnings.warn("told")
    alive.append(weakref.ref(Model()))
    if what == "reads":
        print("read", repr(sys.stdin.read()), flush=True)
    if what == "dies":
        os.kill(os.getpid(), 9)
    if what == "leaves":
        os._exit(0)
    if what == "exits":
        sys.exit("no such thing")
    if what == "raises":
        raise ValueError("a mistake")
    if what == "sleeps":
        time.sleep(60)
    return {"returns": 3, "waits": 75}.get(what, 0)

serve(main)
"""


@pytest.fixture
def executor(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    made = WorkerExecutor(1, (sys.executable, str(tmp_path / "worker.py")), PROGRAM)
    yield made
    made.close()


def wait(task, seconds=60):
    for _ in range(int(seconds / 0.01)):
        if task.poll() is not None:
            return task.poll()
        time.sleep(0.01)
    pytest.fail("waited too long")
    return None


def run(executor, folder, what):
    """Exit code, and the lines of the log."""
    log = folder / f"{what}.txt"
    code = wait(executor.start([*PROGRAM, what], log))
    return code, log.read_text().splitlines()


def process_of(lines):
    return lines[0].split()[1]


def test_commands_run_in_one_process_and_leave_nothing_to_the_next(executor, tmp_path):
    first, second = (run(executor, tmp_path, what) for what in ("first", "second"))
    assert first[0] == second[0] == 0
    assert process_of(first[1]) == process_of(second[1])
    for name, (_, lines) in (("first", first), ("second", second)):
        assert lines[0].split()[0::2] == [name, "None"]  # the environment is as before
        assert lines[0].endswith("True")
        assert lines[1] == "alive 0"
        assert sum("UserWarning: told" in line for line in lines) == 1
    assert run(executor, tmp_path, "reads")[1][-1] == "read ''"


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        ("returns", 3, ""),
        ("exits", 1, "no such thing"),
        ("raises", 1, "ValueError: a mistake"),
        ("dies", -signal.SIGKILL, ""),
        ("leaves", 1, ""),
    ],
)
def test_after_a_failure_comes_a_new_process(executor, tmp_path, what, code, told):
    before = run(executor, tmp_path, "before")
    failed = run(executor, tmp_path, what)
    assert failed[0] == code
    assert told in "\n".join(failed[1])
    after = run(executor, tmp_path, "after")
    assert after[0] == 0
    assert process_of(before[1]) == process_of(failed[1]) != process_of(after[1])


def test_a_process_that_found_others_at_work_takes_the_next_command(executor, tmp_path):
    """The exit code says that the folder is in use; nothing has failed."""
    code, lines = run(executor, tmp_path, "waits")
    assert code == FolderBusyError.exit_code
    next_code, others = run(executor, tmp_path, "goes")
    assert next_code == 0
    assert process_of(others) == process_of(lines)


def test_jobs_have_a_process_each_and_cores_and_gpus_as_before(executor, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setattr("regrep_paper.runs.executors.cores", lambda: 8)
    words = [sys.executable, "-c", "import sys; sys.path.insert(0, sys.argv[1]); import worker_of_two", str(tmp_path)]
    (tmp_path / "worker_of_two.py").write_text(
        "import os\nfrom regrep_paper.runs.workers import serve\n"
        "names = 'CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS'\n"
        "def main(words):\n    print(*(os.environ[name] for name in names), flush=True)\n    return 0\n"
        "serve(main)\n"
    )
    both = WorkerExecutor(2, words, PROGRAM)
    try:
        tasks = [both.start([*PROGRAM, "x"], tmp_path / f"{k}.txt") for k in range(2)]
        assert [wait(task) for task in tasks] == [0, 0]
    finally:
        both.close()
    assert [(tmp_path / f"{k}.txt").read_text() for k in range(2)] == ["2 4\n", "5 4\n"]


def test_other_commands_get_a_process_of_their_own(executor, tmp_path):
    log = tmp_path / "other.txt"
    assert wait(executor.start([sys.executable, "-S", "-c", "print(1)"], log)) == 0
    assert log.read_text() == "1\n"


def test_a_command_can_be_stopped(executor, tmp_path):
    task = executor.start([*PROGRAM, "sleeps"], tmp_path / "log.txt")
    task.ask()
    task.stop()
    assert wait(task) == -signal.SIGTERM
    assert run(executor, tmp_path, "after")[0] == 0


def test_a_worker_that_died_while_it_had_nothing_to_do_is_replaced(executor, tmp_path):
    first = int(process_of(run(executor, tmp_path, "first")[1]))
    os.kill(first, signal.SIGKILL)
    executor._idle[0].wait(30)
    assert run(executor, tmp_path, "second")[0] == 0


def test_a_worker_ends_with_its_sweep(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    words = [sys.executable, str(tmp_path / "worker.py")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        worker.stdin.write(json.dumps({"words": ["sleeps"], "log": str(tmp_path / "log.txt")}).encode() + b"\n")
        worker.stdin.close()
        assert worker.wait(30) == -signal.SIGTERM
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        worker.stdin.close()
        assert worker.wait(30) == 0


def test_a_log_that_cannot_be_written_is_named(executor, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RegrepError, match=r"file/log\.txt cannot be written"):
        executor.start([*PROGRAM, "first"], tmp_path / "file" / "log.txt")


def test_workers_are_closed_with_the_sweep(executor, tmp_path):
    process = int(process_of(run(executor, tmp_path, "first")[1]))
    executor.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


@pytest.fixture
def keeping():
    switch_on()
    yield
    switch_off()


def test_data_are_kept_for_the_same_arguments_alone(keeping):
    calls = []

    @kept
    def load(name, size=1):
        calls.append((name, size))
        return [name]

    first = load("a")
    assert load("a") is first
    assert load("a", size=2) is not first
    assert load("b") == ["b"]
    assert calls == [("a", 1), ("a", 2), ("b", 1)]
    assert load("a") is not first  # only the latest is kept


def test_data_are_not_kept_in_a_process_that_does_one_run():
    load = kept(lambda: [1])
    assert load() is not load()


def test_old_data_are_freed_before_new_ones_are_loaded(keeping):
    """Both together may not fit into memory."""

    class Data:
        pass

    before = []

    @kept
    def load(name):
        assert all(one() is None for one in before)
        return Data()

    for name in "abc":
        before.append(weakref.ref(load(name)))
    switch_on()  # once more changes nothing
    assert before[-1]() is load("c")
