"""Processes that end with the one that started them, however that one ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import IO

LIFELINE = "REGREP_LIFELINE"
"""Environment variable of a process whose standard input is a pipe that its parent holds open."""

GRACE = 3.0
"""Seconds that a process without its parent has to stop by itself."""


def start_child(command: Sequence[str], output: IO[bytes], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command of regrep that ends soon after this process does, even if this one is killed.

    The system closes this process's end of the pipe in any case. It runs in its own session, so that Ctrl-C reaches
    only this one.

    Args:
        command: the command.
        output: where its output goes.
        environment: variables in addition to those of this process.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment, LIFELINE: "stdin"},
        start_new_session=True,
    )


def follow_parent() -> None:
    """Stop this process when its parent has ended, if :func:`start_child` started it."""
    if os.environ.pop(LIFELINE, None) == "stdin":
        threading.Thread(target=_follow_input, name="lifeline", daemon=True).start()


def follow_line(line: Connection) -> None:
    """End this process when the other end of a pipe is closed, and leave Ctrl-C to the one that holds it.

    For workers of a pool, as their initializer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_line, args=(line,), name="lifeline", daemon=True).start()


def end_without_parent() -> None:
    """Ask this process to stop as SIGTERM does, and end it if it has not stopped in time."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)


def _follow_input() -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    end_without_parent()


def _follow_line(line: Connection) -> None:
    with suppress(OSError, EOFError):
        line.recv_bytes()
    os._exit(1)
