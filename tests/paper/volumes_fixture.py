"""Files of volumes in the official format, made up."""

from pathlib import Path

import numpy as np

from regrep_paper.data.medmnist import file_of


def arrays_of(size=28, counts=(6, 4, 4), labels=2, **changes):
    """Arrays as in an official file; class 1 is bright in one corner."""
    generator = np.random.default_rng(0)
    arrays = {}
    for key, count in zip(("train", "val", "test"), counts, strict=True):
        y = np.arange(count, dtype=np.uint8)[:, None] % labels
        x = generator.integers(0, 100, (count, size, size, size), dtype=np.uint8)
        x[y[:, 0] == 1, :9, :9, :9] += 150
        arrays |= {f"{key}_images": x, f"{key}_labels": y}
    return arrays | changes


def write(folder: Path, name="nodule", size=28, **changes) -> Path:
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / file_of(name, size), **arrays_of(size, **changes))
    return folder
