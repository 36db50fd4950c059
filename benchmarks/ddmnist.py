"""What a training step of the method costs beside the augmented network's, and what an epoch adds to its steps.

python benchmarks/ddmnist.py [ROUNDS]
"""

from __future__ import annotations

import sys
import warnings

import torch
from interleaved import medians, ratio, save
from torch import nn

import regrep
from regrep.objectives import OUTPUT
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.samples import Views
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.networks.double_digit_cnn import AveragePool
from regrep_paper.training.machine import default_precision, tune_allocator

BATCH = 256


def step(model: DDMNIST, views: Views, half: bool):
    optimiser = torch.optim.Adam(model.network.parameters(), lr=1e-3)

    def run() -> None:
        with torch.autocast(views.x.device.type, torch.bfloat16, enabled=half):
            total = model.objective(views.x, views.y, views.g).total
        optimiser.zero_grad()
        total.backward()
        optimiser.step()

    return run


def direct_pooling(model: DDMNIST) -> DDMNIST:
    """The same network with PyTorch's own average pooling."""
    for k, module in enumerate(model.network.encoder):
        if isinstance(module, AveragePool):
            model.network.encoder[k] = nn.AvgPool2d(5, 1 if module.out == 1 else 2, 1)
    return model


def main(rounds: int = 15) -> None:
    warnings.simplefilter("ignore", regrep.CapacityWarning)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tune_allocator()
    half = default_precision() == "bf16-mixed"
    data = DoubleDigits(group="D4", batch_size=BATCH)
    data.setup()
    loader = data.train_dataloader()
    raw = next(iter(loader))
    raw = data.transfer_batch_to_device(raw, torch.device(device), 0)
    views = data.views(raw)
    models = {method: DDMNIST("D4", method).to(device) for method in ("cnn-augmented", "ours", "ours-relative")}
    rho = models["ours"].objective.latents[OUTPUT]
    z = torch.randn(BATCH, 66, device=device)
    functions = {f"step, {method}": step(model, views, half) for method, model in models.items()}
    direct = direct_pooling(DDMNIST("D4", "cnn-augmented").to(device))
    functions |= {
        "step, cnn-augmented, 32 bit": step(models["cnn-augmented"], views, False),
        "step, cnn-augmented, direct pooling": step(direct, views, half),
        "augmentation of a batch": lambda: data.views(raw),
        "input action": lambda: data.action(views.x, views.g),
        "latent action": lambda: rho(z, views.g),
    }
    times = medians(functions, rounds)
    bare = "step, cnn-augmented"
    batches = [a + b for a, b in zip(times[bare], times["augmentation of a batch"], strict=True)]
    times["step and augmentation"] = batches
    save(
        f"ddmnist-{device}",
        times,
        {
            "ours / augmented network": ratio(times, "step, ours", bare),
            "ours-relative / augmented network": ratio(times, "step, ours-relative", bare),
            "latent action / step": ratio(times, "latent action", "step, ours"),
            "epoch with augmentation / bare steps": ratio(times, "step and augmentation", bare),
            "32 bit / default precision": ratio(times, "step, cnn-augmented, 32 bit", bare),
            "direct / banded pooling": ratio(times, "step, cnn-augmented, direct pooling", bare),
        },
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
