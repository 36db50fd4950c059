"""Sweeps: the runs of a sweep file, each in its own folder; a sweep that is started again continues."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from regrep.errors import RegrepError
from regrep_paper.runs.checks import refuse
from regrep_paper.runs.executors import STOPPED, Executor, SubmititExecutor, Task
from regrep_paper.runs.manifest import Manifest, Settings, read_manifest
from regrep_paper.runs.outlook import duration
from regrep_paper.runs.records import FolderBusyError, RunFolder, run_id
from regrep_paper.runs.stopping import Stopped, stopping
from regrep_paper.runs.workers import PROGRAM, WorkerExecutor

State = Literal["finished", "failed", "running", "partial", "to do"]


class Experiments(Protocol):
    """What a sweep needs to know about the experiments; provided by :mod:`regrep_paper.tables`."""

    def check_config(self, run: Settings) -> None:
        """Raise for a setting that the run's experiment does not have."""

    def resolved(self, run: Settings) -> Settings:
        """Every setting of a run, with defaults for those not given."""

    def settings_command(self, run: Settings, file: Path, out: Path, data_dir: Path | None) -> list[str]:
        """Arguments of ``regrep`` that run the settings in a file in the folder ``out``."""

    def config_command(self, run: Settings, out: Path, data_dir: Path | None) -> list[str]:
        """The same with the settings themselves as arguments."""


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep.

    Attributes:
        label: what distinguishes it from the others, for people.
        folder: its run folder.
        config: its resolved settings.
        given: those that the sweep gives it.
        command: the command that runs it, as a list of arguments; it reads the settings from the folder's ``run.json``.
    """

    label: str
    folder: RunFolder
    config: Mapping[str, Any] = field(hash=False)
    given: Settings = field(hash=False)
    command: tuple[str, ...]

    @property
    def state(self) -> State:
        """Its state."""
        done = self.folder.done
        if done is not None and done.get("status") == "finished":
            return "finished"
        if self.folder.busy:
            return "running"
        if done is not None:
            return "failed"
        return "partial" if self.folder.checkpoint("last").exists() else "to do"


def plan(
    manifest: Manifest,
    experiments: Experiments,
    out: Path,
    data_dir: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    program: Sequence[str] = PROGRAM,
) -> list[PlannedRun]:
    """The runs of a sweep, each once.

    Args:
        manifest: the sweep.
        experiments: checks runs and makes their commands.
        out: folder of the run folders.
        data_dir: folder of data files, passed to each command.
        settings: applied to every run, last of all.
        program: arguments before the command.
    """
    experiments.check_config({"experiment": manifest.experiment, **(settings or {})})
    named: dict[str, tuple[Settings, Settings]] = {}
    wanted = manifest.configs(settings)
    varying = _varying(wanted)
    wrong: list[tuple[str, RegrepError]] = []
    for run in wanted:
        try:
            config = experiments.resolved(run)
        except RegrepError as error:
            wrong.append((_label(run, varying), error))
        else:
            named.setdefault(run_id(config), (run, config))
    refuse(wrong, len(wanted))
    varying = _varying([run for run, _ in named.values()])
    runs = []
    for name, (run, config) in named.items():
        folder = _folder(out, name, run, config)
        words = experiments.settings_command(config, folder.path / "run.json", folder.path, data_dir)
        runs.append(PlannedRun(_label(run, varying), folder, config, run, (*program, *words)))
    return runs


def _folder(out: Path, name: str, run: Settings, config: Settings) -> RunFolder:
    """The folder of a run; an earlier version named it by the unresolved settings of the file."""
    folder, earlier = RunFolder(out / name), RunFolder(out / run_id(run))
    if folder.path.exists() or earlier.record is None:
        return folder
    try:
        earlier.check_same(config)
    except RegrepError:
        return folder
    return earlier


def planned(
    file: Path,
    experiments: Experiments,
    out: Path | None = None,
    data_dir: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Path, list[PlannedRun]]:
    """The folder and the runs of a sweep file; see :func:`sweep` for the arguments."""
    manifest = read_manifest(file, experiments.check_config)
    folder = manifest.out if out is None else out
    return folder, plan(manifest, experiments, folder, data_dir, settings)


def start(runs: Sequence[PlannedRun], folder: Path, jobs: int = 1, slurm: Mapping[str, Any] | None = None) -> int:
    """Start the unfinished ones of planned runs; return the exit code of the sweep."""
    executor = WorkerExecutor(jobs) if slurm is None else SubmititExecutor(folder / ".submitit", {**slurm})
    return Runner(runs, executor).run()


def sweep(
    file: Path,
    experiments: Experiments,
    *,
    out: Path | None = None,
    data_dir: Path | None = None,
    jobs: int = 1,
    settings: Mapping[str, Any] | None = None,
) -> int:
    """Start the unfinished runs of a sweep file.

    Args:
        file: the sweep file.
        experiments: checks runs and makes their commands.
        out: folder of the run folders; defaults to the file's.
        data_dir: folder of data files.
        jobs: processes at a time on this machine.
        settings: applied to every run, last of all.

    Returns:
        Exit code: 0 when all runs are finished, 1 when one failed, 130 after Ctrl-C, 143 after SIGTERM.
    """
    folder, runs = planned(file, experiments, out, data_dir, settings)
    return start(runs, folder, jobs)


def plan_text(runs: Sequence[PlannedRun], folder: Path) -> str:
    """Each run with its state and the name of its folder, and how many have which state."""
    width = max(len(run.label) for run in runs)
    states = [run.state for run in runs]
    lines = [f"{state:8}  {run.label:{width}}  {run.folder.path.name}" for run, state in zip(runs, states, strict=True)]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return "\n".join([*lines, f"{len(runs)} runs in {folder}: {counts}"])


def plan_dict(runs: Sequence[PlannedRun], folder: Path) -> dict[str, Any]:
    """The same as data."""
    return {
        "folder": str(folder),
        "runs": [{"label": run.label, "folder": str(run.folder.path), "state": run.state} for run in runs],
    }


class Runner:
    """Starts runs on an executor and prints their progress.

    Finished runs are left alone, failed ones are tried again, and those that another process is working on are waited
    for. Every run is locked by its process, so that several sweeps may share a folder.

    Args:
        runs: the runs to start.
        executor: where to run them.
        pause: seconds between two checks of the tasks.
        wait: seconds between two checks of a run that another process is working on.
    """

    def __init__(self, runs: Sequence[PlannedRun], executor: Executor, pause: float = 0.1, wait: float = 5.0) -> None:
        self.runs = runs
        self.executor = executor
        self.pause, self.wait = pause, wait
        self._finished = 0
        self._failed: list[tuple[PlannedRun, str]] = []
        self._own = 0  # runs that ended in this sweep, to estimate its speed
        self._begin = time.monotonic()

    def run(self) -> int:
        """Run all runs; return the exit code of the sweep."""
        todo: deque[PlannedRun] = deque(run for run in self.runs if not run.folder.finished)
        self._finished = len(self.runs) - len(todo)
        if self._finished:
            print(f"{self._finished} of {len(self.runs)} runs were already finished", flush=True)
        tasks: dict[Task, PlannedRun] = {}
        waiting: dict[PlannedRun, float] = {}
        try:
            with stopping():
                while todo or tasks or waiting:
                    self._start(todo, tasks, waiting)
                    self._collect(tasks, waiting)
                    self._reconsider(todo, waiting)
                    self._show(tasks, waiting)
                    time.sleep(self.pause)
        except BaseException as cause:
            for task in tasks:
                task.ask()
            for task in tasks:
                task.stop()
            if not isinstance(cause, (Stopped, KeyboardInterrupt)):
                raise
            with suppress(OSError):  # of a terminal that was closed
                self._clear()
                print(
                    f"stopped; {self._finished} of {len(self.runs)} runs are finished, the others keep"
                    " their last checkpoint; the same command goes on",
                    flush=True,
                )
            return cause.exit_code if isinstance(cause, Stopped) else 130
        finally:
            self.executor.close()
        for run, reason in self._failed:
            print(f"failed: {run.label}: {reason}; see {run.folder.path / 'log.txt'}", file=sys.stderr)
        return 1 if self._failed else 0

    def _start(self, todo: deque[PlannedRun], tasks: dict[Task, PlannedRun], waiting: dict[PlannedRun, float]) -> None:
        while todo and len(tasks) < self.executor.slots:
            run = todo.popleft()
            if run.folder.busy:
                self._wait(run, waiting)
            elif run.folder.finished:  # meanwhile, by another sweep
                self._report_finished(run)
            else:
                try:
                    with run.folder.lock():
                        run.folder.plan(run.config)
                except FolderBusyError:
                    self._wait(run, waiting)
                    continue
                tasks[self.executor.start(run.command, run.folder.path / "log.txt")] = run

    def _collect(self, tasks: dict[Task, PlannedRun], waiting: dict[PlannedRun, float]) -> None:
        for task, run in list(tasks.items()):
            code = task.poll()
            if code is None:
                continue
            del tasks[task]
            if code == FolderBusyError.exit_code:
                self._wait(run, waiting)
                continue
            self._own += 1
            if code == 0 and run.folder.finished:
                self._report_finished(run)
            else:
                reason = _reason(run, code)
                self._failed.append((run, reason))
                self._say(f"{run.label}: failed, {reason}")

    def _wait(self, run: PlannedRun, waiting: dict[PlannedRun, float]) -> None:
        if run not in waiting:
            self._say(f"{run.label}: another process is working on it; waiting")
        waiting[run] = time.monotonic() + self.wait

    def _reconsider(self, todo: deque[PlannedRun], waiting: dict[PlannedRun, float]) -> None:
        for run, when in list(waiting.items()):
            if time.monotonic() < when:
                continue
            if run.folder.busy:
                waiting[run] = time.monotonic() + self.wait
            else:
                del waiting[run]
                todo.append(run)

    def _report_finished(self, run: PlannedRun) -> None:
        self._finished += 1
        done = run.folder.done or {}
        parts = []
        for split in ("validation", "test"):
            for name in ("accuracy", "rmse"):
                value = (done.get(split) or {}).get(name)
                if isinstance(value, (int, float)):
                    parts.append(f"{split} {name} {value:.3f}")
        if isinstance(done.get("seconds"), (int, float)):
            parts.append(f"{done['seconds']:.0f} s")
        left = len(self.runs) - self._finished - len(self._failed)
        if left and self._own:
            parts.append(f"about {duration((time.monotonic() - self._begin) / self._own * left)} left")
        self._say(f"{run.label}: {', '.join(parts) or 'finished'}")

    def _say(self, text: str) -> None:
        self._clear()
        print(f"{self._finished + len(self._failed)}/{len(self.runs)} {text}", flush=True)

    def _show(self, tasks: Mapping[Task, PlannedRun], waiting: Mapping[PlannedRun, float]) -> None:
        """On a terminal, one line that is overwritten, with the last output of the current runs."""
        if not sys.stdout.isatty():
            return
        parts = [f"{run.label}: {_last_line(run.folder.path / 'log.txt')}" for run in tasks.values()]
        parts += [f"{run.label}: elsewhere" for run in waiting]
        width = _terminal_width() - 1
        print("\r\x1b[K" + " | ".join(part[: width // len(parts) - 3] for part in parts), end="", flush=True)

    def _clear(self) -> None:
        if sys.stdout.isatty():
            print("\r\x1b[K", end="")


def _varying(runs: Sequence[Settings]) -> list[str]:
    """Settings in which the runs differ, other than those in every label."""
    keys = dict.fromkeys(key for run in runs for key in run)
    return [
        key
        for key in keys
        if key not in ("experiment", "method", "group", "seed")
        and any(run.get(key) != runs[0].get(key) for run in runs)
    ]


def _label(run: Settings, varying: Sequence[str]) -> str:
    words = [str(run[key]) for key in ("method", "group") if key in run]
    words += [f"{key.replace('_', ' ')} {run[key]}" for key in varying if run.get(key) is not None]
    if "seed" in run:
        words.append(f"seed {run['seed']}")
    return " ".join(words) or str(run["experiment"])


def _reason(run: PlannedRun, code: int) -> str:
    done = run.folder.done
    if done is not None and done.get("status") == "failed" and done.get("message"):
        return str(done["message"])
    if not run.folder.path.exists():
        return "its folder was removed"
    if code == 0:
        return "it ended without a record"
    if code == STOPPED:
        return "stopped by SIGTERM; the same sweep goes on"
    if code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", possibly out of memory" if name == "SIGKILL" else "")
    return _last_line(run.folder.path / "log.txt") or f"exit code {code}"


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2000))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _terminal_width() -> int:
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80
