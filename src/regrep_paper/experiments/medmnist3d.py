"""One config of Table 5 as a Lightning module."""

from __future__ import annotations

from typing import Literal

from regrep.actions import Rotate3d
from regrep.errors import RegrepError
from regrep.groups import parse
from regrep.objectives import EquivariantObjective
from regrep.representations import latent
from regrep_paper.experiments.objective import objective_for
from regrep_paper.networks.choice import build
from regrep_paper.tables.methods import METHODS
from regrep_paper.tables.protocol import Schedule
from regrep_paper.tables.table5 import DEFAULTS, DEFINITION, VolumeSource, classes_of
from regrep_paper.training.module import ClassifierModule

SELECTIONS = {"moved": "validation/accuracy", "upright": "validation/accuracy_upright"}
"""Which validation accuracy selects the best epoch."""


class MedMNIST3D(ClassifierModule):
    """A network of Table 5, by default that of appendix C.2, trained by one of the methods under the cube's rotations.

    Defaults come from :mod:`regrep_paper.tables.table5`. The task loss is the mean over the two views.

    Args:
        source: source of the volumes, which determines the classes and the defaults.
        method: cnn, augmented, with a penalty (ours, ...), or with a control of one.
        learning_rate: learning rate of Adam; defaults to that of Table 10.
        weight: weight of the penalty; defaults to that of the method, or else of Table 10.
        width: c of the network; its latent has 8c channels, at least 24.
        copies: regular copies in the latent; defaults to floor(8c / 24).
        fraction: fraction of the batch that gets a second view.
        select: volumes whose validation accuracy selects the best epoch: ``moved`` (randomly rotated) or ``upright``.
        size: points along each side of a volume.
        network: one of the table's networks.
        protocol: protocol of the run, which the default learning rate depends on.
        schedule: schedule of the learning rate, if not the protocol's.
    """

    ranked = True

    def __init__(
        self,
        source: VolumeSource = DEFAULTS["data"],
        method: str = DEFAULTS["method"],
        learning_rate: float | None = None,
        weight: float | None = None,
        width: int = DEFAULTS["width"],
        copies: int | None = None,
        fraction: float = DEFAULTS["fraction"],
        select: Literal["moved", "upright"] = DEFAULTS["select"],
        size: int = DEFAULTS["size"],
        network: str = DEFAULTS["network"],
        protocol: str = DEFAULTS["protocol"],
        schedule: Schedule | None = None,
    ) -> None:
        config = DEFINITION.configured(
            data=source,
            method=method,
            learning_rate=learning_rate,
            weight=weight,
            width=width,
            copies=copies,
            fraction=fraction,
            select=select,
            size=size,
            network=network,
            protocol=protocol,
            schedule=schedule,
        )
        if select not in SELECTIONS:
            raise RegrepError(f"the best epoch is selected on {' or '.join(SELECTIONS)} volumes, got {select!r}")
        group = parse(config["group"])
        rho = latent(group, 8 * width, copies)
        built = build("medmnist3d", network, classes=classes_of(source), width=width, size=size)
        two = METHODS[method].second_view and fraction
        objective = objective_for(
            *(EquivariantObjective, method, built, Rotate3d(group), rho, config["weight"]),
            fraction=fraction,
            task_weight=0.5 if two else 1.0,
            shifted_weight=0.5,
        )
        super().__init__(built, config["learning_rate"], objective, config)
        self.monitor = (SELECTIONS[select], "max")
