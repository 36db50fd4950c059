"""Which runs a comparison consists of, and which weights its validation samples choose."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regrep.actions.trees import moved, rows, samples_in
from regrep.arguments import is_whole, shown, whole
from regrep.comparison.arms import ARMS, Arm, arms_named, grid_of
from regrep.comparison.devices import check_present, on_device
from regrep.comparison.failures import blamed
from regrep.comparison.placement import has_encoder_and_head, placement
from regrep.comparison.records import Trained
from regrep.comparison.task import Splits, Task
from regrep.diagnostics.reading import evaluating
from regrep.errors import RegrepError
from regrep.nn.weight_axes import projected_axes

MOST_SEEDS = 1000

TRIED = 4
"""Samples on which a task is tried out."""


@dataclass(frozen=True)
class Run:
    """One training: an arm, its weight and a seed."""

    arm: str
    weight: float | None
    seed: int


@dataclass(frozen=True, eq=False)
class Plan:
    """The runs of a comparison.

    Attributes:
        arms: those that the task allows.
        seeds: their seeds.
        trainings: the trainings that choose the weights; all of them, unless weights are tuned with some seeds only.
        left_out: arms that the task does not allow, with the reason.
    """

    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    trainings: tuple[Run, ...]
    left_out: dict[str, str]

    def further(self, chosen: dict[str, float | None]) -> list[Run]:
        """The trainings for the chosen weights with the seeds that did not choose them."""
        known = set(self.trainings)
        runs = [Run(arm.name, chosen[arm.name], seed) for arm in self.arms if arm.trains for seed in self.seeds]
        return [run for run in runs if run not in known]

    def tests(self, chosen: dict[str, float | None]) -> list[Run]:
        """The tests for the chosen weights."""
        return [Run(arm.name, chosen[arm.name], seed) for arm in self.arms for seed in self.seeds]


def plan(
    task: Task,
    arms: Sequence[str] | str | None = None,
    seeds: int | Sequence[int] = 5,
    tuning_seeds: int | None = None,
) -> Plan:
    """The runs of a comparison.

    Args:
        task: the task; its network is built and run once, to see which arms it allows.
        arms: names; None for all that the task allows.
        seeds: their number, or the seeds.
        tuning_seeds: how many of them, from the first one on, are trained with every weight of the grid; the others
            are trained with the chosen weight alone. None for all.

    Raises:
        RegrepError: an unknown arm, one that was asked for and is not possible, no seeds, or more to tune with than
            there are.
    """
    if not isinstance(task, Task):
        raise RegrepError(f"a comparison is of a regrep.Task, got {shown(task)}")
    chosen = seeds_of(seeds)
    tuning = chosen if tuning_seeds is None else chosen[: whole("tuning_seeds", tuning_seeds, 1, len(chosen))]
    wanted = arms_named(arms)
    named = () if arms is None else ([arms] if isinstance(arms, str) else arms)
    check_present(task.device)
    network, splits = task.network(chosen[0]).to(task.device), task.splits(chosen[0])
    try_out(task, network, splits)
    wrong = ""
    if any(arm.latent for arm in wanted):
        try:
            placement(task, network, splits.train[0])
        except RegrepError as error:
            if task.layer is not None or task.latent is not None:
                raise
            wrong = str(error)
    fixed = _why_not_projected(task, network, splits) if any(arm.projects for arm in wanted) else ""
    split = has_encoder_and_head(network) and task.layer in (None, "encoder")
    left_out = {}
    for arm in wanted:
        if arm.latent and wrong:
            left_out[arm.name] = wrong
        elif arm.projects and fixed:
            left_out[arm.name] = fixed
        elif arm.head and not split:
            left_out[arm.name] = (
                "it needs a network with encoder and head, penalised between them;"
                " give the module two children of these names"
            )
    asked = [name for name in named if name in left_out]
    if asked:
        raise RegrepError(f"the arm {asked[0]} is not possible for {task.name}: {left_out[asked[0]]}")
    kept = tuple(arm for arm in wanted if arm.name not in left_out)
    trainings = [
        Run(arm.name, weight, seed)
        for arm in kept
        if arm.trains
        for grid in [grid_of(arm, task.weights)]
        for weight in grid
        for seed in (tuning if len(grid) > 1 else chosen)
    ]
    return Plan(kept, chosen, tuple(trainings), left_out)


def _why_not_projected(task: Task, network: nn.Module, splits: Splits) -> str:
    """Why the weights of a network cannot be projected; empty if they can."""
    x = on_device(rows(splits.train[0], slice(TRIED)), task.device)
    try:
        projected_axes(network, x, task.input_action, task.output_action)
    except RegrepError as error:
        return str(error)
    return ""


def try_out(task: Task, network: nn.Module, splits: Splits) -> None:
    """Run everything that a task gave on a few samples, so that what does not fit is found before any training.

    Raises:
        RegrepError: says which part of the task failed.
    """
    x, y = (on_device(rows(part, slice(TRIED)), task.device) for part in splits.train)
    g = torch.zeros(samples_in(x), dtype=torch.int64, device=task.device)
    with evaluating(network):
        with blamed("the model on the training inputs"):
            outputs = network(x)
        with blamed("the model on inputs moved by input_action"):
            network(moved(task.input_action, x, g))
        with blamed("output_action on targets"):
            moved(task.output_action, y, g)
        with blamed("output_action on outputs"):
            moved(task.output_action, outputs, g)
        with blamed("the loss"):
            loss = task.loss(outputs, y)
    if not isinstance(loss, Tensor) or loss.dim() or not loss.is_floating_point():
        raise RegrepError(f"loss(outputs, targets) returns a scalar tensor, got {shown(loss)}; take the mean")
    task.metric_for(splits).scores(outputs, y)
    if splits.unlabelled is not None:
        with evaluating(network), blamed("the model on the unlabelled inputs"):
            one = on_device(rows(splits.unlabelled, slice(1)), task.device)
            network(moved(task.input_action, one, g[:1]))


def seeds_of(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds, from their number or their list.

    >>> seeds_of(3), seeds_of([7, 9])
    ((0, 1, 2), (7, 9))
    """
    found = tuple(range(seeds)) if isinstance(seeds, int) and 0 < seeds <= MOST_SEEDS else seeds
    if not isinstance(found, tuple | list) or not found or not all(is_whole(seed) and seed >= 0 for seed in found):
        raise RegrepError(f"seeds is their number, from 1 to {MOST_SEEDS}, or a list of integers, got {shown(seeds)}")
    if len(set(found)) < len(found):
        raise RegrepError(f"every seed is given once, got {shown(seeds)}")
    return tuple(map(int, found))


def choose(trained: Iterable[Trained], larger_is_better: bool) -> dict[str, float | None]:
    """The weight of each arm with the best mean of the validation metric over the seeds; of equal ones the smallest.

    An arm that averages has the weight of the arm whose networks it tests.

    Raises:
        RegrepError: weights that were not trained with the same seeds, or networks that are not paired.
    """
    by_arm: dict[str, dict[float | None, dict[int, float]]] = {}
    if not isinstance(trained, Iterable) or isinstance(trained, Tensor):  # a tensor of one number cannot be listed
        raise RegrepError(f"weights are chosen among Trained networks, got {shown(trained)}")
    listed = list(trained)
    check_paired(listed)
    for run in listed:
        by_arm.setdefault(run.arm, {}).setdefault(run.weight, {})[run.seed] = run.validation
    found: dict[str, float | None] = {}
    for arm, weights in by_arm.items():
        if len({frozenset(values) for values in weights.values()}) > 1:
            raise RegrepError(f"every weight of {arm} is trained with the same seeds; finish the comparison first")
        sign = 1 if larger_is_better else -1
        found[arm] = max(
            weights, key=lambda weight: (sign * statistics.fmean(weights[weight].values()), -(weight or 0.0))
        )
    for other in ARMS.values():
        if other.averages and other.tests in found:
            found[other.name] = found[other.tests]
    return found


def check_paired(trained: Iterable[Trained]) -> None:
    """Raise unless the runs of each seed began with the same weights and saw the same samples in the same order."""
    first: dict[int, Trained] = {}
    for run in trained:
        if not isinstance(run, Trained):
            raise RegrepError(f"weights are chosen among Trained networks, got {shown(run)}")
        other = first.setdefault(run.seed, run)
        what = ("initial weights", "order of samples", "samples", "number of steps")
        for name, one, two in zip(what, run.pairing, other.pairing, strict=True):
            if one != two:
                raise RegrepError(
                    f"the arms of a seed are paired, but {run.arm} and {other.arm} have different {name} for seed"
                    f" {run.seed}; let model and data depend on the seed alone"
                )
