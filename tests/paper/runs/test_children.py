"""Real processes whose parent is killed: none of its children is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from regrep_paper.runs import children

CHILD = """
import os, sys, time
from regrep_paper.runs.children import follow_parent
follow_parent()
if "stubborn" in sys.argv:
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), "REGREP_LIFELINE" in os.environ, flush=True)
time.sleep(100)
"""

PARENT = f"""
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
from regrep_paper.runs.children import start_child
children = [start_child([sys.executable, "-c", {CHILD!r}, *sys.argv[1:]], sys.stdout, {{}}) for _ in range(2)]
time.sleep(100)
"""

POOL = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from regrep_paper.runs.children import follow_line

def work(k):
    print(os.getpid(), False, flush=True)
    time.sleep(100)

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    line, end = context.Pipe(duplex=False)
    with ProcessPoolExecutor(2, context, follow_line, (line,)) as pool:
        running = [pool.submit(work, k) for k in range(2)]
        running[0].result()
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody asked about does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return sys.platform != "linux"
    except ProcessLookupError:
        return False


def wait_for_end(pids, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert left == []


def end_and_look(tmp_path, source, signum, *words):
    script = tmp_path / "parent.py"
    script.write_text(source)
    with subprocess.Popen([sys.executable, str(script), *words], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        words: list[str] = []
        while len(words) < 4:  # two children write to one pipe: a line of one may end in that of the other
            words += parent.stdout.readline().split()
        flags = [word for word in words if word in ("True", "False")]
        lines = list(zip([word for word in words if word not in flags], flags, strict=True))
        if signum is not None:
            parent.send_signal(signum)
        parent.wait(60)
        wait_for_end([int(pid) for pid, _ in lines])
    return {told for _, told in lines}


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGHUP])
def test_no_command_outlives_a_parent_that_was_killed(tmp_path, signum):
    assert end_and_look(tmp_path, PARENT, signum) == {"False"}  # children of children have no such line


def test_a_command_that_does_not_stop_is_ended(tmp_path):
    end_and_look(tmp_path, PARENT, signal.SIGKILL, "stubborn")


def test_no_worker_outlives_a_parent_that_was_killed(tmp_path):
    end_and_look(tmp_path, POOL, signal.SIGKILL)


class Exited(BaseException):
    """In the place of the end of this process."""


@pytest.fixture
def steps(monkeypatch):
    """What a process does to itself, in order."""
    found = []

    def leave(code):
        found.append(("exit", code))
        raise Exited

    monkeypatch.setattr(os, "kill", lambda pid, signum: found.append(("kill", pid == os.getpid(), signum)))
    monkeypatch.setattr(time, "sleep", lambda seconds: found.append(("sleep", seconds)))
    monkeypatch.setattr(os, "_exit", leave)
    return found


def test_a_process_without_its_parent_is_asked_before_it_is_ended(steps):
    with pytest.raises(Exited):
        children.end_without_parent()
    assert steps == [("kill", True, signal.SIGTERM), ("sleep", 3.0), ("exit", 143)]


@pytest.mark.parametrize(("value", "follows"), [("stdin", True), ("other", False), (None, False)])
def test_the_standard_input_is_followed_where_the_parent_holds_it(monkeypatch, steps, value, follows):
    started, left = [], [b"x", b"y", b""]
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    if value is None:
        monkeypatch.delenv(children.LIFELINE, raising=False)
    else:
        monkeypatch.setenv(children.LIFELINE, value)
    children.follow_parent()
    assert children.LIFELINE not in os.environ
    assert [thread.daemon for thread in started] == [True] * follows
    if follows:
        monkeypatch.setattr(os, "read", lambda handle, count: left.pop(0) if handle == 0 else pytest.fail("another"))
        with pytest.raises(Exited):
            started[0].run()
        assert left == []
        assert steps[0] == ("kill", True, signal.SIGTERM)


@pytest.mark.parametrize("error", [EOFError, OSError])
def test_a_worker_of_a_pool_leaves_interrupts_to_the_pool_and_ends_with_it(monkeypatch, steps, error):
    class Line:
        def recv_bytes(self):
            steps.append(("waited",))
            raise error

    started, handled = [], []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread))
    monkeypatch.setattr(signal, "signal", lambda *given: handled.append(given))
    children.follow_line(Line())
    assert handled == [(signal.SIGINT, signal.SIG_IGN)]
    assert [thread.daemon for thread in started] == [True]
    with pytest.raises(Exited):
        started[0].run()
    assert [step for step, *_ in steps] == ["waited", "exit"]
    assert steps[1][1] != 0
