"""Make single wrong changes to the code, run the tests that concern them, and print which changes no test noticed.

    make mutants                                            # a sample of all of src, seeded
    python tools/mutants.py --only src/regrep/groups --count 20 --seed 1
    python tools/mutants.py --only src/regrep/groups/finite.py:80 --count 1000     # all changes of one line

The working tree is never touched: every worker has a copy. Each test is run once to see which functions it calls; a
changed function is then tested by those that call it, quickest first, until one fails. A change that passes them is
tried on the rest of their files before it counts as alive. A change counts as noticed if the test that fails on it
fails on it again, and passes without it; limits of time count what processors did, so that a busy machine changes
nothing but the time that all this takes. tools/equivalents.json lists changes that no test can notice, with a reason
each.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import gc
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from attempts import ALIVE, KILLED, SLOW, UNCLEAR, tested
from changes import Change, candidates, changes_meaning

ROOT = Path(__file__).resolve().parents[1]
FIRST, REST = 20.0, 20.0
"""Seconds of tests (of a processor, without changes) that call what was changed, and of others near it."""

QUICK, FEW = 2.0, 3
"""Of the first these seconds, from so few files, go first: reading all files takes longer than most tests."""

UNTESTED, LATE = "untested", "late"


@dataclass(frozen=True)
class Mutant:
    """A change of a file, and the tests to run on it, in several attempts: those that call it, and others near it."""

    file: str
    change: Change
    attempts: tuple[tuple[str, ...], ...]
    seconds: float


def main() -> None:
    """Sample, run, report."""
    options = _options()
    end = time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        sources, *copies = (_copy(Path(scratch) / f"copy{k}") for k in range(options.jobs + 1))
        known = _calls(copies[0], options)
        mutants = _sample(sources, known, options)
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
                    if outcome != KILLED:
                        print(_diff(sources, mutant), flush=True)
        _report(outcomes, len(mutants), sources, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=["src"], help="folders or files of src; FILE:LINE for one line")
    parser.add_argument("--without", nargs="*", default=[], help="folders or files to leave out")
    parser.add_argument("--count", type=int, default=400, help="at most this many changes")
    parser.add_argument("--minutes", type=float, default=25, help="no change is started after this time")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="changes tried at a time")
    parser.add_argument("--tests", nargs="*", default=["tests", "src"], help="tests to use")
    parser.add_argument("--calls", type=Path, help="keep in this file which test calls what, or read it")
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    parser.add_argument("--join", action="store_true", help="keep other folders in that file, of the same commit")
    options = parser.parse_args()
    for place in [*options.only, *options.without, *options.tests]:
        if not (ROOT / place.partition(":")[0]).exists():
            parser.error(f"there is no {place} in the repository; name its folders or files")
    git = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    options.commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return options


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
    """Seconds and called functions of every test that passes, from a run without changes.

    Of those kept in a file, only tests whose file changed are run again: functions are known by their names.
    """
    kept = {"files": {}, "tests": {}}
    if options.calls and options.calls.exists():
        kept = json.loads(options.calls.read_text())
    files = {}
    for path in sorted([*(copy / "tests").rglob("test_*.py"), *(copy / "src").rglob("*.py")]):
        name = path.relative_to(copy).as_posix()
        if _lies_in(name, options.tests):
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    tests = {
        name: test
        for name, test in kept["tests"].items()
        if (file := name.split("::")[0]) in files and files[file] == kept["files"].get(file)
    }
    if fresh := [name for name in files if files[name] != kept["files"].get(name)]:
        tests |= _traced(copy, fresh, options.jobs)
    if not tests:
        raise SystemExit("no test passes without a change; run them first")
    if options.calls:
        others = {name: test for name, test in kept["tests"].items() if name.split("::")[0] not in files}
        options.calls.write_text(json.dumps({"files": kept["files"] | files, "tests": others | tests}))
    return tests


def _traced(copy: Path, files: list[str], jobs: int) -> dict[str, dict]:
    with tempfile.TemporaryDirectory(prefix="calls-") as folder:
        words = ["-m", "pytest", "-q", "-p", "calls", "-p", "no:cacheprovider", "--timeout=0", "-n", str(jobs), *files]
        subprocess.run(
            [sys.executable, *words], cwd=copy, env={**_environment(copy), "CALLS_FOLDER": folder}, check=False
        )
        parts = [json.loads(path.read_text()) for path in Path(folder).iterdir()]
    tests = {name: test for part in parts for name, test in part["tests"].items() if test["passed"]}
    imported = defaultdict(set)
    for part in parts:
        for file, called in part["files"].items():
            imported[file] |= set(called)
    for name, test in tests.items():
        test["calls"] = sorted(imported[name.split("::")[0]].union(test["calls"]))
    return tests


def _sample(sources: Path, known: dict[str, dict], options: argparse.Namespace) -> list[Mutant]:
    """Changes drawn folder by folder and kind by kind, each with its tests.

    The sources are a copy: somebody may go on working in the tree.
    """
    equivalent = {(one["file"], one["from"], one["to"]) for one in json.loads(_equivalents().read_text())}
    folders: dict[str, dict[str, list[tuple[str, Change]]]] = defaultdict(lambda: defaultdict(list))
    trees: dict[str, str] = {}
    for path in sorted((sources / "src").rglob("*.py")):
        name = path.relative_to(sources).as_posix()
        lines = {int(one.rpartition(":")[2]) for one in options.only if one.startswith(f"{name}:")}
        if _lies_in(name, options.without) or not (lines or _lies_in(name, options.only)):
            continue
        trees[name] = ast.dump(ast.parse(path.read_bytes()))
        for change in candidates(path.read_bytes()):
            if not lines or change.line in lines:
                folders[str(Path(name).parent)][change.kind].append((name, change))
    turns = drawn(folders, random.Random(options.seed))
    fit = (
        (name, change)
        for name, change in turns
        if changes_meaning(change, before := (sources / name).read_bytes(), trees[name])
        and (name, *_changed_line(before, change)) not in equivalent
    )
    callers = callers_of(known)
    return [with_tests(name, change, known, callers) for name, change in islice(fit, options.count)]


def _lies_in(name: str, places: list[str]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def drawn(folders: dict[str, dict[str, list[tuple[str, Change]]]], source: random.Random) -> list[tuple[str, Change]]:
    """All in random order: at each place of it as many of each folder, and of each kind in a folder, as there are."""
    turns = {}
    for folder, kinds in sorted(folders.items()):
        for found in kinds.values():
            source.shuffle(found)
        names = sorted(kinds)
        source.shuffle(names)
        most = max(map(len, kinds.values()))
        turns[folder] = [kinds[name][k] for k in range(most) for name in names if k < len(kinds[name])]
    most = max(map(len, turns.values()), default=0)
    return [turn[k] for k in range(most) for turn in turns.values() if k < len(turn)]


def callers_of(known: dict[str, dict]) -> dict[str, set[str]]:
    """The tests that call each function, and those that call any of each file and folder."""
    callers: dict[str, set[str]] = defaultdict(set)
    for name, test in known.items():
        for call in test["calls"]:
            file = call.rpartition(":")[0]
            for place in (call, file, file.rpartition("/")[0]):
                callers[place].add(name)
    return callers


def with_tests(file: str, change: Change, known: dict[str, dict], callers: dict[str, set[str]]) -> Mutant:
    """A change with the tests to run on it, those of its own file first, then the quickest.

    Tests that call others of its folder come last: what a module holds was computed when it was first imported, by
    whichever test that was.
    """

    def cost(name: str) -> tuple[bool, float, str]:
        return not name.startswith(f"{file}::"), known[name]["seconds"], name

    calling = callers[f"{file}:{change.function}" if change.function else file]
    files = {name.split("::")[0] for name in calling}
    others = callers[file].union(name for name in known if name.split("::")[0] in files)
    near = callers[file.rpartition("/")[0]] - others
    ordered = sorted(calling, key=cost)
    quick, first = _within(ordered, known, QUICK, FEW), _within(ordered, known, FIRST)
    rest = calling.difference(first), others - calling, near - calling
    second = _within([name for part in rest for name in sorted(part, key=cost)], known, REST)
    left = [name for name in first if name not in quick]
    attempts = tuple(tuple(part) for part in (quick, left, second) if part)
    return Mutant(file, change, attempts, sum(known[name]["seconds"] for part in attempts for name in part))


def _within(names: list[str], known: dict[str, dict], limit: float, files: int | None = None) -> list[str]:
    """As many of the tests as the time and so many files allow, the first first, each file's together for fixtures."""
    taken: dict[str, list[str]] = {}
    for name in names:
        full = files is not None and len(taken) == files and name.split("::")[0] not in taken
        if full or known[name]["seconds"] > limit:
            continue
        limit -= known[name]["seconds"]
        taken.setdefault(name.split("::")[0], []).append(name)
    return [name for part in taken.values() for name in part]


def _prepare(queue: multiprocessing.Queue, end: float) -> None:
    """What every test needs is imported once per worker; its children inherit it."""
    global _here, _sound, _end
    _here, _sound, _end = queue.get(), set(), end
    os.environ.update(_environment(_here))
    os.chdir(_here)
    sys.dont_write_bytecode = True
    sys.path[:0] = [str(_here / "src")]
    for name in ("pytest", "hypothesis", "lightning", "torchmetrics", "jsonargparse", "matplotlib.pyplot"):
        with suppress(ImportError):
            importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    gc.freeze()  # what is there need not be looked through by every child


def _run(mutant: Mutant) -> tuple[Mutant, str]:
    if time.monotonic() > _end:
        return mutant, LATE
    path = _here / mutant.file
    before = path.read_bytes()
    limit = 60 + 10 * mutant.seconds
    outcome = ALIVE if mutant.attempts else UNTESTED
    try:
        for tests in mutant.attempts:
            if outcome == ALIVE:
                outcome = _noticed(path, before, mutant.change.apply(before), tests, limit)
    finally:
        path.write_bytes(before)
    return mutant, outcome


def _noticed(path: Path, before: bytes, after: bytes, tests: tuple[str, ...], limit: float) -> str:
    """Outcome of tests on a changed file; one that fails once by chance, or without the change, is left out."""
    while tests:
        path.write_bytes(after)
        outcome, failed = tested(tests, limit)
        if outcome in (ALIVE, SLOW):
            return outcome
        # A file that cannot be imported fails with its first test; where pytest did not even start, all are suspect.
        firsts = {name.split("::")[0]: name for name in reversed(tests)}
        again = tuple(firsts.get(one, one) for one in failed) or tests
        fails = tested(again, limit)[0] != ALIVE
        path.write_bytes(before)
        if fails and (_sound.issuperset(again) or tested(again, limit)[0] == ALIVE):
            _sound.update(again)
            return KILLED
        print(f"fails without a change or by chance: {' '.join(failed or tests)[:300]}", flush=True)
        if not failed:
            return UNCLEAR
        out = {name.split("[")[0] for name in failed}  # with the other cases of a function, or all of a file
        tests = tuple(name for name in tests if not out & {name.split("[")[0], name.split("::")[0]})
    return ALIVE


def _changed_line(before: bytes, change: Change) -> tuple[str, str]:
    """The line as it was and as it became, without indentation; of several lines, the whole."""
    start = before.rfind(b"\n", 0, change.start) + 1
    end = before.find(b"\n", change.end)
    after = change.apply(before)
    old = before[start : end if end >= 0 else len(before)]
    new = after[start : len(after) - (len(before) - end) if end >= 0 else len(after)]
    return " ".join(old.decode().split()), " ".join(new.decode().split())


def _diff(sources: Path, mutant: Mutant) -> str:
    before = (sources / mutant.file).read_bytes()
    old, new = (text.decode().splitlines() for text in (before, mutant.change.apply(before)))
    lines = difflib.unified_diff(old, new, lineterm="", n=1)
    return "\n".join([f"{mutant.file}:{mutant.change.line} ({mutant.change.kind})", *list(lines)[3:]])


def _equivalents() -> Path:
    return ROOT / "tools" / "equivalents.json"


def _report(outcomes: list[tuple[Mutant, str]], drawn: int, sources: Path, options: argparse.Namespace) -> None:
    folders: dict[str, Counter] = defaultdict(Counter)
    survivors = []
    for mutant, outcome in sorted(outcomes, key=lambda pair: (pair[0].file, pair[0].change.start)):
        if outcome != UNCLEAR:  # its tests do not pass without it
            folders[str(Path(mutant.file).parent)][outcome] += 1
        if outcome in (ALIVE, UNTESTED):
            old, new = _changed_line((sources / mutant.file).read_bytes(), mutant.change)
            place = {"file": mutant.file, "line": mutant.change.line}
            survivors.append({**place, "outcome": outcome, "from": old, "to": new})
            print(f"\n{outcome}: {_diff(sources, mutant)}")
    counts = {folder: {"changes": c.total(), "killed": c[KILLED] + c[SLOW]} for folder, c in sorted(folders.items())}
    total = {name: sum(count[name] for count in counts.values()) for name in ("changes", "killed")}
    print()
    for folder, count in {**counts, "all": total}.items():
        share = count["killed"] / max(1, count["changes"])
        print(f"{folder:32} {count['killed']:4} of {count['changes']:4} noticed, {share:.1%}")
    if options.out:
        settings = {name: getattr(options, name) for name in ("seed", "only", "without", "tests")}
        part = {**settings, "drawn": drawn, "folders": counts, "survivors": survivors}
        record = {"commit": options.commit, "parts": [part]}
        if options.join and options.out.exists():
            record = joined(json.loads(options.out.read_text()), record)
        everything = [count for part in record["parts"] for count in part["folders"].values()]
        record["all"] = {name: sum(count[name] for count in everything) for name in ("changes", "killed")}
        options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def joined(before: dict, now: dict) -> dict:
    """The record of a campaign in parts: of one commit, and no folder twice."""
    twice = {folder for one in before["parts"] for folder in one["folders"]} & set(now["parts"][0]["folders"])
    if before["commit"] != now["commit"] or twice:
        raise SystemExit(f"parts of a record are of one commit and of other folders, got {now['commit']}, {twice}")
    return {**now, "parts": before["parts"] + now["parts"]}


if __name__ == "__main__":
    main()
