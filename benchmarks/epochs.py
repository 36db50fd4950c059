"""What an epoch of ``regrep fit`` costs beside its training steps: logging, checkpoints, evaluation.

python benchmarks/epochs.py [--epochs N] [--method NAME ...] [--pairs N] [--seconds S] [--out FILE]

On a GPU also against as many captured steps alone. Every run is a process of its own; its seconds come from its metrics
file, from the third epoch on. "with evaluation" are the epochs that also validate and write checkpoints, every fifth.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from gpu import whole_step
from interleaved import medians, origin, save

from regrep_paper.data.double_digits import DoubleDigits

EVERY = 5
"""Epochs from one evaluation to the next."""

FIRST = 2
"""Epochs that are left out: libraries choose their algorithms, and a step is captured or compiled."""


def epochs_of(method: str, capture: bool, epochs: int, pairs: int) -> dict[str, list[float]]:
    """Seconds of the epochs of one run, without and with an evaluation."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "regrep_paper", "fit", "ddmnist", "--quiet", f"--out={folder}/run"]
        command += [f"--model.method={method}", f"--compile={str(capture).lower()}", f"--data.train_pairs={pairs}"]
        command += [f"--trainer.max_epochs={epochs}", f"--trainer.check_val_every_n_epoch={EVERY}"]
        command += ["--data.test_pairs=1"]
        subprocess.run(command, check=True)
        with (Path(folder) / "run" / "metrics.csv").open(newline="") as file:
            ends = [float(row["seconds"]) for row in csv.DictReader(file)]
    found: dict[str, list[float]] = {"without evaluation": [], "with evaluation": []}
    for epoch, (before, after) in enumerate(itertools.pairwise(ends), start=1):
        if epoch >= FIRST:
            found["without evaluation" if (epoch + 1) % EVERY else "with evaluation"].append(after - before)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--method", nargs="+", default=["cnn-augmented", "ours", "ours-whitened"])
    parser.add_argument("--pairs", type=int, default=100, help="training pairs of a class, of which there are 100")
    parser.add_argument("--seconds", type=float, default=240, help="start nothing new after this time")
    parser.add_argument("--out", type=Path, help="where to write the JSON; results/benchmarks by default")
    given = parser.parse_args()
    start, device = time.perf_counter(), "cuda" if torch.cuda.is_available() else "cpu"
    times: dict[str, list[float]] = {}
    for method, capture in itertools.product(given.method, (True, False)):
        if (capture and device == "cpu") or time.perf_counter() - start > given.seconds:
            continue
        for kind, seconds in epochs_of(method, capture, given.epochs, given.pairs).items():
            times[f"{method}{', captured' * capture}, {kind}"] = seconds
    steps = given.pairs * 100 // 256
    data = DoubleDigits(group="D4", train_pairs=given.pairs)
    data.setup()
    against = {}
    for method in given.method if device == "cuda" else []:
        step = medians({method: whole_step(data, method, torch.device(device))}, 50)[method]
        times[f"{method}, a captured step"] = step
        for name in [name for name in times if name.startswith(f"{method}, ") and "evaluation" in name]:
            against[f"{name} / {steps} captured steps"] = (
                statistics.median(times[name]) / statistics.median(step) / steps
            )
    save(f"epochs-{device}", times, against, origin=origin(device), steps=steps, path=given.out)


if __name__ == "__main__":
    main()
