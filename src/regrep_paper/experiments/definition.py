"""What an experiment is made of, and the command of a config: from a plain dictionary to the command that runs it."""

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
"""Keys of a config that belong to the run, and the options they set."""


@dataclass(frozen=True)
class Definition:
    """What the command line needs to know of an experiment.

    Attributes:
        model: Lightning module; its ``config()`` names its own settings.
        data: Lightning data module.
        epochs: trained when nothing else is said.
        data_config: arguments of the data that belong to a config, and their names there.
        model_options: keys of a config that the model takes by the same name.
        links: arguments of the data or the model that follow another option.
        precision: of the training; that of the machine where None.
        reads_files: whether the data take ``data_dir``.
    """

    model: type
    data: type
    epochs: int
    data_config: Mapping[str, str]
    model_options: Sequence[str]
    links: Sequence[tuple[str, str]] = ()
    precision: str | None = None
    reads_files: bool = True

    @property
    def options(self) -> dict[str, str]:
        """Keys of a config and the options they set."""
        data = {key: f"data.{argument}" for argument, key in self.data_config.items()}
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


def check_config(config: Mapping[str, Any]) -> None:
    """Raise for a key or a network that the config's experiment does not have.

    >>> check_config({"experiment": "ddmnist", "wieght": 1.0})
    Traceback (most recent call last):
    regrep.errors.RegrepError: a config of ddmnist has no setting 'wieght'; did you mean weight?
    """
    options = options_of(config)
    for key in config:
        if key not in options and key != "experiment":
            raise RegrepError(f"a config of {config['experiment']} has no setting {key!r}; {repair(key, options)}")
    networks = dict.fromkeys(entry.network for entry in entries(str(config["experiment"])))
    network = config.get("network")
    if network is not None and network not in networks:
        raise RegrepError(f"{config['experiment']} has no network {network!r}; {repair(str(network), networks)}")


def options_of(config: Mapping[str, Any]) -> Mapping[str, str]:
    """Keys of a config and the options they set."""
    if "experiment" not in config:
        raise RegrepError(f"a config names its experiment, one of {', '.join(EXPERIMENTS)}; add the key 'experiment'")
    return experiment(str(config["experiment"])).options


def config_command(config: Mapping[str, Any], out: Path, data_dir: Path | None = None) -> list[str]:
    """Arguments of ``regrep`` that run a config.

    >>> config_command({"experiment": "ddmnist", "group": "D4", "seed": 1}, Path("runs/a"))
    ['fit', 'ddmnist', '--out=runs/a', '--data.group=D4', '--seed_everything=1']
    """
    check_config(config)
    options = options_of(config)
    command = ["fit", str(config["experiment"]), f"--out={out}"]
    if data_dir is not None and experiment(str(config["experiment"])).reads_files:
        command.append(f"--data.data_dir={data_dir}")
    for key, value in config.items():
        if key != "experiment" and value is not None:
            command.append(f"--{options[key]}={str(value).lower() if isinstance(value, bool) else value}")
    return command
