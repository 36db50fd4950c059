"""Kills at random moments, resumed to the end: the result must be that of an undisturbed run, bit for bit."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chaos.processes import Command, Ended, left_of, result, run
from chaos.trials import Outcome, Trial, told

TINY = {
    "--data.classes": 2, "--data.train_pairs": 10, "--data.validation_pairs": 5, "--data.test_pairs": 5,
    "--data.batch_size": 20, "--data.group": "D1", "--trainer.max_epochs": 3, "--trainer.accelerator": "cpu",
}  # fmt: skip
"""Options of a run that takes a second."""

SWEEP = {
    "experiment": "ddmnist",
    "fixed": {"data": "digits", "group": "D1", "classes": 2, "train_pairs": 10, "validation_pairs": 5, "test_pairs": 5},
    "grid": {"method": ["cnn-augmented", "ours"], "epochs": [2], "seed": [0]},
}

LEARN = ("epochs=2", "batch_size=8", "train_samples=400", "validation_samples=100", "test_samples=100")
"""Settings of a run that trains for about as long as its process takes to start."""

SHARES = {"fit-published": 70, "fit-decaying": 70, "sweep": 15, "learn": 10, "smoke": 15, "report": 20}
"""How many trials of each command a whole campaign makes."""


def fit_words(out: Path, protocol: str = "published") -> list[str]:
    """A tiny run."""
    return ["fit", "ddmnist", f"--out={out}", f"--protocol={protocol}", *(f"{key}={TINY[key]}" for key in TINY)]


def smoke_words(out: Path, jobs: int) -> list[str]:
    """Tiny simulations."""
    return ["data", "smoke", f"--out={out}", "--size=8", "--frames=3", "--simulations=3", f"--jobs={jobs}"]


@dataclass
class Job:
    """A command that is killed.

    Attributes:
        words: makes the command line for a folder.
        reference: the result of an undisturbed run.
        seconds: how long that took.
    """

    name: str
    base: Path
    temporary: str
    reference: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def words(self, out: Path) -> list[str]:
        """The command line."""
        if self.name.startswith("fit"):
            return fit_words(out, self.name.partition("-")[2])
        if self.name == "sweep":
            return ["sweep", str(self.base / "sweep.yaml"), f"--out={out}", "--jobs=2"]
        if self.name == "learn":
            settings = [word for setting in LEARN for word in ("--set", setting)]
            return ["learn", "tmnist", "--runs=1", f"--out={out}", *settings]
        if self.name == "smoke":
            return smoke_words(out, jobs=2)
        return ["report", str(self.base / "runs"), f"--out={out}"]

    def prepare(self) -> None:
        """Run it undisturbed."""
        log = self.base / "logs" / f"{self.name}.txt"
        if self.name == "sweep":
            (self.base / "sweep.yaml").write_text(json.dumps(SWEEP))
        if self.name == "report":
            for protocol in ("published", "decaying"):
                run(fit_words(self.base / "runs" / protocol, protocol), log, self.temporary)
        out, begin = self.base / self.name, time.monotonic()
        ended = run(self.words(out), log, self.temporary)
        self.seconds = time.monotonic() - begin
        if ended.code:
            raise SystemExit(f"an undisturbed {self.name} failed: {ended.text}")
        self.reference = result(out)


AGAIN = 5
"""A command that was over before its first signal is started again so often at most."""


def trial(job: Job, seed: int, number: int) -> Outcome:
    """A command that is killed once or more and then runs to its end."""
    draw, out = random.Random(f"{seed} {job.name} {number}"), job.base / "trial" / f"{job.name}-{number}"
    wrong, counts, log = [], Counter[str](), job.base / "logs" / f"{job.name}-{number}.txt"
    longest, planned, hits = 1.05 * job.seconds, draw.choice((1, 1, 1, 2, 3)), 0
    for _ in range(planned + AGAIN):
        signum = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        command, begin = Command(job.words(out), log, job.temporary), time.monotonic()
        over = command.wait(draw.uniform(0, longest))
        ended = command.end(None if over else signum)
        counts["signals too late" if over else signum.name] += 1
        wrong += judged(ended, signum)
        if left := left_of(out, command.pid):
            wrong.append(f"orphans: {len(left)} after {signum.name}")
        hits += not over
        if hits == planned or (over and hits):
            break
        if over:  # the machine is faster than it was: from the beginning, and sooner
            longest = time.monotonic() - begin
            shutil.rmtree(out, ignore_errors=True)
    counts["killed commands"] = int(hits > 0)
    ended = run(job.words(out), log, job.temporary)
    if ended.raw:
        wrong.append(f"raw tracebacks: {ended.text[-600:]}")
    if ended.code:
        wrong.append(f"lost runs: exit code {ended.code}: {ended.text[-300:]}")
    elif (found := result(out)) != job.reference:
        differing = sorted(name for name in {*found, *job.reference} if found.get(name) != job.reference.get(name))
        wrong.append(f"silent other results: {', '.join(differing)[:200]}")
    if not wrong:
        shutil.rmtree(out, ignore_errors=True)
    return told(f"kill {job.name} {number}", wrong, counts)


def judged(ended: Ended, signum: signal.Signals) -> list[str]:
    """What is wrong with the end of a command that was sent a signal."""
    if "Traceback" in ended.text:
        return [f"raw tracebacks: after {signum.name}: {ended.text[-600:]}"]
    codes = (0, -signum) if signum == signal.SIGKILL else (0, 128 + signum, -signum)
    return [] if ended.code in codes else [f"wrong exit codes: {ended.code} after {signum.name}: {ended.text[-300:]}"]


def trials(name: str, share: float, seed: int, base: Path, temporary: str) -> list[Trial]:
    """Trials of a command, and its result when nothing disturbs it."""
    count = round(share * SHARES[name])
    if not count:
        return []
    job = Job(name, base, temporary)
    job.prepare()
    return [Trial(f"kills of {name}", partial(trial, job, seed, number)) for number in range(count)]
