"""One run: train a module, test its best epoch once, and leave a finished record."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar

from regrep.errors import RegrepError
from regrep_paper.runs.records import RunFolder
from regrep_paper.tables.protocol import PROTOCOLS, Protocol
from regrep_paper.training.callbacks import FiniteLoss, MetricsFile, ProgressLines, Recalibration
from regrep_paper.training.machine import tune_allocator
from regrep_paper.training.module import ConfiguredModule

TRAINER: Mapping[str, Any] = {
    "logger": False,
    "enable_checkpointing": False,
    "enable_model_summary": False,
    "enable_progress_bar": False,
    "num_sanity_val_steps": 0,
    "devices": 1,
    "use_distributed_sampler": False,
}
"""Settings of Lightning's trainer that leave all records to the run folder, and batches to the data."""


def prepare() -> None:
    """Tune the machine, and suppress Lightning's messages."""
    tune_allocator()
    if sys.flags.safe_path:  # processes that Lightning starts import nothing from the current folder either
        os.environ["PYTHONSAFEPATH"] = "1"
    for logger in ("lightning.pytorch", "lightning.fabric"):
        for part in ("", ".utilities.rank_zero", ".utilities.seed"):
            logging.getLogger(logger + part).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\..*")


def check_run(epochs: int | None, patience: int | None, seed: int) -> None:
    """Raise for an endless run, a run without epochs, or a seed that generators do not accept.

    >>> check_run(-1, None, 0)
    Traceback (most recent call last):
    regrep.errors.RegrepError: a run has at least 1 epoch, got -1; choose how many it trains
    """
    if epochs is None or epochs < 1:
        raise RegrepError(f"a run has at least 1 epoch, got {epochs}; choose how many it trains")
    if patience is not None and patience < 0:
        raise RegrepError(f"patience counts epochs, got {patience}; leave it out to train all of them")
    if not 0 <= seed < 2**32:
        raise RegrepError(f"a seed is an integer from 0 to {2**32 - 1}, got {seed}")


def train(
    folder: RunFolder,
    trainer: Trainer,
    model: ConfiguredModule[Any],
    data: Any,
    config: Mapping[str, Any],
    command: Sequence[str],
    patience: int | None = None,
    protocol: Protocol = PROTOCOLS["published"],
) -> dict[str, Any]:
    """Train in a run folder that this process has locked; returns the content of ``done.json``.

    Continues from ``checkpoints/last.ckpt`` if there is one. Of several processes the first owns the folder; the others
    have no lock, write and print nothing, and return an empty record.

    Args:
        folder: folder of the run, which is not finished.
        trainer: built with the settings ``TRAINER``.
        model: the module to train.
        data: a data module with ``record()`` in addition to Lightning's methods.
        config: all settings that identify the run, including ``seed``.
        command: the command that runs it, for the record.
        patience: stop after this many epochs without improvement.
        protocol: schedule, batches, and which weights are tested; ``best.ckpt`` holds those.

    Raises:
        RegrepError: the folder of another run, or a loss that is not finite.
    """
    monitor, direction = model.monitor
    model.schedule, data.whole_batches = protocol.schedule, protocol.whole_batches
    best = protocol.selection == "best"
    metrics = MetricsFile(folder.path / "metrics.csv")
    other = {"max": "min", "min": "max"}[direction]  # two that monitor nothing differ by their modes
    checkpoints = {
        which: ModelCheckpoint(
            folder.path / "checkpoints",
            filename=which,
            monitor=metric,
            mode=direction if metric or which == "last" else other,
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        )
        for which, metric in (("best", monitor if best else None), ("last", None))
    }
    callbacks: list[Callback] = [metrics, FiniteLoss(folder.checkpoint("last")), *checkpoints.values()]
    if protocol.recalibrate:
        callbacks.append(Recalibration(every=best or patience is not None))
    if patience is not None:
        callbacks.append(EarlyStopping(monitor, mode=direction, patience=patience))
    callbacks.append(RichProgressBar() if sys.stdout.isatty() else ProgressLines())
    own = trainer.callbacks  # type: ignore[attr-defined]
    own.extend(callbacks)
    own.sort(key=lambda callback: isinstance(callback, ModelCheckpoint))  # checkpoints hold the others' state
    last = folder.checkpoint("last")
    if last.exists():
        read_checkpoint(folder, "last")  # before anything in the folder changes, and before Lightning opens it
    owner = trainer.is_global_zero
    if owner:
        data.setup()
        folder.start(
            config=config,
            command=command,
            seed=config["seed"],
            data=data.record(),
            parameters=sum(p.numel() for p in model.parameters()),
            device=str(trainer.strategy.root_device),
            precision=str(trainer.precision),
        )
    try:
        if last.exists():
            trainer.fit(model, datamodule=data, ckpt_path=str(last), weights_only=True)
        else:
            trainer.fit(model, datamodule=data)
        record = _evaluate(folder, trainer, model, data, metrics)
    except RegrepError as error:
        if owner:
            folder.finish({"status": "failed", "message": str(error), "epochs": trainer.current_epoch})
        raise
    if trainer.interrupted:
        raise KeyboardInterrupt
    if not owner:
        return {}
    folder.finish(record)
    name = monitor.removeprefix("validation/")
    print(
        f"test {name} {record['test'][name]:.4f}"
        f" (validation {record['validation'][name]:.4f}, epoch {record['best_epoch'] + 1}); record: {folder.path}"
    )
    return record


def try_out(trainer: Trainer, model: ConfiguredModule[Any], data: Any) -> None:
    """Train, validate and test a batch or a few (``fast_dev_run``); nothing is recorded."""
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        print("training, validation and test have been tried out; nothing was recorded")


def measured(loaders: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The metrics of all loaders together; their names differ.

    >>> measured([{"test/loss": 1.0}, {"test/accuracy_upright": 0.5}])
    {'test/loss': 1.0, 'test/accuracy_upright': 0.5}
    """
    return {name: value for metrics in loaders for name, value in metrics.items()}


def read_checkpoint(folder: RunFolder, which: Literal["best", "last"]) -> dict[str, Any]:
    """Content of a checkpoint, read without running any code; raises unless it has only arrays and plain values.

    Raises:
        RegrepError: the file leads out of the run folder, cannot be read, or holds anything else.
    """
    path = folder.checkpoint(which)
    if not path.resolve().is_relative_to(folder.path.resolve()):
        raise RegrepError(f"{path} leads out of the run folder, to {path.resolve()}; copy that file into it")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as cause:
        raise RegrepError(
            f"{path} cannot be read as a checkpoint: it holds more than arrays and plain values, or is damaged;"
            " do not trust it, restore a copy, or train the run again"
        ) from cause
    except Exception as cause:  # a damaged archive raises errors of many kinds
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again") from cause
    if not isinstance(checkpoint, dict):
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again")
    return checkpoint


def load_best(folder: RunFolder, model: ConfiguredModule[Any]) -> int:
    """Load the best weights into the model; returns their epoch.

    Raises:
        RegrepError: the file is not a checkpoint, or one of another network.
    """
    path = folder.checkpoint("best")
    checkpoint = read_checkpoint(folder, "best")
    try:
        epoch, weights = int(checkpoint["epoch"]), checkpoint["state_dict"]
    except (KeyError, TypeError, ValueError) as cause:
        raise RegrepError(f"{path} cannot be read as a checkpoint; restore a copy, or train the run again") from cause
    try:
        model.load_state_dict(weights)
    except RuntimeError as cause:
        raise RegrepError(
            f"{path} holds weights of a network other than the run's settings say; restore a copy, or train it again"
        ) from cause
    return epoch


def _evaluate(
    folder: RunFolder, trainer: Trainer, model: ConfiguredModule[Any], data: Any, metrics: MetricsFile
) -> dict[str, Any]:
    """Test the best epoch, chosen on validation, once; then diagnose it."""
    epochs, seconds = trainer.current_epoch, metrics.seconds
    epoch = load_best(folder, model)
    row = next(row for row in metrics.rows if row["epoch"] == epoch)
    tested = measured(trainer.test(model, datamodule=data, verbose=False))
    return {
        "status": "finished",
        "best_epoch": epoch,
        "epochs": epochs,
        "seconds": round(seconds, 1),
        "validation": {k.removeprefix("validation/"): v for k, v in row.items() if k.startswith("validation/")},
        "test": {k.removeprefix("test/"): v for k, v in tested.items()},
        **(model.diagnose(data, folder.path) if trainer.is_global_zero else {}),
    }
