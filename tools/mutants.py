"""Make single wrong changes to the code, run the tests that concern them, and print which changes no test noticed.

    make mutants                                            # a sample of all of src, seeded
    python tools/mutants.py --only src/regrep/groups --count 20 --seed 1
    python tools/mutants.py --only src/regrep/groups/finite.py:80 --count 1000     # all changes of one line

The working tree is never touched: every worker has a copy. Each test is run once to see which functions it calls; a
changed function is then tested by those that call it, quickest first, until one fails. A change that passes them is
tried on the rest of their files before it counts as alive. tools/equivalents.json lists changes that no test can
notice, with a reason each.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from changes import Change, changes

ROOT = Path(__file__).resolve().parents[1]
FIRST, REST = 20.0, 60.0
"""Seconds of tests (as measured without changes) in the first and in the second attempt on a change."""

ALIVE, KILLED, SLOW, UNTESTED, UNCLEAR, LATE = (
    "alive", "killed", "too slow", "untested", "unclear", "late",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of a file, and the tests to run on it: those that call it, and others of their files."""

    file: str
    change: Change
    calling: tuple[str, ...]
    others: tuple[str, ...]
    seconds: float


def main() -> None:
    """Sample, run, report."""
    options = _options()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        copies = [_copy(Path(scratch) / f"copy{k}") for k in range(options.jobs)]
        known = _calls(copies[0], options)
        mutants = _sample(known, options)
        print(f"{len(mutants)} changes", flush=True)
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        for copy in copies:
            queue.put(copy)
        outcomes = []
        with context.Pool(options.jobs, _prepare, (queue, end)) as pool:
            for mutant, outcome in pool.imap_unordered(_run, mutants):
                if outcome != LATE:
                    outcomes.append((mutant, outcome))
                    place = f"{mutant.file}:{mutant.change.line}"
                    print(f"{len(outcomes):4} {outcome:8} {place} {mutant.change.kind}", flush=True)
    _report(outcomes, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=["src"], help="folders or files of src; FILE:LINE for one line")
    parser.add_argument("--count", type=int, default=400, help="at most this many changes")
    parser.add_argument("--minutes", type=float, default=25, help="no change is started after this time")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="changes tried at a time")
    parser.add_argument("--tests", nargs="*", default=["tests", "src"], help="tests to use")
    parser.add_argument("--calls", type=Path, help="keep in this file which test calls what, or read it")
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    return parser.parse_args()


def _copy(target: Path) -> Path:
    """The files that git knows, as they are in the working tree."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def _environment(copy: Path) -> dict[str, str]:
    # Two versions of a file within a second and of one size would share their byte code.
    paths = {"PYTHONPATH": f"{copy / 'src'}{os.pathsep}{copy / 'tools'}", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **paths, "OMP_NUM_THREADS": "1"}


def _calls(copy: Path, options: argparse.Namespace) -> dict[str, dict]:
    """Seconds and called functions of every test that passes, from a run without changes."""
    state = hashlib.sha256(b"".join(path.read_bytes() for path in sorted((copy / "src").rglob("*.py")))).hexdigest()
    if options.calls and options.calls.exists():
        kept = json.loads(options.calls.read_text())
        if kept["sources"] == state:
            return kept["tests"]
    with tempfile.TemporaryDirectory(prefix="calls-") as folder:
        words = [sys.executable, "-m", "pytest", "-q", "-p", "calls", "-p", "no:cacheprovider", *options.tests]
        environment = {**_environment(copy), "CALLS_FOLDER": folder}
        subprocess.run([*words, "-n", str(options.jobs)], cwd=copy, env=environment, check=False)
        parts = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    tests = {name: test for part in parts for name, test in part["tests"].items() if test["passed"]}
    imported = defaultdict(set)
    for part in parts:
        for file, called in part["files"].items():
            imported[file] |= set(called)
    for name, test in tests.items():
        test["calls"] = sorted(imported[name.split("::")[0]].union(test["calls"]))
    if not tests:
        raise SystemExit("no test passes without a change; run them first")
    if options.calls:
        options.calls.write_text(json.dumps({"sources": state, "tests": tests}))
    return tests


def _sample(known: dict[str, dict], options: argparse.Namespace) -> list[Mutant]:
    """Changes drawn kind by kind, each with its tests."""
    source = random.Random(options.seed)
    equivalent = {(one["file"], one["from"], one["to"]) for one in json.loads(_equivalents().read_text())}
    kinds: dict[str, list[tuple[str, Change]]] = defaultdict(list)
    for path in sorted((ROOT / "src").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        lines = {int(one.rpartition(":")[2]) for one in options.only if one.startswith(f"{name}:")}
        if not lines and not any(name == one or name.startswith(f"{one}/") for one in options.only):
            continue
        for change in changes(path.read_bytes()):
            if (not lines or change.line in lines) and (name, *_changed_line(name, change)) not in equivalent:
                kinds[change.kind].append((name, change))
    for drawn in kinds.values():
        source.shuffle(drawn)
    chosen = []
    while any(kinds.values()) and len(chosen) < options.count:
        chosen += [kinds[kind].pop() for kind in sorted(kinds) if kinds[kind]]
    callers = callers_of(known)
    return [with_tests(file, change, known, callers) for file, change in chosen[: options.count]]


def callers_of(known: dict[str, dict]) -> dict[str, set[str]]:
    """The tests that call each function, and those that call any of each file."""
    callers: dict[str, set[str]] = defaultdict(set)
    for name, test in known.items():
        for call in test["calls"]:
            callers[call].add(name)
            callers[call.rpartition(":")[0]].add(name)
    return callers


def with_tests(file: str, change: Change, known: dict[str, dict], callers: dict[str, set[str]]) -> Mutant:
    """A change with the tests to run on it, those of its own file first, then the quickest."""

    def cost(name: str) -> tuple[bool, float, str]:
        return not name.startswith(f"{file}::"), known[name]["seconds"], name

    calling = callers[f"{file}:{change.function}" if change.function else file]
    files = {name.split("::")[0] for name in calling}
    others = callers[file].union(name for name in known if name.split("::")[0] in files)
    first = _within(sorted(calling, key=cost), known, FIRST)
    rest = sorted(calling.difference(first), key=cost) + sorted(others - calling, key=cost)
    second = _within(rest, known, REST)
    return Mutant(file, change, tuple(first), tuple(second), sum(known[name]["seconds"] for name in first + second))


def _within(names: list[str], known: dict[str, dict], limit: float) -> list[str]:
    """As many of the tests as the time allows, the first first, file by file so that they share fixtures."""
    taken: dict[str, list[str]] = {}
    for name in names:
        if known[name]["seconds"] > limit:
            continue
        limit -= known[name]["seconds"]
        taken.setdefault(name.split("::")[0], []).append(name)
    return [name for part in taken.values() for name in part]


def _prepare(queue: multiprocessing.Queue, end: float) -> None:
    """What every test needs is imported once per worker; its children inherit it."""
    global _here, _controlled, _end
    _here, _controlled, _end = queue.get(), False, end
    os.environ.update(_environment(_here))
    os.chdir(_here)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(_here / "src")]
    import torch

    torch.set_num_threads(1)


def _run(mutant: Mutant) -> tuple[Mutant, str]:
    global _controlled
    if time.monotonic() > _end:
        return mutant, LATE
    path = _here / mutant.file
    before = path.read_bytes()
    limit = 60 + 10 * mutant.seconds
    if mutant.calling and not _controlled:
        _controlled = True
        _pass_unchanged(mutant.calling, limit)
    path.write_bytes(mutant.change.apply(before))
    try:
        outcome = ALIVE if mutant.calling or mutant.others else UNTESTED
        for tests in (mutant.calling, mutant.others):
            if tests and outcome == ALIVE:
                outcome = _tested(tests, limit)
    finally:
        path.write_bytes(before)
    if outcome == UNCLEAR:  # pytest could not start: because of the change, unless it cannot without it either
        _pass_unchanged(tests, limit)
        outcome = KILLED
    return mutant, outcome


def _pass_unchanged(tests: tuple[str, ...], limit: float) -> None:
    if _tested(tests, limit) != ALIVE:
        raise RuntimeError(f"tests fail without a change; run them first: pytest {' '.join(tests)}")


def _tested(tests: tuple[str, ...], limit: float) -> str:
    """Outcome of some tests in a child, which is stopped at the limit."""
    child = os.fork()
    if not child:
        os.setsid()
        _exit_after(tests)
    end = time.monotonic() + limit
    while not (done := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return SLOW
        time.sleep(0.05)
    # 1: a test failed, 2: a file of tests could not be imported.
    return {0: ALIVE, 1: KILLED, 2: KILLED}.get(os.waitstatus_to_exitcode(done[1]), UNCLEAR)


def _exit_after(tests: tuple[str, ...]) -> None:
    code = 70
    try:
        import pytest

        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
    finally:
        os._exit(code)


def _changed_line(file: str, change: Change) -> tuple[str, str]:
    """The line as it was and as it became, without indentation; of several lines, the whole."""
    before = (ROOT / file).read_bytes()
    start = before.rfind(b"\n", 0, change.start) + 1
    end = before.find(b"\n", change.end)
    after = change.apply(before)
    old = before[start : end if end >= 0 else len(before)]
    new = after[start : len(after) - (len(before) - end) if end >= 0 else len(after)]
    return " ".join(old.decode().split()), " ".join(new.decode().split())


def _diff(file: str, change: Change) -> str:
    before = (ROOT / file).read_bytes()
    old, new = (text.decode().splitlines() for text in (before, change.apply(before)))
    lines = difflib.unified_diff(old, new, lineterm="", n=1)
    return "\n".join([f"{file}:{change.line} ({change.kind})", *list(lines)[3:]])


def _equivalents() -> Path:
    return ROOT / "tools" / "equivalents.json"


def _report(outcomes: list[tuple[Mutant, str]], options: argparse.Namespace) -> None:
    folders: dict[str, Counter] = defaultdict(Counter)
    survivors = []
    for mutant, outcome in sorted(outcomes, key=lambda pair: (pair[0].file, pair[0].change.start)):
        folders[str(Path(mutant.file).parent)][outcome] += 1
        if outcome in (ALIVE, UNTESTED):
            old, new = _changed_line(mutant.file, mutant.change)
            survivors.append({"file": mutant.file, "line": mutant.change.line, "from": old, "to": new})
            print(f"\n{outcome}: {_diff(mutant.file, mutant.change)}")
    counts = {folder: {"changes": c.total(), "killed": c[KILLED] + c[SLOW]} for folder, c in sorted(folders.items())}
    total = {name: sum(count[name] for count in counts.values()) for name in ("changes", "killed")}
    print()
    for folder, count in {**counts, "all": total}.items():
        share = count["killed"] / max(1, count["changes"])
        print(f"{folder:32} {count['killed']:4} of {count['changes']:4} noticed, {share:.1%}")
    if options.out:
        git = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        record = {"commit": commit, "seed": options.seed, "only": options.only, "all": total, "folders": counts}
        options.out.write_text(json.dumps({**record, "survivors": survivors}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
