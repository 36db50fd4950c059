"""One config of Table 4 as a Lightning module."""

from __future__ import annotations

from torch import nn

from regrep.objectives import EquivariantObjective
from regrep.representations import latent as latent_representation
from regrep_paper.data.double_digits import action_of
from regrep_paper.networks.choice import build
from regrep_paper.networks.ddmnist_builders import NETWORKS
from regrep_paper.tables.catalogue import PLAIN, named
from regrep_paper.tables.methods import Method, check_method, fraction_of, penalty_of, weight_of
from regrep_paper.tables.table4 import WEIGHT, default_rate
from regrep_paper.training.module import ClassifierModule


class DDMNIST(ClassifierModule):
    """A network of Table 4, by default that of appendix C.1, under one of the methods.

    Learning rate and weight default to Table 9.

    Args:
        group: ``C4``, ``D1`` or ``D4``; G x G acts.
        method: one of ``METHODS``.
        learning_rate: of Adam; by default that of the config in Table 9.
        weight: of the penalty; by default that of the config in Table 9, 0.1 for ``ours-relative``.
        latent: channels of the penalised latent, at least |G|².
        copies: regular copies in the latent, floor(latent / |G|²) by default.
        fraction: part of the batch whose second view is made.
        latent_augmentation: train the head on rho(g) E(x) too.
        as_published: shifted task loss of weight 0 (D-DD2).
        classes: digits used; the network has classes² outputs.
        network: one of ``NETWORKS``.
    """

    def __init__(
        self,
        group: str = "D4",
        method: Method = "ours",
        learning_rate: float | None = None,
        weight: float | None = None,
        latent: int = 66,
        copies: int | None = None,
        fraction: float = 1.0,
        latent_augmentation: bool = False,
        as_published: bool = False,
        classes: int = 10,
        network: str = PLAIN,
    ) -> None:
        check_method(method)
        act = action_of(group)
        weight = weight_of(method, weight, published=WEIGHT[group])
        rate = default_rate(method, group, network) if learning_rate is None else learning_rate
        built = build(NETWORKS, network, group, latent, classes**2)
        objective = EquivariantObjective(
            built.encoder,
            built.head,
            nn.functional.cross_entropy,
            input_action=act,
            latent=latent_representation(act.group, latent, copies),
            weight=weight,
            penalty=penalty_of(method),
            fraction=fraction_of(method, fraction),
            latent_augmentation=latent_augmentation,
            shifted_weight=0.0 if as_published else 1.0,
        )
        config = {
            "experiment": "ddmnist",
            "group": group,
            "method": method,
            "latent": latent,
            "copies": copies,
            "learning_rate": rate,
            "weight": weight,
            "fraction": fraction,
            "latent_augmentation": latent_augmentation,
            "as_published": as_published,
            "classes": classes,
            **named(network),
        }
        super().__init__(built, rate, objective, config)
