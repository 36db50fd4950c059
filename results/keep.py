"""Keep the finished records of a folder of runs: one line for each, without checkpoints and paths of a machine.

python results/keep.py RUNS NAME [PATH=NAME ...]

Writes results/NAME.jsonl, and results/NAME.npz with the pictures, roll-outs and eigenvalues of seed 0; of the folder
of a comparison, results/comparisons/NAME.json.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrep.comparison import Comparison
from regrep_paper.report.costs import FILE
from regrep_paper.report.runs import Run, as_line, read_runs
from regrep_paper.runs.hits import Hits
from regrep_paper.runs.records import FORMAT, plain, read_json, write_atomic

ARRAYS = ("examples", "eigenvalues", "rollout")
"""Names of npz files of a run folder that are no results but pictures of them."""

LIMIT = 200_000
"""Bytes that an npz file may have; above it arrays are made coarser, then left out, the last runs first."""

FRAMES, STEPS = 4, 256
"""Of a coarse roll-out: frames that are kept, and values that its numbers take."""


def keep(runs: Path, name: str, names: dict[str, str]) -> int:
    """Write the records as results/NAME.jsonl, with measured costs; returns how many runs."""
    found, unreadable = read_runs(runs)
    if unreadable:
        raise SystemExit(f"some records cannot be read: {unreadable}")
    finished = [run for run in found if run.finished]
    for run in finished:
        check_committed(run.name, run.record)
    costs = [{"kind": "costs", **read_json(file)} for file in sorted(runs.rglob(FILE))]
    units: dict[str, str] = {}
    lines = [shared(as_line(run), units) for run in finished]
    first = [{"format": FORMAT, "kind": "units", **units}] if units else []
    text = "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in [*first, *costs, *lines]
    )
    for path, short in {str(runs): f"runs/{name}", **names}.items():
        text = text.replace(path, short)
    target = Path(__file__).parent / name
    write_atomic(target.with_name(f"{name}.jsonl"), text)
    content = kept([run for run in finished if run.config["seed"] == 0])
    if content is not None:
        write_atomic(target.with_name(f"{name}.npz"), content)
    return len(finished)


def keep_comparison(folder: Path, name: str, names: dict[str, str]) -> int:
    """Write a comparison with the code that made it as results/comparisons/NAME.json; returns how many runs it has."""
    comparison = Comparison.from_dict(read_json(folder / "comparison.json")).as_dict()  # written as they are today
    records = {path.parent.name: read_json(path) for path in sorted(folder.glob("runs/*/run.json"))}
    for run, record in records.items():
        check_committed(run, record)
    found = {json.dumps([start["git"], start["versions"]]) for one in records.values() for start in starts(one)}
    if len(found) != 1:
        raise SystemExit(f"a comparison is made by one version of the code, but {folder} has runs of {len(found)}")
    git, versions = json.loads(found.pop())
    seconds = sum(read_json(path).get("seconds", 0.0) for path in folder.glob("runs/*/done.json"))
    about = {"command": command(records), "git": git, "versions": versions, "runs": len(records), "seconds": seconds}
    text = json.dumps(plain({**about, **comparison}), ensure_ascii=False, separators=(",", ":")) + "\n"
    for path, short in {str(folder): f"runs/{name}", **names}.items():
        text = text.replace(path, short)
    target = Path(__file__).parent / "comparisons"
    target.mkdir(exist_ok=True)
    write_atomic(target / f"{name}.json", text)
    return len(records)


def command(records: dict[str, dict[str, Any]]) -> list[str]:
    """The command of a comparison, from those of its runs: without the folder of a run."""
    words = list(next(iter(records.values()))["command"])
    if "--run" in words:  # of records that are older than the one word
        place = words.index("--run")
        return words[:place] + words[place + 2 :]
    return [word for word in words if not word.startswith("--run=")]


def check_committed(name: str, record: dict[str, Any]) -> None:
    """Raise unless every start of a run was one of committed code."""
    if any((start.get("git") or {}).get("dirty") is not False for start in starts(record)):
        raise SystemExit(f"records are kept of committed code alone, but {name} ran on another; run it again")


def starts(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The first start of a run and those at which it was resumed."""
    return [record, *record.get("resumed", [])]


def shared(line: dict[str, Any], units: dict[str, str]) -> dict[str, Any]:
    """A line whose test samples name their units by a hash, under which ``units`` holds them once for all runs."""
    if "hits" not in line["done"]:
        return line
    hits = Hits.from_dict(line["done"]["hits"]).as_dict()  # written as they are today
    key = hashlib.sha256(hits["units"].encode()).hexdigest()[:16]
    units[key] = hits["units"]
    return {**line, "done": {**line["done"], "hits": {**hits, "units": key}}}


def kept(runs: list[Run]) -> bytes | None:
    """The arrays of runs as one npz file within the limit; None where there is none."""
    for coarse in (False, True):
        for count in range(len(runs), len(runs) - 1 if not coarse else 0, -1):
            arrays = {
                f"{run.name}/{name}/{key}": array
                for run in runs[:count]
                for name in ARRAYS
                for key, array in (reduced if coarse else dict)(run.arrays(name)).items()
            }
            content = packed(arrays)
            if len(content) <= LIMIT:
                return content if arrays else None
    raise SystemExit(f"the arrays of one run are larger than {LIMIT} bytes; leave some out")


def packed(arrays: dict[str, NDArray]) -> bytes:
    """An npz file of named arrays, equal ones once."""
    entries: dict[str, NDArray] = {}
    index = {}
    for name, array in arrays.items():
        index[name] = hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()[:16]
        entries[index[name]] = array
    buffer = io.BytesIO()
    np.savez_compressed(buffer, index=np.array(json.dumps(index)), **entries)
    return buffer.getvalue()


def reduced(arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Few frames of the roll-out that reports draw, with coarse numbers; eigenvalues to three decimals."""
    return dict(_reduced(arrays))


def _reduced(arrays: dict[str, NDArray]) -> Iterator[tuple[str, NDArray]]:
    if "future_true" in arrays:
        frames = np.unique(np.linspace(0, len(arrays["future_true"]) - 1, FRAMES).round().astype(np.int64))
        step = float(np.abs(arrays["future_true"]).max()) / (STEPS / 2)
        yield "future_frame", frames + 1
        for name in ("future_true", "future_predicted"):
            yield name, (np.round(arrays[name][frames].astype(np.float32) / step) * step).astype(np.float16)
        return
    for name, array in arrays.items():
        yield name, np.round(array, 3) if array.dtype.kind in "fc" else array


if __name__ == "__main__":
    pairs = dict(word.split("=", 1) for word in sys.argv[3:])
    source, target = Path(sys.argv[1]), sys.argv[2]
    if (source / "comparison.json").exists():
        print(f"{keep_comparison(source, target, pairs)} runs in results/comparisons/{target}.json")
    else:
        print(f"{keep(source, target, pairs)} records in results/{target}.jsonl")
