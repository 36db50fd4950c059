"""One config of Table 6 as a Lightning module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from regrep.objectives import RolloutObjective
from regrep_paper.data.smoke_box import TURNS
from regrep_paper.data.smoke_dynamics import transport_errors
from regrep_paper.data.smoke_windows import action
from regrep_paper.networks.choice import build
from regrep_paper.networks.smoke_builders import NETWORKS
from regrep_paper.networks.smoke_cnn import Layout, latent_representation
from regrep_paper.tables.catalogue import PLAIN, named
from regrep_paper.tables.methods import Method, check_method, fraction_of, penalty_of, weight_of
from regrep_paper.tables.table6 import DECAY, LEARNING_RATE, WEIGHT, WEIGHT_DECAY, WINDOW
from regrep_paper.training.forecast import ForecastModule, per_element


class SmokeForecast(ForecastModule):
    """A network of Table 6, by default that of section 6.3, under one of the methods.

    ``cnn`` sees the data as they are; the others also a second view of the first forecast, see
    :class:`regrep.objectives.RolloutObjective` for the weights, which are the same for all of them.

    Args:
        method: one of ``METHODS``.
        learning_rate: of Adam.
        weight: of the penalty; 0.005 by default, 0.1 for ``ours-relative``.
        layout: of the latent, ``grid`` (section 6.3), ``channels`` or ``both``.
        width: channels of the hidden layers.
        size: points along a side.
        fraction: part of the batch whose second view is made.
        latent_augmentation: train the head on rho(g) E(x) too.
        weight_decay: of Adam.
        decay: factor of the learning rate per epoch.
        network: one of ``NETWORKS``.
        network_as_published: with the defects of its published form.
    """

    def __init__(
        self,
        method: Method = "ours",
        learning_rate: float = LEARNING_RATE,
        weight: float | None = None,
        layout: Layout = "grid",
        width: int = 92,
        size: int = 32,
        fraction: float = 1.0,
        latent_augmentation: bool = False,
        weight_decay: float = WEIGHT_DECAY,
        decay: float = DECAY,
        network: str = PLAIN,
        network_as_published: bool = False,
    ) -> None:
        check_method(method)
        act = action()
        weight = weight_of(method, weight, published=WEIGHT)
        built = build(NETWORKS, network, width, WINDOW, size, as_published=network_as_published)
        objective = RolloutObjective(
            built.encoder,
            built.head,
            nn.functional.mse_loss,
            input_action=act,
            latent=latent_representation(act, layout, built.latent_shape),
            weight=weight,
            penalty=penalty_of(method),
            output_action=act,
            fraction=fraction_of(method, fraction),
            latent_augmentation=latent_augmentation,
        )
        config = {
            "experiment": "smoke",
            "group": act.group.name,
            "method": method,
            "learning_rate": learning_rate,
            "weight": weight,
            "layout": layout,
            "width": width,
            "fraction": fraction,
            "latent_augmentation": latent_augmentation,
            "weight_decay": weight_decay,
            "decay": decay,
            **named(network, network_as_published),
        }
        super().__init__(built, learning_rate, objective, config, weight_decay, decay)

    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """As every forecast; ``transport`` is the transport error of the data moved by each element.

        ``data_equivariance`` is the counterpart of ``forecast_equivariance`` for the simulator, over the simulations,
        see :func:`regrep_paper.data.smoke_box.turning_errors`; only where the set was generated with it.
        """
        record = super().diagnose(data, folder)
        frames = self.validation_inputs(data, 32).unflatten(1, (WINDOW, 2))
        record["transport"] = transport_errors(frames, self.objective.input_action)
        errors = data.turning_errors()
        return record if errors is None else {**record, "data_equivariance": per_element(TURNS, errors)}
