"""Cells of a table: from a plain dictionary to the command that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from regrep.errors import RegrepError
from regrep.suggestions import repair

EXPERIMENTS = {"ddmnist": "regrep.experiments.ddmnist.definition"}
"""Each experiment and the module that defines it; imported when it is used."""


def experiment(name: str) -> ModuleType:
    """The definition of an experiment.

    A definition has ``MODEL`` and ``DATA`` (Lightning classes), ``EPOCHS``, ``LINKS`` (arguments of one that follow
    those of another), ``DATA_CELL`` (arguments of the data that belong to a cell, and their names there) and
    ``OPTIONS`` (keys of a cell and the options they set).

    Raises:
        RegrepError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise RegrepError(f"the experiments are {', '.join(EXPERIMENTS)}, got {name!r}")
    return importlib.import_module(EXPERIMENTS[name])


def check_cell(cell: Mapping[str, Any]) -> None:
    """Raise for a key that the cell's experiment does not have.

    >>> check_cell({"experiment": "ddmnist", "wieght": 1.0})
    Traceback (most recent call last):
    regrep.errors.RegrepError: a cell of ddmnist has no setting 'wieght'; did you mean weight?
    """
    options = options_of(cell)
    for key in cell:
        if key not in options and key != "experiment":
            raise RegrepError(f"a cell of {cell['experiment']} has no setting {key!r}; {repair(key, options)}")


def options_of(cell: Mapping[str, Any]) -> Mapping[str, str]:
    """Keys of a cell and the options they set."""
    if "experiment" not in cell:
        raise RegrepError(f"a cell names its experiment, one of {', '.join(EXPERIMENTS)}; add the key 'experiment'")
    return experiment(str(cell["experiment"])).OPTIONS


def cell_command(cell: Mapping[str, Any], out: Path, data_dir: Path | None = None) -> list[str]:
    """Arguments of ``regrep`` that run a cell.

    >>> cell_command({"experiment": "ddmnist", "group": "D4", "seed": 1}, Path("runs/a"))
    ['fit', 'ddmnist', '--out=runs/a', '--data.group=D4', '--seed_everything=1']
    """
    check_cell(cell)
    options = options_of(cell)
    command = ["fit", str(cell["experiment"]), f"--out={out}"]
    if data_dir is not None:
        command.append(f"--data.data_dir={data_dir}")
    for key, value in cell.items():
        if key != "experiment" and value is not None:
            command.append(f"--{options[key]}={str(value).lower() if isinstance(value, bool) else value}")
    return command
