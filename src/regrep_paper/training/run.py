"""One run: train a module, test its best epoch once, and leave a finished record."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, RichProgressBar

from regrep import CapacityWarning
from regrep.errors import RegrepError
from regrep_paper.runs.records import RunFolder
from regrep_paper.runs.stopping import Stopped
from regrep_paper.tables.protocol import PROTOCOLS, Protocol
from regrep_paper.training.callbacks import FiniteLoss, FolderStays, MetricsFile, ProgressLines, Recalibration
from regrep_paper.training.checkpoints import Checkpoint, CheckpointFiles, load_best, read_checkpoint, resumable
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
    "log_every_n_steps": 10,
}
"""Settings of Lightning's trainer that leave all records to the run folder, and batches to the data."""

MOST_THREADS = 1024
"""A record of somebody else may ask for no more."""


def prepare() -> None:
    """Tune the machine, and suppress Lightning's messages."""
    tune_allocator()
    if sys.flags.safe_path:  # processes that Lightning starts import nothing from the current folder either
        os.environ["PYTHONSAFEPATH"] = "1"
    for logger in ("lightning.pytorch", "lightning.fabric"):
        for part in ("", ".utilities.rank_zero", ".utilities.seed"):
            logging.getLogger(logger + part).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\..*")


def check_run(epochs: int | None, patience: int | None, seed: int, every: int | None = 1) -> None:
    """Raise for an endless run, one without epochs or a last evaluation, or a seed that generators do not accept.

    >>> check_run(-1, None, 0)
    Traceback (most recent call last):
    regrep.errors.RegrepError: a run has at least 1 epoch, got -1; choose how many it trains
    >>> check_run(12, None, 0, every=5)
    Traceback (most recent call last):
    regrep.errors.RegrepError: check_val_every_n_epoch divides the 12 epochs, the last of which is evaluated, got 5
    """
    if epochs is None or epochs < 1:
        raise RegrepError(f"a run has at least 1 epoch, got {epochs}; choose how many it trains")
    if every is None or every < 1 or epochs % every:
        raise RegrepError(
            f"check_val_every_n_epoch divides the {epochs} epochs, the last of which is evaluated, got {every}"
        )
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

    Continues from ``checkpoints/last.ckpt`` if there is one, or if that is damaged from ``best.ckpt``. Of several
    processes the first owns the folder; the others have no lock, write and print nothing, and return an empty record.

    Args:
        folder: folder of the run, which is not finished.
        trainer: built with the settings ``TRAINER``.
        model: the module to train.
        data: a data module with ``record()`` in addition to Lightning's methods.
        config: all settings that identify the run, including ``seed``.
        command: the command that runs it, for the record.
        patience: stop after this many epochs, of those that are evaluated, without improvement.
        protocol: schedule, batches, and which weights are tested; ``best.ckpt`` holds those.

    Raises:
        RegrepError: the folder of another run, damaged checkpoints, a loss that is not finite, a full disk, or a folder
            that is removed while it trains.
        Stopped: a signal asked for an end.
    """
    monitor, direction = model.monitor
    model.schedule, data.whole_batches = protocol.schedule, protocol.whole_batches
    model.log_steps = max(1, trainer.log_every_n_steps)  # type: ignore[attr-defined]
    best = protocol.selection == "best"
    metrics = MetricsFile(folder.path / "metrics.csv")
    other = {"max": "min", "min": "max"}[direction]  # two that monitor nothing differ by their modes
    checkpoints = {
        which: Checkpoint(
            folder.path / "checkpoints",
            filename=which,
            monitor=metric,
            mode=direction if metric or which == "last" else other,
            every_n_epochs=trainer.check_val_every_n_epoch,
            enable_version_counter=False,
            save_on_train_epoch_end=True,
        )
        for which, metric in (("best", monitor if best else None), ("last", None))
    }
    callbacks: list[Callback] = [
        FolderStays(folder),
        metrics,
        FiniteLoss(folder.checkpoint("last")),
        *checkpoints.values(),
    ]
    if protocol.recalibrate:
        callbacks.append(Recalibration(every=best or patience is not None))
    if patience is not None:
        callbacks.append(EarlyStopping(monitor, mode=direction, patience=patience))
    callbacks.append(RichProgressBar() if sys.stdout.isatty() else ProgressLines())
    own = trainer.callbacks  # type: ignore[attr-defined]
    own.extend(callbacks)
    own.sort(key=lambda callback: isinstance(callback, Checkpoint))  # checkpoints hold the others' state
    trainer.strategy.checkpoint_io = CheckpointFiles()
    start = resumable(folder)  # before anything in the folder changes
    keep_threads(folder, start)
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
            threads=torch.get_num_threads(),
        )
    try:
        try:
            with noted(CapacityWarning) as notes:
                trainer.fit(model, datamodule=data, ckpt_path=start and str(start), weights_only=True)
        except Exception as cause:
            if start is None or metrics.started or isinstance(cause, RegrepError):
                raise
            raise RegrepError(
                f"the run cannot continue from {start}, which is no checkpoint of it"
                f" ({' '.join(str(cause).split())[:200]}); restore a copy, or train the run again"
            ) from cause
        folder.check_there()
        record = _evaluate(folder, trainer, model, data, metrics)
        if notes:
            record["notes"] = notes
    except RegrepError as error:
        if owner:
            with suppress(RegrepError):  # on a full disk the first error counts
                folder.finish({"status": "failed", "message": str(error), "epochs": trainer.current_epoch})
        raise
    except SystemExit as end:  # Lightning's own answer to signals
        raise Stopped(signal.SIGTERM if trainer.received_sigterm else signal.SIGINT) from end
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


@contextmanager
def noted(kind: type[Warning]) -> Iterator[list[str]]:
    """Collect the texts of one kind of warning instead of printing them, each once.

    >>> with noted(UserWarning) as notes:
    ...     warnings.warn("little room", UserWarning)
    ...     warnings.warn("little room", UserWarning)
    >>> notes
    ['little room']
    """
    notes: list[str] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=kind)
        show = warnings.showwarning

        def note(message: Any, category: type[Warning], *args: Any, **kwargs: Any) -> None:
            if not issubclass(category, kind):
                show(message, category, *args, **kwargs)
            elif str(message) not in notes:
                notes.append(str(message))

        warnings.showwarning = note
        yield notes


def keep_threads(folder: RunFolder, start: Path | None) -> None:
    """Continue a run with as many threads as it began with: the order in which sums are rounded depends on it.

    A sweep gives each of its jobs a share of the cores, and another ``--jobs`` would change the last digits, which
    training makes the first ones.
    """
    threads = (folder.record or {}).get("threads")
    if isinstance(threads, int) and not isinstance(threads, bool) and 1 <= threads <= MOST_THREADS:
        torch.set_num_threads(threads)
    if start is not None:
        states = read_checkpoint(folder, "best" if start.stem == "best" else "last").get("callbacks") or {}
        trained = states.get(MetricsFile.__qualname__) or {}
        if trained.get("threads", torch.get_num_threads()) != torch.get_num_threads():  # older checkpoints have none
            raise RegrepError(
                f"{start} was trained with {trained['threads']} threads, but {folder.path / 'run.json'} says {threads};"
                " restore a copy of either, or train the run again"
            )


def measured(loaders: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The metrics of all loaders together; their names differ.

    >>> measured([{"test/loss": 1.0}, {"test/accuracy_upright": 0.5}])
    {'test/loss': 1.0, 'test/accuracy_upright': 0.5}
    """
    return {name: value for metrics in loaders for name, value in metrics.items()}


def _evaluate(
    folder: RunFolder, trainer: Trainer, model: ConfiguredModule[Any], data: Any, metrics: MetricsFile
) -> dict[str, Any]:
    """Test the best epoch, chosen on validation, once; then diagnose it."""
    epochs, seconds, work = trainer.current_epoch, metrics.seconds, metrics.cpu_seconds
    epoch = load_best(folder, model)
    row = next(row for row in metrics.rows if row["epoch"] == epoch)
    tested = measured(trainer.test(model, datamodule=data, verbose=False))
    return {
        "status": "finished",
        "best_epoch": epoch,
        "epochs": epochs,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(work, 1),
        "validation": {k.removeprefix("validation/"): v for k, v in row.items() if k.startswith("validation/")},
        "test": {k.removeprefix("test/"): v for k, v in tested.items()},
        **(model.diagnose(data, folder.path) if trainer.is_global_zero else {}),
    }
