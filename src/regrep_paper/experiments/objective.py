"""The objective of a method: the only place where a row of the methods becomes terms of a loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from regrep.actions import Action
from regrep.nn import EncoderHead
from regrep.objectives import EquivariantObjective, RolloutObjective
from regrep.objectives.functional import LatentAction
from regrep_paper.tables.methods import METHODS, check_method

Objective = TypeVar("Objective", EquivariantObjective, RolloutObjective)


def objective_for(
    kind: type[Objective],
    method: str,
    network: EncoderHead,
    act: Action,
    rho: LatentAction,
    weight: float,
    task_loss: Callable[[Tensor, Tensor], Tensor] = nn.functional.cross_entropy,
    fraction: float = 1.0,
    latent_augmentation: bool | None = None,
    **options: Any,
) -> Objective:
    """The objective that a network minimises under a method.

    Args:
        kind: the objective of one forward pass, or of rolled-out forecasts.
        method: name of the method.
        network: module with ``encoder`` and ``head``.
        act: how the group acts on the data.
        rho: how the group acts on the latent.
        weight: weight of the penalty.
        task_loss: loss of outputs and targets.
        fraction: fraction of the batch that gets a second view; ignored by methods without one.
        latent_augmentation: also train the head on rho(g) E(x); defaults to the method's choice.
        options: further arguments of the objective.

    Raises:
        RegrepError: an unknown method, or a value that the objective rejects.

    >>> import regrep
    >>> from regrep_paper.networks.choice import build
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> network, rho = build("ddmnist", "cnn"), regrep.latent(act.group, 66)
    >>> objective = objective_for(EquivariantObjective, "cnn", network, act, rho, weight=0.0)
    >>> objective.fraction
    0.0
    """
    check_method(method)
    row = METHODS[method]
    if row.control is not None:
        options["control"] = row.control
    return kind(
        network.encoder,
        network.head,
        task_loss,
        input_action=act,
        latent=rho,
        weight=weight,
        penalty=row.penalty or "mse",  # type: ignore[arg-type]  # the objective checks it
        fraction=fraction if row.second_view else 0.0,
        latent_augmentation=row.latent_augmentation if latent_augmentation is None else latent_augmentation,
        **options,
    )
