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
    """A network of Table 4, by default that of appendix C.1, trained by one of the methods.

    Defaults come from :mod:`regrep_paper.tables.table4`.

    Args:
        group: ``C4``, ``D1`` or ``D4``; G x G acts.
        method: cnn, augmented, with a penalty (ours, ...), or with a control of one.
        learning_rate: learning rate of Adam; defaults to that of the config in Table 9.
        weight: weight of the penalty; defaults to that of the method, or else of the config in Table 9.
        latent: channels of the penalised latent, at least |G|².
        copies: regular copies in the latent; defaults to floor(latent / |G|²).
        fraction: fraction of the batch that gets a second view.
        one_sided: compute the latent of the second view without gradient.
        latent_augmentation: also train the head on rho(g) E(x); defaults to the method's choice.
        as_published: use weight 0 for the shifted task loss, as in the published code.
        classes: digits used; the network has classes² outputs.
        network: one of the table's networks.
        protocol: protocol of the run, which the default learning rate depends on.
        schedule: schedule of the learning rate, if not the protocol's.
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
        one_sided: bool = DEFAULTS["one_sided"],
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
            one_sided=one_sided,
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
            one_sided=one_sided,
            latent_augmentation=config["latent_augmentation"],
            shifted_weight=0.0 if as_published else 1.0,
        )
        super().__init__(built, config["learning_rate"], objective, config)
