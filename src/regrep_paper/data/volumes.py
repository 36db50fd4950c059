"""Volumes under random rotations of the cube, by batched tensor operations (appendix C.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

import torch
from torch import Tensor

from regrep.actions import Rotate3d, sample
from regrep.errors import RegrepError
from regrep.groups import octahedral
from regrep_paper.data import polycubes
from regrep_paper.data.batches import mix, sent
from regrep_paper.data.digits import SPLIT_SEED
from regrep_paper.data.medmnist import Size, Volumes, file_of, medmnist3d
from regrep_paper.data.moved import MovedData
from regrep_paper.data.samples import Batch, Samples, Split, Views
from regrep_paper.runs.data_folder import check_folder
from regrep_paper.tables.methods import METHODS, check_method
from regrep_paper.tables.table5 import DEFAULTS, VolumeSource, classes_of

PER_CLASS = 80
"""Default number of training polycubes per class."""


class MovedVolumes(MovedData):
    """Volumes in 0..255, normalised to -1..1, and transformed by a random rotation of the cube.

    Validation and test are evaluated on randomly rotated volumes (the number that selects the best epoch) and on
    upright ones (the paper's number). ``cnn`` trains on upright volumes, all other methods on rotated ones.

    Args:
        source: ``polycubes`` (generated here) or a data set of MedMNIST3D.
        data_dir: folder with the files of MedMNIST3D, instead of a download.
        size: points along each side, 28 or 64; for polycubes from 8 to 64.
        any_file: accept a file other than the published one, such as your own in the same format.
        per_class: training polycubes per class; validation has a quarter of that number, test half of it.
        method: the method that trains on the volumes.
        seed: seed of all augmentation; the volumes themselves are the same for every seed.
        batch_size: volumes in a batch.
    """

    def __init__(
        self,
        source: VolumeSource = DEFAULTS["data"],
        data_dir: Path | None = None,
        size: int = DEFAULTS["size"],
        any_file: bool = DEFAULTS["any_file"],
        per_class: int | None = None,
        method: str = DEFAULTS["method"],
        seed: int = 0,
        batch_size: int = DEFAULTS["batch_size"],
    ) -> None:
        super().__init__(Rotate3d(octahedral()), seed, batch_size)
        check_method(method)
        classes_of(source)
        if source == "polycubes":
            if not 8 <= size <= 64:
                raise RegrepError(f"the size of polycubes is from 8 to 64, got {size}")
            if any_file:
                raise RegrepError("any_file applies to the files of MedMNIST3D, not to polycubes; leave it out")
            if per_class is not None and per_class < 4:
                raise RegrepError(f"per_class is at least 4, so that every split has some, got {per_class}")
        elif size not in get_args(Size):
            raise RegrepError(f"volumes of MedMNIST3D have the size 28 or 64, got {size}")
        elif per_class is not None:
            raise RegrepError(f"per_class is a setting of polycubes, but {source} has its own volumes; leave it out")
        check_folder(data_dir, source, () if source == "polycubes" else ((file_of(source, size),),))
        self.source_name, self.data_dir, self.size, self.any_file = source, data_dir, size, any_file
        self.per_class = PER_CLASS if per_class is None else per_class
        self.train_upright = not METHODS[method].second_view
        self.volumes: Volumes | None = None

    def load(self) -> dict[Split, Samples]:
        """Generate or read the volumes."""
        if self.source_name == "polycubes":
            self.volumes = self._polycubes()
        else:
            self.volumes = medmnist3d(self.source_name, cast(Size, self.size), self.data_dir, self.any_file)
        labels = self.volumes.labels
        return {split: Samples(images, labels[split], split) for split, images in self.volumes.images.items()}

    def source(self) -> dict[str, Any]:
        """Source of the volumes."""
        assert self.volumes is not None
        return {"name": self.volumes.name, "files": self.volumes.files}

    def moved(self, batch: Batch, loader: int) -> Views:
        """Rotate on the device, unless the loader or the method uses upright volumes."""
        training = self.trainer is not None and self.trainer.training
        return self.views(batch, upright=loader == 1 or (training and self.train_upright))

    def views(self, batch: Batch, upright: bool = False) -> Views:
        """The volumes, rotated unless upright, and the elements of the second view."""
        generator = torch.Generator().manual_seed(batch.seed)
        own, g = (
            sent(sample(self.action.group, len(batch.labels), generator=generator), batch.images.device)
            for _ in range(2)
        )
        images = batch.images if upright else self.action(batch.images, own)
        return Views(images[:, None].float() / 127.5 - 1, batch.labels, g, None)

    def pictures(self, x: Tensor) -> Tensor:
        """Maximum projections from the front, from above (drawn below) and from the side (to the right), on a square.

        >>> MovedVolumes(size=14).pictures(torch.zeros(2, 1, 14, 14, 14)).shape
        torch.Size([2, 28, 28])
        """
        volume = (x[:, 0] + 1) / 2
        front, above, side = volume.amax(1), volume.amax(2), volume.amax(3).transpose(1, 2)
        empty = torch.zeros_like(front)
        return torch.cat([torch.cat([front, side], dim=2), torch.cat([above, empty], dim=2)], dim=1)

    def _polycubes(self) -> Volumes:
        images: dict[Split, Tensor] = {}
        labels: dict[Split, Tensor] = {}
        counts: dict[Split, int] = {
            "train": self.per_class,
            "validation": self.per_class // 4,
            "test": self.per_class // 2,
        }
        for offset, (split, count) in enumerate(counts.items()):
            generator = torch.Generator().manual_seed(mix(SPLIT_SEED, offset))
            images[split] = polycubes.volumes(polycubes.classes() * count, self.size, generator)
            labels[split] = torch.arange(len(polycubes.classes())).repeat(count)
        return Volumes(images, labels, {}, "polycubes")
