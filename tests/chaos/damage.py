"""Damaged files: one sentence, or the result of whole files; never a raw traceback, never another result in silence.

Numbers of records and metrics have no checksums: a report of other numbers counts as another result only where a
checkpoint could tell.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.kills import Job, fit_words
from chaos.processes import Command, result, run

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


def campaign(
    share: float, seed: int, base: Path, temporary: str, say: Callable[[str], None]
) -> tuple[Counter[str], list[str]]:
    """Damaged folders of a finished run, of one that was stopped, and of simulations."""
    counts: Counter[str] = Counter()
    examples = []
    log = base / "logs" / "damage.txt"
    for protocol in ("whole", "partial"):
        run(fit_words(base / "good" / protocol), log, temporary)
    partial = base / "good" / "partial"
    (partial / "done.json").unlink()
    stop_early(partial, log, temporary)
    smoke = Job("smoke", base, temporary)
    run(smoke.words(base / "good" / "smoke"), log, temporary)
    commands = {
        "test": ("whole", lambda out: ["test", str(out)]),
        "measure": ("whole", lambda out: ["measure", str(out), "--json", "--samples=16"]),
        "report": ("whole", lambda out: ["report", str(out.parent), f"--out={out.parent / 'report'}"]),
        "fit": ("partial", fit_words),
        "data": ("smoke", smoke.words),
    }
    told: dict[str, Any] = {}
    for number in range(-1, round(share * COUNT)):
        draw = random.Random(f"{seed} damage {number}")
        for command in commands if number < 0 else [draw.choice(list(commands))]:
            source, words = commands[command]
            out = base / "damaged" / str(number) / command / "run"
            shutil.copytree(base / "good" / source, out)
            what = damage(out, draw) if number >= 0 else "nothing"
            ended = run(words(out), log, temporary)
            if command in ("test", "measure"):
                found: Any = ended.text.replace(str(out), "")
            else:
                found = result(out) if command != "report" and ended.code == 0 else None
            if number < 0:
                told[command] = found
                continue
            counts["damaged files"] += 1
            counts["told"] += ended.code != 0
            wrong = []
            if ended.raw:
                wrong.append(f"raw tracebacks: {ended.text[-900:]}")
            elif ended.code and not 1 <= ended.text.rstrip().count("\n") + 1 <= 8:
                wrong.append(f"not a sentence: {ended.text[-300:]}")
            elif ended.code == 0 and not _same(command, found, told[command]):
                wrong.append(f"silent other results: {str(found)[:300] if isinstance(found, str) else ''}")
            counts.update(one.partition(":")[0] for one in wrong)
            for one in wrong:
                examples.append(f"{command} after {what} ({number}): {one}")
                say(examples[-1][:400])
            shutil.rmtree(out.parent.parent)
    say(f"damaged files: {dict(counts)}")
    return counts, examples


def stop_early(out: Path, log: Path, temporary: str) -> None:
    """Make a run of three epochs one that was stopped after the first."""
    shutil.rmtree(out)
    command = Command(fit_words(out), log, temporary)
    while not (out / "checkpoints" / "last.ckpt").exists():
        if command.wait(0.01):
            break
    command.end(signal.SIGKILL)


def _same(command: str, found: Any, told: Any) -> bool:
    """Equal, files aside that hold no result or that are damaged and not used again."""
    if isinstance(found, str) or found is None:
        return bool(found == told)
    names = {name for name in told if command == "data" or name.endswith(".ckpt")}
    return all(found.get(name) == told[name] for name in names)
