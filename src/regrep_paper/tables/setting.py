"""A setting of a config: its name, the option of ``regrep fit`` that it sets, and its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from regrep_paper.tables.protocol import OPTIONS, check_protocol

Rule = Callable[[Mapping[str, Any]], Any]
"""A default that depends on other settings: a function of all of them, its own as it was given (None if it was not)."""


@dataclass(frozen=True)
class Setting:
    """A key of the configs of an experiment.

    Attributes:
        name: the key.
        option: of ``regrep fit`` that it sets; None where the experiment fixes the value.
        default: its value where none is given, or a :data:`Rule` that makes it.
        also: a further option that follows this one.
        check: raises for a value that the experiment does not have.
        quiet: left out of a resolved config where it has its default: records that are older than the setting keep
            their names.
    """

    name: str
    option: str | None
    default: Any = None
    also: str | None = None
    check: Callable[[Any], object] | None = None
    quiet: bool = False


def of_model(**defaults: Any) -> tuple[Setting, ...]:
    """Settings that the model takes by the same names.

    >>> of_model(width=6)[0].option
    'model.width'
    """
    return tuple(Setting(name, f"model.{name}", default) for name, default in defaults.items())


def of_data(**defaults: Any) -> tuple[Setting, ...]:
    """Settings that the data take by the same names."""
    return tuple(Setting(name, f"data.{name}", default) for name, default in defaults.items())


def of_run(
    epochs: int, precision: str | None = None, protocol: str = "decaying", model: bool = False
) -> tuple[Setting, ...]:
    """Settings of the run.

    Args:
        epochs: by default.
        precision: by default; where None the machine chooses it, and only the run's record has it.
        protocol: by default.
        model: whether the model takes ``protocol`` and ``schedule`` too, because its learning rate depends on them.
    """
    also = {"schedule": "model.schedule"} if model else {}
    return (
        Setting("seed", "seed_everything", 0, also="data.seed"),
        Setting("epochs", "trainer.max_epochs", epochs),
        Setting("patience", "patience"),
        Setting("precision", "trainer.precision", precision, quiet=precision is None),
        Setting("protocol", "protocol", protocol, also="model.protocol" if model else None, check=check_protocol),
        *(Setting(name, option, also=also.get(name), quiet=True) for name, option in OPTIONS.items()),
    )
