"""What tests of SMOKE share: small fields with a number each, files as published, a small model."""

from pathlib import Path

import numpy as np
import torch

from regrep_paper.experiments.smoke import SmokeForecast

SIZE, FRAMES = 8, 52


def field(number: int, frames: int = FRAMES, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(frames, 2, size, size)).astype(np.float32)


def published_files(folder: Path, numbers=(27, 33, 6), **shape) -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        torch.save(torch.from_numpy(field(number, **shape)), folder / f"raw_data_{number}_{(number - 1) % 4}.pt")
    return folder


def objective_of(method="ours", **options) -> SmokeForecast:
    return SmokeForecast(method=method, width=4, size=SIZE, **options)
