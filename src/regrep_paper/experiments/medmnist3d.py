"""One config of Table 5 as a Lightning module."""

from __future__ import annotations

from typing import Literal

from torch import nn

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import octahedral
from regrep.objectives import EquivariantObjective
from regrep.representations import latent
from regrep_paper.networks.choice import build
from regrep_paper.networks.medmnist3d_builders import NETWORKS
from regrep_paper.tables.catalogue import PLAIN, named
from regrep_paper.tables.methods import Method, check_method, fraction_of, penalty_of, weight_of
from regrep_paper.tables.table5 import VolumeSource, classes_of, default_rate, default_weight
from regrep_paper.training.module import ClassifierModule

SELECTIONS = {"moved": "validation/accuracy", "upright": "validation/accuracy_upright"}
"""Which validation accuracy chooses the best epoch."""


class MedMNIST3D(ClassifierModule):
    """A network of Table 5, by default that of appendix C.2, under one of the methods, and the rotations of the cube.

    Learning rate and weight default to Table 10. The task loss is the mean of those of the two views.

    Args:
        source: of the volumes; decides the classes and the defaults.
        method: one of ``METHODS``.
        learning_rate: of Adam; by default that of Table 10.
        weight: of the penalty; by default that of Table 10, 0.1 for ``ours-relative``.
        width: c of the network; its latent has 8c channels, at least 24.
        copies: regular copies in the latent, floor(8c / 24) by default.
        fraction: part of the batch whose second view is made.
        select: validation accuracy that chooses the best epoch, on ``moved`` or on ``upright`` volumes.
        size: points along each side of a volume.
        network: one of ``NETWORKS``.
    """

    ranked = True

    def __init__(
        self,
        source: VolumeSource = "polycubes",
        method: Method = "ours",
        learning_rate: float | None = None,
        weight: float | None = None,
        width: int = 6,
        copies: int | None = None,
        fraction: float = 1.0,
        select: Literal["moved", "upright"] = "moved",
        size: int = 28,
        network: str = PLAIN,
    ) -> None:
        check_method(method)
        if select not in SELECTIONS:
            raise RegrepError(f"the best epoch is chosen on {' or '.join(SELECTIONS)} volumes, got {select!r}")
        group = octahedral()
        rho = latent(group, 8 * width, copies)
        rate = default_rate(source) if learning_rate is None else learning_rate
        weight = weight_of(method, weight, published=default_weight(source))
        moved = fraction_of(method, fraction)
        built = build(NETWORKS, network, classes_of(source), width, size)
        objective = EquivariantObjective(
            built.encoder,
            built.head,
            nn.functional.cross_entropy,
            input_action=Rotate3d(group),
            latent=rho,
            weight=weight,
            penalty=penalty_of(method),
            fraction=moved,
            task_weight=0.5 if moved else 1.0,
            shifted_weight=0.5,
        )
        config = {
            "experiment": "medmnist3d",
            "group": group.name,
            "method": method,
            "width": width,
            "copies": copies,
            "learning_rate": rate,
            "weight": weight,
            "fraction": fraction,
            "select": select,
            **named(network),
        }
        super().__init__(built, rate, objective, config)
        self.monitor = (SELECTIONS[select], "max")
