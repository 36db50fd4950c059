"""What the runs of an experiment are measured by; tables and figures follow from this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One number of ``done.json``.

    Attributes:
        heading: heading of its column.
        split: the entry of ``done.json`` that holds it.
        metric: its name in that entry.
        sign: 1 if higher is better, -1 if lower is better, 0 if methods are not ranked by it.
        digits: digits after the decimal point.
    """

    heading: str
    split: str
    metric: str
    sign: int = 0
    digits: int = 3

    def of(self, done: Mapping[str, Any] | None) -> float | None:
        """The number in a record, or None where there is none."""
        split = (done or {}).get(self.split)
        value = split.get(self.metric) if isinstance(split, Mapping) else None
        return float(value) if isinstance(value, (int, float)) else None


LATENT = (
    Measure("through rho", "test", "through_rho"),
    Measure("whitened error", "test", "whitened_error"),
    Measure("moving share", "test", "moving_share"),
    Measure("latent scale", "test", "latent_scale"),
)
"""What is measured of a latent. Older records have an error that is not centred, which is not shown."""


@dataclass(frozen=True)
class Experiment:
    """How the configs of an experiment become a table.

    Attributes:
        title: display name of the experiment.
        selection: measure that selects among tuned settings; never on the test split.
        results: measures by which methods are compared, the most important first; shown with the paper's numbers.
        others: further columns.
        task: settings that define the problem; configs that differ in them are never compared.
        baseline: the method that the others are compared with, seed by seed.
        tuned: settings that are selected on validation; they do not get their own rows.
        usual: values that a label omits, or functions of a config that return them.
        words: how a label shows a setting, if not by its name: a format, or a function of the value.
        factors: what the two parts of an element ``(g, h)`` transform.
        learned: whether ρ itself is learned, so that its multiplicities are the result.
    """

    title: str
    selection: Measure = Measure("validation accuracy", "validation", "accuracy", 1)
    results: tuple[Measure, ...] = (Measure("test accuracy", "test", "accuracy", 1),)
    others: tuple[Measure, ...] = LATENT
    task: tuple[str, ...] = ("data", "group")
    baseline: str = "cnn-augmented"
    factors: tuple[str, str] = ("first factor", "second factor")
    learned: bool = False
    tuned: tuple[str, ...] = ("learning_rate", "weight")
    usual: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str | Callable[[Any], str]] = field(default_factory=dict)

    def worded(self, name: str, value: Any, config: Mapping[str, Any]) -> str:
        """A setting as a label says it; empty where it has its usual value.

        >>> Experiment("X", usual={"latent": 66}).worded("latent", 66, {}), Experiment("X").worded("quick", False, {})
        ('', 'no quick')
        """
        usual = self.usual.get(name)
        if value == (usual(config) if callable(usual) else usual) and not (value is None and name in self.words):
            return ""
        spelling = self.words.get(name)
        if spelling is not None:
            return spelling(value) if callable(spelling) else spelling.format(value)
        plain = name.replace("_", " ")
        return (plain if value else f"no {plain}") if isinstance(value, bool) else f"{plain} {value}"

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All columns of numbers, in order."""
        return (self.selection, *self.results, *self.others)
