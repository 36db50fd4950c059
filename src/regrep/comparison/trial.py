"""One run of a comparison: train a network under an arm, or test a trained one."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from regrep.actions import sample
from regrep.actions.trees import batches, joined, moved, rows, samples_in
from regrep.arguments import shown
from regrep.comparison.arms import Arm
from regrep.comparison.placement import Placement, placement
from regrep.comparison.records import Evaluated, Trained, fingerprint, weights_of
from regrep.comparison.symmetry import symmetry_of
from regrep.comparison.task import Splits, Task, blamed, chosen
from regrep.diagnostics.reading import evaluating
from regrep.errors import RegrepError
from regrep.nn.averaged import GroupAveraged
from regrep.objectives import EquivariantObjective

EVALUATED = 500
"""Samples in a forward pass of an evaluation."""

TIMED, PASSES = 100, 7
"""Samples in a pass that is timed, and number of such passes."""

ORDER, ELEMENTS = 1, 2
"""Streams of random numbers, which are the same for all arms of one seed."""


def train(task: Task, arm: Arm, weight: float | None, seed: int) -> tuple[Trained, dict[str, Tensor]]:
    """Train the network of a seed under an arm; the test samples are not looked at.

    All arms of one seed begin with the same weights, and see the same samples under the same elements in each step.

    Args:
        task: the task.
        arm: one that trains.
        weight: its weight, or None.
        seed: seed of weights, batches and elements.

    Returns:
        The record, and the state of the network.

    Raises:
        RegrepError: what the task gave does not fit together, or a loss that is not finite.
    """
    splits = task.splits(seed)
    network = task.network(seed)
    initial = fingerprint(network.state_dict())
    loss = step_of(task, arm, weight, network, splits)
    parameters = [one for one in network.parameters() if one.requires_grad]
    make = task.optimiser or (lambda parameters: torch.optim.Adam(parameters, lr=task.lr))
    optimiser = make(parameters)
    if not isinstance(optimiser, torch.optim.Optimizer):
        raise RegrepError(f"optimiser(parameters) returns an optimiser of torch, got {shown(optimiser)}")
    rates = [group["lr"] for group in optimiser.param_groups]
    steps, seen, seconds, flops = task.step_count(splits), hashlib.sha256(), [], 0
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # of dropout
        network.train()
        for k, (index, others) in enumerate(Order(task, splits, seed, steps)):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * task.schedule((k + 1) / steps)
            views = Views(task, splits, index, others, seed, k)
            seen.update(views.fingerprint)
            began = time.perf_counter()
            optimiser.zero_grad()
            with FlopCounterMode(display=False) if k == 0 else _Uncounted() as counter:
                with blamed(f"step {k} of {arm.name}"):
                    total = loss(views)
                _check_loss(total, k)
                total.backward()
            flops = flops or counter.get_total_flops()
            optimiser.step()
            seconds.append(time.perf_counter() - began)
    metric = task.metric_for(splits)
    x, y = splits.validation
    found = metric.scores(outputs_of(network, x), y)
    labelled = fingerprint(splits.train, splits.validation, splits.unlabelled)
    record = Trained(
        arm.name,
        weight,
        seed,
        float(found.mean()),
        steps,
        initial,
        seen.hexdigest()[:16],
        labelled,
        statistics.median(seconds[min(3, len(seconds) - 1) :]),
        float(flops),
    )
    return record, weights_of(network)


def evaluate(task: Task, arm: Arm, weight: float | None, seed: int, weights: Mapping[str, Tensor]) -> Evaluated:
    """Test a trained network once.

    Args:
        task: the task.
        arm: the arm; one that averages does so here.
        weight: its weight, or None.
        seed: seed.
        weights: state of the network.

    Raises:
        RegrepError: the state is not that of the network, or outputs do not fit the metric.
    """
    splits = task.splits(seed)
    network, first = task.network(seed), task.network(seed)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as cause:
        raise RegrepError(
            f"the weights do not fit the model of {task.name} ({shown(str(cause))}); train again"
        ) from cause
    x, y = splits.test
    used = averaged(task, network, splits) if arm.averages else network
    metric = task.metric_for(splits)
    seconds, flops = inference_cost(used, rows(splits.train[0], slice(TIMED)))
    with blamed("the model on the test inputs"):
        outputs = outputs_of(used, x)
    found = metric.scores(outputs, y)
    place = _place_or_none(task, network, splits)
    return Evaluated(
        arm.name,
        weight,
        seed,
        found.numpy(),
        len(found) == samples_in(y) and samples_in(y) > 1,
        fingerprint(splits.test),
        seconds,
        flops,
        symmetry_of(task, first, None, place, metric, splits.test),
        symmetry_of(task, network, used if arm.averages else None, place, metric, splits.test),
    )


class Views:
    """What one step sees: the samples of a batch, each moved by a random element, and the elements of second views.

    Everything is drawn from the seed and the number of the step alone, whatever the arm.
    """

    def __init__(self, task: Task, splits: Splits, index: Tensor, others: Tensor | None, seed: int, step: int) -> None:
        x, y = splits.train
        draws = torch.Generator().manual_seed(stream(seed, ELEMENTS, step))
        count = len(index) + (0 if others is None else len(others))
        own, self.g = (sample(task.group, count, generator=draws) for _ in range(2))
        self.draws = draws
        self.upright, self.y_upright = chosen(x, index), chosen(y, index)
        self.x = moved(task.input_action, self.upright, own[: len(index)])
        self.y = moved(task.output_action, self.y_upright, own[: len(index)])
        self.unlabelled = None
        if others is not None:
            self.unlabelled = moved(task.input_action, chosen(splits.unlabelled, others), own[len(index) :])
        parts = [index, own, self.g] if others is None else [index, others, own, self.g]
        self.fingerprint = torch.cat(parts).numpy().tobytes()


class Order:
    """The batches of all steps: places of labelled samples, and of unlabelled ones or None.

    Labelled samples come in a new random order in each pass; the last batch of a pass is filled from the next one.
    """

    def __init__(self, task: Task, splits: Splits, seed: int, steps: int) -> None:
        self.labelled, self.steps = samples_in(splits.train[0]), steps
        self.unlabelled = 0 if splits.unlabelled is None else samples_in(splits.unlabelled)
        self.batch, self.further = task.batch, task.unlabelled_batch or task.batch
        self.draws = [torch.Generator().manual_seed(stream(seed, ORDER, k)) for k in range(2)]

    def __iter__(self) -> Any:
        """Over the steps."""
        ours = self._places(self.labelled, self.batch, self.draws[0])
        theirs = self._places(self.unlabelled, self.further, self.draws[1]) if self.unlabelled else None
        for _ in range(self.steps):
            yield next(ours), None if theirs is None else next(theirs)

    @staticmethod
    def _places(count: int, batch: int, draws: torch.Generator) -> Any:
        left = torch.empty(0, dtype=torch.int64)
        while True:
            while len(left) < min(batch, count):
                left = torch.cat([left, torch.randperm(count, generator=draws)])
            yield left[:batch]
            left = left[batch:]


def stream(seed: int, kind: int, number: int) -> int:
    """Seed of a stream of random numbers."""
    text = f"regrep comparison {seed} {kind} {number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7])


def step_of(
    task: Task, arm: Arm, weight: float | None, network: nn.Module, splits: Splits
) -> Callable[[Views], Tensor]:
    """The loss of an arm on what a step sees."""
    if not arm.augmented:
        return lambda views: task.loss(network(views.upright), views.y_upright)
    if not arm.latent:
        return lambda views: _two_views(task, network, views)
    place = placement(task, network, splits.train[0])
    if arm.head and not place.split:
        raise RegrepError(f"the arm {arm.name} needs a network with encoder and head, penalised between them")
    objective = _objective(task, arm, weight, network, place)
    count = task.batch
    return lambda views: objective(views.x, views.y, g=views.g[: min(count, samples_in(views.x))]).total


def _objective(
    task: Task, arm: Arm, weight: float | None, network: nn.Module, place: Placement
) -> EquivariantObjective:
    settings = dict(arm.settings)
    if arm.weighted is not None:
        settings[arm.weighted] = weight
    encoder: Any = network
    head: Any = None
    latent: Any = {place.layer: place.rho}
    if place.split:
        encoder, head, latent = network.encoder, network.head, place.rho
    return EquivariantObjective(
        encoder, head, task.loss, task.input_action, latent, output_action=task.output_action, **settings
    )


def _two_views(task: Task, network: nn.Module, views: Views) -> Tensor:
    """The task's loss on both views: the objective with a weight of 0, for any network."""
    count = samples_in(views.x)
    g = views.g[:count]
    outputs = network(joined([views.x, moved(task.input_action, views.x, g)]))
    target = moved(task.output_action, views.y, g)
    samples_in(outputs, 2 * count, "the outputs")
    return task.loss(rows(outputs, slice(count)), views.y) + task.loss(rows(outputs, slice(count, None)), target)


def averaged(task: Task, network: nn.Module, splits: Splits) -> nn.Module:
    """The average of a network over the group."""
    return GroupAveraged(network, task.input_action, task.output_action, probabilities=task.classifies(splits))


def outputs_of(network: nn.Module, x: Any) -> Any:
    """Outputs in evaluation mode, without gradients."""
    with evaluating(network):
        return joined([network(part) for part in batches(x, EVALUATED)])


def inference_cost(network: nn.Module, x: Any) -> tuple[float, float]:
    """Seconds, the median of a few passes, and floating-point operations, both for one sample."""
    with FlopCounterMode(display=False) as counter:  # the first pass, which also warms up
        outputs_of(network, x)
    seconds = []
    for _ in range(PASSES):
        began = time.perf_counter()
        outputs_of(network, x)
        seconds.append(time.perf_counter() - began)
    count = samples_in(x)
    return statistics.median(seconds) / count, counter.get_total_flops() / count


def _place_or_none(task: Task, network: nn.Module, splits: Splits) -> Placement | None:
    try:
        return placement(task, network, splits.train[0])
    except RegrepError:
        return None


def _check_loss(total: Any, step: int) -> None:
    if not isinstance(total, Tensor) or total.dim() or not total.requires_grad:
        raise RegrepError(f"loss(outputs, targets) returns a scalar tensor with a gradient, got {shown(total)}")
    if not bool(total.detach().isfinite()):
        raise RegrepError(f"the loss of step {step} is finite, got {float(total.detach())}; lower the learning rate")


class _Uncounted:
    """Stands in for the counter of operations in all steps but the first."""

    def __enter__(self) -> _Uncounted:
        return self

    def __exit__(self, *args: object) -> None: ...

    def get_total_flops(self) -> int:
        return 0
