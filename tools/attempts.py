"""Tests run in a forked child, which tells what fails, within limits that a busy machine does not change."""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

IDLE = 120.0
"""Tests that did next to nothing for so many seconds wait for something that does not come."""
MEMORY = 8 << 30
"""Bytes that a process of tests may have: a loop that no longer ends fails before the machine does."""

OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--timeout=0", "--assert=plain")
"""Of pytest; nothing is rewritten, which would take longer than most tests."""
ALIVE, KILLED, SLOW, UNCLEAR = "alive", "killed", "too slow", "unclear"


def tested(tests: tuple[str, ...], limit: float) -> tuple[str, list[str]]:
    """Outcome of some tests in a child, which may use the limit of a processor, and what failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 5))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        _exit_after(tests, writer)
    os.close(writer)
    begin = moved = time.monotonic()
    used = 0.0
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        now = time.monotonic()
        if now - moved > IDLE:
            before, used, moved = used, _used(child), now
            if used - before < 0.03 * IDLE or now - begin > 20 * limit:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                os.close(reader)
                return SLOW, []
        time.sleep(0.02)
    with os.fdopen(reader) as file:
        failed = list(dict.fromkeys(file.read().split("\0")[:-1]))
    # 1: a test failed, 2: a file of tests could not be imported.
    outcomes = {0: ALIVE, 1: KILLED, 2: KILLED, -signal.SIGXCPU: SLOW}
    return outcomes.get(os.waitstatus_to_exitcode(done[1]), UNCLEAR), failed


def _used(session: int) -> float:
    """Seconds of processors that the processes of a session and their ended children used; infinite if unknown."""
    if not Path("/proc/self/stat").exists():
        return time.monotonic()
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Failures:
    """A pytest plugin that tells which tests fail, and which files of tests."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def pytest_runtest_logreport(self, report):
        """Tell it through a pipe; that of the session, which ends with the first one, has no name."""
        if report.failed and report.nodeid:
            os.write(self.handle, f"{report.nodeid}\0".encode())

    pytest_collectreport = pytest_runtest_logreport


def _exit_after(tests: tuple[str, ...], handle: int) -> None:
    code = 70
    try:
        import pytest

        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        code = int(pytest.main([*OPTIONS, *tests], [Failures(handle)]))
    finally:
        os._exit(code)
