"""Checks of planned runs before any of them is started."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regrep.errors import RegrepError

if TYPE_CHECKING:
    from regrep_paper.runs.sweep import Experiments, PlannedRun


def check_runs(
    runs: Sequence[PlannedRun],
    experiments: Experiments,
    check: Callable[[Sequence[str]], None],
    data_dir: Path | None = None,
) -> None:
    """Raise if a planned run could not be set up; those that differ by their seed alone are checked once.

    Args:
        runs: the runs.
        experiments: makes their commands.
        check: raises for the arguments of ``regrep`` of an impossible run.
        data_dir: folder of data files, passed to each command.

    Raises:
        RegrepError: names the first of them, its mistake, and how many there are.
    """
    found: dict[str, RegrepError | None] = {}
    wrong = []
    for run in runs:
        alike = json.dumps({key: value for key, value in run.given.items() if key != "seed"}, sort_keys=True)
        if alike not in found:
            found[alike] = None
            try:
                check(experiments.config_command(run.given, run.folder.path, data_dir))
            except RegrepError as error:
                found[alike] = error
        if (mistake := found[alike]) is not None:
            wrong.append((run.label, mistake))
    refuse(wrong, len(runs))


def refuse(wrong: Sequence[tuple[str, RegrepError]], count: int) -> None:
    """Raise the mistake of the first of the runs that have one, with the number of them."""
    if wrong:
        label, error = wrong[0]
        several = f"{len(wrong)} of {count} runs cannot be run, the first is" if count > 1 else "cannot be run:"
        raise RegrepError(f"{several} {label}: {error}") from error
