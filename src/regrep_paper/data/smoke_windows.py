"""Windows of frames, streamed from one array per simulation (appendix C.3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from regrep.actions import VectorField2d, sample
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.batches import sent
from regrep_paper.data.samples import Batch, Split, Views
from regrep_paper.data.smoke_files import DOMAIN, INDEX, TRAIN, Simulations, centred, generate, load
from regrep_paper.data.splits import SplitData
from regrep_paper.runs.data_folder import check_folder, data_folder
from regrep_paper.tables.table6 import DEFAULTS, WINDOW

Sampling = Literal["centres", "faces"]

FRAMES, SIMULATIONS = 100, 6
"""Size of the set that is simulated if no folder is given: under two minutes at 32 x 32."""


def action() -> VectorField2d:
    """C4 on windows and on frames: quarter turns of the field and of its vectors, row index along +y."""
    return VectorField2d(cyclic(4), rows="up")


def spans(
    frames: int,
    rollout: int = DEFAULTS["rollout"],
    horizon: int = DEFAULTS["horizon"],
    as_published: bool = False,
) -> dict[Split, range]:
    """First frames of the windows of each split, for simulations with ``frames`` frames.

    Train, validation and Future follow one another without a common frame: each split needs frames for its last window
    to end, and the remaining frames are divided into windows in the published proportion 160 : 40 : 50 (rounded down
    for validation and Future, at least one). With 309 frames these are the published numbers of windows. Domain, on
    other simulations, begins with the first frame and has the published fraction of 100 windows in 309 frames.

    ``as_published``: windows begin two frames later and the splits overlap by up to 15 frames, so that Future contains
    frames from validation, and validation frames from training.

    Raises:
        RegrepError: too few frames.

    >>> {split: (span.start, span.stop) for split, span in spans(309).items()}
    {'train': (0, 160), 'validation': (175, 215), 'future': (230, 280), 'domain': (0, 100)}
    >>> {split: (span.start, span.stop) for split, span in spans(309, as_published=True).items()}
    {'train': (2, 162), 'validation': (162, 202), 'future': (202, 252), 'domain': (2, 102)}
    """
    if rollout < 1 or horizon < rollout:
        raise RegrepError(
            f"the roll-out has at least 1 frame and the horizon at least as many, got {rollout} and {horizon}"
        )
    short, long = WINDOW + rollout - 1, WINDOW + horizon - 1  # frames after a window's first one
    least = 252 + long if as_published else 2 * short + long + 3
    if frames < least:
        raise RegrepError(
            f"splits with a roll-out of {rollout} and a horizon of {horizon} frames need simulations of at least"
            f" {least} frames, got {frames}; simulate more, or lower the horizon"
            + (" or leave out as_published" if as_published else "")
        )
    if as_published:
        return {
            "train": range(2, 162),
            "validation": range(162, 202),
            "future": range(202, 252),
            "domain": range(2, 102),
        }
    windows = frames - 2 * short - long
    validation, future = max(1, windows * 40 // 250), max(1, windows * 50 // 250)
    train = windows - validation - future
    second, third = train + short, train + validation + 2 * short
    domain = min(frames - long, max(1, 100 * frames // 309))
    return {
        "train": range(train),
        "validation": range(second, second + validation),
        "future": range(third, third + future),
        "domain": range(domain),
    }


class Smoke(SplitData):
    """Windows of 10 frames of velocity and the following frames; nothing is normalised.

    Train, validation and the test split Future use simulations of the published training list, the test split Domain
    those of the held-out list, see :func:`spans`. Validation has the roll-out of training, both tests the longer
    horizon.

    Args:
        data_dir: folder of simulations, see :func:`regrep_paper.data.smoke_files.load`; by default a small set of
            the given size, at most 32, is simulated into the download folder.
        size: points along a side of the simulations.
        seed: seed of the order of the windows and of the group elements.
        batch_size: windows in a batch.
        rollout: number of frames in training and validation.
        horizon: number of frames in the test, 20 in the published code (the paper's text says 6).
        sampling: ``centres`` of cells, where quarter turns are exact, or ``faces``, as published.
        as_published: use the published splits, which overlap.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        size: int = DEFAULTS["size"],
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
        rollout: int = DEFAULTS["rollout"],
        horizon: int = DEFAULTS["horizon"],
        sampling: Sampling = DEFAULTS["sampling"],
        as_published: bool = DEFAULTS["splits_as_published"],
    ) -> None:
        super().__init__(seed, batch_size)
        if sampling not in get_args(Sampling):
            raise RegrepError(f'velocities are sampled at "centres" or at "faces", got {sampling!r}')
        if data_dir is None and size > 32:
            raise RegrepError(
                f"sets larger than 32 x 32 take long to simulate, got size {size};"
                f" run regrep data smoke --size {size} --out DIR and pass --data.data_dir=DIR"
            )
        spans(10**6, rollout, horizon, as_published)  # how many frames there are is known later
        check_folder(data_dir, "smoke", ((INDEX,), ("raw_data_*",)))
        self.data_dir, self.size = data_dir, size
        self.rollout, self.horizon, self.sampling, self.as_published = rollout, horizon, sampling, as_published
        self.simulations: Simulations | None = None

    def load(self) -> dict[Split, Windows]:
        """Memory-map the simulations and split them."""
        folder = self.data_dir
        if folder is None:
            name = f"smoke-{self.size}x{FRAMES}x{SIMULATIONS}"
            folder = generate(data_folder() / name, self.size, FRAMES, SIMULATIONS)
        self.simulations = found = load(folder)
        if found.size != self.size:
            raise RegrepError(
                f"the simulations in {folder} are {found.size} x {found.size}, but the size is {self.size};"
                f" pass --data.size={found.size}"
            )
        trained, held = found.numbers(TRAIN), found.numbers(DOMAIN)
        if not (trained and held):
            raise RegrepError(
                f"{folder} holds {len(trained)} of the simulations for training and {len(held)} of those held out, and"
                f" at least one of each is needed; add some of {', '.join(map(str, DOMAIN if trained else TRAIN))}"
            )
        lengths: dict[Split, int] = {
            "train": WINDOW + self.rollout,
            "validation": WINDOW + self.rollout,
            "future": WINDOW + self.horizon,
            "domain": WINDOW + self.horizon,
        }
        return {
            split: Windows(
                [found.velocity[k] for k in (held if split == "domain" else trained)], span, lengths[split], split
            )
            for split, span in spans(found.frames, self.rollout, self.horizon, self.as_published).items()
        }

    def source(self) -> dict[str, Any]:
        """Name, files, and the held-out simulations."""
        assert self.simulations is not None
        return {
            "name": f"smoke-{self.size}",
            "files": self.simulations.files,
            "frames": self.simulations.frames,
            "simulations": {
                "trained": self.simulations.numbers(TRAIN),
                "held_out": self.simulations.numbers(DOMAIN),
            },
        }

    def turning_errors(self) -> Tensor | None:
        """Errors of the simulator under quarter turns, [simulations, 4], if the set has them."""
        assert self.simulations is not None
        found = self.simulations.equivariance
        return torch.tensor(list(found.values()), dtype=torch.float64) if found else None

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled windows."""
        return self.loader("train", shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Windows after those for training."""
        return self.loader("validation")

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """Future and Domain."""
        return [self.loader("future"), self.loader("domain")]

    def moved(self, batch: Batch, loader: int) -> Views:
        """Window, following frames, and group elements."""
        return self.views(batch)

    def views(self, batch: Batch) -> Views:
        """The model's views of a batch, which depend only on the batch (including its seed)."""
        x, y = (centred(v) if self.sampling == "centres" else v for v in (batch.images, batch.labels))
        generator = torch.Generator().manual_seed(batch.seed)
        return Views(x.flatten(1, 2), y, sent(sample(cyclic(4), len(x), generator=generator), x.device), None)


class Windows(Dataset[Batch]):
    """Windows of several simulations, not held in memory: a batch is cut from the arrays on request.

    Args:
        velocity: [frames, 2, H, H] of each simulation.
        starts: first frames of the windows, the same for all simulations.
        length: number of frames of a window with the following ones; components are at the faces of cells.
        split: name of the split.
    """

    def __init__(self, velocity: Sequence[Tensor], starts: range, length: int, split: Split) -> None:
        self.velocity, self.starts, self.length, self.split = velocity, starts, length, split

    def __len__(self) -> int:
        return len(self.velocity) * len(self.starts)

    def __getitem__(self, batch: tuple[Tensor, int]) -> Batch:
        index, seed = batch
        places = [divmod(k, len(self.starts)) for k in index.tolist()]
        cut = torch.stack([self.velocity[n][self.starts[k] : self.starts[k] + self.length] for n, k in places])
        return Batch(cut[:, :WINDOW], cut[:, WINDOW:], seed, self.split)
