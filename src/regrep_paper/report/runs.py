"""Read run folders: plain JSON and CSV, without any training code."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.runs.records import FORMAT, read_json, read_record

Series = dict[int, float]
"""Epoch, counted from 1 -> value; epochs without a finite value are left out."""


@dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        folder: where it lies.
        record: content of run.json.
        done: content of done.json, or None while the run is not over.
        metrics: column of metrics.csv -> its values.
        epochs: that metrics.csv tells of.
    """

    folder: Path
    record: dict[str, Any]
    done: dict[str, Any] | None
    metrics: dict[str, Series] = field(repr=False)
    epochs: int

    @property
    def config(self) -> dict[str, Any]:
        """The settings of the run."""
        return self.record["config"]

    @property
    def finished(self) -> bool:
        """Whether it ended well."""
        return self.done is not None and self.done.get("status") == "finished"

    @property
    def state(self) -> str:
        """``finished``, ``failed: <why>`` or ``unfinished, epoch <n> of <all>``."""
        if self.finished:
            return "finished"
        if self.done is not None:
            return f"failed: {self.done.get('message') or 'no reason given'}"
        planned = self.config.get("epochs")
        return f"unfinished, epoch {self.epochs}" + (f" of {planned}" if planned else "")


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
    if not runs and unreadable:
        raise RegrepError(f"{folder} holds no readable run: {next(iter(unreadable.values()))}")
    if not runs:
        raise RegrepError(f"{folder} holds no run (no run.json in it or below); start one with regrep fit or sweep")
    return runs, unreadable


def read_run(folder: Path) -> Run:
    """One run folder.

    Raises:
        RegrepError: a file of it is broken or of another format; the message names the file.
    """
    path = folder / "run.json"
    record = _read(path)
    config = record.get("config")
    lacking = [key for key in ("experiment", "method", "seed") if not isinstance(config, dict) or key not in config]
    if lacking:
        raise RegrepError(
            f'{path} must name the run\'s {", ".join(lacking)} under "config"; restore a copy or delete it'
        )
    done = _read(folder / "done.json") if (folder / "done.json").exists() else None
    if done is not None and done.get("status") not in ("finished", "failed"):
        raise RegrepError(
            f'{folder / "done.json"} must have the status "finished" or "failed", got {done.get("status")!r};'
            " delete it to continue the run"
        )
    metrics, epochs = _metrics(folder / "metrics.csv")
    return Run(folder, record, done, metrics, epochs)


def _read(path: Path) -> dict[str, Any]:
    content = read_record(path) if path.name == "run.json" else read_json(path)
    if "format" not in content:
        raise RegrepError(f"{path} must tell its record format, {FORMAT} for this version; it is no record of a run")
    return content


def _metrics(path: Path) -> tuple[dict[str, Series], int]:
    """Columns by epoch and the number of epochs; a later line of the same epoch (after a resumption) counts."""
    metrics: dict[str, Series] = {}
    seen = set()
    if path.exists():
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for line, row in enumerate(csv.DictReader(file)):
                    epoch = int(row.get("epoch") or line) + 1
                    seen.add(epoch)
                    for name, text in row.items():
                        series = metrics.setdefault(name, {})
                        value = float(text) if text else math.nan
                        if math.isfinite(value):
                            series[epoch] = value
        except (ValueError, TypeError, OSError, csv.Error) as cause:
            raise RegrepError(f"{path} must be a table of numbers ({cause}); restore a copy or delete it") from cause
    return metrics, len(seen)
