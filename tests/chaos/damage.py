"""Damaged files: one sentence, or the result of whole files; never a raw traceback, never another result in silence.

Numbers of records and metrics have no checksums: a report of other numbers counts as another result only where a
checkpoint could tell.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
import shutil
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from chaos.kills import fit_words, smoke_words
from chaos.processes import Command, Words, a_sentence, result, run
from chaos.trials import Outcome, Trial, told
from regrep_paper.data.idx import read_idx
from regrep_paper.runs.data_folder import FOLDER_VARIABLE
from regrep_paper.steerable import stored as steerable

COUNT = 1000
"""Damaged files of a whole campaign."""

VALUES = (None, -1, 0, 3, 1e308, float("nan"), "", "x", "../x", [], {}, [1], {"a": 1}, True, 10**30)
"""What a field of a record becomes."""


def flip(data: bytes, draw: random.Random) -> bytes:
    """One to three bits."""
    changed = bytearray(data or b"\0")
    for _ in range(draw.choice((1, 1, 3))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def cut(data: bytes, draw: random.Random) -> bytes:
    """Its beginning."""
    return data[: draw.choice((0, 1, len(data) // 2, max(0, len(data) - 1)))]


def edit(data: bytes, draw: random.Random) -> bytes:
    """A field of a JSON object, or a cell of a table, becomes another."""
    try:
        content = json.loads(data)
        _edit(content, draw)
        return json.dumps(content).encode()
    except (ValueError, UnicodeDecodeError):
        cells = data.split(b",")
        cells[draw.randrange(len(cells))] = str(draw.choice(VALUES)).encode()
        return b",".join(cells)


def _edit(content: Any, draw: random.Random) -> None:
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    if not keys:
        return
    key = draw.choice(keys)
    if isinstance(content[key], (dict, list)) and content[key] and draw.random() < 0.7:
        _edit(content[key], draw)
    elif draw.random() < 0.2:
        del content[key]
    else:
        content[key] = draw.choice(VALUES)


def damage(folder: Path, draw: random.Random) -> str:
    """Damage a file of a folder; returns what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", "log.txt"))
    path, how = draw.choice(files), draw.choice((flip, cut, edit, None))
    if how is None:
        other = draw.choice(files)
        shutil.copyfile(other, path) if other != path else path.write_bytes(b"")
        return f"{path.relative_to(folder)} is {other.name}"
    path.write_bytes(how(path.read_bytes(), draw))
    return f"{how.__name__} {path.relative_to(folder)}"


def arrays_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Names, kinds and digests of arrays."""
    return " ".join(
        f"{name} {value.dtype}{value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
        for name, value in sorted(arrays.items())
    )


def read_labels(folder: Path) -> str:
    """The content of a file of labels as MNIST's are."""
    return arrays_of({"labels": read_idx(folder / "labels.gz")})


def read_kernels(folder: Path) -> str:
    """Two stored kernels; those that cannot be read are computed again."""
    os.environ[FOLDER_VARIABLE] = str(folder)
    steerable.steerable_library = lambda: SimpleNamespace(__version__="1")
    kernels = {size: np.arange(float(size)) for size in (20, 30)}
    return " ".join(
        arrays_of(steerable.stored("kernels", {"size": size}, partial(dict, basis=basis)))
        for size, basis in kernels.items()
    )


@dataclass(frozen=True)
class Commands:
    """Commands that read a folder that was damaged.

    Attributes:
        told: what each says or makes of whole files.
    """

    base: Path
    temporary: str
    told: dict[str, Any] = field(default_factory=dict)

    def words(self, command: str, out: Path) -> Words:
        """The command line, or a function."""
        if command == "test":
            return ["test", str(out)]
        if command == "measure":
            return ["measure", str(out), "--json", "--samples=16"]
        if command == "report":
            return ["report", str(out.parent), f"--out={out.parent / 'report'}"]
        if command == "fit":
            return fit_words(out)
        if command == "data":
            return smoke_words(out, jobs=1)
        return partial(read_labels if command == "labels" else read_kernels, out)

    def prepare(self) -> None:
        """Make a finished run, one that was stopped, simulations, labels and kernels, and see what is said of them."""
        log, good = self.base / "logs" / "prepare.txt", self.base / "good"
        run(fit_words(good / "run"), log, self.temporary)
        stop_early(good / "stopped", log, self.temporary)
        run(smoke_words(good / "smoke", jobs=1), log, self.temporary)
        (good / "labels").mkdir()
        (good / "kernels").mkdir()
        run(self.words("kernels", good / "kernels"), log, self.temporary)
        content = bytes([0, 0, 8, 1, 0, 0, 0, 60, *range(60)])
        (good / "labels" / "labels.gz").write_bytes(gzip.compress(content, mtime=0))
        for command in SOURCES:
            ended, found = self.make(command, self.base / "damaged" / command / "run", None)
            if ended.code:
                raise SystemExit(f"{command} with whole files failed: {ended.text}")
            self.told[command] = found

    def make(self, command: str, out: Path, draw: random.Random | None, what: list[str] | None = None) -> Any:
        """Run a command with a damaged copy of its files; how it ended and what it found."""
        shutil.copytree(self.base / "good" / SOURCES[command], out)
        if draw is not None and what is not None:
            what.append(damage(out, draw))
        ended = run(self.words(command, out), out.parent / "out.txt", self.temporary)
        if command in ("fit", "data"):
            return ended, result(out)
        return ended, None if command == "report" else ended.text.replace(str(out), "")


SOURCES = {
    "test": "run", "measure": "run", "report": "run", "fit": "stopped", "data": "smoke", "labels": "labels",
    "kernels": "kernels",
}  # fmt: skip
"""Each command with the folder that it reads."""

OFTEN = {"test": 5, "measure": 5, "report": 2, "fit": 4, "data": 4, "labels": 2, "kernels": 2}
"""How often each is drawn; a report takes seconds."""


def trial(commands: Commands, seed: int, number: int) -> Outcome:
    """A command that reads a damaged folder."""
    draw = random.Random(f"{seed} damage {number}")
    command = draw.choices(list(OFTEN), list(OFTEN.values()))[0]
    out, what, wrong = commands.base / "damaged" / str(number) / "run", [], []
    ended, found = commands.make(command, out, draw, what)
    if ended.raw:
        wrong.append(f"raw tracebacks: {ended.text[-900:]}")
    elif ended.code and not a_sentence(ended.text):
        wrong.append(f"not a sentence: {ended.text[-300:]}")
    elif ended.code == 0 and not _same(command, found, commands.told[command]):
        wrong.append(f"silent other results: {_differing(found, commands.told[command])[:300]}")
    shutil.rmtree(out.parent)
    return told(f"{command} after {what[0]} ({number})", wrong, Counter({"damage told": int(ended.code != 0)}))


def trials(share: float, seed: int, base: Path, temporary: str) -> list[Trial]:
    """Damaged files, and what is made of whole ones."""
    commands = Commands(base, temporary)
    commands.prepare()
    return [Trial("damaged files", partial(trial, commands, seed, number)) for number in range(round(share * COUNT))]


def stop_early(out: Path, log: Path, temporary: str) -> None:
    """A run of three epochs that was stopped after the first."""
    command = Command(fit_words(out), log, temporary)
    while not (out / "checkpoints" / "last.ckpt").exists():
        if command.wait(0.01):
            break
    command.end(signal.SIGKILL)


def _differing(found: Any, told: Any) -> str:
    """What was printed, or the names of files that are not as they were."""
    if isinstance(found, dict):
        return ", ".join(sorted(name for name in {*found, *told} if found.get(name) != told.get(name)))
    return str(found)


def _same(command: str, found: Any, told: Any) -> bool:
    """Equal, files aside that hold no result or that are damaged and not used again."""
    if isinstance(found, str) or found is None:
        return bool(found == told)
    names = {name for name in told if command == "data" or name.endswith(".ckpt")}
    return all(found.get(name) == told[name] for name in names)
