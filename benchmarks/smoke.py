"""What a training step on rolled-out forecasts costs beside the augmented network's, by layout, format and precision.

python benchmarks/smoke.py [ROUNDS] [BATCH]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from interleaved import medians, ratio, save

from regrep.actions import sample
from regrep_paper.experiments.smoke import SmokeForecast
from regrep_paper.tables.table6 import WINDOW
from regrep_paper.training.machine import default_precision, tune_allocator

SIZE, FRAMES = 64, 6
"""Of Table 6: points along a side, frames of a roll-out in training."""


def main(rounds: int = 5, batch: int = 4) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tune_allocator()
    half = default_precision() == "bf16-mixed"
    x = torch.randn(batch, 2 * WINDOW, SIZE, SIZE, device=device)
    y = torch.randn(batch, FRAMES, 2, SIZE, SIZE, device=device)

    def step(
        method: str = "cnn-augmented", layout: str = "grid", half: bool = half, last: bool = True
    ) -> Callable[[], None]:
        model = SmokeForecast(method=method, layout=layout, size=SIZE).to(device)
        model.network.to(memory_format=torch.channels_last if last else torch.contiguous_format)
        optimiser = model.configure_optimizers()["optimizer"]
        g = sample(model.objective.input_action.group, batch).to(device)

        def run() -> None:
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                total = model.objective(x, y, g).total
            optimiser.zero_grad()
            total.backward()
            optimiser.step()

        return run

    times = medians(
        {
            "step": step(),
            "step, ours": step("ours"),
            "step, ours, channels": step("ours", "channels"),
            "step, ours, both": step("ours", "both"),
            "step, 32 bit": step(half=False),
            "step, channels first": step(last=False),
        },
        rounds,
    )
    save(
        f"smoke-{device.type}",
        times,
        {
            "ours / augmented network": ratio(times, "step, ours", "step"),
            "ours, layout channels / augmented network": ratio(times, "step, ours, channels", "step"),
            "ours, layout both / augmented network": ratio(times, "step, ours, both", "step"),
            "32 bit / default precision": ratio(times, "step, 32 bit", "step"),
            "channels first / channels last": ratio(times, "step, channels first", "step"),
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
