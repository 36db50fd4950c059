"""A setting of a config: its name, the option of ``regrep fit`` that it sets, and its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from regrep_paper.tables.protocol import OPTIONS, check_protocol

Rule = Callable[[Mapping[str, Any]], Any]
"""A default that depends on other settings: a function of all given settings, including its own (None if not given)."""


@dataclass(frozen=True)
class Setting:
    """A key of the configs of an experiment.

    Attributes:
        name: the key.
        option: option of ``regrep fit`` that it sets; None if the experiment fixes the value.
        default: its default value, or a :data:`Rule` that computes it.
        also: a further option that gets the same value.
        check: raises for a value that the experiment does not have.
        quiet: left out of a resolved config if it has its default, so that records older than the setting keep their
            names.
    """

    name: str
    option: str | None
    default: Any = None
    also: str | None = None
    check: Callable[[Any], object] | None = None
    quiet: bool = False


def of_model(**defaults: Any) -> tuple[Setting, ...]:
    """Settings that the model takes under the same names.

    >>> of_model(width=6)[0].option
    'model.width'
    """
    return tuple(Setting(name, f"model.{name}", default) for name, default in defaults.items())


def of_data(**defaults: Any) -> tuple[Setting, ...]:
    """Settings that the data take under the same names."""
    return tuple(Setting(name, f"data.{name}", default) for name, default in defaults.items())


def of_run(
    epochs: int, precision: str | None = None, protocol: str = "decaying", model: bool = False
) -> tuple[Setting, ...]:
    """Settings of the run.

    Args:
        epochs: default number of epochs.
        precision: default precision; if None, the machine chooses it and only the run's record has it.
        protocol: default protocol.
        model: whether the model also takes ``protocol`` and ``schedule``, because its learning rate depends on them.
    """
    also = {"schedule": "model.schedule"} if model else {}
    return (
        Setting("seed", "seed_everything", 0, also="data.seed"),
        Setting("epochs", "trainer.max_epochs", epochs),
        Setting("patience", "patience"),
        Setting("precision", "trainer.precision", precision, quiet=precision is None),
        Setting("protocol", "protocol", protocol, also="model.protocol" if model else None, check=check_protocol),
        *(Setting(name, option, also=also.get(name), quiet=True) for name, option in OPTIONS.items()),
        Setting("compile", "compile", False, quiet=True),
        Setting("evaluate_every", "trainer.check_val_every_n_epoch", 1, quiet=True),
    )
