"""Time several functions in turn, so that a machine whose speed drifts slows them alike."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"


def medians(functions: Mapping[str, Callable[[], object]], rounds: int, warm: bool = True) -> dict[str, list[float]]:
    """Seconds of each function in each round, by default after one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(0 if warm else 1, rounds + 1):
        for name, function in functions.items():
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            start = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def ratio(times: Mapping[str, list[float]], one: str, other: str) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def origin(device: torch.device | str = "cpu") -> dict[str, str]:
    """What was measured on: the card or the processor, the version of PyTorch, and the commit."""
    device = torch.device(device)
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    found = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {"card": card, "torch": torch.__version__, "commit": found.stdout.strip() or "unknown"}


def save(
    name: str,
    times: Mapping[str, list[float]],
    ratios: Mapping[str, float],
    path: Path | None = None,
    **facts: object,
) -> None:
    """Print the table and keep it as JSON, with further facts."""
    width = max(map(len, [*times, *ratios]))
    for key, values in times.items():
        print(f"{key:{width}}  {1e3 * statistics.median(values):9.2f} ms  (min {1e3 * min(values):.2f})")
    for key, value in ratios.items():
        print(f"{key:{width}}  {value:9.3f}")
    record = {
        "benchmark": name,
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "commit": origin()["commit"],
        "seconds": {key: [round(v, 6) for v in values] for key, values in times.items()},
        "ratios": {key: round(value, 4) for key, value in ratios.items()},
        **facts,
    }
    path = RESULTS / f"{name}.json" if path is None else path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")
