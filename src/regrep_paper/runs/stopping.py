"""What a signal does to a command: it stops cleanly, with the exit code that shells expect."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Ctrl-C, a polite end, and a terminal that was closed."""


class Stopped(BaseException):
    """A signal asks this process to end; like KeyboardInterrupt no ``except Exception`` takes it for an error.

    Args:
        signum: the signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """The exit code of shells: 130 after Ctrl-C, 143 after SIGTERM.

        >>> Stopped(signal.SIGINT).exit_code, Stopped(signal.SIGTERM).exit_code
        (130, 143)
        """
        return 128 + self.signum


@contextmanager
def stopping() -> Iterator[None]:
    """Raise :class:`Stopped` in the block when a signal asks for an end; a second signal ends the process at once.

    Signals that are ignored, as by ``nohup``, stay so. Outside the main thread, where signals cannot be handled,
    nothing changes.
    """
    before: dict[int, Callable[..., Any] | int | None] = {}

    def stop(signum: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(signum)

    try:
        for signum in SIGNALS:
            handler = signal.getsignal(signum)
            if handler not in (signal.SIG_IGN, None):
                signal.signal(signum, stop)
                before[signum] = handler
    except ValueError:  # not the main thread
        pass
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
