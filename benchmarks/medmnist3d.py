"""What a training step on volumes costs beside the augmented network's, by memory format, precision and size.

python benchmarks/medmnist3d.py [ROUNDS]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import torch
from interleaved import medians, ratio, save

import regrep
from regrep_paper.data.volumes import MovedVolumes
from regrep_paper.experiments.medmnist3d import MedMNIST3D
from regrep_paper.training.machine import default_precision, tune_allocator


def main(rounds: int = 5) -> None:
    warnings.simplefilter("ignore", regrep.CapacityWarning)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tune_allocator()
    half = default_precision() == "bf16-mixed"

    def step(size: int, method: str = "cnn-augmented", half: bool = half, last: bool = True) -> Callable[[], None]:
        data = MovedVolumes(size=size, per_class=4)
        data.setup()
        views = data.views(data.transfer_batch_to_device(next(iter(data.train_dataloader())), device, 0))
        model = MedMNIST3D(method=method, size=size).to(device)
        model.network.to(memory_format=torch.channels_last_3d if last else torch.contiguous_format)
        optimiser = model.configure_optimizers()

        def run() -> None:
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                total = model.objective(views.x, views.y, views.g).total
            optimiser.zero_grad()
            total.backward()
            optimiser.step()

        return run

    times = medians(
        {
            "step": step(28),
            "step, ours": step(28, "ours"),
            "step, 32 bit": step(28, half=False),
            "step, channels first": step(28, last=False),
            "step, channels first, 32 bit": step(28, half=False, last=False),
            "step, 14 points a side": step(14),
        },
        rounds,
    )
    save(
        f"medmnist3d-{device.type}",
        times,
        {
            "ours / augmented network": ratio(times, "step, ours", "step"),
            "32 bit / default precision": ratio(times, "step, 32 bit", "step"),
            "channels first / channels last": ratio(times, "step, channels first", "step"),
            "channels first, 32 bit / default": ratio(times, "step, channels first, 32 bit", "step"),
            "14 points / 28 points": ratio(times, "step, 14 points a side", "step"),
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
