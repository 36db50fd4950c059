"""Run records: a folder per run that survives kills, full disks and a second process.

A run folder holds ``run.json`` (settings, command, data, versions), ``metrics.csv``,
``checkpoints/{best,last}.ckpt`` and, once the run has ended, ``done.json``. Every JSON file says ``"format": 1``.
Needs only the standard library, so that reading records is cheap.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from regrep.errors import RegrepError
from regrep_paper.runs.folder_lock import FolderBusyError as FolderBusyError
from regrep_paper.runs.folder_lock import FolderLock, busy
from regrep_paper.runs.integers import LARGEST, integer
from regrep_paper.runs.origin import git_state, versions
from regrep_paper.tables.protocol import BEFORE

FORMAT = 1
"""Version of the record format, written into every JSON file of a run."""


def write_atomic(path: Path | str, data: str | bytes | memoryview) -> None:
    """Replace a file atomically: after any failure the old content remains, never part of the new one.

    Writes a temporary file in the same folder, flushes it to disk and renames it to ``path``.

    Raises:
        RegrepError: the file cannot be written (disk full, no permission).

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_atomic(folder / "note.txt", "held")
    >>> (folder / "note.txt").read_text(), len(list(folder.iterdir()))
    ('held', 1)
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as file:
                file.write(data.encode() if isinstance(data, str) else data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _flush_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
    except OSError as cause:
        raise RegrepError(
            f"{path} could not be written ({cause.strerror or cause}), its old content is unchanged;"
            " free some space or choose another folder"
        ) from cause


def _flush_folder(path: Path) -> None:
    """Make a renaming survive a power failure, where the system can; whoever reads files sees it anyway."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        RegrepError: there is no such file, or it does not hold a JSON object, or holds one of a newer format.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as cause:
        raise RegrepError(
            f"{path} cannot be read ({cause.strerror or cause}); check that the folder is a run"
        ) from cause
    except ValueError as cause:
        raise RegrepError(f"{path} is not valid JSON ({cause}); delete it or restore a copy") from cause
    return parse_json(text, path)


def parse_json(text: str, where: Path | str) -> dict[str, Any]:
    """A JSON object from its text.

    Args:
        text: text of the object.
        where: its location, for messages.

    Raises:
        RegrepError: it is not a JSON object, or one of a newer format.
    """
    try:
        content = json.loads(text, parse_int=integer)  # raises RecursionError if nested too deeply
    except (ValueError, RecursionError) as cause:
        raise RegrepError(f"{where} is not valid JSON ({cause}); delete it or restore a copy") from cause
    if not isinstance(content, dict):
        raise RegrepError(f"{where} must hold a JSON object, got {type(content).__name__}; delete or restore it")
    if content.get("format", FORMAT) != FORMAT:
        raise RegrepError(
            f"{where} has record format {content['format']}, this version of regrep reads format {FORMAT};"
            " use the version that wrote it"
        )
    return content


def read_record(path: Path | str) -> dict[str, Any]:
    """The content of a ``run.json``; older ones, which call the config of a run ``cell``, can be read as well.

    Raises:
        RegrepError: as :func:`read_json`.
    """
    record = read_json(path)
    return {"config" if key == "cell" else key: value for key, value in record.items()}


def started(record: Mapping[str, Any]) -> bool:
    """Whether a ``run.json`` belongs to a run that was started, rather than holding the settings alone."""
    return "command" in record


def run_id(config: Mapping[str, Any]) -> str:
    """Readable name of a config with a hash of all its settings; equal settings give equal names.

    The order of the keys does not matter, and neither does 1 or 1.0.

    >>> config = {"experiment": "ddmnist", "group": "D4", "method": "ours", "weight": 1.0, "seed": 0}
    >>> run_id(config)
    'ddmnist-D4-ours-s0-04d8f195'
    >>> run_id(config) == run_id({**config, "weight": 1}) != run_id({**config, "weight": 2})
    True
    """
    words = [str(config[key]) for key in ("experiment", "group", "method") if key in config]
    seed = [f"s{config['seed']}"] if "seed" in config else []
    digest = hashlib.sha256(json.dumps(plain(config), sort_keys=True).encode()).hexdigest()[:8]
    name = "-".join([*words, *seed, digest])
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)


def plain(value: Any) -> Any:
    """A value as JSON represents it: equal settings are written identically, and numbers not finite become null.

    >>> plain({"rate": 1.0, "folder": Path("runs"), "loss": float("nan"), "sizes": (2, 0.5)})
    {'rate': 1, 'folder': 'runs', 'loss': None, 'sizes': [2, 0.5]}
    >>> plain([1e18, 1e38])
    [1000000000000000000, 1e+38]
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, (bool, str, type(None))):
        return value
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            return None
        return int(number) if number.is_integer() and abs(number) < LARGEST else number  # or it could not be read
    return str(value)


class RunFolder:
    """The folder of one run.

    A process that works on the run holds :meth:`lock` all the time, and looks at :attr:`done` only while
    holding it::

        run = RunFolder("runs/ddmnist-D4-ours-s0-1f3a9c2e")
        with run.lock():
            if run.finished:
                return
            run.start(...)
            ...
            run.finish({"status": "finished", ...})

    Args:
        path: the folder, which need not exist yet.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock: FolderLock | None = None

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"

    @property
    def record(self) -> dict[str, Any] | None:
        """Content of ``run.json``, or None before the first start."""
        path = self.path / "run.json"
        return read_record(path) if path.exists() else None

    @property
    def done(self) -> dict[str, Any] | None:
        """Content of ``done.json``, or None while the run has not ended."""
        return self._read("done.json")

    @property
    def finished(self) -> bool:
        """Whether the run ended well."""
        done = self.done
        return done is not None and done.get("status") == "finished"

    def checkpoint(self, which: Literal["best", "last"]) -> Path:
        """Path of the best or the last checkpoint, which need not exist."""
        return self.path / "checkpoints" / f"{which}.ckpt"

    def start(
        self,
        config: Mapping[str, Any],
        command: Sequence[str],
        seed: int,
        data: Mapping[str, Any],
        parameters: int,
        device: str,
        precision: str,
        threads: int | None = None,
    ) -> dict[str, Any]:
        """Write ``run.json``, or add this start to it if the run continues; return its content.

        The ``done.json`` of an earlier failure is removed.

        Args:
            config: the resolved settings that identify the run.
            command: the command line as a list of arguments.
            seed: seed of initial weights, data order and augmentation.
            data: name, files with checksums, sizes of the splits.
            parameters: number of trained parameters.
            device: name of the device.
            precision: name of the floating-point precision.
            threads: number of threads that sums are split over, if known.

        Raises:
            RegrepError: the folder holds a run with other settings, or a finished one.
        """
        this_start = {
            "command": list(command),
            "versions": versions(),
            "git": git_state(),
            "device": device,
            "precision": precision,
            **({} if threads is None else {"threads": threads}),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        record = self.record
        if record is not None:
            self.check_same(config, precision)
        if record is None or not started(record):
            record = {
                **self._planned(config, (record or {}).get("trainer")),
                "seed": seed,
                "data": dict(data),
                "parameters": parameters,
                **this_start,
            }
        else:
            if self.finished:
                raise RegrepError(f"the run in {self.path} is finished; choose another folder to run it again")
            record.setdefault("resumed", []).append(this_start)
        self._write("run.json", record)
        (self.path / "done.json").unlink(missing_ok=True)
        for part in self.path.glob("**/.*.part"):  # of a process that was killed while it wrote
            part.unlink(missing_ok=True)
        return record

    def plan(
        self, config: Mapping[str, Any], trainer: Mapping[str, Any] | None = None, precision: str | None = None
    ) -> None:
        """Write ``run.json`` with the settings alone, which :meth:`start` completes; an existing one must agree.

        Args:
            config: the resolved settings that identify the run.
            trainer: further options that may change results; None before they are known.
            precision: precision of the run if its config leaves the choice to the machine.

        Raises:
            RegrepError: the folder holds a run with other settings.
        """
        record = self.record
        if record is not None:
            self.check_same(config, precision)
        if record is None or not started(record):
            self._write("run.json", self._planned(config, trainer))
        elif trainer is not None and "trainer" in record:
            self._refuse_changes(record["trainer"], plain(trainer))

    def check_same(self, config: Mapping[str, Any], precision: str | None = None) -> None:
        """Raise if the settings of the run in this folder are not those of a config.

        Raises:
            RegrepError: names the settings that differ.
        """
        record = self.record or {}
        older = {"protocol": BEFORE}
        before, now = ({**older, **plain(settings)} for settings in (record.get("config", {}), config))
        if before.get("precision") is None or now.get("precision") is None:  # the machine chose it
            known = before.get("precision") or record.get("precision"), now.get("precision") or precision
            before["precision"], now["precision"] = known[0] or known[1], known[1] or known[0]
        self._refuse_changes(before, now)

    def _refuse_changes(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differing = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if differing:
            changes = ", ".join(f"{key} {before.get(key)!r} -> {now.get(key)!r}" for key in differing)
            raise RegrepError(
                f"a run continues with the settings it began with, but in {self.path} they differ"
                f" ({changes}); choose another folder"
            )

    @staticmethod
    def _planned(config: Mapping[str, Any], trainer: Mapping[str, Any] | None) -> dict[str, Any]:
        further = {} if trainer is None else {"trainer": dict(trainer)}
        return {"format": FORMAT, "run_id": run_id(config), "config": dict(config), **further}

    def finish(self, record: Mapping[str, Any]) -> None:
        """Write ``done.json``; ``record["status"]`` is ``finished`` or ``failed``.

        Raises:
            RegrepError: another status.
        """
        if record.get("status") not in ("finished", "failed"):
            raise RegrepError(f'a run ends with status "finished" or "failed", got {record.get("status")!r}')
        self._write("done.json", {"format": FORMAT, **record})

    @property
    def busy(self) -> bool:
        """Whether a process holds the lock now; creates nothing."""
        return busy(self.path)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Exclusive lock on this run, which the system releases however the process ends.

        A folder that is created here is removed again if no run was started in it.

        Raises:
            FolderBusyError: another process holds the lock.
            RegrepError: the folder cannot be created.
        """
        lock = FolderLock(self.path)
        self._lock = lock
        try:
            yield
        except BaseException:
            with suppress(OSError, RegrepError):
                planned = self.done is None and "started" not in (self.record or {})
                if lock.made and lock.held and planned:
                    lock.discard()
            raise
        finally:
            self._lock = None
            lock.release()

    def check_there(self) -> None:
        """Raise if the folder was removed or replaced while this process holds its lock.

        Raises:
            RegrepError: it was; writing on would make a folder of parts.
        """
        if self._lock is not None and not self._lock.held:
            raise RegrepError(
                f"the run folder {self.path} was removed or replaced while the run was going on;"
                " leave it in place until the run has ended, and run the command again"
            )

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        return read_json(path) if path.exists() else None

    def _write(self, name: str, record: Mapping[str, Any]) -> None:
        self.check_there()
        write_atomic(self.path / name, json.dumps(plain(record), indent=2, ensure_ascii=False) + "\n")
