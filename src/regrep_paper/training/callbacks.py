"""Callbacks: the metrics file, plain progress lines, and the guard against a loss that is not finite."""

from __future__ import annotations

import csv
import io
import itertools
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch.optim.swa_utils import update_bn

from regrep.errors import RegrepError
from regrep_paper.runs.records import RunFolder, write_atomic

COLUMNS = (
    "epoch",
    "step",
    "seconds",
    "train/total",
    "train/task",
    "train/shifted_task",
    "train/latent_task",
    "train/equivariance",
    "train/whitened_error",
    "train/moving_share",
    "validation/accuracy",
    "validation/accuracy_upright",
    "validation/through_rho",
    "validation/loss",
    "validation/equivariance",
    "validation/whitened_error",
    "validation/moving_share",
    "validation/latent_scale",
)
"""The first columns of every metrics file; further metrics follow in order of their names."""


def metrics_of_epoch(trainer: Trainer) -> dict[str, torch.Tensor]:
    """What was logged in this epoch: the trainer also keeps what an earlier epoch was evaluated to."""
    every = trainer.check_val_every_n_epoch
    evaluated = every is None or (trainer.current_epoch + 1) % every == 0
    return {k: value for k, value in trainer.callback_metrics.items() if evaluated or not k.startswith("validation/")}


class MetricsFile(Callback):
    """One row per epoch in ``metrics.csv``, replaced atomically.

    The rows are saved in the checkpoint, so that a resumed run continues the file as of the checkpoint, not as
    of the moment it was killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []
        self.started = False
        self._before, self._work_before = 0.0, 0.0
        self._start, self._work_start = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> float:
        """Training time, over all resumptions, in seconds."""
        return self._before + time.perf_counter() - self._start

    @property
    def cpu_seconds(self) -> float:
        """Processor time of that, of all threads of this process: other work on the machine hardly changes it."""
        return self._work_before + time.process_time() - self._work_start

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clocks."""
        self.started = True
        self._start, self._work_start = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the row of this epoch and write the file."""
        row = {"epoch": trainer.current_epoch, "step": trainer.global_step, "seconds": round(self.seconds, 3)}
        row.update({name: float(value) for name, value in metrics_of_epoch(trainer).items()})
        self.rows.append(row)
        if trainer.is_global_zero:
            names = [*COLUMNS, *sorted(set().union(*self.rows) - set(COLUMNS))]
            text = io.StringIO()
            writer = csv.DictWriter(text, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            write_atomic(self.path, text.getvalue())

    def state_dict(self) -> dict[str, Any]:
        """Rows, seconds and threads, for the checkpoint."""
        threads = torch.get_num_threads()
        return {"rows": self.rows, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds, "threads": threads}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a checkpoint."""
        self.rows, self._before = list(state_dict["rows"]), state_dict["seconds"]
        self._work_before = state_dict.get("cpu_seconds", 0.0)  # older checkpoints have none


class FolderStays(Callback):
    """Stops a run whose folder was removed, before writing would make another one."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look for it before anything is written."""
        self.folder.check_there()


class ProgressLines(Callback):
    """One plain line per epoch, for logs and output that is not a terminal."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the line of this epoch."""
        if not trainer.is_global_zero:
            return
        metrics = metrics_of_epoch(trainer)
        parts = [
            f"{name.replace('_', ' ')} {float(metrics[key]):.4g}"
            for key, name in (
                ("train/total", "training loss"),
                ("validation/accuracy", "validation accuracy"),
                ("validation/rmse", "validation RMSE"),
                ("validation/through_rho", "through rho"),
                ("validation/whitened_error", "whitened error"),
                ("validation/moving_share", "moving share"),
                ("validation/latent_scale", "latent scale"),
            )
            if key in metrics
        ]
        print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}: {', '.join(parts)}", flush=True)


class FiniteLoss(Callback):
    """Stops a run whose loss is not finite, before a checkpoint can save the damage.

    On the CPU every step is checked; on a GPU, where a check waits for the device, every 20th and the last
    of each epoch. Checkpoints are written only at the end of an epoch, after this callback.
    """

    def __init__(self, checkpoint: Path) -> None:
        self.checkpoint = checkpoint
        self._finite: torch.Tensor | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Check the loss of this step."""
        finite = torch.isfinite(outputs["loss"]).all()
        self._finite = finite if self._finite is None else self._finite & finite
        if finite.device.type == "cpu" or batch_idx % 20 == 0:
            self._check(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check once more before the checkpoint."""
        self._check(trainer)

    def _check(self, trainer: Trainer) -> None:
        if self._finite is None:
            return
        if not trainer.strategy.reduce_boolean_decision(bool(self._finite)):  # all processes stop together
            kept = (
                f"the last good checkpoint is {self.checkpoint}"
                if self.checkpoint.exists()
                else "no epoch was completed"
            )
            raise RegrepError(
                f"the loss is not finite in epoch {trainer.current_epoch + 1}, step {trainer.global_step};"
                f" {kept}; lower the learning rate or the penalty weight"
            )


class Recalibration(Callback):
    """Re-estimates the statistics of batch normalisations from training batches, before every validation that counts.

    Running means lag behind weights that change quickly, which makes the accuracy jump from epoch to epoch. Checkpoints
    hold the validated statistics. Each of several processes takes whole batches, so that all get the same statistics.

    Args:
        every: re-estimate before every epoch's validation; otherwise only before the last one.
        batches: largest number of training batches to use.
    """

    def __init__(self, every: bool, batches: int = 32) -> None:
        self.every, self.batches = every, batches

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Re-estimate them with the current weights."""
        last = trainer.max_epochs is not None and trainer.current_epoch + 1 >= trainer.max_epochs
        if trainer.sanity_checking or not (self.every or last):
            return
        data = trainer.datamodule  # type: ignore[attr-defined]
        device = pl_module.device
        loader = itertools.islice(data.calibration_dataloader(), self.batches)
        views = (data.moved(data.transfer_batch_to_device(b, device, 0), 0) for b in loader)
        with trainer.precision_plugin.forward_context():
            update_bn((batch.x for batch in views), pl_module.network, device)  # type: ignore[arg-type]
