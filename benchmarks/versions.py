"""A training step of the DDMNIST network in two checkouts of this repository, a process each, in turn.

python benchmarks/versions.py OLD_CHECKOUT [ROUNDS]

Both processes get one thread and the same batch. The record names both commits.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from interleaved import ratio, save

ROOT = Path(__file__).parents[1]
METHODS = ("plain", "cnn-augmented", "ours", "ours-relative", "ours-whitened")

SERVER = """
import sys, time, regrep
import torch
from torch import nn
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.training.machine import tune_allocator
tune_allocator()
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(0)
x = torch.randn(256, 1, 56, 56, generator=generator)
y = torch.randint(100, (256,), generator=generator)
g = torch.randint(64, (256,), generator=generator)
models = {}
def step(method):
    if method not in models:
        torch.manual_seed(0)
        models[method] = DDMNIST("D4", "cnn-augmented" if method == "plain" else method)
    model = models[method]
    if method == "plain":
        views = torch.cat([x, model.objective.input_action(x, g)])
        total = 2 * nn.functional.cross_entropy(model.network(views), torch.cat([y, y]))
    else:
        total = model.objective(x, y, g).total
    model.network.zero_grad()
    total.backward()
for line in sys.stdin:
    start = time.perf_counter()
    step(line.strip())
    print(time.perf_counter() - start, flush=True)
"""


def server(checkout: Path) -> subprocess.Popen[str]:
    """A process that imports from a checkout, takes the step of each method that it reads, and tells its seconds."""
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip


def commit(checkout: Path) -> str:
    """Its commit."""
    found = subprocess.run(
        ["git", "-C", str(checkout), "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def main(old: str | None = None, rounds: str = "9") -> None:
    """Time old and new in turn, after one round of warming up; nothing without another checkout."""
    if old is None:
        print("versions: nothing to compare; pass the folder of another checkout")
        return
    checkouts = {"old": Path(old), "new": ROOT}
    servers = {name: server(path) for name, path in checkouts.items()}
    times: dict[str, list[float]] = {f"{name} {method}": [] for method in METHODS for name in servers}
    for turn in range(int(rounds) + 1):
        for method in METHODS:
            for name in (*servers,) if turn % 2 else (*reversed(servers),):
                process = servers[name]
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(f"{method}\n")
                process.stdin.flush()
                seconds = float(process.stdout.readline())
                if turn:
                    times[f"{name} {method}"].append(seconds)
    for process in servers.values():
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    ratios = {f"{method}: new / old": ratio(times, f"new {method}", f"old {method}") for method in METHODS}
    ratios |= {
        f"{name}: {method} / plain": ratio(times, f"{name} {method}", f"{name} plain")
        for name in servers
        for method in METHODS[1:]
    }
    save("versions-cpu", times, ratios, commits={name: commit(path) for name, path in checkouts.items()}, threads=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
