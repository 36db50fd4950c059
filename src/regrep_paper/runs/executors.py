"""Where the commands of a sweep run: processes of this machine, or jobs of a Slurm cluster."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.runs.children import start_child

PYTHON = f"{shlex.quote(sys.executable)} -P"
"""Command that starts a job of submitit; with ``-P`` nothing is imported from the current folder."""

STOP_PATIENCE = 10.0
"""Seconds a process has to end before it is killed."""

STOPPED = 128 + signal.SIGTERM
"""Exit code of a command that stopped on SIGTERM."""

PREEMPTION = 120.0
"""Seconds in which Slurm submits a job again after it asked its processes to end; submitit asks for 90."""


class Task(ABC):
    """A command that was started."""

    @abstractmethod
    def poll(self) -> int | None:
        """Its exit code, or None while it runs; -n if signal n killed it."""

    @abstractmethod
    def ask(self) -> None:
        """Ask it to end, before :meth:`stop`, so that several end at the same time."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""


class Executor(ABC):
    """Starts commands and appends their output to a log file."""

    @property
    @abstractmethod
    def slots(self) -> int:
        """How many commands may be started at a time."""

    @abstractmethod
    def start(self, command: Sequence[str], log: Path) -> Task:
        """Start a command."""

    def close(self) -> None:  # noqa: B027
        """End what is left when nothing runs any more."""


class LocalExecutor(Executor):
    """Processes on this machine, which share its cores; with several GPUs each process gets one in turn.

    Args:
        jobs: number of processes at a time, at least 1.
    """

    def __init__(self, jobs: int = 1) -> None:
        if jobs < 1:
            raise RegrepError(f"at least 1 job runs at a time, got {jobs}")
        self.jobs = jobs
        self._gpus = visible_gpus() if jobs > 1 else []
        self._tasks: list[tuple[int, LocalTask]] = []

    @property
    def slots(self) -> int:
        """Number of jobs at a time."""
        return self.jobs

    def start(self, command: Sequence[str], log: Path) -> Task:
        """Start a process that ends with the sweep; Ctrl-C reaches only the sweep."""
        self._tasks = [(slot, task) for slot, task in self._tasks if task.poll() is None]
        slot = free_slot([slot for slot, _ in self._tasks])
        with open_log(log) as output:
            task = LocalTask(start_child(command, output, self.environment(slot)))
        self._tasks.append((slot, task))
        return task

    def environment(self, slot: int) -> dict[str, str]:
        """Variables of a process in one of the slots: its share of the cores, and its GPU."""
        environment = thread_environment(self.jobs)
        if len(self._gpus) > 1:
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        return environment


def free_slot(taken: Collection[int]) -> int:
    """The first slot that is not taken.

    >>> free_slot([0, 2])
    1
    """
    return min(set(range(len(taken) + 1)) - set(taken))


class LocalTask(Task):
    """A process and its descendants.

    Args:
        process: leader of its own session.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def poll(self) -> int | None:
        """Exit code of the process."""
        code = self.process.poll()
        if code is not None:
            self._cut()
        return code

    def ask(self) -> None:
        """Ask the processes of the session to end."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """Wait for them, then kill those that are left."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_PATIENCE)
        self._signal(signal.SIGKILL)
        self.process.wait()
        self._cut()

    def _signal(self, signum: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signum)

    def _cut(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()


class SubmititExecutor(Executor):
    """Jobs on a cluster, all submitted at once; the scheduler decides when they run.

    Args:
        folder: shared folder for submitit's own files.
        parameters: options of Slurm (``partition``, ``account``, ``array_parallelism``, ...) and of submitit
            (``timeout_min``, ``cpus_per_task``, ``gpus_per_node``, ``mem_gb``, ...).
        cluster: ``slurm``, or ``local`` for a trial on this machine.
    """

    GENERAL = ("name", "nodes", "tasks_per_node", "cpus_per_task", "gpus_per_node", "mem_gb", "timeout_min")

    def __init__(self, folder: Path, parameters: Mapping[str, Any], cluster: str = "slurm") -> None:
        try:
            import submitit
        except ImportError as cause:
            raise MissingExtraError("sweep") from cause
        named = {
            key if key in self.GENERAL else f"slurm_{key}": value
            for key, value in {"name": "regrep", **parameters}.items()
        }
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster, **{f"{cluster}_python": PYTHON})
            self._executor.update_parameters(**named)
        except (RuntimeError, NameError, TypeError, ValueError, AssertionError) as cause:
            raise RegrepError(f"the cluster cannot be used as asked ({cause}); check --slurm") from cause

    @property
    def slots(self) -> int:
        """Unlimited: the scheduler sets the limit."""
        return 10_000

    def start(self, command: Sequence[str], log: Path) -> Task:
        """Submit a job."""
        with without_current_folder():
            return SubmititTask(self._executor.submit(run_logged, list(command), log))


class SubmititTask(Task):
    """A job of submitit."""

    def __init__(self, job: Any) -> None:
        self.job = job

    def poll(self) -> int | None:
        """Exit code of the command; 1 if the job itself failed."""
        if not self.job.done():
            return None
        return 1 if self.job.exception() is not None else int(self.job.result())

    def ask(self) -> None:
        """Cancel the job."""
        self.job.cancel(check=False)

    def stop(self) -> None:
        """Leave the rest to the scheduler."""


def run_logged(command: Sequence[str], log: Path) -> int:
    """Run a command to its end, appending its output to a file; return its exit code.

    Before Slurm preempts a job, it sends SIGTERM to all its processes, and later the signal on which submitit submits
    the job again. The command stops on the first; this waits for the second, so that a stopped command is no result.
    """
    with open_log(log) as output, start_child(command, output, {}) as process:
        try:
            code = process.wait()
        except BaseException:  # the job is submitted again
            process.kill()
            raise
    if code == STOPPED and "SLURM_JOB_ID" in os.environ:
        time.sleep(PREEMPTION)
    return code


def open_log(log: Path) -> IO[bytes]:
    """Open a log file to append to it.

    Raises:
        RegrepError: it cannot be written.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("ab")
    except OSError as cause:
        raise RegrepError(
            f"{log} cannot be written ({cause.strerror}); free some space or choose another folder"
        ) from cause


@contextmanager
def without_current_folder() -> Iterator[None]:
    """Keep Python processes started in this block from importing anything from their starting folder."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_environment(jobs: int) -> dict[str, str]:
    """Environment that gives each of several jobs its share of the cores, unless the user has chosen a number."""
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, cores() // jobs)))
    return {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": os.environ.get("MKL_NUM_THREADS", threads)}


def visible_gpus() -> list[str]:
    """Names of the CUDA devices this process may use, for ``CUDA_VISIBLE_DEVICES``."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip()]
    import torch

    return [str(k) for k in range(torch.cuda.device_count())]
