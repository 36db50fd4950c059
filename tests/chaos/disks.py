"""Disks that fill up: the command says so, and goes on from its last whole checkpoint when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from chaos.kills import fit_words
from chaos.processes import result, run

KIBIBYTES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sizes of the disks; a tiny run needs about the largest."""


def campaign(share: float, base: Path, temporary: str, say: Callable[[str], None]) -> tuple[Counter[str], list[str]]:
    """A run on a disk of each size; where no disks may be mounted, with files that may not grow beyond it."""
    counts: Counter[str] = Counter()
    examples = []
    words, mounts = fit_words(base / "whole"), may_mount(base / "disk")
    run(words, base / "logs" / "whole.txt", temporary)
    reference = result(base / "whole")
    for size in KIBIBYTES[:: max(1, round(1 / share))]:
        out, log = base / "disk" / str(size) / "run", base / "logs" / f"disk-{size}.txt"
        out.parent.mkdir(parents=True)
        if mounts:
            mount(out.parent, f"size={size}k")
        try:
            ended = run(fit_words(out), log, temporary, None if mounts else size * 1024)
            wrong = [f"raw tracebacks: {ended.text[-600:]}"] if ended.raw else []
            if mounts:
                mount(out.parent, "remount,size=64m")
            again = run(fit_words(out), log, temporary)
            if again.code:
                wrong.append(f"lost runs: {again.text[-300:]}")
            elif result(out) != reference:
                wrong.append("silent other results")
        finally:
            if mounts:
                subprocess.run(["umount", out.parent], check=True)
        counts["disks"] += 1
        counts["disks too small"] += ended.code != 0
        counts.update(one.partition(":")[0] for one in wrong)
        examples += [f"disk of {size} KiB: {one}" for one in wrong]
    say(f"disks, {'mounted' if mounts else 'limits of files'}: {dict(counts)}")
    return counts, examples


def mount(folder: Path, options: str) -> None:
    """Mount a disk in memory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True, stderr=subprocess.DEVNULL)


def may_mount(folder: Path) -> bool:
    """Whether this process may."""
    folder.mkdir(parents=True, exist_ok=True)
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        return False
    try:
        mount(folder, "size=1m")
    except (OSError, subprocess.CalledProcessError):
        return False
    subprocess.run(["umount", folder], check=True)
    return True
