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
    """A small network on single digits, trained by one of the methods.

    Defaults come from :mod:`regrep_paper.tables.study`.

    Args:
        group: a group of the square.
        method: cnn, augmented, with a penalty (ours, ...), or with a control of one.
        learning_rate: learning rate of Adam; the peak if the protocol has it rise and decay.
        weight: weight of the penalty; defaults to that of the method, and to 1 for ``ours``.
        latent: width of the penalised latent, at least |G|.
        copies: regular copies in the latent; defaults to floor(latent / |G|).
        fraction: fraction of the batch that gets a second view.
        latent_augmentation: also train the head on rho(g) E(x); defaults to the method's choice.
        network: one of the table's networks.
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
