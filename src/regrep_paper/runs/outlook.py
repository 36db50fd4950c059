"""About how long the unfinished runs of a sweep take, before any of them is started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from regrep_paper.tables.workload import SAMPLES, paces, work

if TYPE_CHECKING:
    from regrep_paper.runs.sweep import PlannedRun


class Outlook:
    """An estimate from the runs of the sweep that are finished, or else from records of other runs.

    Args:
        runs: the runs of the sweep.

    Attributes:
        seconds: of all unfinished runs, one after the other; None where nothing tells.
        left: the number of unfinished runs.
        basis: what the estimate rests on, or why there is none.
    """

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        done = [run for run in runs if run.state == "finished"]
        todo = [run for run in runs if run.state != "finished"]
        self.left = len(todo)
        amounts = [work(run.config) for run in todo]
        ended = [(work(run.config), (run.folder.done or {}).get("seconds")) for run in done]
        spent = [(amount or 1.0, seconds) for amount, seconds in ended if isinstance(seconds, (int, float))]
        kind = str(runs[0].config["experiment"]) if runs else ""
        known = paces().get(kind)
        self.seconds: float | None = None
        if spent:
            pace = sum(seconds for _, seconds in spent) / sum(amount for amount, _ in spent)
            self.seconds = pace * sum(amount or 1.0 for amount in amounts)
            self.basis = f"from {len(spent)} finished runs of this sweep"
        elif known and None not in amounts:
            self.seconds = float(known["seconds"]) / SAMPLES * sum(filter(None, amounts))
            self.basis = (
                f"from {known['runs']} recorded runs of {kind} on a CPU; by the first finished run it is known better"
            )
        else:
            self.basis = f"nothing on record tells how long such a run of {kind} takes; run one of them first"

    def text(self, jobs: int = 1) -> str:
        """The estimate in a sentence."""
        if not self.left:
            return "nothing is left to run"
        if self.seconds is None:
            return f"no estimate: {self.basis}"
        share = f", {duration(self.seconds / jobs)} with --jobs {jobs}" if jobs > 1 else ""
        several = f"{self.left} runs" if self.left > 1 else "1 run"
        return f"about {duration(self.seconds)} for {several} one after the other{share} ({self.basis})"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever is short to read.

    >>> duration(0.2), duration(40), duration(100), duration(40 * 60), duration(3 * 3600)
    ('1 s', '40 s', '2 min', '40 min', '3.0 h')
    """
    if seconds < 59.5:
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes / 60:.1f} h" if minutes >= 100 else f"{round(minutes)} min"
