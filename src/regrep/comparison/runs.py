"""A whole comparison in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from regrep.arguments import check_callable
from regrep.comparison.arms import ARMS, REFERENCE
from regrep.comparison.placement import placement
from regrep.comparison.plan import Plan, Run, choose, plan
from regrep.comparison.records import Evaluated, Trained
from regrep.comparison.result import Comparison
from regrep.comparison.task import Task
from regrep.comparison.trial import evaluate, train
from regrep.errors import RegrepError


def compare(
    task: Task,
    arms: Sequence[str] | str | None = None,
    seeds: int | Sequence[int] = 5,
    progress: Callable[[str], None] | None = None,
    device: str | torch.device | None = None,
    tuning_seeds: int | None = None,
) -> Comparison:
    """Find out which use of a symmetry helps a task, and at what cost.

    Every arm is trained for the same number of steps, for every seed from the same initial weights on the same batches
    under the same elements. Weights come from one grid and are chosen on the validation samples. The test samples are
    looked at once at the end, for the chosen weights.

    Args:
        task: model, data, loss and symmetry.
        arms: names from :data:`~regrep.comparison.ARMS`, with their controls; None for all that the task allows.
        seeds: their number, or the seeds.
        progress: called with a line of text after each run.
        device: where networks are trained and tested, such as ``"cuda"``, instead of where the task says.
        tuning_seeds: how many of the seeds, from the first one on, try every weight of the grid; the others are trained
            with the weight that these choose, which saves most of the trainings. None for all.

    Raises:
        RegrepError: what the task gave does not fit together, an unknown arm, a device that is not there, more seeds to
            tune with than there are, or a run that failed.

    >>> import torch, regrep
    >>> G = regrep.groups.cyclic(2)
    >>> x = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
    >>> y = (x[:, 0] * x[:, 2] > 0).long()
    >>> task = regrep.Task(
    ...     model=lambda seed: torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)),
    ...     data=regrep.comparison.Splits((x[:20], y[:20]), (x[20:40], y[20:40]), (x[40:], y[40:])),
    ...     loss=torch.nn.functional.cross_entropy,
    ...     input_action=regrep.actions.Permute(G, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]])),
    ...     steps=3,
    ... )
    >>> found = regrep.compare(task, ["averaged"], seeds=2)
    >>> found.arms, len(found.trained)
    (('augmented', 'averaged'), 2)
    """
    if progress is not None:
        check_callable("progress", progress)
    task = computed_on(task, device)
    wanted = plan(task, arms, seeds, tuning_seeds)
    trained: list[Trained] = []
    states: dict[Run, dict[str, Tensor]] = {}
    say = progress or (lambda text: None)

    def train_all(runs: Sequence[Run]) -> None:
        total = len(trained) + len(runs)
        for run in sorted(runs, key=lambda run: ARMS[run.arm].needs_reference):
            reference = states[Run(REFERENCE, None, run.seed)] if ARMS[run.arm].needs_reference else None
            record, states[run] = train(task, ARMS[run.arm], run.weight, run.seed, reference)
            trained.append(record)
            done = f"{len(trained)}/{total}"
            say(f"{done} {run_text(run.arm, run.weight, run.seed)}: {record.validation:.4g}")

    train_all(wanted.trainings)
    metric = task.metric_for(task.splits(wanted.seeds[0]))
    weights = choose(trained, metric.larger_is_better)
    train_all(wanted.further(weights))
    tested: list[Evaluated] = []
    for run in wanted.tests(weights):
        arm = ARMS[run.arm]
        state = states[Run(trained_as(run.arm), run.weight, run.seed)]
        tested.append(evaluate(task, arm, run.weight, run.seed, state))
    return joined_result(task, wanted, trained, tested)


def computed_on(task: Task, device: str | torch.device | None) -> Task:
    """The task on a device; None for its own."""
    if device is None or not isinstance(task, Task):  # what is no task, its plan says
        return task
    return dataclasses.replace(task, device=device)


def joined_result(task: Task, wanted: Plan, trained: Sequence[Trained], tested: Sequence[Evaluated]) -> Comparison:
    """The result from the records of all runs."""
    splits = task.splits(wanted.seeds[0])
    metric = task.metric_for(splits)
    try:
        place = placement(task, task.network(wanted.seeds[0]).to(task.device), splits.train[0])
        text = f"The latent is layer {place.layer!r} with {place.rho!r}: {place.reason}."
    except RegrepError:
        text = ""
    return Comparison(
        task.name,
        metric.name,
        metric.larger_is_better,
        wanted.seeds,
        tuple(trained),
        tuple(tested),
        wanted.left_out,
        text,
    )


def trained_as(arm: str) -> str:
    """The arm whose networks an arm tests."""
    return ARMS[arm].trained_as


def run_text(arm: str, weight: float | None, seed: int) -> str:
    """A run in words.

    >>> run_text("averaged", None, 0), run_text("penalty-mse", 0.3, 1)
    ('averaged seed 0', 'penalty-mse weight 0.3 seed 1')
    """
    return f"{arm}{'' if weight is None else f' weight {weight:g}'} seed {seed}"
