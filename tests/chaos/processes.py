"""Commands of regrep as forks of a process that has imported everything: each costs its work alone."""

from __future__ import annotations

import csv
import hashlib
import importlib
import io
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from regrep.errors import RegrepError
from regrep_paper.cli import main
from regrep_paper.runs.stopping import SIGNALS

CODES = (0, 1, 2, 75)
"""Exit codes of a command that no signal ended."""

CLOCKS = ("seconds", "cpu_seconds", "started", "resumed", "md5")
"""Entries of a record that differ between two runs of one command, with checksums over them."""


def import_all() -> None:
    """Import what commands need, before any is forked."""
    for name in ("experiments.averaged", "experiments.ddmnist", "experiments.fit", "experiments.learning", "report"):
        importlib.import_module(f"regrep_paper.{name}")


Words = list[str] | Callable[[], object]


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Attributes:
        code: exit code, or -n if signal n killed it.
        text: its output.
        killed: whether a signal was sent to it.
    """

    code: int
    text: str
    killed: bool = False

    @property
    def raw(self) -> bool:
        """Whether it ended in another way than commands may."""
        return "Traceback" in self.text or self.code not in (*CODES, *(128 + signum for signum in SIGNALS), -9, -15)


def a_sentence(text: str) -> bool:
    """Whether this may be all that a command that fails says: a word of its progress, then a sentence."""
    return "regrep" in text and text.rstrip().count("\n") < 8


class Command:
    """A command that runs.

    Args:
        words: the command line after ``regrep``, or a function that prints.
        output: file to which its output is appended.
        temporary: its folder of temporary files.
        largest: bytes that it may write into a file; None for no limit.
    """

    def __init__(self, words: Words, output: Path, temporary: str, largest: int | None = None) -> None:
        self.words, self.output = words, output
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()  # the process may be killed before it does anything
        self.start = output.stat().st_size
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_command(words, output, temporary, largest))

    def wait(self, seconds: float = 600.0) -> bool:
        """Whether it has ended by itself after this time at the latest."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            done, _ = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT), None
            if done is not None:
                return True
            time.sleep(0.005)
        return False

    def end(self, signum: int | None = None) -> Ended:
        """Its end, by a signal if one is given."""
        if signum is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)
        if not self.wait(120 if signum is not None else 900):
            os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        with self.output.open("rb") as file:
            file.seek(self.start)
            text = file.read().decode(errors="replace")
        return Ended(os.waitstatus_to_exitcode(status), text, signum is not None)


def _command(words: Words, output: Path, temporary: str, largest: int | None) -> int:
    os.setsid()
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for target in (1, 2):
        os.dup2(handle, target)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1, closefd=False), os.fdopen(2, "w", 1, closefd=False)
    os.environ["TMPDIR"], tempfile.tempdir = temporary, None
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if largest is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    # Processes that this one spawns would import the campaign with it.
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        if not callable(words):
            return main(words)
        print(words())
        return 0
    except RegrepError as error:
        print(f"regrep: {error}")
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:  # before the command could take signals
        return 130
    except BaseException:
        traceback.print_exc()
        return 1


def run(words: Words, output: Path, temporary: str, largest: int | None = None) -> Ended:
    """A command from its start to its end."""
    return Command(words, output, temporary, largest).end()


def left_of(folder: Path, session: int, seconds: float = 30.0) -> list[int]:
    """Processes of a session, or that name a folder in their command, after this time; they are ended."""
    deadline = time.monotonic() + seconds
    while (found := _belonging(folder, session)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _belonging(folder: Path, session: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, own, *_ = (path / "stat").read_text().rpartition(")")[2].split()
            named = f"{folder}/".encode() in (path / "cmdline").read_bytes()
            if state != "Z" and (int(own) == session or named) and int(path.name) != os.getpid():
                found.append(int(path.name))
    return found


def result(folder: Path) -> dict[str, str]:
    """What a command made, without times: a digest for each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(content).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (content := _content(path, folder)) is not None
    }


def _content(path: Path, folder: Path) -> bytes | None:
    try:
        return _lasting(path, folder)
    except Exception as cause:  # a damaged file that the command left alone
        return f"unreadable: {type(cause).__name__}".encode()


def _lasting(path: Path, folder: Path) -> bytes | None:
    """What must be equal in a file; None where nothing must."""
    if path.name in ("lock", "log.txt", "run.json", "checksums.json", "out.txt"):
        return None
    report = path.parent.parent if path.parent.name == "tables" else path.parent
    if report.name == "report" and report != folder:
        # Made after runs that were killed: page and list of runs hold their times, and tables say `resumed`.
        same = path.suffix != ".html" and path.name != "runs.csv"
        return path.read_bytes().replace(b", resumed", b"").replace(b'"', b"") if same else None
    if path.suffix == ".ckpt":
        weights = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        return b"".join(name.encode() + value.numpy().tobytes() for name, value in weights.items())
    if path.name == "metrics.csv":
        rows = csv.DictReader(io.StringIO(path.read_text()))
        return json.dumps([{key: row[key] for key in row if key != "seconds"} for row in rows]).encode()
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(path.read_text())), sort_keys=True).encode()
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return b"".join(name.encode() + arrays[name].tobytes() for name in sorted(arrays))
    return path.read_bytes().replace(str(folder).encode(), b"")


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(entry) for key, entry in value.items() if key not in CLOCKS}
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value
