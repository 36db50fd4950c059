"""What was run, with what: the facts that all runs share, and a line for each run."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from regrep_paper.report.runs import Run
from regrep_paper.report.text import DASH


def provenance(runs: Sequence[Run]) -> tuple[dict[str, str], list[str], list[list[str]]]:
    """Shared facts, headings of the facts that differ, and a line per run."""
    facts = [_facts(run) for run in runs]
    names = list(dict.fromkeys(name for fact in facts for name in fact))
    values = {name: [fact.get(name, DASH) for fact in facts] for name in names}
    shared = {name: found[0] for name, found in values.items() if len(set(found)) == 1 and len(runs) > 1}
    differing = [name for name in names if name not in shared]
    lines = [
        [run.name, run.state, *_course(run), *(values[name][k] for name in differing)] for k, run in enumerate(runs)
    ]
    return shared, ["run", "state", "epochs", "best epoch", "minutes", *differing], lines


def commands(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """What was typed for each run."""
    return [(run.name, shlex.join(map(str, run.record.get("command") or []))) for run in runs]


def _course(run: Run) -> list[str]:
    done = run.done or {}
    best, seconds = done.get("best_epoch"), done.get("seconds")
    return [
        str(done.get("epochs", run.epochs)),
        DASH if best is None else str(best + 1),
        f"{seconds / 60:.1f}" if isinstance(seconds, (int, float)) else DASH,
    ]


def _facts(run: Run) -> dict[str, str]:
    record = run.record
    starts = [record, *(record.get("resumed") or [])]
    data = record.get("data") or {}
    facts = {
        "started": str(record.get("started", DASH)).replace("T", " "),
        "resumed": str(len(starts) - 1),
        "seed": str(run.config["seed"]),
        "data": _data(data),
        "data files (md5)": ", ".join(f"{name} {entry.get('md5', '?')}" for name, entry in _items(data, "files")),
        "device": str(record.get("device", DASH)),
        "precision": str(record.get("precision", DASH)),
        "parameters": _number(record.get("parameters")),
        "commit": ", ".join(dict.fromkeys(_commit(start.get("git") or {}) for start in starts)),
        "versions": ", ".join(f"{name} {version}" for name, version in _items(record, "versions") if version),
    }
    return {name: text or DASH for name, text in facts.items()}


def _items(record: dict[str, Any], name: str) -> list[tuple[str, Any]]:
    entry = record.get(name)
    return list(entry.items()) if isinstance(entry, dict) else []


def _data(data: dict[str, Any]) -> str:
    sizes = ", ".join(f"{name} {_number(size)}" for name, size in _items(data, "sizes"))
    return f"{data.get('name', '?')}: {sizes}" if sizes else str(data.get("name", DASH))


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else DASH


def _commit(git: dict[str, Any]) -> str:
    commit = git.get("commit")
    return DASH if not commit else str(commit)[:10] + (" with changes" if git.get("dirty") else "")
