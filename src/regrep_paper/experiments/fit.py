"""`regrep fit`, `regrep test` and `regrep measure`: LightningCLI for an experiment, inside a run folder."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NoReturn

from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from regrep.diagnostics import LayerProfile, RepresentationAnalysis
from regrep.errors import RegrepError
from regrep_paper.experiments.options_file import OptionsFile
from regrep_paper.experiments.options_help import described
from regrep_paper.experiments.recorded import Files, check_recorded, recorded_command
from regrep_paper.experiments.settings_file import OPTION, expanded
from regrep_paper.runs.records import RunFolder
from regrep_paper.suggestions import MisuseError, repair
from regrep_paper.tables import definition_of
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.network import load
from regrep_paper.tables.protocol import PROTOCOLS, Schedule, Selection, protocol_in
from regrep_paper.training.captured import can_capture
from regrep_paper.training.checkpoints import load_best
from regrep_paper.training.compiled import compile_training
from regrep_paper.training.machine import default_precision
from regrep_paper.training.measurement import Measurement
from regrep_paper.training.processes import check_processes
from regrep_paper.training.run import TRAINER, check_run, measured, prepare, train, try_out

HARMLESS = (
    *("max_epochs", "check_val_every_n_epoch", "precision"),  # settings
    *("accelerator", "default_root_dir", "logger", "profiler", "log_every_n_steps"),
    *("enable_checkpointing", "enable_model_summary", "enable_progress_bar", "num_sanity_val_steps"),
)
"""Options of the trainer that a record has elsewhere, or that change no number."""


class _Parser(LightningArgumentParser):
    """Reports a mistake in one sentence instead of printing the usage, and never reads a value from a file."""

    definition: Definition | None = None
    """Of the experiment whose options these are."""

    def add_class_arguments(self, *args: Any, **kwargs: Any) -> Any:
        """Arguments of a class; a value that happens to be the name of a file is kept as it is."""
        return super().add_class_arguments(*args, **{**kwargs, "sub_configs": False})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise, suggesting the nearest option for a misspelt one."""
        text, kind = " ".join(message.split()), RegrepError
        unknown = re.search(r"nrecognized arguments: (\S+)", text)
        if unknown:
            kind = MisuseError
        if unknown and not unknown[1].startswith("-"):
            text = f"unexpected argument {unknown[1]}; write options as --name=value"
        elif unknown:
            options = [option for action in self._actions for option in action.option_strings]
            near = repair(unknown[1].partition("=")[0], options)
            near = near if near.startswith("did you mean") else "see regrep fit EXPERIMENT --help"  # too many to list
            text = f"there is no option {unknown[1]}; {near}"
        wrong = re.search(r'Parser key "(\S+)": .*(?:Got|Given) value: (.*)', text)
        told = [line for line in re.findall(r"(?m)^ *- (.+)", message) if not line.startswith("Expected a")]
        if wrong and not told:
            text = f"--{wrong[1]} takes {_kinds(text)}, got {wrong[2]}; see regrep fit EXPERIMENT --help"
        elif wrong:  # a class that lacks an argument, say
            text = f"--{wrong[1]}: {'; '.join(dict.fromkeys(told))}; see --{wrong[1]}.help"
        raise kind(re.sub(r'Parser key "(\S+)"', r"--\1", text)) from ex

    def format_help(self, *args: Any, **kwargs: Any) -> str:
        """Our options first."""
        if self.definition is None:  # of a class named by an option
            return str(super().format_help(*args, **kwargs))
        return described(self.definition, self._actions)


def _kinds(text: str) -> str:
    """The values an option takes, from jsonargparse's list of types.

    >>> _kinds("Errors: - Expected a <class 'int'> - Expected a typing.Literal['C4', 'D4'] Given value: x")
    'an integer or C4, D4'
    """
    words = {"int": "an integer", "float": "a number", "str": "a word", "bool": "true or false", "NoneType": "null"}
    kinds = re.findall(r"Expected an? (?:<class '(\w+)'>|typing\.Literal\[([^]]*)\])", text)
    return " or ".join(words.get(kind, kind) or values.replace("'", "") for kind, values in kinds) or "another value"


class ExperimentCLI(LightningCLI):
    """LightningCLI with a run folder, early stopping and resumption, and without Lightning's loggers."""

    def __init__(self, definition: Definition, args: Sequence[str]) -> None:
        self.definition = definition
        self.settings, words = expanded(definition, args)
        super().__init__(
            load(definition.model),
            load(definition.data),
            save_config_callback=None,
            seed_everything_default=0,
            trainer_defaults={
                **TRAINER,
                "precision": definition.defaults["precision"] or default_precision(),
                "max_epochs": definition.defaults["epochs"],
            },
            args=words,
            run=False,
            auto_configure_optimizers=False,
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and reject a run without epochs before anything is built."""
        super().parse_arguments(parser, args)
        trainer = self.config.trainer
        check_run(
            trainer.max_epochs, self.config.patience, self.config.seed_everything, trainer.check_val_every_n_epoch
        )

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer; raises one sentence if Lightning rejects its options."""
        if self.config.trainer.default_root_dir is None:
            # Slurm's signal before it requeues a job saves a checkpoint there, which the next job in that folder loads.
            kwargs["default_root_dir"] = str(self.config.out)
        try:
            return super().instantiate_trainer(**kwargs)
        except (TypeError, ValueError, MisconfigurationException) as cause:
            raise RegrepError(f"the trainer cannot be built: {' '.join(str(cause).split())}") from cause

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """The parser that reports mistakes in one sentence and reads a file of options with ``--config``."""
        parser = _Parser(**kwargs)
        parser.definition = self.definition
        parser.add_argument("-c", "--config", action=OptionsFile, help="a file with options, such as a config.yaml")
        return parser

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Options of the run in addition to those of model, data and trainer."""
        parser.add_argument(OPTION, type=Path, default=None, help="a JSON file of settings, such as a run.json")
        parser.add_argument("--out", type=Path, default=Path("runs/latest"), help="the run folder")
        parser.add_argument(
            "--patience", type=int | None, default=None, help="stop after this many epochs without improvement"
        )
        parser.add_argument(
            "--protocol",
            type=Literal[tuple(PROTOCOLS)],
            default=self.definition.defaults["protocol"],
            help="decaying: a one-cycle rate, re-estimated statistics, whole batches, the last epoch's weights;"
            " published: the paper's constant rate and the best epoch on validation",
        )
        for name, kind, what in (
            ("schedule", Schedule, "schedule of the learning rate"),
            ("recalibrate", bool, "re-estimate normalisation statistics before evaluations that count"),
            ("whole_batches", bool, "leave out an epoch's last batch if it is not full"),
            ("select", Selection, "the weights to test: those of the last epoch, or the best on validation"),
        ):
            parser.add_argument(f"--{name}", type=kind | None, default=None, help=f"{what} (default: the protocol's)")
        parser.add_argument(
            "--compile",
            type=bool,
            default=False,
            help="run a step as one graph, with the making of its batch where all have one size and the data allow it"
            " (its random numbers are then others), and on a GPU with its gradients and its update",
        )
        for setting in self.definition.settings:
            if setting.option and setting.also:
                parser.link_arguments(setting.option, setting.also)

    @property
    def named_config(self) -> dict[str, Any]:
        """All resolved settings, as they identify the run: with a precision only if the machine does not choose it."""
        definition = self.definition
        found = {name: self.config.get(option) for name, option in definition.options.items()}
        if self.settings.get("precision") is None and found["precision"] == default_precision():
            found["precision"] = definition.defaults["precision"]
        return definition.resolved(found)

    @property
    def trainer_options(self) -> dict[str, Any]:
        """Options of the trainer that may change results, are not settings, and differ from their defaults."""
        defaults = self.parser.get_defaults().trainer
        return {
            name: value
            for name, value in vars(self.config.trainer).items()
            if name not in HARMLESS and value != defaults.get(name)
        }


def fit(name: str, args: Sequence[str]) -> dict[str, Any]:
    """Train one config, test its best checkpoint once, and write a finished record.

    Continues from ``checkpoints/last.ckpt`` if the run folder has one. Returns the content of ``done.json``. Of several
    processes the first locks the folder and writes the record; the others return nothing.

    Raises:
        RegrepError: a wrong setting, the folder of another run, or a loss that is not finite.
    """
    cli = _cli(name, args)
    out: Path = cli.config.out
    folder, config, options = RunFolder(out), cli.named_config, cli.trainer_options
    check_processes(cli.trainer, compiled=bool(config.get("compile")))
    if cli.config.trainer.fast_dev_run:
        try_out(cli.trainer, cli.model, cli.datamodule)
        return {}
    command = ["regrep", "fit", name, *args]

    def trained_run() -> dict[str, Any]:
        parts, protocol = (cli.trainer, cli.model, cli.datamodule), protocol_in(config)
        if config.get("compile"):
            compile_training(*parts[1:], protocol.whole_batches, capture=can_capture(cli.trainer))
        return train(folder, *parts, config, command, cli.config.patience, protocol)

    if not cli.trainer.is_global_zero:
        try:
            return {} if folder.finished else trained_run()
        except RegrepError:  # the first process has the same and tells it
            raise SystemExit(1) from None
    with folder.lock():
        folder.plan(config, options, str(cli.config.trainer.precision))
        if folder.finished:
            print(f"{out} holds a finished run; nothing to do")
            return folder.done or {}
        return trained_run()


def check(command: Sequence[str]) -> None:
    """Raise if the arguments ``fit EXPERIMENT OPTIONS`` describe an invalid run; nothing is read or written."""
    _cli(command[1], command[2:])


def test(name: str, args: Sequence[str]) -> dict[str, Any]:
    """Evaluate a run's best checkpoint on the test split again, without changing its record.

    Raises:
        RegrepError: the folder holds no trained run, or one with other settings than those given.
    """
    cli = _cli(name, args)
    folder = RunFolder(cli.config.out)
    if folder.record is None or not folder.checkpoint("best").exists():
        raise RegrepError(
            f"{cli.config.out} holds no run.json with checkpoints/best.ckpt; train it first with regrep fit {name}"
        )
    check_recorded(folder, cli.named_config)
    load_best(folder, cli.model)
    return tested(cli)


def test_run(run: Path, files: Files) -> dict[str, Any]:
    """Evaluate a run's best checkpoint on the test split again, with the settings of its training.

    Args:
        run: the run folder; nothing in it is trusted.
        files: data folder and fonts, if the run used any.

    Raises:
        RegrepError: the folder holds no trained run, or a file of the run must be given again.
    """
    return tested(trained(RunFolder(run), files))


def tested(cli: ExperimentCLI) -> dict[str, float]:
    """Compute and print the metrics of a module on the test split."""
    metrics = measured(cli.trainer.test(cli.model, datamodule=cli.datamodule, verbose=False))
    if cli.trainer.is_global_zero:
        for key, value in metrics.items():
            print(f"{key:24} {value:.4f}")
    return metrics


def _cli(name: str, args: Sequence[str]) -> ExperimentCLI:
    """The parsed command, with the machine tuned and Lightning's output suppressed."""
    prepare()
    with _own_arguments():
        return ExperimentCLI(definition_of(name), args)


@contextmanager
def _own_arguments() -> Iterator[None]:
    """Hide sys.argv: LightningCLI warns if it gets arguments while sys.argv also has some."""
    argv, sys.argv = sys.argv, sys.argv[:1]
    try:
        yield
    finally:
        sys.argv = argv


def measure(run: Path, samples: int | None = None, files: Files | None = None) -> Measurement | RepresentationAnalysis:
    """The equivariance of a run's best checkpoint, on randomly transformed validation samples.

    For a learned representation, the analysis of its matrices.

    Args:
        run: the run folder; nothing in it is trusted.
        samples: number of samples, at least 1; defaults to 256.
        files: data folder and fonts, if the run used any.

    Raises:
        RegrepError: the folder holds no trained run, or a file of the run must be given again.
    """
    count = _count(samples, 256)
    cli = trained(RunFolder(run), files)
    found: Measurement | RepresentationAnalysis = cli.model.measure(cli.datamodule, count)
    return found


def measure_layers(run: Path, samples: int | None = None, files: Files | None = None) -> LayerProfile:
    """Invariance and linear equivariance of every layer of a run's best checkpoint.

    Arguments as in :func:`measure`; ``samples`` defaults to 1,024, because linear maps are fitted.

    Raises:
        RegrepError: as there, or the inputs of the run have no group action.
    """
    count = _count(samples, 1024)
    cli = trained(RunFolder(run), files)
    found: LayerProfile = cli.model.measure_layers(cli.datamodule, count)
    return found


def _count(samples: int | None, default: int) -> int:
    """Number of samples to measure."""
    if samples is not None and samples < 1:
        raise RegrepError(f"an equivariance error needs at least one sample, got {samples}")
    return default if samples is None else samples


def trained(folder: RunFolder, files: Files | None = None) -> ExperimentCLI:
    """The experiment of a run according to its record, with the best weights of the model.

    Only plain settings of the record are used; ``config.yaml`` is not read, so that someone else's folder can name
    neither code to run nor files to open.

    Args:
        folder: the run folder.
        files: data folder and fonts, if the run used any.

    Raises:
        RegrepError: the folder holds no trained run, a setting is not plain, or a file must be given again.
    """
    record, run = folder.record, folder.path
    config = (record or {}).get("config")
    if isinstance(config, dict) and config.get("averaged"):
        raise RegrepError(f"{run} is the average of another run and has no weights; name the run that it was made from")
    if record is None or not folder.checkpoint("best").exists():
        raise RegrepError(f"{run} holds no trained run (run.json, checkpoints/best.ckpt); train it with regrep fit")
    _, name, *words = recorded_command(folder, files)
    cli = _cli(name, words)
    check_recorded(folder, cli.named_config)
    load_best(folder, cli.model)
    return cli
