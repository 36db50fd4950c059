"""Read run folders: plain JSON and CSV, without any training code."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError

FORMAT = 1


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: where it lies.
        record: content of run.json.
        done: content of done.json, or None while the run is not over.
        metrics: column name -> one value per epoch, None where blank.
    """

    folder: Path
    record: dict[str, Any]
    done: dict[str, Any] | None
    metrics: dict[str, list[float | None]] = field(repr=False)

    @property
    def cell(self) -> dict[str, Any]:
        """The settings of the run."""
        return self.record["cell"]

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.done is not None and self.done.get("status") == "finished"

    @property
    def state(self) -> str:
        """``finished``, ``failed: <why>`` or ``unfinished after <n> epochs``."""
        if self.done is None:
            return f"unfinished after {len(self.metrics.get('epoch', []))} epochs"
        return "finished" if self.finished else f"failed: {self.done.get('message', 'no reason given')}"


def read_runs(folder: Path) -> tuple[list[Run], dict[Path, str]]:
    """All runs below a folder, in the order of their names, and what is wrong with those that cannot be read.

    Raises:
        RegrepError: there is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise RegrepError(f"there is no folder {folder}; name one that holds runs")
    runs, unreadable = [], {}
    for path in sorted(folder.rglob("run.json")):
        try:
            runs.append(read_run(path.parent))
        except RegrepError as error:
            unreadable[path.parent] = str(error)
    if not runs and not unreadable:
        raise RegrepError(f"{folder} holds no run (no run.json in it or below); start one with regrep fit or sweep")
    return runs, unreadable


def read_run(folder: Path) -> Run:
    """One run folder.

    Raises:
        RegrepError: a file of it is broken or of another format.
    """
    record = _json(folder / "run.json")
    if not isinstance(record.get("cell"), dict):
        raise RegrepError(f"{folder / 'run.json'} names no cell; it is no record of a run")
    done = _json(folder / "done.json") if (folder / "done.json").exists() else None
    metrics: dict[str, list[float | None]] = {}
    path = folder / "metrics.csv"
    if path.exists():
        try:
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                for name, value in row.items():
                    metrics.setdefault(name, []).append(float(value) if value else None)
        except (ValueError, TypeError, OSError) as cause:
            raise RegrepError(f"{path} is not a table of numbers ({cause}); delete it or restore a copy") from cause
    return Run(folder, record, done, metrics)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as cause:
        raise RegrepError(f"{path} is not readable JSON ({cause}); delete it or restore a copy") from cause
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise RegrepError(f"{path} has record format {found!r}, this version reads format {FORMAT}; use a newer one")
    return content
