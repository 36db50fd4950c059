"""The result of a comparison: paired gains with intervals, costs, equivariance and a verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from regrep.comparison.arms import ARMS, REFERENCE, Arm
from regrep.comparison.intervals import PairedInterval, holm, interval_of
from regrep.comparison.plan import check_paired
from regrep.comparison.records import Evaluated, Trained
from regrep.comparison.symmetry import NAMES
from regrep.comparison.verdict import Finding, decimals, shown_interval, verdict
from regrep.errors import RegrepError
from regrep.html import table
from regrep.student import LEVEL

HEAD = (
    "arm", "weight", "test", "gain", "p", "step", "step s", "inference", "inference s",
    "whitened", "through rho", "outputs",
)  # fmt: skip
"""Columns of the table."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What :func:`regrep.compare` found.

    Attributes:
        task: name of the task.
        metric: name of its metric.
        larger_is_better: of the metric.
        seeds: the seeds.
        trained: a record of each training.
        tested: a record of each test, for the chosen weights alone.
        left_out: arms that the task does not allow, with the reason.
        place: where the latent is, and why.
    """

    task: str
    metric: str
    larger_is_better: bool
    seeds: tuple[int, ...]
    trained: tuple[Trained, ...]
    tested: tuple[Evaluated, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    place: str = ""

    def __post_init__(self) -> None:
        """Check that every arm was tested with every seed, and that they are paired."""
        check_paired(self.trained)
        if REFERENCE not in self.arms:
            raise RegrepError(f"every arm is compared with {REFERENCE}, which was not tested; finish the comparison")
        for arm in self.arms:
            if [one.seed for one in self.tests(arm)] != list(self.seeds):
                raise RegrepError(f"{arm} was not tested with the seeds {list(self.seeds)}; finish the comparison")
            if len({one.weight for one in self.tests(arm)}) > 1:
                raise RegrepError(f"{arm} was tested with several weights; one is chosen on validation")
            for one, other in zip(self.tests(arm), self.tests(REFERENCE), strict=True):
                if one.samples != other.samples or one.by_sample != other.by_sample:
                    raise RegrepError(f"{arm} and {REFERENCE} were tested on different samples; test both again")

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms that were tested, in the order of the list of all."""
        found = {one.arm for one in self.tested}
        return tuple(name for name in ARMS if name in found)

    @property
    def devices(self) -> tuple[str, ...]:
        """Where the networks were trained and tested, ``cpu`` or the names of cards."""
        return tuple(sorted({one.device for one in self.trained} | {one.device for one in self.tested}))

    def tests(self, arm: str) -> list[Evaluated]:
        """The tests of an arm, in the order of the seeds."""
        found = {one.seed: one for one in self.tested if one.arm == arm}
        return [found[seed] for seed in self.seeds if seed in found]

    def gain(self, arm: str, over: str = REFERENCE) -> PairedInterval:
        """How much better an arm is than another one, seed by seed and sample by sample.

        Raises:
            RegrepError: an arm that was not tested.
        """
        for name in (arm, over):
            if name not in self.arms:
                raise RegrepError(f"there is no arm {name} here; choose from {', '.join(self.arms)}")
        pairs = list(zip(self.tests(arm), self.tests(over), strict=True))
        sign = 1.0 if self.larger_is_better else -1.0
        rows = [sign * (one.scores - other.scores) for one, other in pairs]
        if not all(one.by_sample for one, _ in pairs):
            return interval_of([float(row.mean()) for row in rows])
        same = len({one.samples for one, _ in pairs}) == 1
        if len({len(row) for row in rows}) > 1:  # seeds with test sets of several sizes
            return interval_of([[float(row.mean())] for row in rows], same_samples=False)
        return interval_of(np.stack(rows), same_samples=same)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One for each arm that is no control."""
        names = [name for name in self.arms if name != REFERENCE and not ARMS[name].control]
        gains = {name: self.gain(name) for name in names}
        corrected = holm({name: gain.p for name, gain in gains.items()})
        return tuple(
            Finding(
                name,
                gains[name],
                corrected[name],
                self.inference(name),
                tuple(
                    (control, self.gain(control), self.gain(name, control))
                    for control in ARMS[name].controls
                    if control in self.arms
                ),
                self._added(name),
            )
            for name in names
        )

    def _added(self, arm: str) -> tuple[str, PairedInterval] | None:
        base = ARMS[arm].adds_to
        return None if base is None or base not in self.arms else (base, self.gain(arm, base))

    @cached_property
    def verdict(self) -> str:
        """The verdict in words; see :func:`~regrep.comparison.verdict.verdict`."""
        return verdict(self.findings, REFERENCE, len(self.seeds))

    def step(self, arm: str) -> float:
        """Floating-point operations of a training step, as a multiple of plain ones (of the reference without it)."""
        return _ratio(self._flops(arm), self._flops(self._base))

    def step_seconds(self, arm: str) -> float:
        """The same in seconds."""
        return _ratio(self._seconds(arm), self._seconds(self._base))

    def inference(self, arm: str) -> float:
        """Floating-point operations of inference, as a multiple of those of one pass of the network."""
        ones, others = ([one.flops for one in self.tests(name)] for name in (arm, self._base))
        return _ratio(statistics.fmean(ones), statistics.fmean(others))

    def inference_seconds(self, arm: str) -> float:
        """The same in seconds."""
        ones, others = ([one.seconds for one in self.tests(name)] for name in (arm, self._base))
        return _ratio(statistics.median(ones), statistics.median(others))

    @property
    def _at_the_end(self) -> list[str]:
        """The arms, controls among them, whose chosen weight is the smallest or the largest of several."""
        found = []
        for arm in self.arms:
            grid = {one.weight for one in self.trained if one.arm == arm and one.weight is not None}
            if len(grid) > 1 and self.tests(arm)[0].weight in (min(grid), max(grid)):
                found.append(arm)
        return found

    @property
    def _tuned_with(self) -> str:
        """The seeds that chose the weights, in words."""
        tried = {seed: {(one.arm, one.weight) for one in self.trained if one.seed == seed} for seed in self.seeds}
        some = [seed for seed in self.seeds if tried[seed] == set().union(*tried.values())]
        if len(some) == len(self.seeds):
            return "the seeds"
        return f"the seed{'s' if len(some) > 1 else ''} {', '.join(map(str, some))}"

    @property
    def _base(self) -> str:
        return "plain" if "plain" in self.arms else REFERENCE

    def _trainings(self, arm: str) -> list[Trained]:
        weight = self.tests(arm)[0].weight
        return [one for one in self.trained if one.arm == ARMS[arm].trained_as and one.weight == weight]

    def _flops(self, arm: str) -> float:
        return statistics.fmean([one.step_flops for one in self._trainings(arm)] or [math.nan])

    def _seconds(self, arm: str) -> float:
        return statistics.median([one.step_seconds for one in self._trainings(arm)] or [math.nan])

    def equivariance(self, arm: str, name: str, before: bool = False) -> float | None:
        """Mean over the seeds of ``whitened_error``, ``through_rho`` or ``output_error``; None where undefined."""
        values = [(one.before if before else one.after).get(name) for one in self.tests(arm)]
        known = [value for value in values if value is not None]
        return statistics.fmean(known) if len(known) == len(values) else None

    def table(self) -> list[dict[str, Any]]:
        """One mapping per arm: what the columns of the page show, as numbers."""
        corrected = {one.arm: one.p for one in self.findings}
        lines = []
        for name in self.arms:
            tests, gain = self.tests(name), None if name == REFERENCE else self.gain(name)
            lines.append(
                {
                    "arm": name,
                    "control": ARMS[name].control,
                    "weight": tests[0].weight,
                    "test": statistics.fmean(one.metric for one in tests),
                    "gain": None if gain is None else gain.mean,
                    "low": None if gain is None else gain.low,
                    "high": None if gain is None else gain.high,
                    "p": corrected.get(name),
                    "step": self.step(name),
                    "step_seconds": self.step_seconds(name),
                    "inference": self.inference(name),
                    "inference_seconds": self.inference_seconds(name),
                    **{key: self.equivariance(name, key) for key in NAMES},
                }
            )
        return lines

    def rows(self) -> list[list[str]]:
        """The table as text, in the order of ``HEAD``; the first row is the network before training."""
        first = [self.equivariance(REFERENCE, key, before=True) for key in NAMES]
        rows = [["before training", *["–"] * 8, *map(_number, first)]]
        for line in self.table():
            gain = None if line["gain"] is None else self.gain(line["arm"])
            rows.append(
                [
                    line["arm"] + (" (control)" if line["control"] else ""),
                    "–" if line["weight"] is None else f"{line['weight']:g}",
                    f"{line['test']:.{decimals(0.001, abs(line['test']))}f}",
                    "–" if gain is None else shown_interval(gain),
                    _probability(line["p"]),
                    *(f"{line[key]:.3g}" for key in ("step", "step_seconds", "inference", "inference_seconds")),
                    *(_number(line[key]) for key in NAMES),
                ]
            )
        return rows

    @property
    def notes(self) -> list[str]:
        """What the columns mean, and what the intervals cover."""
        covers = sorted({one.gain.covers for one in self.findings}) or ["nothing"]
        better = "larger" if self.larger_is_better else "smaller"
        family = len([one for one in self.findings if one.p is not None])
        grid = sorted({one.weight for one in self.trained if one.weight is not None})
        notes = [
            f"test: {self.metric} ({better} is better), mean over seeds {', '.join(map(str, self.seeds))}.",
            f"gain: paired difference to {REFERENCE} with its {LEVEL:.0%} interval, which covers {' or '.join(covers)}."
            f" p: of a gain, by Holm corrected for {family} comparisons; controls are not among them.",
            f"weight: chosen on the validation samples (mean over {self._tuned_with})"
            + (f" from {', '.join(f'{w:g}' for w in grid)}" if grid else "")
            + "; the test samples were looked at once, for the chosen one.",
            f"step, inference: cost as multiples of {self._base}, in matrix products and convolutions, and in seconds.",
            f"whitened: whitened error of the latent; through rho: {self.metric} of the head on rho(g) E(x); outputs:"
            f" relative error of the outputs; each after training, on test samples. {self.place}".rstrip(),
        ]
        if self.devices != ("cpu",):
            mixed = ", and seconds on different ones are not comparable" if len(self.devices) > 1 else ""
            notes.append(f"Computed on {' and '.join(self.devices)}{mixed}.")
        if self._at_the_end:
            arms = ", ".join(self._at_the_end)
            notes.append(f"The weight of {arms} stands at an end of the grid: one beyond it may be better.")
        return notes + [f"{arm} was left out: {reason}." for arm, reason in self.left_out.items()]

    @property
    def legend(self) -> str:
        """What the columns mean, in a line; :attr:`notes` say more."""
        better = "larger" if self.larger_is_better else "smaller"
        return (
            f"test: {self.metric}, {better} is better; gain: over {REFERENCE}, with its {LEVEL:.0%} interval; p: of the"
            f" gain, corrected for the number of arms; step, inference: cost, {self._base} is 1, in operations and in"
            f" seconds (s); whitened, outputs: errors of the latent and of the outputs, 0 is equivariant; through rho:"
            f" {self.metric} on moved latents"
        )

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return {
            "task": self.task,
            "metric": self.metric,
            "larger_is_better": self.larger_is_better,
            "seeds": list(self.seeds),
            "left_out": dict(self.left_out),
            "place": self.place,
            "verdict": self.verdict,
            "trained": [one.as_dict() for one in self.trained],
            "tested": [one.as_dict() for one in self.tested],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Comparison:
        """From a record; its verdict is made again from the numbers.

        Raises:
            RegrepError: it is damaged.
        """
        try:
            return cls(
                str(record["task"]),
                str(record["metric"]),
                bool(record["larger_is_better"]),
                tuple(int(seed) for seed in record["seeds"]),
                tuple(Trained.from_dict(one) for one in record["trained"]),
                tuple(Evaluated.from_dict(one) for one in record["tested"]),
                {str(key): str(value) for key, value in record.get("left_out", {}).items()},
                str(record.get("place", "")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as cause:
            if isinstance(cause, RegrepError):
                raise
            raise RegrepError(f"the record of a comparison cannot be read ({cause}); restore a copy") from cause

    def _repr_html_(self) -> str:
        return table(f"{self.task}: {self.verdict}", HEAD, self.rows(), self.notes)

    def __str__(self) -> str:
        rows = [list(HEAD), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, "", self.legend, "", self.verdict])


def arm_text(arm: Arm) -> str:
    """A line on an arm for a list."""
    return f"{arm.name}: {arm.text}" + (" (control)" if arm.control else "")


def _ratio(one: float, other: float) -> float:
    return one / other if other else math.nan


def _probability(p: float | None) -> str:
    return "–" if p is None else "<0.0001" if p < 1e-4 else f"{p:.2g}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
