"""The loss of an arm in one step of training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions.trees import batches, joined, moved, rows, samples_in
from regrep.comparison.arms import REFERENCE, Arm
from regrep.comparison.batches import Views
from regrep.comparison.placement import Placement, placement
from regrep.comparison.task import Splits, Task
from regrep.diagnostics.reading import evaluating
from regrep.errors import RegrepError
from regrep.nn.averaged import GroupAveraged
from regrep.nn.mean_teacher import MeanTeacher
from regrep.nn.projection import Projection
from regrep.nn.weight_axes import projected_axes
from regrep.objectives import DualWeight, EquivariantObjective
from regrep.objectives.layers import OUTPUT
from regrep.representations import trivial

EVALUATED = 500
"""Samples in a forward pass of an evaluation."""

TEACHER_DECAY = 0.99
"""Of the moving average that teaches."""

SHUFFLED = 0
"""Seed of the order in which a control projects weights."""

DISTILLED = 4
"""At most this many random elements in the average that is distilled, whose mean is that over the group."""


def step_of(
    task: Task, arm: Arm, weight: float | None, network: nn.Module, splits: Splits, reference: nn.Module | None = None
) -> Step:
    """The loss of an arm on what a step sees."""
    if not arm.augmented:
        return Step(lambda views: task.loss(network(views.upright), views.y_upright))
    if arm.plain_views:
        return Step(lambda views: _two_views(task, network, views))
    if arm.projects:
        return Projected(task, arm, weight or 0.0, network, splits)
    place = placement(task, network, splits.train[0]) if arm.latent else None
    if arm.head and not (place and place.split):
        raise RegrepError(f"the arm {arm.name} needs a network with encoder and head, penalised between them")
    return Taught(task, arm, weight, network, splits, place, reference)


class Step:
    """A loss on what a step sees.

    Args:
        loss: views -> scalar.
    """

    def __init__(self, loss: Callable[[Views], Tensor]) -> None:
        self.loss = loss

    def __call__(self, views: Views, done: float) -> Tensor:
        """The loss; ``done`` is the share of the steps that were taken."""
        return self.loss(views)

    @property
    def followed(self) -> DualWeight | None:
        """The weight that follows a target, if there is one."""
        return None

    def taken(self) -> None:
        """Told after each step of the optimiser."""


class Projected(Step):
    """The task's loss on both views, and the distance of the weights from equivariant ones, which is 1 at first."""

    def __init__(self, task: Task, arm: Arm, weight: float, network: nn.Module, splits: Splits) -> None:
        axes = projected_axes(network, splits.train[0], task.input_action, task.output_action)
        projection = Projection(axes, shuffled=SHUFFLED if arm.control else None).to(task.device)
        with torch.no_grad():
            whole = projection.squared_distance(network).clamp_min(torch.finfo(torch.float32).tiny)
        super().__init__(
            lambda views: _two_views(task, network, views) + weight * projection.squared_distance(network) / whole
        )


class Taught(Step):
    """The objective of an arm, with the teacher that it may have."""

    def __init__(
        self,
        task: Task,
        arm: Arm,
        weight: float | None,
        network: nn.Module,
        splits: Splits,
        place: Placement | None,
        reference: nn.Module | None,
    ) -> None:
        settings = dict(arm.settings)
        if arm.weighted is not None:
            settings[arm.weighted] = weight
            settings |= {option: share * float(weight or 0.0) for option, share in arm.shares.items()}
        if arm.name == "penalty-target":
            settings["steps"] = task.step_count(splits)
        self.mean = MeanTeacher(network, TEACHER_DECAY) if arm.teacher == "mean" else None
        teacher: Any = self.mean
        if arm.teacher in ("averaged", "reference"):
            if reference is None:
                raise RegrepError(f"the arm {arm.name} learns from the network of {REFERENCE}; train that first")
            reference.eval().requires_grad_(False)
            few = min(task.group.order, DISTILLED)
            teacher = averaged(task, reference, splits, few) if arm.teacher == "averaged" else reference
        encoder: Any = network
        head: Any = None
        latent: Any = {OUTPUT: _of_outputs(task, network, splits)} if place is None else {place.layer: place.rho}
        if place is not None and place.split:
            encoder, head, latent = network.encoder, network.head, place.rho
        self.late = arm.teacher == "mean"
        self.teacher_weight = float(settings.get("teacher_weight", 0.0))
        self.objective = EquivariantObjective(
            encoder,
            head,
            task.loss,
            task.input_action,
            latent,
            output_action=task.output_action,
            teacher=teacher,
            consistency_loss=None if task.classifies(splits) else "squared",
            **settings,
        )
        super().__init__(
            lambda views: (
                self.objective(views.x, views.y, g=views.g, generator=views.draws, unlabelled=views.unlabelled).total
            )
        )

    def __call__(self, views: Views, done: float) -> Tensor:
        """The loss; a mean teacher teaches in the second half."""
        if self.late:
            self.objective.teacher_weight = self.teacher_weight if done >= 0.5 else 0.0
        return super().__call__(views, done)

    @property
    def followed(self) -> DualWeight | None:
        """The weight of the penalty, or that of the consistency."""
        return self.objective.error_weight or self.objective.output_weight

    def taken(self) -> None:
        """Let the mean teacher follow."""
        if self.mean is not None:
            self.mean.update()


def _of_outputs(task: Task, network: nn.Module, splits: Splits) -> Any:
    """How the outputs move, as the latent of an objective that penalises none."""
    outputs = outputs_of(network, rows(splits.train[0], slice(1)))
    if task.output_action is not None or not isinstance(outputs, Tensor):
        return task.output_action
    return trivial(task.group, outputs.shape[-1])


def _two_views(task: Task, network: nn.Module, views: Views) -> Tensor:
    """The task's loss on both views: the objective with a weight of 0, for any network."""
    count = samples_in(views.x)
    g = views.g[:count]
    outputs = network(joined([views.x, moved(task.input_action, views.x, g)]))
    target = moved(task.output_action, views.y, g)
    samples_in(outputs, 2 * count, "the outputs")
    return task.loss(rows(outputs, slice(count)), views.y) + task.loss(rows(outputs, slice(count, None)), target)


def averaged(task: Task, network: nn.Module, splits: Splits, elements: int | None = None) -> nn.Module:
    """The average of a network over the group, or over some random elements of it, which are drawn on the CPU."""
    return GroupAveraged(
        network,
        task.input_action,
        task.output_action,
        probabilities=task.classifies(splits),
        elements=elements,
        generator=torch.default_generator,
    )


def averaged_head(task: Task, network: nn.Module, place: Placement | None, splits: Splits) -> nn.Module:
    """A network whose head is averaged over its latent under all elements, for the price of the heads."""
    if place is None or not place.split:
        raise RegrepError("a head is averaged between an encoder and a head, which this network does not have")
    encoder: Any = network.encoder
    head: Any = network.head
    mean = GroupAveraged(head, place.rho, task.output_action, probabilities=task.classifies(splits))
    return nn.Sequential(encoder, mean)


def outputs_of(network: nn.Module, x: Any) -> Any:
    """Outputs in evaluation mode, without gradients."""
    with evaluating(network):
        return joined([network(part) for part in batches(x, EVALUATED)])
