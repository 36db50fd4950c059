"""One config of the study on single digits as a Lightning module."""

from __future__ import annotations

from regrep.actions import RotateFlip2d
from regrep.groups import parse
from regrep.objectives import EquivariantObjective
from regrep.representations import latent_representation
from regrep_paper.experiments.objective import objective_for
from regrep_paper.networks.choice import build
from regrep_paper.tables.study import DEFAULTS, DEFINITION
from regrep_paper.training.module import ClassifierModule


class SingleDigits(ClassifierModule):
    """A small network on single digits, under one of the methods.

    What is not given is as :mod:`regrep_paper.tables.study` says.

    Args:
        group: a group of the square.
        method: one of ``METHODS``.
        learning_rate: of Adam; the highest where the protocol lets it rise and decay.
        weight: of the penalty; that of the method by default, and 1 for ``ours``.
        latent: width of the penalised latent, at least |G|.
        copies: regular copies in the latent, floor(latent / |G|) by default.
        fraction: part of the batch whose second view is made.
        latent_augmentation: train the head on rho(g) E(x) too; by default as the method does.
        network: one of the table's.
    """

    def __init__(
        self,
        group: str = DEFAULTS["group"],
        method: str = DEFAULTS["method"],
        learning_rate: float = DEFAULTS["learning_rate"],
        weight: float | None = None,
        latent: int = DEFAULTS["latent"],
        copies: int | None = None,
        fraction: float = DEFAULTS["fraction"],
        latent_augmentation: bool | None = None,
        network: str = DEFAULTS["network"],
    ) -> None:
        config = DEFINITION.configured(
            group=group,
            method=method,
            learning_rate=learning_rate,
            weight=weight,
            latent=latent,
            copies=copies,
            fraction=fraction,
            latent_augmentation=latent_augmentation,
            network=network,
        )
        act = RotateFlip2d(parse(group))
        built = build("single-digits", network, latent=latent, classes=10)
        objective = objective_for(
            *(EquivariantObjective, method, built, act, latent_representation(act.group, latent, copies)),
            weight=config["weight"],
            fraction=fraction,
            latent_augmentation=config["latent_augmentation"],
        )
        super().__init__(built, config["learning_rate"], objective, config)
