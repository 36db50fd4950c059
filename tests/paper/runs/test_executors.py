"""Where commands run: shares of cores and GPUs, the end of processes, and jobs of a cluster with a stand-in."""

import os
import shlex
import signal
import subprocess
import sys
import types

import pytest
import torch

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.runs import children, executors
from regrep_paper.runs.executors import (
    LocalExecutor,
    LocalTask,
    SubmititExecutor,
    SubmititTask,
    cores,
    free_slot,
    open_log,
    run_logged,
    thread_environment,
    visible_gpus,
)


@pytest.fixture
def plain(monkeypatch):
    """A machine with eight cores where the user has chosen nothing."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(executors, "cores", lambda: 8)


def test_jobs_share_cores_unless_the_user_has_chosen(plain, monkeypatch):
    for jobs, share in ((1, "8"), (2, "4"), (3, "2"), (8, "1"), (9, "1")):
        assert thread_environment(jobs) == {"OMP_NUM_THREADS": share, "MKL_NUM_THREADS": share}
    monkeypatch.setenv("MKL_NUM_THREADS", "5")
    assert thread_environment(2) == {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "5"}
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert thread_environment(2) == {"OMP_NUM_THREADS": "7", "MKL_NUM_THREADS": "5"}


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5} if pid == 0 else set(), raising=False)
    assert cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on other systems
    assert cores() == 12
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_gpus_are_those_that_the_user_lets_see(plain, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert visible_gpus() == ["0", "1", "2"]
    for text, names in (("", []), ("4", ["4"]), ("2, ,GPU-7", ["2", "GPU-7"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert visible_gpus() == names


def test_several_jobs_take_several_gpus_in_turn(plain, monkeypatch):
    threads = thread_environment(2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [LocalExecutor(2).environment(slot) for slot in range(3)] == [
        {**threads, "CUDA_VISIBLE_DEVICES": name} for name in ("5", "7", "5")
    ]
    assert "CUDA_VISIBLE_DEVICES" not in LocalExecutor(1).environment(0)  # one job may use both
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    assert LocalExecutor(2).environment(1) == threads
    assert (LocalExecutor().slots, LocalExecutor(3).slots) == (1, 3)


def test_the_first_free_slot_is_taken():
    assert [free_slot(taken) for taken in ([], [0], [1], [0, 1], [1, 0, 3])] == [0, 1, 0, 2, 2]


def test_slots_of_ended_processes_are_taken_again(plain, monkeypatch, tmp_path):
    class Process:
        def __init__(self):
            self.code, self.stdin = None, None

        def poll(self):
            return self.code

    started = []

    def start_child(command, output, environment):
        started.append((command, output.name, environment["CUDA_VISIBLE_DEVICES"], Process()))
        return started[-1][-1]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "a,b,c")
    monkeypatch.setattr(executors, "start_child", start_child)
    executor = LocalExecutor(2)
    log = tmp_path / "new" / "er" / "log.txt"
    tasks = [executor.start(["x"], log) for _ in range(2)]
    started[0][-1].code = 3
    tasks.append(executor.start(["y"], log))
    assert [(command, name, gpu) for command, name, gpu, _ in started] == [
        (["x"], str(log), "a"), (["x"], str(log), "b"), (["y"], str(log), "a"),
    ]  # fmt: skip
    assert [task.poll() for task in tasks] == [3, None, None]


def test_output_of_both_kinds_is_appended_to_the_log(tmp_path):
    """A process has a session of its own, and a pipe that tells it of the end of its parent."""
    program = (
        "import os, sys; print(os.getsid(0) == os.getpid(), os.environ['REGREP_LIFELINE'], os.environ['OWN'])\n"
        "sys.stdout.flush(); print('error', file=sys.stderr); os.read(0, 1)"
    )
    for _ in range(2):
        with open_log(tmp_path / "a" / "log.txt") as output:
            process = children.start_child([sys.executable, "-S", "-c", program], output, {"OWN": "x"})
        process.communicate(timeout=60)  # closes the pipe
    assert (tmp_path / "a" / "log.txt").read_text() == "True stdin x\nerror\n" * 2
    with pytest.raises(RegrepError, match=r"log.txt/b cannot be written \(.*\); free some space or choose another"):
        open_log(tmp_path / "a" / "log.txt" / "b")


class Ending:
    """A process that ends after some signals."""

    def __init__(self, ends_on):
        self.pid, self.ends_on, self.code, self.told = 77, ends_on, None, []
        self.stdin = types.SimpleNamespace(close=lambda: self.told.append("closed"))

    def poll(self):
        return self.code

    def wait(self, patience=None):
        self.told.append(patience)
        if self.code is None:
            raise subprocess.TimeoutExpired("x", patience)
        return self.code


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_process_is_asked_and_then_killed(monkeypatch, stubborn):
    process = Ending(signal.SIGKILL if stubborn else signal.SIGTERM)

    def killpg(group, signum):
        process.told.append((group, signum))
        if signum == process.ends_on:
            process.code = -signum
        if process.code is not None and signum == signal.SIGKILL and not stubborn:
            raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", killpg)
    task = LocalTask(process)
    assert task.poll() is None
    task.ask()
    task.stop()
    assert process.told == [(77, signal.SIGTERM), 10.0, (77, signal.SIGKILL), None, "closed"]
    assert task.poll() == (-signal.SIGKILL if stubborn else -signal.SIGTERM)
    assert process.told[5:] == ["closed"]


class Job:
    def __init__(self, done, error=None, code=0):
        self.done, self.exception, self.result = lambda: done, lambda: error, lambda: code
        self.cancelled = []

    def cancel(self, check):
        self.cancelled.append(check)


def test_jobs_of_a_cluster_end_with_the_code_of_their_command():
    assert SubmititTask(Job(False)).poll() is None
    assert SubmititTask(Job(True, code=75)).poll() == 75
    assert SubmititTask(Job(True)).poll() == 0
    assert SubmititTask(Job(True, error=ValueError(), code=0)).poll() == 1
    task = SubmititTask(Job(False))
    assert task.stop() is None
    task.ask()
    assert task.job.cancelled == [False]


def test_options_of_a_cluster_are_named_as_submitit_does(monkeypatch, tmp_path):
    made, submitted = {}, []

    class Auto:
        def __init__(self, **options):
            made.update(options)

        def update_parameters(self, **named):
            made["named"] = named

        def submit(self, *call):
            submitted.append((call, os.environ.get("PYTHONSAFEPATH")))
            return "job"

    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setitem(sys.modules, "submitit", types.SimpleNamespace(AutoExecutor=Auto))
    executor = SubmititExecutor(tmp_path, {"partition": "gpu", "timeout_min": 5, "mem_gb": 8})
    python = f"{shlex.quote(sys.executable)} -P"
    named = {"name": "regrep", "slurm_partition": "gpu", "timeout_min": 5, "mem_gb": 8}
    assert made == {"folder": tmp_path, "cluster": "slurm", "slurm_python": python, "named": named}
    task = executor.start(("a", "b"), tmp_path / "log.txt")
    assert task.job == "job"
    assert submitted == [((run_logged, ["a", "b"], tmp_path / "log.txt"), "1")]
    assert executor.slots >= 1000
    SubmititExecutor(tmp_path, {"name": "mine"}, cluster="local")
    assert (made["cluster"], made["local_python"], made["named"]) == ("local", python, {"name": "mine"})
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(MissingExtraError, match="sweep"):
        SubmititExecutor(tmp_path, {})


@pytest.mark.parametrize(
    ("code", "slurm", "slept"), [(0, True, []), (143, True, [120.0]), (143, False, []), (3, True, [])]
)
def test_a_command_that_slurm_stopped_waits_for_the_next_signal(plain, monkeypatch, tmp_path, code, slurm, slept):
    if slurm:
        monkeypatch.setenv("SLURM_JOB_ID", "1")
    waits = []
    monkeypatch.setattr(executors.time, "sleep", waits.append)
    words = [sys.executable, "-S", "-c", f"import sys; print('told'); sys.exit({code})"]
    assert run_logged(words, tmp_path / "log.txt") == code
    assert waits == slept
    assert (tmp_path / "log.txt").read_text() == "told\n"


def test_a_job_that_is_submitted_again_leaves_no_command_behind(monkeypatch, tmp_path):
    started = []

    def interrupted():
        del started[0].wait  # the next time it waits as usual
        raise KeyboardInterrupt

    def start_child(*given):
        started.append(children.start_child(*given))
        started[0].wait = interrupted
        return started[0]

    monkeypatch.setattr(executors, "start_child", start_child)
    with pytest.raises(KeyboardInterrupt):
        run_logged([sys.executable, "-S", "-c", "import time; time.sleep(100)"], tmp_path / "log.txt")
    assert started[0].returncode == -signal.SIGKILL
