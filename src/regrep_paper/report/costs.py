"""Costs of methods, measured separately from their runs and shown with their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.report.runs import line_files, named_lines, parsed_line
from regrep_paper.runs.records import read_json
from regrep_paper.tables.methods import method_of

FILE = "costs.json"
"""A file anywhere in the folder of a report, or a line of kind ``costs`` in a .jsonl file.

Written by ``benchmarks/models.py --out``: ``{"experiment": name, "costs": {cost_name: {"parameters": count, "step":
ratio, "inference": ratio, "memory_mib": MiB}}}``. Any but the count may be null.
"""

BY_GROUP = ("ddmnist",)
"""Experiments whose networks are built for the group of the config."""

TOLERANCE = 0.05
"""Share of the parameters by which a measured network may differ from the one trained: other heads, no other width."""

HEADINGS = ("step time (cnn-augmented = 1)", "inference (cnn = 1)", "step memory, MiB")
"""Columns of costs in a table."""


@dataclass(frozen=True)
class Cost:
    """What one method costs.

    Attributes:
        experiment: experiment of the network.
        name: name given by :func:`cost_name`.
        parameters: number of parameters of the measured network.
        step: time of an update relative to cnn-augmented.
        inference: time of a batch in evaluation relative to the plain network.
        memory_mib: memory of a step, in MiB.
    """

    experiment: str
    name: str
    parameters: int
    step: float | None
    inference: float | None
    memory_mib: float | None

    @property
    def numbers(self) -> tuple[float | None, ...]:
        """In the order of ``HEADINGS``."""
        return self.step, self.inference, self.memory_mib


def cost_name(config: Mapping[str, Any]) -> str:
    """The name under which the cost of a config is kept: its method, and the group where networks are built for it.

    >>> cost_name({"experiment": "ddmnist", "group": "D4", "method": "cnn", "network": "scnn"})
    'scnn D4'
    >>> cost_name({"experiment": "smoke", "group": "C4", "method": "ours"})
    'ours'
    """
    return f"{method_of(config)} {config.get('group')}" if config["experiment"] in BY_GROUP else method_of(config)


def read_costs(path: Path) -> tuple[list[Cost], dict[str, str]]:
    """All costs in a .jsonl file or below a folder, and by their place what is wrong with others."""
    costs, unreadable = [], {}
    for file in sorted(path.rglob(FILE)) if path.is_dir() else []:
        try:
            costs += _costs(read_json(file), str(file))
        except RegrepError as error:
            unreadable[str(file)] = str(error)
    for file in line_files(path):
        for where, line in named_lines(file):
            try:
                content = parsed_line(where, line)
                costs += _costs(content, where) if content["kind"] == "costs" else []
            except RegrepError as error:
                unreadable[where] = str(error)
    return costs, unreadable


def cost_of(config: Mapping[str, Any], parameters: int | None, costs: Sequence[Cost]) -> Cost | None:
    """The cost of a config whose network has so many parameters; None where no network of about that size was measured.

    Of several the nearest in size counts, and of equally near ones the first.
    """
    if parameters is None:
        return None
    name = cost_name(config)
    near = [cost for cost in costs if (cost.experiment, cost.name) == (config["experiment"], name)]
    found = min(near, key=lambda cost: abs(cost.parameters - parameters), default=None)
    return found if found and abs(found.parameters - parameters) <= TOLERANCE * parameters else None


def _costs(content: Mapping[str, Any], where: str) -> list[Cost]:
    try:
        costs = [Cost(content["experiment"], name, **_numbers(entry)) for name, entry in content["costs"].items()]
    except (KeyError, TypeError, ValueError, AttributeError) as cause:
        raise RegrepError(
            f"{where} must hold an experiment and costs with {', '.join(_NUMBERS)}; measure them again or delete it"
        ) from cause
    return costs


_NUMBERS = ("parameters", "step", "inference", "memory_mib")


def _numbers(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: entry[name] for name in _NUMBERS}
    if not isinstance(kept["parameters"], int) or any(v is not None and float(v) < 0 for v in kept.values()):
        raise ValueError
    return kept
