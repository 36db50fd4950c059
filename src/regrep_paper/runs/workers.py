"""Processes that run one command after another, so that imports and data are loaded once for many runs."""

from __future__ import annotations

import gc
import json
import os
import queue
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from regrep_paper.runs import kept
from regrep_paper.runs.children import end_without_parent
from regrep_paper.runs.executors import (
    STOP_PATIENCE,
    Executor,
    LocalExecutor,
    LocalTask,
    Task,
    free_slot,
    open_log,
)
from regrep_paper.runs.folder_lock import FolderBusyError

PROGRAM = (sys.executable, "-P", "-m", "regrep_paper")
"""Command that starts a run; with ``-P`` nothing is imported from the current folder."""

WORKER = (sys.executable, "-P", "-m", "regrep_paper.worker")
"""Command that starts a worker, which calls :func:`serve`."""


WELL = (0, FolderBusyError.exit_code)
"""Exit codes of commands after which a process takes the next one: they ended well, or found others at work."""


class WorkerExecutor(Executor):
    """One process per job, which runs commands one after another, and shares cores and GPUs as :class:`LocalExecutor`.

    A process whose command failed, or that died, is replaced by a new one: no run sees what a failure left behind.
    Commands that do not begin with ``program`` get a process of their own.

    Args:
        jobs: number of processes at a time, at least 1.
        worker: command that starts a worker.
        program: what a worker stands for at the beginning of a command.
    """

    def __init__(self, jobs: int = 1, worker: Sequence[str] = WORKER, program: Sequence[str] = PROGRAM) -> None:
        self._local = LocalExecutor(jobs)
        self._worker, self._program = tuple(worker), tuple(program)
        self._tasks: dict[int, WorkerTask] = {}
        self._idle: dict[int, subprocess.Popen[bytes]] = {}
        self._ended: list[subprocess.Popen[bytes]] = []

    @property
    def slots(self) -> int:
        """Number of jobs at a time."""
        return self._local.slots

    def start(self, command: Sequence[str], log: Path) -> Task:
        """Hand a command to a worker that has nothing to do, or to a new one."""
        count = len(self._program)
        if tuple(command[:count]) != self._program:
            return self._local.start(command, log)
        open_log(log).close()  # tells now if it cannot be written
        self._tasks = {slot: task for slot, task in self._tasks.items() if task.poll() is None}
        slot = free_slot(self._tasks)
        process = self._idle.pop(slot, None)
        if process is not None and process.poll() is not None:  # killed while it had nothing to do
            self._retire(process)
            process = None
        process = process or self._new(slot)
        self._tasks[slot] = task = WorkerTask(process, lambda code: self._give_back(slot, process, code))
        task.send(json.dumps({"words": list(command[count:]), "log": str(log)}))
        return task

    def close(self) -> None:
        """End the workers that have nothing to do."""
        for process in self._idle.values():
            self._retire(process)
        self._idle.clear()
        for process in self._ended:
            try:
                process.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                LocalTask(process).stop()
            assert process.stdout is not None
            process.stdout.close()
        self._ended.clear()

    def _new(self, slot: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._worker,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=os.environ | self._local.environment(slot),
            start_new_session=True,  # Ctrl-C reaches only the sweep
        )

    def _give_back(self, slot: int, process: subprocess.Popen[bytes], code: int) -> None:
        if code in WELL:
            self._idle[slot] = process
        else:
            self._retire(process)

    def _retire(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        self._ended.append(process)


class WorkerTask(LocalTask):
    """A command at a worker.

    Args:
        process: the worker.
        ended: called once with the exit code.
    """

    def __init__(self, process: subprocess.Popen[bytes], ended: Callable[[int], None]) -> None:
        super().__init__(process)
        self._ended = ended
        self._code: int | None = None

    def send(self, text: str) -> None:
        """Give the worker its command; a worker that died meanwhile is noticed by :meth:`poll`."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(text.encode() + b"\n")

    def poll(self) -> int | None:
        """Exit code of the command; that of the worker, or 1, if it died of the command."""
        if self._code is None:
            answer = self._answer()
            if answer is not None:
                # A worker without an answer has died, and one that ended well without an answer has failed too.
                self._code = int(answer) if answer.strip() else self.process.wait() or 1
                self._ended(self._code)
        return self._code

    def _answer(self) -> bytes | None:
        """What the worker answered, empty if it has closed the pipe, or None if it is at work."""
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return self.process.stdout.read(16)


def serve(main: Callable[[Sequence[str]], int]) -> None:
    """Run the commands that come over standard input, and answer each with its exit code; ends after a failure.

    Every command finds the environment and the warnings as the first one did, and what it leaves in memory is freed.
    Its output goes to its log. If the sweep has ended, so does this process.

    Args:
        main: runs a command, given as words, and returns its exit code.
    """
    answers = os.fdopen(os.dup(1), "w")
    jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    busy = threading.Event()
    threading.Thread(target=_receive, args=(os.fdopen(os.dup(0), "r"), jobs, busy), daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    environment = dict(os.environ)
    kept.switch_on()
    while (job := jobs.get()) is not None:
        with open_log(Path(job["log"])) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        code = _run(main, job["words"])
        os.environ.clear()
        os.environ.update(environment)
        _free()
        sys.stdout.flush()
        sys.stderr.flush()
        busy.clear()
        answers.write(f"{code}\n")
        answers.flush()
        if code not in WELL:
            break


def _receive(commands: IO[str], jobs: queue.SimpleQueue[dict[str, Any] | None], busy: threading.Event) -> None:
    """Queue the commands, and None at their end; a run without its sweep is asked to stop."""
    for line in commands:
        busy.set()
        jobs.put(json.loads(line))
    jobs.put(None)
    if busy.is_set():
        end_without_parent()


def _run(main: Callable[[Sequence[str]], int], words: Sequence[str]) -> int:
    sys.argv = [sys.argv[0], *words]
    try:
        with warnings.catch_warnings():  # those that are shown once are shown in every log
            return main(words)
    except SystemExit as exit:
        if isinstance(exit.code, str):
            print(exit.code, file=sys.stderr)
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1


def _free() -> None:
    """Free the memory of a run, whose modules and trainer refer to each other, and undo its number of threads."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
