"""The lock of a folder: one process at a time, released by the system however the process ends."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path

from regrep.errors import RegrepError

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""A lock that leads elsewhere is not opened, as it would be made there."""

PATIENCE = (0.02, 0.1, 0.5)
"""Seconds between attempts: a look whether a folder is busy holds its lock for a moment."""


class FolderBusyError(RegrepError):
    """Another process is using the run folder."""

    exit_code = 75
    """Exit code of a command that ends with this error: EX_TEMPFAIL of sysexits.h, "try again later"."""


class FolderLock:
    """An exclusive lock on a folder, which is made if it does not exist.

    Args:
        path: the folder.

    Attributes:
        made: whether this lock made the folder.

    Raises:
        FolderBusyError: another process holds the lock.
        RegrepError: the folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path / "lock"
        self.made = False
        for _ in range(100):  # a folder may be discarded by another process between two of these steps
            try:
                self._make()
                self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
            except FileNotFoundError:
                continue
            except OSError as cause:
                raise _unusable(path, cause) from cause
            try:
                self._wait()
                if self.held:
                    return
            except BaseException:
                self.release()
                raise
            self.release()
        raise FolderBusyError(f"{path} is made and removed by other processes; wait for them, or choose another folder")

    @property
    def held(self) -> bool:
        """Whether the folder is still the one that was locked, rather than removed or replaced."""
        try:
            return os.path.samestat(os.fstat(self._handle), self.file.lstat())
        except OSError:
            return False

    def discard(self) -> None:
        """Remove the folder; only its holder may."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path != self.file:
                path.unlink(missing_ok=True)
        self.file.unlink()  # last: from here on another process may make its own and lock that
        self.path.rmdir()

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._handle)

    def _make(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            self.path.mkdir()
            self.made = True

    def _wait(self) -> None:
        for patience in (*PATIENCE, None):
            try:
                _lock(self._handle)
                return
            except BlockingIOError as cause:
                if patience is None:
                    raise FolderBusyError(
                        f"another process is using {self.path}; wait for it, or choose another folder"
                    ) from cause
                time.sleep(patience)


def busy(path: Path) -> bool:
    """Whether a process holds the lock of a folder now; makes nothing."""
    try:
        handle = os.open(path / "lock", os.O_RDWR | NO_LINK)
    except FileNotFoundError:
        return False
    except OSError as cause:
        raise _unusable(path, cause) from cause
    try:
        _lock(handle)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _unusable(path: Path, cause: OSError) -> RegrepError:
    return RegrepError(f"the run folder {path} cannot be used ({cause.strerror}); choose another folder")


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as cause:
            raise BlockingIOError(cause.errno, cause.strerror) from cause

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
