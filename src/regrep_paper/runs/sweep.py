"""Sweeps: every cell of a sweep file as a run of its own, continued when started again."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from regrep_paper.runs.executors import Executor, LocalExecutor, SubmititExecutor, Task
from regrep_paper.runs.manifest import Manifest, Settings, read_manifest
from regrep_paper.runs.records import FolderBusyError, RunFolder, run_id

State = Literal["finished", "failed", "running", "partial", "to do"]


class Experiments(Protocol):
    """What a sweep must know of the experiments; :mod:`regrep_paper.experiments.cells` provides it."""

    def check_cell(self, cell: Settings) -> None:
        """Raise for a setting that the cell's experiment does not have."""

    def cell_command(self, cell: Settings, out: Path, data_dir: Path | None) -> list[str]:
        """Words after ``regrep`` that run a cell in the folder ``out``."""


@dataclass(frozen=True)
class Cell:
    """One run of a sweep.

    Attributes:
        label: what tells it from the others, for people.
        run: its folder.
        command: what runs it, as words.
    """

    label: str
    run: RunFolder
    command: tuple[str, ...]

    @property
    def state(self) -> State:
        """How far it is."""
        done = self.run.done
        if done is not None and done.get("status") == "finished":
            return "finished"
        if self.run.busy:
            return "running"
        if done is not None:
            return "failed"
        return "partial" if self.run.checkpoint("last").exists() else "to do"


def plan(
    manifest: Manifest,
    experiments: Experiments,
    out: Path,
    data_dir: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    program: Sequence[str] = (sys.executable, "-m", "regrep_paper"),
) -> list[Cell]:
    """The cells of a sweep, each once.

    Args:
        manifest: the sweep.
        experiments: checks cells and makes their commands.
        out: folder of the run folders.
        data_dir: folder of data files, handed to each command.
        settings: applied to every cell at last.
        program: words before the command.
    """
    experiments.check_cell({"experiment": manifest.experiment, **(settings or {})})
    named = {run_id(cell): cell for cell in manifest.cells(settings)}
    varying = _varying(list(named.values()))
    cells = []
    for name, cell in named.items():
        words = experiments.cell_command(cell, out / name, data_dir)
        cells.append(Cell(_label(cell, varying), RunFolder(out / name), (*program, *words)))
    return cells


def sweep(
    file: Path,
    experiments: Experiments,
    *,
    out: Path | None = None,
    data_dir: Path | None = None,
    jobs: int = 1,
    settings: Mapping[str, Any] | None = None,
    slurm: Mapping[str, Any] | None = None,
    dry_run: bool = False,
) -> int:
    """Run the cells of a sweep file that are not finished; ``regrep sweep`` is this function.

    Args:
        file: the sweep file.
        experiments: checks cells and makes their commands.
        out: folder of the run folders, instead of the file's.
        data_dir: folder of data files.
        jobs: processes at a time on this machine.
        settings: applied to every cell at last.
        slurm: options for Slurm; None runs on this machine.
        dry_run: only print the cells and their states.

    Returns:
        Exit code: 0 when all cells are finished, 1 when one failed, 130 after Ctrl-C.
    """
    manifest = read_manifest(file, experiments.check_cell)
    folder = manifest.out if out is None else out
    cells = plan(manifest, experiments, folder, data_dir, settings)
    if dry_run:
        print_plan(cells, folder)
        return 0
    executor = LocalExecutor(jobs) if slurm is None else SubmititExecutor(folder / ".submitit", {**slurm})
    return Runner(cells, executor).run()


def print_plan(cells: Sequence[Cell], folder: Path) -> None:
    """Print each cell with its state and the name of its folder."""
    width = max(len(cell.label) for cell in cells)
    states = [cell.state for cell in cells]
    for cell, state in zip(cells, states, strict=True):
        print(f"{state:8}  {cell.label:{width}}  {cell.run.path.name}")
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    print(f"{len(cells)} cells in {folder}: {counts}")


class Runner:
    """Runs cells on an executor and tells how it goes.

    A finished cell is left alone, a failed one is tried again, one at which another process works is waited
    for. Every cell is locked by the process that runs it, so that several sweeps may share a folder.

    Args:
        cells: what to run.
        executor: where.
        pause: seconds between two looks at the tasks.
        wait: seconds between two looks at a cell at which another process works.
    """

    def __init__(self, cells: Sequence[Cell], executor: Executor, pause: float = 0.1, wait: float = 5.0) -> None:
        self.cells = cells
        self.executor = executor
        self.pause, self.wait = pause, wait
        self._finished = 0
        self._failed: list[tuple[Cell, str]] = []
        self._own = 0  # cells that ended in this sweep, the measure of its speed
        self._begin = time.monotonic()

    def run(self) -> int:
        """Run all cells; return the exit code of the sweep."""
        todo: deque[Cell] = deque(cell for cell in self.cells if not cell.run.finished)
        self._finished = len(self.cells) - len(todo)
        if self._finished:
            print(f"{self._finished} of {len(self.cells)} cells were finished before", flush=True)
        tasks: dict[Task, Cell] = {}
        waiting: dict[Cell, float] = {}
        try:
            with _terminate_as_interrupt():
                while todo or tasks or waiting:
                    self._start(todo, tasks, waiting)
                    self._collect(tasks, waiting)
                    self._reconsider(todo, waiting)
                    self._show(tasks, waiting)
                    time.sleep(self.pause)
        except BaseException as cause:
            for task in tasks:
                task.stop()
            if isinstance(cause, KeyboardInterrupt):
                self._clear()
                print(
                    f"stopped; {self._finished} of {len(self.cells)} cells are finished, the others keep"
                    " their last checkpoint; the same command continues"
                )
                return 130
            raise
        for cell, reason in self._failed:
            print(f"failed: {cell.label}: {reason}; see {cell.run.path / 'log.txt'}", file=sys.stderr)
        return 1 if self._failed else 0

    def _start(self, todo: deque[Cell], tasks: dict[Task, Cell], waiting: dict[Cell, float]) -> None:
        while todo and len(tasks) < self.executor.slots:
            cell = todo.popleft()
            if cell.run.busy:
                self._wait(cell, waiting)
            elif cell.run.finished:  # meanwhile, by another sweep
                self._report_finished(cell)
            else:
                tasks[self.executor.start(cell.command, cell.run.path / "log.txt")] = cell

    def _collect(self, tasks: dict[Task, Cell], waiting: dict[Cell, float]) -> None:
        for task, cell in list(tasks.items()):
            code = task.poll()
            if code is None:
                continue
            del tasks[task]
            if code == FolderBusyError.exit_code:
                self._wait(cell, waiting)
                continue
            self._own += 1
            if code == 0 and cell.run.finished:
                self._report_finished(cell)
            else:
                reason = _reason(cell, code)
                self._failed.append((cell, reason))
                self._say(f"{cell.label}: failed, {reason}")

    def _wait(self, cell: Cell, waiting: dict[Cell, float]) -> None:
        if cell not in waiting:
            self._say(f"{cell.label}: another process works on it; waiting for it")
        waiting[cell] = time.monotonic() + self.wait

    def _reconsider(self, todo: deque[Cell], waiting: dict[Cell, float]) -> None:
        for cell, when in list(waiting.items()):
            if time.monotonic() < when:
                continue
            if cell.run.busy:
                waiting[cell] = time.monotonic() + self.wait
            else:
                del waiting[cell]
                todo.append(cell)

    def _report_finished(self, cell: Cell) -> None:
        self._finished += 1
        done = cell.run.done or {}
        parts = []
        for split in ("validation", "test"):
            for name in ("accuracy", "rmse"):
                value = (done.get(split) or {}).get(name)
                if isinstance(value, (int, float)):
                    parts.append(f"{split} {name} {value:.3f}")
        if isinstance(done.get("seconds"), (int, float)):
            parts.append(f"{done['seconds']:.0f} s")
        left = len(self.cells) - self._finished - len(self._failed)
        if left and self._own:
            parts.append(f"about {_duration((time.monotonic() - self._begin) / self._own * left)} left")
        self._say(f"{cell.label}: {', '.join(parts) or 'finished'}")

    def _say(self, text: str) -> None:
        self._clear()
        print(f"{self._finished + len(self._failed)}/{len(self.cells)} {text}", flush=True)

    def _show(self, tasks: Mapping[Task, Cell], waiting: Mapping[Cell, float]) -> None:
        """On a terminal, one line that is written over: what the running cells say."""
        if not sys.stdout.isatty():
            return
        parts = [f"{cell.label}: {_last_line(cell.run.path / 'log.txt')}" for cell in tasks.values()]
        parts += [f"{cell.label}: elsewhere" for cell in waiting]
        width = _terminal_width() - 1
        print("\r\x1b[K" + " | ".join(part[: width // len(parts) - 3] for part in parts), end="", flush=True)

    def _clear(self) -> None:
        if sys.stdout.isatty():
            print("\r\x1b[K", end="")


def _varying(cells: Sequence[Settings]) -> list[str]:
    """Settings in which the cells differ, besides those that every label has."""
    keys = dict.fromkeys(key for cell in cells for key in cell)
    return [
        key
        for key in keys
        if key not in ("experiment", "method", "group", "seed")
        and any(cell.get(key) != cells[0].get(key) for cell in cells)
    ]


def _label(cell: Settings, varying: Sequence[str]) -> str:
    words = [str(cell[key]) for key in ("method", "group") if key in cell]
    words += [f"{key.replace('_', ' ')} {cell[key]}" for key in varying if cell.get(key) is not None]
    if "seed" in cell:
        words.append(f"seed {cell['seed']}")
    return " ".join(words) or str(cell["experiment"])


def _reason(cell: Cell, code: int) -> str:
    done = cell.run.done
    if done is not None and done.get("status") == "failed" and done.get("message"):
        return str(done["message"])
    if code == 0:
        return "it ended without a record"
    if code < 0:
        name = signal.Signals(-code).name
        return f"killed by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    return _last_line(cell.run.path / "log.txt") or f"exit code {code}"


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


def _duration(seconds: float) -> str:
    """Minutes, or hours where there are many.

    >>> _duration(100), _duration(40 * 60), _duration(3 * 3600)
    ('2 min', '40 min', '3.0 h')
    """
    minutes = seconds / 60
    return f"{minutes / 60:.1f} h" if minutes >= 100 else f"{max(1, round(minutes))} min"


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM end the sweep as Ctrl-C does, so that it stops its processes."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    try:
        before: Callable[..., Any] | int | None = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # signals are handled in the main thread only
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
