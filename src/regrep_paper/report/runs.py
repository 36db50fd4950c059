"""Read runs from their folders or from the lines of a .jsonl file: plain JSON and CSV, without any training code."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regrep.errors import RegrepError
from regrep_paper.runs.records import FORMAT, parse_json, plain, read_json, read_record, started

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIX = ".jsonl"
"""Of a file with one record in each line."""

DIGITS = 6
"""Significant digits of the values of a curve."""

Series = dict[int, float]
"""Epoch, counted from 1 -> value; epochs without a finite value are left out."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        name: that it has in a report: its folder, below that of the report.
        record: content of run.json.
        done: content of done.json, or None while the run is not over.
        metrics: column of metrics.csv -> its values.
        epochs: how many metrics.csv has.
        place: its folder, or the file of its line.
    """

    name: str
    record: dict[str, Any]
    done: dict[str, Any] | None
    metrics: dict[str, Series] = field(repr=False)
    epochs: int
    place: Path

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

    def arrays(self, name: str) -> dict[str, NDArray]:
        """Arrays kept beside the record, ``examples`` for instance; empty where there are none or they are broken."""
        if self.place.suffix == SUFFIX:
            own = self.record.get("name", self.record["run_id"])
            return read_kept(self.place.with_suffix(".npz"), f"{own}/{name}/")
        return read_arrays(self.place / f"{name}.npz")


def read_runs(path: Path) -> tuple[list[Run], dict[str, str]]:
    """All runs in a file or below a folder, in the order of their names, and what is wrong with unreadable ones.

    Args:
        path: a .jsonl file, or a folder that holds run folders or such files at any depth.

    Raises:
        RegrepError: there is no such file or folder, or no run in it.
    """
    runs, unreadable = [], {}
    for folder in run_folders(path):
        try:
            run = read_run(folder, path)
            if started(run.record) or run.done is not None:
                runs.append(run)
        except RegrepError as error:
            unreadable[name_below(folder, path)] = str(error)
    for file in line_files(path):
        units: dict[str, Any] = {}
        for where, line in named_lines(file):
            try:
                content = parsed_line(where, line)
                if content["kind"] == "units":
                    units.update(content)
                elif content["kind"] == "run":
                    runs.append(_run_of_line(content, units, file, path, where))
            except RegrepError as error:
                unreadable[where] = str(error)
    if not runs and unreadable:
        raise RegrepError(f"{path} holds no readable run: {next(iter(unreadable.values()))}")
    if not runs:
        raise RegrepError(f"{path} holds no run (no run.json in it or below); start one with regrep fit or sweep")
    return sorted(runs, key=lambda run: run.name.split("/")), unreadable


def line_files(path: Path) -> list[Path]:
    """The .jsonl files that a path means: itself, or those below it.

    Raises:
        RegrepError: there is no such file or folder.
    """
    if path.is_file() and path.suffix == SUFFIX:
        return [path]
    if not path.is_dir():
        raise RegrepError(f"there is no folder {path}; name one that holds runs, or a {SUFFIX} file of runs")
    return sorted(path.rglob(f"*{SUFFIX}"))


def run_folders(path: Path) -> list[Path]:
    """The run folders below a folder; none in a file."""
    return sorted(file.parent for file in path.rglob("run.json")) if path.is_dir() else []


def read_run(folder: Path, top: Path | None = None) -> Run:
    """One run folder.

    Args:
        folder: of the run.
        top: folder of the report, in which the run has its name.

    Raises:
        RegrepError: a file of it is broken or of another format; the message names the file.
    """
    record = _with_format(read_record(folder / "run.json"), folder / "run.json")
    done = None
    if (folder / "done.json").exists():
        done = _with_format(read_json(folder / "done.json"), folder / "done.json")
    metrics, epochs = _metrics(folder / "metrics.csv")
    _check(record, done, folder / "run.json", folder / "done.json")
    return Run(name_below(folder, top or folder), record, done, metrics, epochs, folder)


def as_line(run: Run) -> dict[str, Any]:
    """A run as one JSON object: run.json, ``done`` and ``curve``.

    ``curve`` has ``epoch``, counted from 0, and each column of metrics.csv that has values: a list with null where
    there is none, or one number that holds for all epochs. The settings stand in it once, under ``config``.
    """
    epochs = sorted({epoch for series in run.metrics.values() for epoch in series} | set(range(1, run.epochs + 1)))
    kept = {name: series for name, series in run.metrics.items() if series and name != "epoch"}
    columns = {name: [series.get(epoch) for epoch in epochs] for name, series in kept.items()}
    curve = {name: values[0] if set(values) == {values[0]} else values for name, values in columns.items()}
    return {
        "kind": "run",
        **({} if run.name == run.record.get("run_id") else {"name": run.name}),
        **run.record,
        "done": run.done,
        "curve": plain({"epoch": [epoch - 1 for epoch in epochs], **curve}),
    }


def read_arrays(path: Path) -> dict[str, NDArray]:
    """The arrays of an npz file; empty if it is missing or broken."""
    import numpy as np

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception:  # a half-written zip raises errors of many kinds; pictures are no reason to fail
        return {}


def read_kept(path: Path, prefix: str) -> dict[str, NDArray]:
    """The arrays of the npz file beside a .jsonl file whose names begin with a prefix, without it.

    Its entry ``index`` is a JSON object: name -> entry of the file. Arrays that are equal share an entry.
    """
    import numpy as np

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            index = json.loads(str(file["index"]))
            return {name.removeprefix(prefix): file[key] for name, key in index.items() if name.startswith(prefix)}
    except Exception:  # as above
        return {}


def name_below(path: Path, top: Path) -> str:
    """The name of a path in the report of a folder."""
    return path.relative_to(top).as_posix() if path != top else path.resolve().name


def named_lines(file: Path) -> list[tuple[str, str]]:
    """The lines of a file, each with its place for messages.

    Raises:
        RegrepError: it cannot be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise RegrepError(f"{file} cannot be read ({cause}); restore a copy or delete it") from cause
    return [(f"{file}, line {n}", line) for n, line in enumerate(text.split("\n"), start=1) if line.strip()]


def parsed_line(where: str, line: str) -> dict[str, Any]:
    """One line of a .jsonl file.

    Raises:
        RegrepError: it is no record, or one of another format.
    """
    content = _with_format(parse_json(line, where), where)
    if content.get("kind") not in KINDS:
        raise RegrepError(
            f"{where} must be of kind {', '.join(KINDS)}, got {content.get('kind')!r}; restore a copy or delete it"
        )
    return content


KINDS = ("run", "costs", "units")
"""Of lines: runs, what their methods cost, and the units of their test samples."""


def _run_of_line(content: dict[str, Any], units: Mapping[str, Any], file: Path, top: Path, where: str) -> Run:
    record = {key: value for key, value in content.items() if key not in ("kind", "done", "curve")}
    _check(record, content.get("done"), where, where)
    own = record.get("name", record.get("run_id"))
    if not isinstance(own, str):
        raise RegrepError(f"{where} must have a run_id; restore a copy or delete it")
    name = own if file == top else f"{name_below(file.with_suffix(''), top)}/{own}"
    metrics, epochs = _curve(content.get("curve") or {}, where)
    hits = (content.get("done") or {}).get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("units"), str):
        hits["units"] = units.get(hits["units"], hits["units"])
    return Run(name, record, content.get("done"), metrics, epochs, file)


def _with_format(content: dict[str, Any], where: Path | str) -> dict[str, Any]:
    if "format" not in content:
        raise RegrepError(f"{where} must have its record format, {FORMAT} for this version; it is no record of a run")
    return content


def _check(record: dict[str, Any], done: Any, record_at: Path | str, done_at: Path | str) -> None:
    """Raise for a record whose parts are not of the kinds that a report takes for granted."""
    config = record.get("config")
    lacking = [key for key in ("experiment", "method", "seed") if not isinstance(config, dict) or key not in config]
    if lacking or not isinstance(config, dict):
        raise RegrepError(
            f'{record_at} must name the run\'s {", ".join(lacking)} under "config"; restore a copy or delete it'
        )
    words = all(isinstance(config[key], str) for key in ("experiment", "method"))
    if not words or not isinstance(config["seed"], int) or any(isinstance(v, (dict, list)) for v in config.values()):
        raise RegrepError(
            f"{record_at} must have words for experiment and method, an integer for seed and no lists among its"
            " settings; restore a copy or delete it"
        )
    shapes = {"data": dict, "versions": dict, "git": dict, "command": list, "resumed": list}
    _check_kinds(record, shapes, record_at)
    _check_kinds(record.get("data") or {}, {"files": dict, "sizes": dict}, record_at)
    files = (record.get("data") or {}).get("files") or {}
    if not all(isinstance(one, dict) for one in [*(record.get("resumed") or []), *files.values()]):
        raise RegrepError(f"{record_at} must have objects for its starts and data files; restore a copy or delete it")
    for start in record.get("resumed") or []:
        _check_kinds(start, {"git": dict}, record_at)
    if done is None:
        return
    if not isinstance(done, dict) or done.get("status") not in ("finished", "failed"):
        status = done.get("status") if isinstance(done, dict) else done
        raise RegrepError(
            f'{done_at} must have the status "finished" or "failed", got {status!r}; delete it to continue the run'
        )
    parts = dict.fromkeys(("validation", "test", *PER_ELEMENT, "horizon", "hits"), dict)
    _check_kinds(done, {**parts, "best_epoch": int}, done_at)
    for part in PER_ELEMENT:
        _check_elements(done.get(part) or {}, part, done_at)
    for test in (done.get("horizon") or {}).values():
        if not isinstance(test, dict) or not isinstance(test.get("rmse") or [], list):
            raise RegrepError(f"{done_at} must list an rmse for each frame under horizon; restore a copy or delete it")


PER_ELEMENT = ("equivariance", "forecast_equivariance", "data_equivariance")
"""Entries of done.json with a list of numbers for the elements of the group."""


def _check_elements(part: Mapping[str, Any], name: str, at: Path | str) -> None:
    lists = [value for value in part.values() if isinstance(value, list)]
    names = part.get("elements", [])
    numbers = (entry for one in lists if one is not names for entry in one)
    if (
        not isinstance(names, list)
        or any(len(one) != len(names) for one in lists)
        or any(not isinstance(entry, (int, float, type(None))) for entry in numbers)
    ):
        raise RegrepError(f"{at} must have a number for each element under {name}; restore a copy or delete it")


def _check_kinds(content: Mapping[str, Any], kinds: Mapping[str, type], at: Path | str) -> None:
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind | None):
            wanted = {dict: "an object", list: "a list", int: "an integer"}[kind]
            raise RegrepError(
                f"{at} must have {wanted} for {key}, got {content[key]!r:.80}; restore a copy or delete it"
            )


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
                            series[epoch] = rounded(value)
        except (ValueError, TypeError, OSError, csv.Error) as cause:
            raise RegrepError(f"{path} must be a table of numbers ({cause}); restore a copy or delete it") from cause
    return metrics, len(seen)


def _curve(curve: Any, where: str) -> tuple[dict[str, Series], int]:
    """The same from the curve of a line."""
    try:
        epochs = [int(epoch) + 1 for epoch in curve.get("epoch", [])]
        columns = {name: one if isinstance(one, list) else [one] * len(epochs) for name, one in curve.items()}
        metrics = {
            name: {
                epoch: float(value)
                for epoch, value in zip(epochs, column, strict=True)
                if value is not None and math.isfinite(value)
            }
            for name, column in columns.items()
        }
    except (ValueError, TypeError, AttributeError) as cause:
        raise RegrepError(f"{where} must have columns of numbers in its curve ({cause}); restore a copy") from cause
    return metrics, len(set(epochs))


def rounded(value: float) -> float:
    """A value with the digits that curves keep; whole numbers stay as they are.

    >>> rounded(0.123456789), rounded(12345678.0)
    (0.123457, 12345678.0)
    """
    return value if value.is_integer() else float(f"{value:.{DIGITS}g}")
