"""Checksums of a run's checkpoints, in a file beside them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

from regrep.errors import RegrepError
from regrep_paper.runs.records import FORMAT, read_json, write_atomic

CHECKSUMS = "checksums.json"
"""The file: for each checkpoint its checksum, and that of the one which it replaces."""


class DamagedError(RegrepError):
    """A checkpoint is not what was written."""


def write_checked(path: Path, data: bytes) -> None:
    """Replace a checkpoint atomically, and its checksum.

    The checksum is written first, beside that of the content now in place: whenever the process is killed, the file
    has one of the two.

    Raises:
        RegrepError: the disk is full, or the checksums cannot be read.
    """
    before = _checksums(path.parent)
    known, now = before.get(path.name), _sha256(path.read_bytes()) if path.exists() else None
    kept = [now] if now is not None and (known is None or now in known) else []
    sums = {**before, path.name: [_sha256(data), *kept]}
    write_atomic(path.with_name(CHECKSUMS), json.dumps({"format": FORMAT, "sha256": sums}, indent=2) + "\n")
    write_atomic(path, data)


def read_checked(path: Path) -> bytes:
    """Content of a checkpoint that is as it was written.

    One of an earlier version, which kept no checksums, is checked by those of the zip format inside the file.

    Raises:
        DamagedError: it is not.
        RegrepError: the file or the checksums cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise RegrepError(
            f"{path} cannot be read as a checkpoint ({cause.strerror}); restore a copy, or train the run again"
        ) from cause
    known = _checksums(path.parent).get(path.name)
    if not (_is_whole(data) if known is None else _sha256(data) in known):
        raise DamagedError(
            f"{path} cannot be read as a checkpoint: it is damaged or another file, as its checksum shows;"
            " restore a copy, or train the run again"
        )
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _checksums(folder: Path) -> dict[str, list[str]]:
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    sums = read_json(path).get("sha256")
    if not isinstance(sums, dict) or not all(isinstance(known, list) for known in sums.values()):
        raise RegrepError(f"{path} must hold lists of checksums; restore a copy, or delete it if you trust the run")
    return sums


def _is_whole(data: bytes) -> bool:
    """Whether every part of a zip file has its checksum."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return file.testzip() is None
    except Exception:  # of many kinds
        return False
