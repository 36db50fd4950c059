"""``make chaos``: the whole campaign, or a share of it; prints counts and writes ``results/chaos.json``."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch

from chaos import calls, damage, disks, kills
from chaos.processes import import_all

ROOT = Path(__file__).parents[2]

CALLS = 5000
"""Random calls of a whole campaign."""

MINUTES = 20.0
"""What a whole campaign takes on two quiet cores, about."""

BAD = ("lost runs", "silent other results", "raw tracebacks", "orphans", "wrong exit codes", "not a sentence", "other")
"""What must not happen."""

PARTS = ("calls", "kills", "disks", "damage")


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="share of a whole campaign")
    parser.add_argument("--minutes", type=float, help="instead of the share, how long about, on two quiet cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of it (repeatable)")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "chaos.json", help="file of the record")
    parser.add_argument("--work", type=Path, help="folder for what goes wrong (default: a temporary one)")
    options = parser.parse_args()
    share = options.share if options.minutes is None else options.minutes / MINUTES
    torch.set_num_threads(1)
    import_all()
    base = Path(options.work or tempfile.mkdtemp(prefix="regrep-chaos-")).resolve()
    base.mkdir(parents=True, exist_ok=True)
    other = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    temporary = tempfile.mkdtemp(prefix="regrep-chaos-", dir=other)
    counts: Counter[str] = Counter()
    examples: list[str] = []
    begin = time.monotonic()

    def say(line: str) -> None:
        print(f"{(time.monotonic() - begin) / 60:5.1f} min  {line}", flush=True)

    try:
        for part in options.only or PARTS:
            (base / part).mkdir(exist_ok=True)
            if part == "calls":
                found = calls.campaign(round(share * CALLS), options.seed)
                more = Counter({"random calls": found.counts.total(), **found.counts})
                texts = [f"{error} in call {call}" for call, error in found.others.items()]
                say(f"random calls: {dict(found.counts)}")
            elif part == "kills":
                more, texts = kills.campaign(share, options.seed, base / part, temporary, say)
            elif part == "disks":
                more, texts = disks.campaign(share, base / part, temporary, say)
            else:
                more, texts = damage.campaign(share, options.seed, base / part, temporary, say)
            counts += more
            examples += texts
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for text in examples:
        print(text)
    bad = {name: counts[name] for name in BAD}
    print(", ".join(f"{count} {name}" for name, count in bad.items()), f"; what went wrong is in {base}")
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    record = {
        "format": 1,
        "commit": commit.stdout.strip() or None,
        "seed": options.seed,
        "share": share,
        "parts": options.only or list(PARTS),
        "minutes": round((time.monotonic() - begin) / 60, 1),
        "counts": dict(sorted(counts.items())),
        "wrong": bad,
        "examples": [text.replace(str(base), "...")[:300] for text in examples[:50]],
    }
    options.out.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if any(bad.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
