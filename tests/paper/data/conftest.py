"""Data modules of pairs x, gx, small ones."""

from functools import partial

import numpy as np
import pytest

from regrep_paper.data import turned_images
from regrep_paper.data.cifar10 import Counts, cifar10
from regrep_paper.data.glyphs import GlyphPairs
from regrep_paper.data.turned_digits import TurnedDigits
from regrep_paper.data.turned_images import TurnedImages


@pytest.fixture(scope="session")
def cifar(tmp_path_factory):
    """A folder with the binary form of 40 training and 8 test images."""
    folder = tmp_path_factory.mktemp("cifar")
    (folder / "cifar-10-batches-bin").mkdir()
    generator = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows = generator.integers(0, 256, (8, 3073), dtype=np.uint8)
        rows[:, 0] %= 10
        (folder / "cifar-10-batches-bin" / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


@pytest.fixture
def make(cifar, monkeypatch):
    """Makes one of the data modules, small and set up."""
    monkeypatch.setattr(turned_images, "cifar10", partial(cifar10, counts=Counts(40, 8)))
    settings = {
        GlyphPairs: {"train_samples": 100, "validation_samples": 40, "test_samples": 40},
        TurnedDigits: {},
        TurnedImages: {"data_dir": cifar},
    }

    def made(kind, **arguments):
        module = kind(**{"batch_size": 8, **settings[kind], **arguments})
        module.setup()
        return module

    return made
