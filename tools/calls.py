"""A pytest plugin that notes which functions of src each test calls: ``pytest -p calls``, with CALLS_FOLDER set.

Times are those of processors, with those of child processes: a busy machine does not lengthen them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

import pytest

SOURCES = str(Path("src").resolve()) + os.sep
places: dict[CodeType, str] = {}
called: set[str] = set()
tests: dict[str, dict[str, object]] = {}
files: dict[str, list[str]] = {}


def trace(frame: FrameType, event: str, argument: object) -> None:
    """Note a call of a function of ours; its lines are not followed."""
    code = frame.f_code
    if code not in places:
        ours = code.co_filename.startswith(SOURCES)
        places[code] = f"src/{code.co_filename[len(SOURCES) :]}:{code.co_qualname}" if ours else ""
    if place := places[code]:
        called.add(place)


def start() -> None:
    """Follow calls, in threads to come too."""
    called.clear()
    threading.settrace(trace)
    sys.settrace(trace)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """What a file of tests calls while it is imported counts for each of its tests."""
    start()
    report = yield
    sys.settrace(None)
    if collector.nodeid:
        files.setdefault(collector.nodeid.split("::")[0], []).extend(called)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """What setting up and running calls."""
    start()
    tests[item.nodeid] = {"passed": True}
    before = sum(os.times()[:4])
    result = yield
    sys.settrace(None)
    tests[item.nodeid] |= {"seconds": round(sum(os.times()[:4]) - before, 3), "calls": sorted(called)}
    return result


def pytest_runtest_logreport(report):
    """The outcome, in the process that ran the test."""
    if report.nodeid in tests:
        tests[report.nodeid]["passed"] &= report.outcome == "passed"


def pytest_sessionfinish(session):
    """One file per process."""
    folder = Path(os.environ["CALLS_FOLDER"])
    here = {name: sorted(set(calls)) for name, calls in files.items()}
    (folder / f"{os.getpid()}.json").write_text(json.dumps({"tests": tests, "files": here}))
