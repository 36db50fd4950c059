"""`regrep fit` and `regrep test`: LightningCLI for an experiment, inside a run folder."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import torch
from jsonargparse import ActionConfigFile
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from regrep.diagnostics import EquivarianceError, RepresentationAnalysis
from regrep.errors import RegrepError
from regrep.experiments.cells import Definition, experiment
from regrep.suggestions import repair
from regrep.training.callbacks import FiniteLoss, MetricsFile, ProgressLines
from regrep.training.machine import default_precision, tune_allocator
from regrep.training.module import NetworkModule
from regrep.training.records import RunFolder
from regrep.training.representation import RepresentationModule

Module = NetworkModule | RepresentationModule
"""What an experiment trains: ``monitor``, ``cell()``, ``measure()`` and ``diagnose()`` are all that is asked of it."""


class _Parser(LightningArgumentParser):
    """Answers a mistake with one sentence instead of the whole usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise, with the nearest option for a misspelt one."""
        told = " ".join(message.split())
        unknown = re.search(r"nrecognized arguments: (\S+)", told)
        if unknown:
            options = [text for action in self._actions for text in action.option_strings]
            told = f"there is no option {unknown[1]}; {repair(unknown[1].partition('=')[0], options)}"
        raise RegrepError(told) from ex


class ExperimentCLI(LightningCLI):
    """LightningCLI with a run folder, early stopping and resumption, and no logger of Lightning's own."""

    def __init__(self, definition: Definition, args: Sequence[str]) -> None:
        self.definition = definition
        super().__init__(
            definition.model,
            definition.data,
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults={
                "logger": False,
                "enable_checkpointing": False,
                "enable_model_summary": False,
                "enable_progress_bar": False,
                "num_sanity_val_steps": 0,
                "precision": definition.precision or default_precision(),
                "max_epochs": definition.epochs,
            },
            args=list(args),
            run=False,
            auto_configure_optimizers=False,
        )

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """The parser that answers in one sentence, and reads a run's ``config.yaml`` with ``--config``."""
        parser = _Parser(**kwargs)
        parser.add_argument(
            "-c", "--config", action=ActionConfigFile, help="a file with options, such as a config.yaml"
        )
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options of the run beside those of model, data and trainer."""
        parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="the run folder")
        parser.add_argument(
            "--patience", type=int | None, default=None, help="stop after that many epochs without gain"
        )
        for source, target in self.definition.links:
            parser.link_arguments(source, target)


def fit(name: str, args: Sequence[str]) -> dict[str, Any]:
    """Train one cell, test its best checkpoint once, and leave a finished record.

    Continues from ``checkpoints/last.ckpt`` if the run folder holds one. Returns the content of ``done.json``.

    Raises:
        RegrepError: a wrong setting, a folder of another run, or a loss that is not finite.
    """
    cli = _cli(name, args)
    out: Path = cli.config.out
    folder = RunFolder(out)
    with folder.lock():
        if folder.finished:
            print(f"{out} holds a finished run; nothing to do")
            return folder.done or {}
        cli.parser.save(cli.config, out / "config.yaml", overwrite=True, skip_validation=True)
        trainer, model, data = cli.trainer, cli.model, cli.datamodule
        monitor, direction = model.monitor
        metrics = MetricsFile(out / "metrics.csv")
        checkpoints = {
            which: ModelCheckpoint(
                out / "checkpoints",
                filename=which,
                monitor=metric,
                mode=direction,
                enable_version_counter=False,
                save_on_train_epoch_end=True,
            )
            for which, metric in (("best", monitor), ("last", None))
        }
        callbacks: list[Callback] = [metrics, FiniteLoss(folder.checkpoint("last")), *checkpoints.values()]
        if cli.config.patience is not None:
            callbacks.append(EarlyStopping(monitor, mode=direction, patience=cli.config.patience))
        callbacks.append(RichProgressBar() if sys.stdout.isatty() else ProgressLines())
        own = trainer.callbacks  # type: ignore[attr-defined]
        own.extend(callbacks)
        own.sort(key=lambda callback: isinstance(callback, ModelCheckpoint))  # checkpoints hold the others' state
        data.setup()
        folder.start(
            cell=_cell(cli),
            command=["regrep", "fit", name, *args],
            seed=cli.config.seed_everything,
            data=data.record(),
            parameters=sum(p.numel() for p in model.parameters()),
            device=str(trainer.strategy.root_device),
            precision=str(trainer.precision),
        )
        try:
            last = folder.checkpoint("last")
            trainer.fit(model, datamodule=data, ckpt_path=str(last) if last.exists() else None)
            record = _evaluate(folder, trainer, model, data, metrics)
        except RegrepError as error:
            folder.finish({"status": "failed", "message": str(error), "epochs": trainer.current_epoch})
            raise
        if trainer.interrupted:
            raise KeyboardInterrupt
        folder.finish(record)
        name = monitor.removeprefix("validation/")
        print(
            f"test {name} {record['test'][name]:.4f}"
            f" (validation {record['validation'][name]:.4f}, epoch {record['best_epoch'] + 1}); record: {out}"
        )
        return record


def test(name: str, args: Sequence[str]) -> dict[str, Any]:
    """Measure a run's best checkpoint on the test split again, without touching its record."""
    cli = _cli(name, args)
    folder = RunFolder(cli.config.out)
    if not folder.checkpoint("best").exists():
        raise RegrepError(f"{cli.config.out} holds no checkpoints/best.ckpt; train it first with regrep fit {name}")
    _load_best(folder, cli.model)
    metrics = _measured(cli.trainer.test(cli.model, datamodule=cli.datamodule, verbose=False))
    for key, value in metrics.items():
        print(f"{key:24} {value:.4f}")
    return metrics


def _cli(name: str, args: Sequence[str]) -> ExperimentCLI:
    """The parsed command, on a tuned machine and without the trainer's own chatter."""
    tune_allocator()
    for logger in ("lightning.pytorch", "lightning.fabric"):
        for part in ("", ".utilities.rank_zero", ".utilities.seed"):
            logging.getLogger(logger + part).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module=r"lightning\..*")
    with _own_arguments():
        return ExperimentCLI(experiment(name), args)


@contextmanager
def _own_arguments() -> Iterator[None]:
    """LightningCLI warns when it gets arguments while sys.argv holds some too."""
    argv, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = argv


def measure(run: Path, samples: int = 256) -> EquivarianceError | RepresentationAnalysis:
    """What a run's best checkpoint is worth: its equivariance error on validation samples moved at random.

    Of a learned representation, the analysis of its matrices.

    Args:
        run: the run folder.
        samples: how many samples, at least 1.

    Raises:
        RegrepError: the folder holds no trained run.
    """
    folder = RunFolder(run)
    record = folder.record
    if samples < 1:
        raise RegrepError(f"an equivariance error needs at least one sample, got {samples}")
    if record is None or not folder.checkpoint("best").exists():
        raise RegrepError(f"{run} holds no trained run (run.json, checkpoints/best.ckpt); train it with regrep fit")
    name, args = record["cell"]["experiment"], [f"--config={run / 'config.yaml'}"]
    cli = _cli(name, args)
    _load_best(folder, cli.model)
    measured: EquivarianceError | RepresentationAnalysis = cli.model.measure(cli.datamodule, samples)
    return measured


def _cell(cli: ExperimentCLI) -> dict[str, Any]:
    """All settings of model, data and run that name the cell, resolved."""
    config = cli.config
    data = {option: getattr(config.data, key) for key, option in cli.definition.data_cell.items()}
    run = {
        "seed": config.seed_everything,
        "epochs": config.trainer.max_epochs,
        "patience": config.patience,
        "precision": config.trainer.precision,
    }
    return {**cli.model.cell(), **data, **run}


def _measured(loaders: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The metrics of all loaders together; their names differ."""
    return {name: value for metrics in loaders for name, value in metrics.items()}


def _load_best(folder: RunFolder, model: Module) -> int:
    """Load the best weights into the model; returns their epoch."""
    checkpoint = torch.load(folder.checkpoint("best"), map_location="cpu", weights_only=True)
    model.load_state_dict(checkpoint["state_dict"])
    return int(checkpoint["epoch"])


def _evaluate(folder: RunFolder, trainer: Trainer, model: Module, data: Any, metrics: MetricsFile) -> dict[str, Any]:
    """Test the best epoch, chosen on validation, once; error per element on the validation split."""
    epochs, seconds = trainer.current_epoch, metrics.seconds
    epoch = _load_best(folder, model)
    row = next(row for row in metrics.rows if row["epoch"] == epoch)
    measured = _measured(trainer.test(model, datamodule=data, verbose=False))
    return {
        "status": "finished",
        "best_epoch": epoch,
        "epochs": epochs,
        "seconds": round(seconds, 1),
        "validation": {k.removeprefix("validation/"): v for k, v in row.items() if k.startswith("validation/")},
        "test": {k.removeprefix("test/"): v for k, v in measured.items()},
        **model.diagnose(data, folder.path),
    }
