"""Cells of a table: from a plain dictionary to the command that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.suggestions import repair
from regrep_paper.tables.catalogue import entries

EXPERIMENTS = {
    "ddmnist": "regrep_paper.experiments.ddmnist_definition",
    "medmnist3d": "regrep_paper.experiments.medmnist3d_definition",
    "smoke": "regrep_paper.experiments.smoke_definition",
    "tmnist": "regrep_paper.experiments.learning_definition",
    "mnist": "regrep_paper.experiments.learning_definition",
    "cifar10": "regrep_paper.experiments.learning_definition",
}
"""Each experiment and the module that defines it; imported when it is used."""

RUN_OPTIONS = {
    "seed": "seed_everything",
    "epochs": "trainer.max_epochs",
    "precision": "trainer.precision",
    "patience": "patience",
}
"""Keys of a cell that belong to the run, and the options they set."""


@dataclass(frozen=True)
class Definition:
    """What the command line needs to know of an experiment.

    Attributes:
        model: Lightning module; its ``cell()`` names its own settings.
        data: Lightning data module.
        epochs: trained when nothing else is said.
        data_cell: arguments of the data that belong to a cell, and their names there.
        model_options: keys of a cell that the model takes by the same name.
        links: arguments of the data or the model that follow another option.
        precision: of the training; that of the machine where None.
        reads_files: whether the data take ``data_dir``.
    """

    model: type
    data: type
    epochs: int
    data_cell: Mapping[str, str]
    model_options: Sequence[str]
    links: Sequence[tuple[str, str]] = ()
    precision: str | None = None
    reads_files: bool = True

    @property
    def options(self) -> dict[str, str]:
        """Keys of a cell and the options they set."""
        data = {key: f"data.{argument}" for argument, key in self.data_cell.items()}
        return {**data, **{key: f"model.{key}" for key in self.model_options}, **RUN_OPTIONS}


def experiment(name: str) -> Definition:
    """The definition of an experiment.

    Raises:
        RegrepError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise RegrepError(f"the experiments are {', '.join(EXPERIMENTS)}, got {name!r}")
    definitions: Mapping[str, Definition] = importlib.import_module(EXPERIMENTS[name]).DEFINITIONS
    return definitions[name]


def check_cell(cell: Mapping[str, Any]) -> None:
    """Raise for a key or a network that the cell's experiment does not have.

    >>> check_cell({"experiment": "ddmnist", "wieght": 1.0})
    Traceback (most recent call last):
    regrep.errors.RegrepError: a cell of ddmnist has no setting 'wieght'; did you mean weight?
    """
    options = options_of(cell)
    for key in cell:
        if key not in options and key != "experiment":
            raise RegrepError(f"a cell of {cell['experiment']} has no setting {key!r}; {repair(key, options)}")
    networks = dict.fromkeys(entry.network for entry in entries(str(cell["experiment"])))
    network = cell.get("network")
    if network is not None and network not in networks:
        raise RegrepError(f"{cell['experiment']} has no network {network!r}; {repair(str(network), networks)}")


def options_of(cell: Mapping[str, Any]) -> Mapping[str, str]:
    """Keys of a cell and the options they set."""
    if "experiment" not in cell:
        raise RegrepError(f"a cell names its experiment, one of {', '.join(EXPERIMENTS)}; add the key 'experiment'")
    return experiment(str(cell["experiment"])).options


def cell_command(cell: Mapping[str, Any], out: Path, data_dir: Path | None = None) -> list[str]:
    """Arguments of ``regrep`` that run a cell.

    >>> cell_command({"experiment": "ddmnist", "group": "D4", "seed": 1}, Path("runs/a"))
    ['fit', 'ddmnist', '--out=runs/a', '--data.group=D4', '--seed_everything=1']
    """
    check_cell(cell)
    options = options_of(cell)
    command = ["fit", str(cell["experiment"]), f"--out={out}"]
    if data_dir is not None and experiment(str(cell["experiment"])).reads_files:
        command.append(f"--data.data_dir={data_dir}")
    for key, value in cell.items():
        if key != "experiment" and value is not None:
            command.append(f"--{options[key]}={str(value).lower() if isinstance(value, bool) else value}")
    return command
