"""One run of a comparison: train a network under an arm, or test a trained one."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from regrep.actions.trees import rows, samples_in
from regrep.arguments import is_real, shown
from regrep.comparison.arms import Arm
from regrep.comparison.batches import Order, Views
from regrep.comparison.devices import check_present, name_of, on_device, seeded
from regrep.comparison.failures import blamed
from regrep.comparison.placement import Placement, placement
from regrep.comparison.records import Evaluated, Trained, fingerprint, weights_of
from regrep.comparison.steps import averaged, averaged_head, outputs_of, step_of
from regrep.comparison.symmetry import symmetry_of
from regrep.comparison.task import Splits, Task, check_pair
from regrep.comparison.watch import Course, Watch, timed
from regrep.errors import RegrepError

TIMED, PASSES = 100, 7
"""Samples in a pass that is timed, and number of such passes."""


def train(
    task: Task, arm: Arm, weight: float | None, seed: int, reference: Mapping[str, Tensor] | None = None
) -> tuple[Trained, dict[str, Tensor]]:
    """Train the network of a seed under an arm, on the device of the task; the test samples are not looked at.

    All arms of one seed begin with the same weights, and see the same samples under the same elements in each step,
    on every device.

    Args:
        task: the task.
        arm: one that trains.
        weight: its weight, or None.
        seed: seed of weights, batches and elements.
        reference: state of the network of ``augmented`` of this seed, for an arm that learns from it.

    Returns:
        The record, and the state of the network, on the CPU.

    Raises:
        RegrepError: what the task gave does not fit together, or a loss that is not finite.
    """
    _check_run(task, arm, weight)
    splits = task.splits(seed)
    network = task.network(seed)
    initial = fingerprint(network.state_dict())
    labelled = fingerprint(splits.train, splits.validation, splits.unlabelled)
    network, splits = network.to(task.device), _there(task, splits)
    teacher = None if reference is None else loaded(task, seed, reference)
    step = step_of(task, arm, weight, network, splits, teacher)
    parameters = [one for one in network.parameters() if one.requires_grad]
    if not parameters:
        raise RegrepError(f"the model of {task.name} has no parameters to train")
    make = task.optimiser or (lambda parameters: torch.optim.Adam(parameters, lr=task.lr))
    with blamed("the optimiser"):
        optimiser = make(parameters)
    if not isinstance(optimiser, torch.optim.Optimizer):
        raise RegrepError(f"optimiser(parameters) returns an optimiser of torch, got {shown(optimiser)}")
    rates = [group["lr"] for group in optimiser.param_groups]
    steps, seen, flops = task.step_count(splits), hashlib.sha256(), 0
    watch, course = Watch(task.device, steps), Course(step.followed, steps)
    with seeded(seed):  # of dropout
        network.train()
        for k, (index, others) in enumerate(Order(task, splits, seed, steps)):
            factor = _factor(task, (k + 1) / steps)
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            views = Views(task, splits, index, others, seed, k)
            seen.update(views.fingerprint)
            course.note(k)
            watch.begin()
            optimiser.zero_grad()
            with FlopCounterMode(display=False) if k == steps - 1 else _Uncounted() as counter:
                with blamed(f"step {k} of {arm.name}"):
                    total = step(views, k / steps)
                watch.seen(total)
                total.backward()
            flops = flops or counter.get_total_flops()
            with blamed("a step of the optimiser"):
                optimiser.step()
            step.taken()
            watch.end()
    metric = task.metric_for(splits)
    x, y = splits.validation
    found = metric.scores(outputs_of(network, x), y)
    record = Trained(
        arm.name,
        weight,
        seed,
        float(found.mean()),
        steps,
        initial,
        seen.hexdigest()[:16],
        labelled,
        watch.step_seconds,
        float(flops),
        name_of(task.device),
        course.values,
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
    _check_run(task, arm, weight)
    splits = task.splits(seed)
    network, first = loaded(task, seed, weights), task.network(seed).to(task.device)
    x, y = splits.test
    place = _place_or_none(task, network, splits)
    used = network
    if arm.averages:
        used = averaged_head(task, network, place, splits) if arm.latent else averaged(task, network, splits)
    metric = task.metric_for(splits)
    seconds, flops = inference_cost(used, on_device(rows(splits.train[0], slice(TIMED)), task.device), task.device)
    with blamed("the model on the test inputs"):
        x = on_device(x, task.device)
        outputs = outputs_of(used, x)
    check_pair("test", splits.test)
    found = metric.scores(outputs, y)
    pair = on_device((x, y), task.device)
    return Evaluated(
        arm.name,
        weight,
        seed,
        found.numpy(),
        len(found) == samples_in(y) and samples_in(y) > 1,
        fingerprint(splits.test),
        seconds,
        flops,
        symmetry_of(task, first, None, place, metric, pair),
        symmetry_of(task, network, used if arm.averages else None, place, metric, pair),
        name_of(task.device),
    )


def loaded(task: Task, seed: int, weights: Mapping[str, Tensor]) -> nn.Module:
    """The network of a seed with given weights, on the device of the task.

    Raises:
        RegrepError: they are not those of the network.
    """
    network = task.network(seed)
    if not isinstance(weights, Mapping):
        raise RegrepError(f"the weights of a network are a dictionary of tensors, got {shown(weights)}")
    try:
        network.load_state_dict(dict(weights))
    except (RuntimeError, AttributeError, TypeError) as cause:
        raise RegrepError(f"the weights do not fit the model of {task.name} ({shown(cause)}); train again") from cause
    return network.to(task.device)


def inference_cost(network: nn.Module, x: Any, device: torch.device) -> tuple[float, float]:
    """Seconds, the median of a few passes, and floating-point operations, both for one sample on this device."""
    with FlopCounterMode(display=False) as counter:  # the first pass, which also warms up
        outputs_of(network, x)
    seconds = [timed(lambda: outputs_of(network, x), device) for _ in range(PASSES)]
    count = samples_in(x)
    return statistics.median(seconds) / count, counter.get_total_flops() / count


def _place_or_none(task: Task, network: nn.Module, splits: Splits) -> Placement | None:
    try:
        return placement(task, network, splits.train[0])
    except RegrepError:
        return None


def _check_run(task: object, arm: object, weight: object) -> None:
    if not isinstance(task, Task):
        raise RegrepError(f"a network is trained for a regrep.Task, got {shown(task)}")
    if not isinstance(arm, Arm):
        raise RegrepError(f"an arm is one of regrep.comparison.ARMS, got {shown(arm)}")
    if weight is not None and not is_real(weight):
        raise RegrepError(f"the weight of an arm is a number or None, got {shown(weight)}")
    check_present(task.device)


def _there(task: Task, splits: Splits) -> Splits:
    """The splits with the samples of training and validation on the device of the task; the test is not touched."""
    train, validation, unlabelled = (
        on_device(part, task.device) for part in (splits.train, splits.validation, splits.unlabelled)
    )
    return Splits(train, validation, splits.test, unlabelled)


def _factor(task: Task, done: float) -> float:
    with blamed("the schedule"):
        factor = task.schedule(done)
    if not is_real(factor):
        raise RegrepError(f"schedule(share of the steps) is a finite number, got {shown(factor)}")
    return float(factor)


class _Uncounted:
    """Stands in for the counter of operations in all steps but the last."""

    def __enter__(self) -> _Uncounted:
        return self

    def __exit__(self, *args: object) -> None: ...

    def get_total_flops(self) -> int:
        return 0
