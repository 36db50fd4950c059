"""Kills at random moments, resumed to the end: the result must be that of an undisturbed run, bit for bit."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chaos.processes import Command, Ended, left_of, result, run

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

LEARN = ("epochs=2", "batch_size=8")

SHARES = {"fit": 140, "sweep": 15, "learn": 10, "smoke": 15, "report": 20}
"""How many trials of each command a whole campaign makes."""


def fit_words(out: Path, protocol: str = "published") -> list[str]:
    """A tiny run."""
    return ["fit", "ddmnist", f"--out={out}", f"--protocol={protocol}", *(f"{key}={TINY[key]}" for key in TINY)]


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
    reference: dict[str, str] | None = None
    seconds: float = 0.0

    def words(self, out: Path) -> list[str]:
        """The command line."""
        if self.name.startswith("fit"):
            return fit_words(out, self.name.partition(" ")[2])
        if self.name == "sweep":
            return ["sweep", str(self.base / "sweep.yaml"), f"--out={out}", "--jobs=2"]
        if self.name == "learn":
            settings = [word for setting in LEARN for word in ("--set", setting)]
            return ["learn", "tmnist", "--runs=1", f"--out={out}", *settings]
        if self.name == "smoke":
            return ["data", "smoke", f"--out={out}", "--size=8", "--frames=3", "--simulations=3", "--jobs=2"]
        return ["report", str(self.base / "runs"), f"--out={out}"]

    def prepare(self) -> None:
        """Run it undisturbed."""
        (self.base / "sweep.yaml").write_text(json.dumps(SWEEP))
        if self.name == "report" and not (self.base / "runs").exists():
            for protocol in ("published", "decaying"):
                run(fit_words(self.base / "runs" / protocol, protocol), self.base / "out.txt", self.temporary)
        out, begin = self.base / self.name.replace(" ", "-"), time.monotonic()
        ended = run(self.words(out), self.base / "out.txt", self.temporary)
        self.seconds = time.monotonic() - begin
        if ended.code:
            raise SystemExit(f"an undisturbed {self.name} failed: {ended.text}")
        self.reference = result(out)


def trial(job: Job, draw: random.Random, out: Path, log: Path) -> list[str]:
    """What went wrong when a command was killed once or more and then run to its end."""
    wrong = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        signum = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        command = Command(job.words(out), log, job.temporary)
        over = command.wait(draw.uniform(0, 1.05 * job.seconds))
        ended = command.end(None if over else signum)
        wrong += judged(ended, signum)
        if left := left_of(out):
            wrong.append(f"orphans: {len(left)} after {signum.name}")
    ended = run(job.words(out), log, job.temporary)
    if ended.code:
        return [*wrong, f"lost runs: exit code {ended.code}: {ended.text[-300:]}"]
    found = {name: digest for name, digest in result(out).items() if job.name != "report" or ".part" not in name}
    if found != job.reference:
        differing = sorted(name for name in {*found, *job.reference} if found.get(name) != job.reference.get(name))
        wrong.append(f"silent other results: {', '.join(differing)[:200]}")
    if ended.raw:
        wrong.append(f"raw tracebacks: {ended.text[-300:]}")
    return wrong


def judged(ended: Ended, signum: signal.Signals) -> list[str]:
    """What is wrong with the end of a command that was sent a signal."""
    if "Traceback" in ended.text:
        return [f"raw tracebacks: after {signum.name}: {ended.text[-600:]}"]
    codes = (0, -signum) if signum == signal.SIGKILL else (0, 128 + signum, -signum)
    return [] if ended.code in codes else [f"wrong exit codes: {ended.code} after {signum.name}: {ended.text[-300:]}"]


def campaign(share: float, seed: int, base: Path, temporary: str, say) -> tuple[Counter, list[str]]:
    """Trials of every command."""
    counts, examples = Counter(), []
    jobs = [
        Job(name, base, temporary) for name in ("fit published", "fit decaying", "sweep", "learn", "smoke", "report")
    ]
    for job in jobs:
        name = job.name.split()[0]
        trials = round(share * SHARES[name] / (2 if name == "fit" else 1))
        if not trials:
            continue
        job.prepare()
        for number in range(trials):
            out = base / "trial" / f"{job.name.replace(' ', '-')}-{number}"
            wrong = trial(job, random.Random(f"{seed} {job.name} {number}"), out, base / "logs" / f"{out.name}.txt")
            counts["kills"] += 1
            counts.update(one.partition(":")[0] for one in wrong)
            for one in wrong:
                examples.append(f"kill {job.name} {number}: {one}")
                say(examples[-1][:400])
            if not wrong:
                shutil.rmtree(out, ignore_errors=True)
        say(f"{trials} trials of {job.name}, {job.seconds:.1f} s each undisturbed: {dict(counts)}")
    return counts, examples
