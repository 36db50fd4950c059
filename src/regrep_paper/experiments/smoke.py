"""One config of Table 6 as a Lightning module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from regrep.objectives import RolloutObjective
from regrep_paper.data.smoke_box import TURNS
from regrep_paper.data.smoke_dynamics import transport_errors
from regrep_paper.data.smoke_windows import action
from regrep_paper.experiments.objective import objective_for
from regrep_paper.networks.choice import build
from regrep_paper.networks.smoke_cnn import Layout, latent_representation
from regrep_paper.tables.table6 import DEFAULTS, DEFINITION, WINDOW
from regrep_paper.training.forecast import ForecastModule, per_element


class SmokeForecast(ForecastModule):
    """A network of Table 6, by default that of section 6.3, trained by one of the methods.

    ``cnn`` sees the untransformed data, the others also a second view of the first forecast; for the weights, which are
    the same for all of them, see :class:`regrep.objectives.RolloutObjective`. Defaults come from
    :mod:`regrep_paper.tables.table6`.

    Args:
        method: cnn, augmented, with a penalty (ours, ...), or with a control of one.
        learning_rate: learning rate of Adam.
        weight: weight of the penalty; defaults to that of the method, or else of the published code.
        layout: layout of the latent, ``grid`` (section 6.3), ``channels`` or ``both``.
        width: channels of the hidden layers.
        size: points along a side.
        fraction: fraction of the batch that gets a second view.
        latent_augmentation: also train the head on rho(g) E(x); defaults to the method's choice.
        weight_decay: weight decay of Adam.
        decay: factor of the learning rate per epoch.
        network: one of the table's networks.
        network_as_published: build it with the defects of its published form.
    """

    def __init__(
        self,
        method: str = DEFAULTS["method"],
        learning_rate: float = DEFAULTS["learning_rate"],
        weight: float | None = None,
        layout: Layout = DEFAULTS["layout"],
        width: int = DEFAULTS["width"],
        size: int = DEFAULTS["size"],
        fraction: float = DEFAULTS["fraction"],
        latent_augmentation: bool | None = None,
        weight_decay: float = DEFAULTS["weight_decay"],
        decay: float = DEFAULTS["decay"],
        network: str = DEFAULTS["network"],
        network_as_published: bool = DEFAULTS["network_as_published"],
    ) -> None:
        config = DEFINITION.configured(
            method=method,
            learning_rate=learning_rate,
            weight=weight,
            layout=layout,
            width=width,
            fraction=fraction,
            latent_augmentation=latent_augmentation,
            weight_decay=weight_decay,
            decay=decay,
            network=network,
            network_as_published=network_as_published,
        )
        act = action()
        built = build("smoke", network, network_as_published, width=width, size=size)
        rho = latent_representation(act, layout, built.latent_shape)
        objective = objective_for(
            *(RolloutObjective, method, built, act, rho, config["weight"]),
            task_loss=nn.functional.mse_loss,
            fraction=fraction,
            latent_augmentation=config["latent_augmentation"],
            output_action=act,
        )
        super().__init__(built, learning_rate, objective, config, weight_decay, decay)

    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """As for every forecast; in addition ``transport`` is the data's transport error under each element.

        ``data_equivariance`` is the counterpart of ``forecast_equivariance`` for the simulator, over the simulations,
        see :func:`regrep_paper.data.smoke_box.turning_errors`; only if the set was generated with it.
        """
        record = super().diagnose(data, folder)
        frames = self.validation_samples(data, 32)[0].unflatten(1, (WINDOW, 2))
        record["transport"] = transport_errors(frames, self.objective.input_action)
        errors = data.turning_errors()
        return record if errors is None else {**record, "data_equivariance": per_element(TURNS, errors)}
