"""One config of Table 4 as a Lightning module."""

from __future__ import annotations

from regrep.objectives import EquivariantObjective
from regrep.representations import latent as latent_representation
from regrep_paper.data.double_digits import action_of
from regrep_paper.experiments.objective import objective_for
from regrep_paper.networks.choice import build
from regrep_paper.tables.protocol import Schedule
from regrep_paper.tables.table4 import DEFAULTS, DEFINITION
from regrep_paper.training.module import ClassifierModule


class DDMNIST(ClassifierModule):
    """A network of Table 4, by default that of appendix C.1, under one of the methods.

    What is not given is as :mod:`regrep_paper.tables.table4` says.

    Args:
        group: ``C4``, ``D1`` or ``D4``; G x G acts.
        method: one of ``METHODS``.
        learning_rate: of Adam; that of the config in Table 9 by default.
        weight: of the penalty; that of the method, or else of the config in Table 9, by default.
        latent: channels of the penalised latent, at least |G|².
        copies: regular copies in the latent, floor(latent / |G|²) by default.
        fraction: part of the batch whose second view is made.
        latent_augmentation: train the head on rho(g) E(x) too; by default as the method does.
        as_published: shifted task loss of weight 0, as in the published code.
        classes: digits used; the network has classes² outputs.
        network: one of the table's.
        protocol: of the run, for the learning rate's default.
        schedule: of the rate, where it is not the protocol's.
    """

    def __init__(
        self,
        group: str = DEFAULTS["group"],
        method: str = DEFAULTS["method"],
        learning_rate: float | None = None,
        weight: float | None = None,
        latent: int = DEFAULTS["latent"],
        copies: int | None = None,
        fraction: float = DEFAULTS["fraction"],
        latent_augmentation: bool | None = None,
        as_published: bool = DEFAULTS["as_published"],
        classes: int = DEFAULTS["classes"],
        network: str = DEFAULTS["network"],
        protocol: str = DEFAULTS["protocol"],
        schedule: Schedule | None = None,
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
            as_published=as_published,
            classes=classes,
            network=network,
            protocol=protocol,
            schedule=schedule,
        )
        act = action_of(group)
        rho = latent_representation(act.group, latent, copies)
        built = build("ddmnist", network, group=group, latent=latent, classes=classes**2)
        objective = objective_for(
            *(EquivariantObjective, method, built, act, rho, config["weight"]),
            fraction=fraction,
            latent_augmentation=config["latent_augmentation"],
            shifted_weight=0.0 if as_published else 1.0,
        )
        super().__init__(built, config["learning_rate"], objective, config)
