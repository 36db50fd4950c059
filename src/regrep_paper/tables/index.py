"""All experiments, and what a config determines: its settings, its command, its published number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.suggestions import repair
from regrep_paper.tables import exploration, study, table4, table5, table6
from regrep_paper.tables.columns import Experiment
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.methods import method_of
from regrep_paper.tables.network import Entry
from regrep_paper.tables.published import Published

DEFINITIONS = {
    one.name: one
    for one in (
        *(table4.DEFINITION, table5.DEFINITION, table6.DEFINITION, study.DEFINITION),
        *exploration.DEFINITIONS,
    )
}
"""Every experiment by name."""

EXPERIMENTS = tuple(name for name, one in DEFINITIONS.items() if one.model)
"""Those that ``regrep fit`` can run."""

FILES = ("font_a", "font_b")
"""Settings that are files."""

TABLES = {name: one.paper for name, one in DEFINITIONS.items() if one.paper}
"""The published table of each experiment."""

RUNS = {name: one.runs for name, one in DEFINITIONS.items() if one.runs}
"""The published runs of the experiments that learn ρ."""


def definition_of(name: str) -> Definition:
    """The definition of an experiment that can be run.

    Raises:
        RegrepError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        raise RegrepError(f"there is no experiment {name!r}; {repair(name, EXPERIMENTS)}")
    return DEFINITIONS[name]


def experiment(name: str) -> Experiment:
    """How an experiment is measured; an unknown one is measured by accuracy.

    >>> experiment("ddmnist").results[0].heading, experiment("something").title
    ('test accuracy', 'SOMETHING')
    """
    return DEFINITIONS[name].columns if name in DEFINITIONS else Experiment(title=name.upper())


def unsaid(name: str) -> dict[str, Any]:
    """The settings that a config leaves out where they have their defaults, and these; none of an unknown experiment.

    >>> unsaid("ddmnist")["one_sided"], unsaid("mine")
    (False, {})
    """
    found = DEFINITIONS.get(name)
    return {} if found is None else {s.name: found.defaults[s.name] for s in found.settings if s.quiet}


def entries(experiment: str | None = None) -> list[Entry]:
    """All networks, or those of one experiment, in the order of the tables.

    >>> list(dict.fromkeys(entry.experiment for entry in entries()))
    ['ddmnist', 'medmnist3d', 'smoke', 'single-digits']
    """
    return [entry for name, one in DEFINITIONS.items() if experiment in (None, name) for entry in one.networks]


def resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a config, with defaults for those not given, in the order of records.

    The precision is left out if the machine chooses it. Resolving again changes nothing.

    Raises:
        RegrepError: an unknown experiment or setting, or a value that the experiment does not have.

    >>> settings = resolved({"experiment": "ddmnist", "group": "C4", "seed": 1})
    >>> settings["method"], settings["learning_rate"], settings["weight"], settings["epochs"]
    ('ours', 0.002, 2.0, 50)
    >>> resolved(settings) == settings
    True
    """
    return _of(config).resolved(config)


def check_config(config: Mapping[str, Any]) -> None:
    """Raise for a key or a network that the config's experiment does not have.

    >>> check_config({"experiment": "ddmnist", "wieght": 1.0})
    Traceback (most recent call last):
    regrep.errors.RegrepError: a config of ddmnist has no setting 'wieght'; did you mean weight?
    """
    one = _of(config)
    one.check_names(config)
    networks, network = dict.fromkeys(entry.network for entry in one.networks), config.get("network")
    if network is not None and network not in networks:
        raise RegrepError(f"{one.name} has no network {network!r}; {repair(str(network), networks)}")


def config_command(config: Mapping[str, Any], out: Path, data_dir: Path | None = None) -> list[str]:
    """Arguments of ``regrep`` that run a config.

    >>> config_command({"experiment": "ddmnist", "group": "D4", "seed": 1}, Path("runs/a"))
    ['fit', 'ddmnist', '--out=runs/a', '--data.group=D4', '--seed_everything=1']
    """
    check_config(config)
    return [*_command(config, out, data_dir), *option_words(config)]


def settings_command(config: Mapping[str, Any], file: Path, out: Path, data_dir: Path | None = None) -> list[str]:
    """Arguments of ``regrep`` that run a config whose settings are in a file; only paths are repeated.

    >>> settings_command({"experiment": "ddmnist", "seed": 1}, Path("a/run.json"), Path("a"))
    ['fit', 'ddmnist', '--out=a', '--settings=a/run.json']
    """
    paths = {key: value for key, value in config.items() if key in ("experiment", *FILES)}
    return [*_command(config, out, data_dir), f"--settings={file}", *option_words(paths)]


def option_words(config: Mapping[str, Any]) -> list[str]:
    """The options of ``regrep fit`` that set a config.

    >>> option_words({"experiment": "ddmnist", "second_noise": True, "patience": None})
    ['--data.second_noise=true']
    """
    options = _of(config).options
    return [
        f"--{options[key]}={str(value).lower() if isinstance(value, bool) else value}"
        for key, value in config.items()
        if key != "experiment" and value is not None
    ]


def published(config: Mapping[str, Any], metric: str = "accuracy") -> Published | None:
    """The paper's number for a config, if any: there is none for other data, fewer classes or another width.

    >>> published({"experiment": "ddmnist", "data": "mnist", "group": "D4", "method": "ours"})
    Published(mean=0.868, deviation=0.002, parameters=0.03)
    >>> published({"experiment": "ddmnist", "data": "digits", "group": "D4", "method": "ours"}) is None
    True
    """
    table, method = TABLES.get(config["experiment"]), method_of(config)
    if table is None or method not in table.rows or not table.covers(metric):
        return None
    if any(config.get(key, value) != value for key, value in table.conditions.items()):
        return None
    column = {**config, "metric": metric}.get(table.columns)
    return table.entries.get((table.rows[method], str(column)))


def _command(config: Mapping[str, Any], out: Path, data_dir: Path | None) -> list[str]:
    one = _of(config)
    if data_dir is not None and not one.reads_files:
        raise RegrepError(f"{one.name} reads no data folder, but {data_dir} is given; leave it out")
    files = [f"--data.data_dir={data_dir}"] if data_dir is not None else []
    return ["fit", one.name, f"--out={out}", *files]


def _of(config: Mapping[str, Any]) -> Definition:
    """The definition of a config's experiment."""
    if "experiment" not in config:
        raise RegrepError(f"a config names its experiment, one of {', '.join(EXPERIMENTS)}; add the key 'experiment'")
    return definition_of(str(config["experiment"]))
