"""``make chaos``: the whole campaign, or a share of it; prints counts and writes ``results/chaos.json``."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

import torch

from chaos import calls, damage, disks, kills
from chaos.processes import import_all
from chaos.trials import Preparer, run_all

ROOT = Path(__file__).parents[2]

BAD = (
    *("lost runs", "silent other results", "raw tracebacks", "orphans", "wrong exit codes", "not a sentence"),
    *("other", "too long", "broken trials"),
)
"""What must not happen; an error of a random call that is none of ours is ``other``."""

PARTS = ("calls", *kills.SHARES, "disks", "damage")


def preparers(parts: list[str], share: float, seed: int, base: Path, temporary: str) -> list[Preparer]:
    """What makes the trials of these parts."""
    found: list[Preparer] = []
    for part in parts:
        folder = base / ("kills" if part in kills.SHARES else part)
        folder.mkdir(exist_ok=True)
        if part == "calls":
            found.append(partial(calls.trials, share, seed))
        elif part in kills.SHARES:
            found.append(partial(kills.trials, part, share, seed, folder, temporary))
        elif part == "disks":
            found.append(partial(disks.trials, share, folder, temporary))
        else:
            found.append(partial(damage.trials, share, seed, folder, temporary))
    return found


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="share of a whole campaign")
    parser.add_argument(
        "--minutes", type=float, help="no trial begins later, in whatever part; the record says how many did"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", choices=PARTS, action="append", help="a part of it, or kills of one command (repeatable)"
    )
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trials at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "chaos.json", help="file of the record")
    parser.add_argument("--work", type=Path, help="folder for what goes wrong (default: a temporary one)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    import_all()
    base = Path(options.work or tempfile.mkdtemp(prefix="regrep-chaos-")).resolve()
    base.mkdir(parents=True, exist_ok=True)
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    temporary = tempfile.mkdtemp(prefix="regrep-chaos-", dir=other)
    begin = time.monotonic()
    deadline = None if options.minutes is None else begin + 60 * options.minutes

    def say(line: str) -> None:
        print(f"{(time.monotonic() - begin) / 60:5.1f} min  {line}", flush=True)

    parts = options.only or list(PARTS)
    try:
        found = run_all(
            preparers(parts, options.share, options.seed, base, temporary),
            random.Random(options.seed),
            options.jobs,
            deadline,
            say,
        )
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    bad = {name: found.counts[name] for name in BAD}
    print(", ".join(f"{count} {name}" for name, count in bad.items()), f"; what went wrong is in {base}")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    record = {
        "format": 2,
        "commit": commit.stdout.strip() or None,
        "seed": options.seed,
        "share": options.share,
        "parts": parts,
        "minutes": round((time.monotonic() - begin) / 60, 1),
        "planned": dict(sorted(found.planned.items())),
        "trials": dict(sorted(found.made.items())),
        "counts": dict(sorted((Counter(found.counts) - Counter(bad)).items())),
        "wrong": bad,
        "examples": [text.replace(str(base), "...")[:300] for text in found.examples[:50]],
    }
    options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(bad.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
