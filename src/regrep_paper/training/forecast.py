"""The Lightning module of rolled-out forecasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from regrep.actions import Action
from regrep.diagnostics import equivariance_error
from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep.objectives.rollout import RolloutObjective, roll_out
from regrep_paper.runs.arrays import write_arrays
from regrep_paper.training.module import NetworkModule

TESTS = ("future", "domain")
"""Names of the test loaders: later frames of the training simulations, and held-out simulations."""

COMPONENTS = ("vx", "vy")

WINDOWS = 32
"""Of the validation split, evenly spaced, on which a forecast is compared with that of the moved window."""


def per_element(elements: Sequence[str], errors: Tensor) -> dict[str, Any]:
    """The record of errors [n, order]: mean and range for each element; empty without errors.

    Rows that are not finite, due to a division by no change, are left out.

    >>> record = per_element(["e", "r"], torch.tensor([[0.0, 0.5], [0.0, 1.0], [torch.nan, torch.inf]]))
    >>> record["mean"], record["largest"], record["samples"]
    ([0.0, 0.75], [0.0, 1.0], 2)
    """
    errors = errors[errors.isfinite().all(dim=1)]
    if not len(errors):
        return {}
    return {
        "elements": list(elements),
        "mean": errors.mean(dim=0).tolist(),
        "smallest": errors.amin(dim=0).tolist(),
        "largest": errors.amax(dim=0).tolist(),
        "samples": len(errors),
    }


def forecast_distances(network: Callable[[Tensor], Tensor], x: Tensor, act: Action, move: Action) -> Tensor:
    """How far forecasts f are from commuting with a group: ‖g f(x) − f(gx)‖ of each window, [B, order].

    Args:
        network: f, windows [B, n·C, ...] -> frames [B, C, ...].
        x: [B, n·C, ...].
        act: how the group acts on windows.
        move: how the group acts on frames.
    """
    with torch.no_grad():
        found = network(x)
        several = (torch.full((len(x),), k) for k in range(act.group.order))
        return torch.stack([_norm(move(found, g) - network(act(x, g))) for g in several], dim=1)


def _norm(frames: Tensor) -> Tensor:
    """Of each frame [B, ...]."""
    return frames.flatten(1).norm(dim=1)


class ForecastModule(NetworkModule):
    """Trains windows [B, n·2, H, W] to the next frame [B, 2, H, W] of a vector field, rolled out over T frames.

    In addition to the terms of the objective ``validation/{rmse, rmse_vx, rmse_vy, equivariance, whitened_error,
    moving_share, latent_scale}`` is logged. An RMSE is the root of the mean square over all windows, frames, points
    and (but for the last two) both components, in units of the data. The test has two loaders, Future and Domain, with
    a longer horizon: ``test/future`` and ``test/domain`` are over all of it, ``test/future_short`` and
    ``test/domain_short`` over as many frames as were trained, ``test/rmse`` (with its components and the latent's
    metrics) is the latter of Future, the counterpart of validation's. What every frame contributes is in ``horizon`` of
    the record.

    Args:
        network: module with ``encoder`` and ``head``.
        learning_rate: of Adam, > 0.
        objective: what is minimised; built on the network.
        config: the settings, resolved, for the run record.
        weight_decay: of Adam, at least 0.
        decay: factor of the learning rate per epoch, from 0 to 1.
    """

    monitor = ("validation/rmse", "min")

    def __init__(
        self,
        network: EncoderHead,
        learning_rate: float,
        objective: RolloutObjective,
        config: Mapping[str, Any],
        weight_decay: float,
        decay: float,
    ) -> None:
        super().__init__(network, learning_rate, objective, config)
        if not (weight_decay >= 0 and 0 < decay <= 1):
            raise RegrepError(
                f"weight decay is at least 0 and the rate's decay per epoch in (0, 1], got {weight_decay} and {decay}"
            )
        self.weight_decay, self.decay = weight_decay, decay
        self._squares: dict[str, Tensor] = {}
        self.horizon: dict[str, dict[str, list[float]]] = {}

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Metrics on the validation split."""
        self._add("validation", batch)
        self.log_epoch(self.latent_metrics("validation", batch, self.network.encoder(batch.x)), batch.size)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Metrics on Future and Domain."""
        name = TESTS[dataloader_idx]
        self._add(name, batch)
        if name == "future":
            self.log_epoch(self.latent_metrics("test", batch, self.network.encoder(batch.x)), batch.size)

    def on_validation_epoch_end(self) -> None:
        """Log the roots of the means over the epoch."""
        self._log("validation", "rmse", self._means("validation"))

    def on_test_epoch_end(self) -> None:
        """Log both tests over the trained and the full horizon, and keep the error of every frame."""
        trained = self.trainer.datamodule.rollout  # type: ignore[attr-defined]
        for name in [name for name in TESTS if name in self._squares]:
            means = self._means(name)
            self.log(f"test/{name}", means.mean().sqrt())
            self.log(f"test/{name}_short", means[:trained].mean().sqrt())
            if name == "future":
                self._log("test", "rmse", means[:trained])
            self.horizon[name] = {
                "rmse": means.mean(dim=1).sqrt().tolist(),
                **{part: means[:, k].sqrt().tolist() for k, part in enumerate(COMPONENTS)},
            }

    def configure_optimizers(self) -> Any:
        """Adam with weight decay, its rate multiplied by ``decay`` after every epoch, or under one cycle."""
        adam = self.adam(self.network.parameters(), weight_decay=self.weight_decay)
        if self.schedule == "onecycle":
            return self.one_cycle(adam)
        return {"optimizer": adam, "lr_scheduler": torch.optim.lr_scheduler.ExponentialLR(adam, self.decay)}

    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """Errors per element of the latent and of the output, and per frame; writes one roll-out of each test.

        ``equivariance`` is the latent's, ``output_equivariance`` compares g D(E(x)) with D(E(gx)) on the scale of the
        output, ``forecast_equivariance`` each window's in parts of the true change to the next frame, and
        ``forecast_equivariance_own_change`` in parts of the change that is forecast, which is large in a bad forecast.
        """
        self.network.cpu()
        latent = self.latent_record(data, samples=32)
        act, move = self.objective.input_action, self.objective.output_action
        assert move is not None, "a forecast is a field, which the group moves"
        inputs, _ = self.validation_samples(data, 32)
        output = equivariance_error(self.network, inputs, act, move)
        self.write_rollouts(data, folder / "rollout.npz")
        x, next_frame = self._windows(data)
        distances = forecast_distances(self.network, x, act, move)
        with torch.no_grad():
            true, own = (_norm(y - x[:, -y.shape[1] :])[:, None] for y in (next_frame, self.network(x)))
        return {
            **latent,
            "output_equivariance": output.as_dict(),
            "forecast_equivariance": per_element(act.group.names, distances / true),
            "forecast_equivariance_own_change": per_element(act.group.names, distances / own),
            "horizon": self.horizon,
        }

    def write_rollouts(self, data: Any, path: Path) -> None:
        """Predicted and true frames, float16 [T, 2, H, W], of the first window of the second half of each test."""
        self.network.eval()
        arrays = {}
        with torch.no_grad():
            for name, loader in zip(TESTS, data.test_dataloader(), strict=True):
                dataset = loader.dataset
                batch = data.views(dataset[(torch.tensor([len(dataset) // 2]), 0)])
                found = roll_out(self.network, batch.x, batch.y.shape[1])[0]
                arrays[f"{name}_predicted"] = found.half().numpy()
                arrays[f"{name}_true"] = batch.y[0].half().numpy()
        write_arrays(path, **arrays)

    def _windows(self, data: Any) -> tuple[Tensor, Tensor]:
        """Windows of all parts of the validation split, and the frame after each."""
        dataset = data.val_dataloader().dataset
        chosen = torch.linspace(0, len(dataset) - 1, min(WINDOWS, len(dataset))).round().long()
        views = data.views(dataset[(chosen, 0)])
        return views.x, views.y[:, 0]

    def _add(self, name: str, batch: Any) -> None:
        """Add the squared errors of a batch: sums over windows and points per frame and component, and their count."""
        error = roll_out(self.network, batch.x, batch.y.shape[1]).float() - batch.y
        sums = error.square().mean(dim=(-2, -1)).sum(dim=0)
        sums = torch.cat([sums, torch.full_like(sums[:1], len(error))])
        if not batch.share:  # a sample that stands in for none
            sums = torch.zeros_like(sums)
        self._squares[name] = self._squares.get(name, torch.zeros_like(sums)) + sums

    def _means(self, name: str) -> Tensor:
        """Mean square error [T, 2] of what was added under a name, over all processes."""
        sums = self.trainer.strategy.reduce(self._squares.pop(name), reduce_op="sum")
        assert isinstance(sums, Tensor)
        return sums[:-1] / sums[-1]

    def _log(self, stage: str, name: str, means: Tensor) -> None:
        parts = {f"_{part}": means[:, k] for k, part in enumerate(COMPONENTS)}
        self.log_dict({f"{stage}/{name}{part}": value.mean().sqrt() for part, value in {"": means, **parts}.items()})
