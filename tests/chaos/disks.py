"""Disks that fill up: the command says so, and goes on from its last whole checkpoint when there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from chaos.kills import fit_words
from chaos.processes import a_sentence, result, run
from chaos.trials import Outcome, Trial, told

KIBIBYTES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sizes of the disks; a tiny run needs about the largest."""


def trials(share: float, base: Path, temporary: str) -> list[Trial]:
    """A run on a disk of each size; where no disks may be mounted, with files that may not grow beyond it."""
    mounts = may_mount(base / "disk")
    run(fit_words(base / "whole"), base / "logs" / "whole.txt", temporary)
    reference, sizes = result(base / "whole"), KIBIBYTES[:: max(1, round(1 / share))]
    name = "full disks" if mounts else "limits of files"
    return [Trial(name, partial(trial, size, mounts, reference, base, temporary)) for size in sizes]


def trial(size: int, mounts: bool, reference: dict[str, str], base: Path, temporary: str) -> Outcome:
    """A run on a disk of so many KiB, which is enlarged when it is full."""
    out, log = base / "disk" / str(size) / "run", base / "logs" / f"disk-{size}.txt"
    out.parent.mkdir(parents=True)
    if mounts:
        mount(out.parent, f"size={size}k")
    try:
        ended = run(fit_words(out), log, temporary, None if mounts else size * 1024)
        wrong = [f"raw tracebacks: {ended.text[-600:]}"] if ended.raw else []
        if ended.code and not a_sentence(ended.text):
            wrong.append(f"not a sentence: {ended.text[-300:]}")
        if mounts:
            mount(out.parent, "remount,size=64m")
        again = run(fit_words(out), log, temporary)
        if again.raw:
            wrong.append(f"raw tracebacks: {again.text[-600:]}")
        if again.code:
            wrong.append(f"lost runs: {again.text[-300:]}")
        elif result(out) != reference:
            wrong.append("silent other results")
    finally:
        if mounts:
            subprocess.run(["umount", out.parent], check=True)
    return told(f"disk of {size} KiB", wrong, Counter({"runs without room": int(ended.code != 0)}))


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
