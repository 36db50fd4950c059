"""The Lightning module around section 4's objective: encoder, head and representation learn together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep.diagnostics import RepresentationAnalysis, analyse, control, null_controls
from regrep.errors import RegrepError
from regrep.objectives import RepresentationObjective
from regrep.representations import SingularMatrixError
from regrep_paper.runs.arrays import as_bytes, write_arrays
from regrep_paper.training.metrics import accuracy, latent_scale
from regrep_paper.training.module import ConfiguredModule, EncoderHead
from regrep_paper.training.processes import counted, weighted

DRAWS = 20
"""Draws of each null control."""


class RepresentationModule(ConfiguredModule[RepresentationObjective]):
    """Trains ``network.head(network.encoder(x))`` and a representation on its latent, under section 4's loss.

    Batches have the fields ``x``, ``gx`` (transformed inputs), ``y`` and ``g``. Logged once per epoch: ``train/<term>``
    and ``validation/<term>`` for each term of the objective, with ``loss`` for the total, ``latent_scale``, and for
    classifiers ``accuracy``. The same for ``test/``. The eigenvalues of the generators are recorded for every epoch.
    Arguments as in :class:`~regrep_paper.training.module.ConfiguredModule`.
    """

    monitor = ("validation/loss", "min")

    classifies: bool = False
    """Whether targets are labels; otherwise the network is an auto-encoder."""

    def __init__(
        self, network: EncoderHead, learning_rate: float, objective: RepresentationObjective, config: Mapping[str, Any]
    ) -> None:
        super().__init__(network, learning_rate, objective, config)
        self.learned = objective.latent
        self.untrained = self.learned.snapshot()
        self.trajectory: list[Tensor] = []

    def on_fit_start(self) -> None:
        """Record the initial eigenvalues."""
        self.trajectory = self.trajectory or [self.learned.eigenvalues().to(torch.complex64)]

    def on_train_epoch_end(self) -> None:
        """Record the eigenvalues after this epoch."""
        self.trajectory.append(self.learned.eigenvalues().to(torch.complex64))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Save the trajectory in the checkpoint, so that a resumed run continues it."""
        checkpoint["trajectory"] = list(self.trajectory)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Continue the trajectory of the checkpoint."""
        self.trajectory = list(checkpoint["trajectory"])

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One update; logs the terms of the objective."""
        try:
            terms = self.objective(batch.x, batch.y if self.classifies else None, batch.g, batch.gx)
        except SingularMatrixError as error:
            raise RegrepError(f"epoch {self.current_epoch + 1}, step {self.global_step}: {error}") from error
        size = len(batch.y) if batch.share else 0
        parts = terms.log("train/", errors=batch_idx % self.log_steps == 0)
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=counted(size), sync_dist=True)
        return weighted(terms.total, batch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Metrics on the validation split."""
        self._measure("validation", batch)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Metrics on the test split."""
        self._measure("test", batch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam on the trained parameters (appendix B)."""
        return self.adam([p for p in self.parameters() if p.requires_grad])

    def _measure(self, stage: str, batch: Any) -> None:
        terms = self.objective(batch.x, batch.y if self.classifies else None, batch.g, batch.gx)
        metrics = {name.replace("total", "loss"): value for name, value in terms.log().items()}
        z = self.network.encoder(batch.x).float()
        metrics["latent_scale"] = latent_scale(z)
        if self.classifies:
            metrics["accuracy"] = accuracy(self.network.head(z), batch.y)
        self.log_dict(
            {f"{stage}/{name}": value for name, value in metrics.items()},
            on_step=False,
            on_epoch=True,
            batch_size=counted(len(batch.y)),
            sync_dist=True,
        )

    def measure(self, data: Any = None, samples: int = 0) -> RepresentationAnalysis:
        """Analysis of the learned matrices; no data are needed."""
        return analyse(self.learned.group, self.learned.snapshot())

    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """Analysis of the learned matrices with its null controls; writes trajectories and pictures into the folder."""
        group = self.learned.group
        write_arrays(
            folder / "eigenvalues.npz",
            epoch=np.arange(len(self.trajectory)),
            generators=np.array(group.presentation.names),
            orders=group.element_orders[list(group.generators)].numpy(),
            eigenvalues=torch.stack(self.trajectory).numpy(),
        )
        write_arrays(folder / "matrices.npz", matrices=self.learned.matrices.detach().cpu().float().numpy())
        self._write_examples(data, folder / "examples.npz")
        generator = torch.Generator().manual_seed(0)
        matrices = self.learned.snapshot()
        controls = null_controls(group, matrices, DRAWS, generator)
        starts = (self.learned.redrawn(generator).snapshot() for _ in range(DRAWS))
        controls |= {
            "same initialisation": control(group, starts),
            "untrained start": control(group, [self.untrained]),
        }
        return {
            "representation": self.measure().as_dict(),
            "controls": {name: found.as_dict() for name, found in controls.items()},
        }

    @torch.no_grad()
    def _write_examples(self, data: Any, path: Path, count: int = 6) -> None:
        """A few validation pairs x and gx with D(rho(g) E(x)), where they are pictures (Figures 3 and 5)."""
        self.network.cpu().eval()
        pair = data.views(next(iter(data.val_dataloader())))
        if pair.x.dim() != 4 or pair.x.shape[1] not in (1, 3):
            return
        x, g = pair.x[:count], pair.g[:count]
        pictures = {"x": x, "gx": pair.gx[:count]}
        if not self.classifies:
            pictures["decoded"] = self.network.head(self.learned.cpu()(self.network.encoder(x), g))
        arrays = {name: _picture(value) for name, value in pictures.items()}
        names = np.array([self.learned.group.names[k] for k in g.tolist()])
        write_arrays(path, element=names, label=pair.y[:count].numpy(), **arrays)


def _picture(x: Tensor) -> np.ndarray:
    """Images in 0..1 as uint8 [k, H, W], or [k, H, W, 3] in colour.

    >>> [_picture(torch.zeros(2, channels, 4, 5)).shape for channels in (1, 3)]
    [(2, 4, 5), (2, 4, 5, 3)]
    """
    x = as_bytes(x)
    return (x[:, 0] if x.shape[1] == 1 else x.permute(0, 2, 3, 1)).numpy()
