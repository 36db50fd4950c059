"""The complete definition of an experiment: settings, columns, published numbers, networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.suggestions import repair
from regrep_paper.tables.columns import Experiment
from regrep_paper.tables.network import Entry
from regrep_paper.tables.published import PaperRuns, PaperTable
from regrep_paper.tables.setting import Setting


@dataclass(frozen=True)
class Definition:
    """An experiment.

    Attributes:
        name: name of the experiment on the command line.
        columns: how its runs become a table.
        model: Lightning module as ``module:Class``; empty if only the user's code can build it.
        data: Lightning data module, likewise.
        settings: every key of its configs, in the order of its records.
        reads_files: whether the data take ``data_dir``.
        paper: the published table.
        runs: the published runs that learn a representation.
        networks: the networks that its table compares.
    """

    name: str
    columns: Experiment
    model: str = ""
    data: str = ""
    settings: tuple[Setting, ...] = ()
    reads_files: bool = True
    paper: PaperTable | None = None
    runs: PaperRuns | None = None
    networks: tuple[Entry, ...] = ()

    @property
    def options(self) -> dict[str, str]:
        """Settings that can be chosen, and the options of ``regrep fit`` that they set."""
        return {setting.name: setting.option for setting in self.settings if setting.option}

    @property
    def defaults(self) -> dict[str, Any]:
        """Settings and their defaults; None if the default depends on other settings."""
        return {s.name: None if callable(s.default) else s.default for s in self.settings}

    def resolved(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """All settings of a config, with defaults for those not given (or None), in the order of records.

        The precision is left out if the machine chooses it. Resolving again changes nothing.

        Raises:
            RegrepError: an unknown setting, or a value that the experiment does not have.
        """
        self.check_names(name for name in config if name not in self.defaults)
        given = {s.name: config.get(s.name) if s.option else None for s in self.settings}
        found = {name: self.defaults[name] if value is None else value for name, value in given.items()}
        for setting in self.settings:
            if setting.check is not None:
                setting.check(found[setting.name])
        made = {s.name: s.default(found) for s in self.settings if callable(s.default)}
        kept = {s.name for s in self.settings if not (s.quiet and found[s.name] == s.default)}
        values = {name: value for name, value in {**found, **made}.items() if name in kept}
        return {"experiment": self.name, **values}

    def configured(self, **given: Any) -> dict[str, Any]:
        """The given settings resolved, with those that the experiment fixes: the config that a model records."""
        mine = {"experiment", *given, *(s.name for s in self.settings if not s.option)}
        return {name: value for name, value in self.resolved(given).items() if name in mine}

    def check_names(self, names: Any) -> None:
        """Raise for a setting that cannot be chosen."""
        for name in names:
            if name not in self.options and name != "experiment":
                raise RegrepError(f"a config of {self.name} has no setting {name!r}; {repair(name, self.options)}")
