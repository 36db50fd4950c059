"""The Lightning module around an objective: steps, metrics, optimiser."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import lightning
import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.diagnostics import (
    EquivarianceError,
    LayerProfile,
    Profile,
    RepresentationAnalysis,
    ThroughRho,
    equivariance_error,
    profile,
    profile_layers,
    through_rho,
)
from regrep.errors import RegrepError
from regrep.nn import EncoderHead, LatentSymmetry
from regrep.objectives import (
    OUTPUT,
    EquivariantObjective,
    RepresentationObjective,
    RolloutObjective,
    Terms,
    equivariance_loss,
    moving_share,
    whitened_error,
)
from regrep_paper.data.resident import ResidentBatches, Step
from regrep_paper.runs.hits import Hits
from regrep_paper.tables.protocol import Schedule
from regrep_paper.training.captured import CapturingModule
from regrep_paper.training.measurement import Measurement
from regrep_paper.training.metrics import Scores, accuracy, latent_scale
from regrep_paper.training.orbit import Orbit
from regrep_paper.training.processes import counted, gathered, weighted
from regrep_paper.training.rates import one_cycle

WIDEST = 4096
"""Most coordinates of a latent whose profile is made."""

Objective = TypeVar("Objective", bound=EquivariantObjective | RolloutObjective | RepresentationObjective)


class ConfiguredModule(lightning.LightningModule, ABC, Generic[Objective]):
    """A network under an objective, and the settings that name the config of a table: what all training shares.

    Args:
        network: module with ``encoder`` and ``head``.
        learning_rate: of Adam, > 0.
        objective: what is minimised; built on the network.
        config: the settings, resolved, for the run record.

    Raises:
        RegrepError: a learning rate of 0 or less.
    """

    monitor: tuple[str, str]
    """The metric that chooses the best epoch, and its direction."""

    schedule: Schedule = "constant"
    """Of the learning rate; set by the run's protocol."""

    log_steps: int = 10
    """Every how many steps what costs time is logged; set by the trainer's ``log_every_n_steps``."""

    def __init__(
        self, network: EncoderHead, learning_rate: float, objective: Objective, config: Mapping[str, Any]
    ) -> None:
        super().__init__()
        if not learning_rate > 0:
            raise RegrepError(f"the learning rate is positive, got {learning_rate}")
        self.network, self.learning_rate = network, learning_rate
        self.objective: Objective = objective
        self._config = dict(config)

    def config(self) -> dict[str, Any]:
        """The settings that name this config."""
        return dict(self._config)

    def compile_step(self, batches: ResidentBatches | None = None, capture: bool = False) -> None:
        """Compile the objective as one graph, which a GPU replays without launching its kernels one by one.

        Args:
            batches: makes the batch of a step inside the graph; by default the loader's batches are used.
            capture: capture gradients and update with it, as they are; needs ``batches``.

        Raises:
            RegrepError: the objective cannot be compiled.
        """
        raise RegrepError(
            "a representation that is learned chooses what to multiply by the elements of each batch, so its steps are"
            " not one graph; leave out --compile"
        )

    def adam(self, parameters: Any, **options: Any) -> torch.optim.Adam:
        """Adam at the learning rate; on a GPU one kernel updates all parameters."""
        fused = self.device.type == "cuda" and self.trainer.gradient_clip_val is None  # it may unscale by itself
        return torch.optim.Adam(parameters, lr=self.learning_rate, fused=fused or None, **options)

    @abstractmethod
    def measure(self, data: Any, samples: int = 256) -> Measurement | RepresentationAnalysis:
        """Evaluate the trained weights."""

    def measure_layers(self, data: Any, samples: int) -> LayerProfile:
        """Invariance and linear equivariance of every layer of the network, on the first validation samples.

        Raises:
            RegrepError: no action moves the inputs of this experiment, or there are fewer than 16 samples.
        """
        act = self.data_action()
        if act is None:
            raise RegrepError(
                "layers are measured on moved inputs, and no action moves those of this run; measure another"
            )
        return profile_layers(self.network.cpu(), self.validation_samples(data, samples)[0], act)

    def data_action(self) -> Action | None:
        """How the group moves the inputs; None where the data bring moved inputs of their own."""
        return self.objective.input_action

    def validation_samples(self, data: Any, samples: int) -> tuple[Tensor, Tensor]:
        """The first inputs x of the first validation loader, with their targets."""
        data.setup()
        loaders = data.val_dataloader()
        loader = loaders[0] if isinstance(loaders, list) else loaders
        inputs: list[Tensor] = []
        targets: list[Tensor] = []
        for batch in loader:
            views = data.views(batch)
            inputs.append(views.x)
            targets.append(views.y)
            if sum(map(len, inputs)) >= samples:
                break
        return torch.cat(inputs)[:samples], torch.cat(targets)[:samples]

    @abstractmethod
    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """What the record of a trained run says beyond its metrics; writes arrays into its folder."""

    def one_cycle(self, optimizer: torch.optim.Optimizer) -> Any:
        """The optimizer, with a rate that rises to ``learning_rate`` and decays to nothing over the whole run."""
        return one_cycle(optimizer, self.learning_rate, int(self.trainer.estimated_stepping_batches))

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of the network."""
        return self.network(x)


class NetworkModule(CapturingModule, ConfiguredModule[EquivariantObjective | RolloutObjective]):
    """Trains ``network.head(network.encoder(x))`` under section 5's objective.

    Batches have the fields ``x``, ``y``, ``g`` and ``gx`` (transformed inputs, or None). Logged once per epoch:
    ``train/<term>`` for each term of the objective, and ``train/regularizer`` where the network has one of its own,
    which is added to the objective. The errors of the latent, which cost as much as the penalty, are computed and
    logged in the first of every ``log_steps`` steps of an epoch. Arguments as in :class:`ConfiguredModule`.
    """

    _compiled: Callable[..., Terms] | None = None
    batches: ResidentBatches | None  # no value here, which would hide the module

    def compile_step(self, batches: ResidentBatches | None = None, capture: bool = False) -> None:
        """Compile the objective, or capture whole steps; on a GPU a graph is replayed as one launch."""
        self.batches, self.captures = batches, capture
        if capture:
            return
        mode = "reduce-overhead" if torch.cuda.is_available() else None
        step = self.objective.forward if batches is None else self.numbered
        self._compiled = torch.compile(step, fullgraph=True, mode=mode)

    def numbered(self, number: Tensor) -> Terms:
        """The objective on the batch of a step, which is made on the device; int64 scalar -> terms."""
        assert self.batches is not None, "only a compiled step is numbered"
        views = self.batches(number)
        return self.objective(views.x, views.y, views.g, views.gx)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One update; logs the terms of the objective."""
        if isinstance(batch, Step):
            assert self.batches is not None, "numbers come with batches"
            total, (terms, own) = self._numbered_step(int(batch.number))
            size = self.batches.batch_size
        else:
            step = self._compiled or self.objective
            total, (terms, own) = self._regularized(step(batch.x, batch.y, batch.g, batch.gx))
            total, size = weighted(total, batch), len(batch.y) if batch.share else 0
        parts = terms.log("train/", errors=batch_idx % self.log_steps == 0)
        if own is not None:
            parts["train/regularizer"] = own.detach()
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=counted(size), sync_dist=True)
        return total

    def _numbered_step(self, number: int) -> tuple[Tensor, tuple[Terms, Tensor | None]]:
        if self.captures:
            return self.whole_step(lambda number: self._regularized(self.numbered(number)), number)
        assert self._compiled is not None, "numbers come with a compiled step"
        return self._regularized(self._compiled(torch.full((), number, device=self.device)))

    def _regularized(self, terms: Terms) -> tuple[Tensor, tuple[Terms, Tensor | None]]:
        """The loss of a step, and what it consists of: the terms, and what the network adds of its own."""
        own = self.network.regularizer()
        return terms.total if own is None else terms.total + own, (terms, own)

    @cached_property
    def _own_symmetry(self) -> LatentSymmetry | None:
        return self.network.latent_symmetry()

    def latent_symmetry(self) -> LatentSymmetry | None:
        """What the latent is measured under: the network's own symmetry, or else that of the objective.

        None where no representation acts on the latent: the network is an average over the group, or its equivariant
        layers are followed by free ones, see ``EncoderHead.latent_note``.
        """
        if OUTPUT not in self.objective.latents or self.network.latent_note is not None:
            return None
        return self._own_symmetry or LatentSymmetry(self.objective.input_action, self.objective.latents[OUTPUT])

    def data_action(self) -> Action | None:
        """How the group under which the latent is measured moves the inputs; that of the objective where none is."""
        symmetry = self.latent_symmetry()
        return self.objective.input_action if symmetry is None else symmetry.action

    def measure(self, data: Any, samples: int = 256) -> Measurement:
        """Equivariance of the latent by element and by irreducible, and through the head, on validation samples.

        Raises:
            RegrepError: no representation acts on the latent.
        """
        symmetry = self.latent_symmetry()
        if symmetry is None:
            reason = getattr(self.network, "latent_note", None) or "no representation acts on its latent"
            raise RegrepError(f"the latent of this network has no equivariance error: {reason}; measure another run")
        x, y = self.validation_samples(data, samples)
        error, parts = self._of_latent(symmetry, x)
        return Measurement(error, self.through(x, y), parts)

    def _of_latent(self, symmetry: LatentSymmetry, x: Tensor) -> tuple[EquivarianceError, Profile | None]:
        """Errors by element and, of a latent that is not too wide to hold all samples at once, by irreducible."""
        device = self.device if self._trainer is None else self._trainer.strategy.root_device
        # In training mode the look at one latent below would change the statistics of normalisations.
        encoder: Callable[[Tensor], Tensor] = self.network.to(device).eval().encoder
        act, rho, x = symmetry.action, symmetry.rho, x.to(device)
        with torch.no_grad():
            width = encoder(x[:1]).numel()
        if width <= WIDEST:
            orbit = Orbit(encoder, x, act)  # for both measurements
            encoder, x, act = orbit.encoder, orbit.names, orbit.action
        error = equivariance_error(encoder, x, act, rho)
        self.network.cpu()
        return error, None if width > WIDEST else profile(encoder, x, act, rho)

    def through(self, x: Tensor, y: Tensor) -> ThroughRho | None:
        """A metric of the head on moved latents of x, per element; None where the targets are not invariant."""
        return None

    def latent_record(self, data: Any, samples: int = 256) -> dict[str, Any]:
        """Errors of the latent and under which symmetry, for the run record; else why there are none, if known."""
        symmetry = self.latent_symmetry()
        if symmetry is not None:
            error, found = self._of_latent(symmetry, self.validation_samples(data, samples)[0])
            record = {"equivariance": error.as_dict(), "equivariance_of": symmetry.as_dict()}
            return record if found is None else {**record, "profile": found.as_dict()}
        note = getattr(self.network, "latent_note", None)
        return {} if note is None else {"equivariance_note": note}

    def latent_metrics(self, stage: str, batch: Any, z: Tensor) -> dict[str, Tensor]:
        """Errors and scale of the latents z = E(x) of a batch, by the names they are logged under.

        Of the whole batch, where several processes share it.
        Under the symmetry of :meth:`latent_symmetry`; nothing where there is none. ``whitened_error`` counts as 1, and
        ``moving_share`` as 0, where the latents do not vary.
        """
        symmetry = self.latent_symmetry()
        if symmetry is None:
            return {}
        act, rho = symmetry.action, symmetry.rho
        g, gx = batch.g, batch.gx
        if symmetry is self._own_symmetry:  # gx was moved by another group, whose order is a multiple of this one's
            g, gx = g % act.group.order, None
        z, z_g = z.float(), self.network.encoder(act(batch.x, g) if gx is None else gx).float()
        z, z_g, g = (gathered(part, batch) for part in (z, z_g, g))
        return {
            f"{stage}/equivariance": equivariance_loss(z, z_g, g, rho),
            f"{stage}/whitened_error": whitened_error(z, z_g, g, rho).nan_to_num(1.0),
            f"{stage}/moving_share": moving_share(z, rho, act.group).nan_to_num(0.0),
            f"{stage}/latent_scale": latent_scale(z),
        }

    def log_epoch(self, metrics: dict[str, Tensor], size: int) -> None:
        """Log means over the epoch, weighted by the samples of each batch, under one name for all loaders."""
        self.log_dict(metrics, on_epoch=True, batch_size=counted(size), add_dataloader_idx=False, sync_dist=True)


class ClassifierModule(NetworkModule):
    """Trains a classifier under an objective.

    Logged beside the terms of the objective, on the first validation loader
    ``validation/{accuracy, loss, through_rho, equivariance, whitened_error, moving_share, latent_scale}``; the second
    loader holds upright samples and gives ``validation/accuracy_upright``. The same for ``test/``. ``through_rho`` is
    the accuracy of ``head(rho(g) E(x))`` over random elements g other than the identity: a head that can be used on
    transformed latents is the acid test of an equivariant encoder. It is left out for networks with a symmetry of their
    own, under which labels need not be invariant.
    """

    monitor = ("validation/accuracy", "max")

    ranked: ClassVar[bool] = False
    """Whether the area under the ROC curve is logged too, as ``auc`` and ``auc_upright``."""

    def __init__(
        self, network: EncoderHead, learning_rate: float, objective: EquivariantObjective, config: Mapping[str, Any]
    ) -> None:
        super().__init__(network, learning_rate, objective, config)
        self._ranked: dict[str, Scores] = {}
        self._correct: list[Tensor] = []

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Metrics on the validation split."""
        self._measure("validation", batch, upright=dataloader_idx == 1)

    def test_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Metrics on the test split."""
        self._measure("test", batch, upright=dataloader_idx == 1)

    def on_test_epoch_start(self) -> None:
        """Forget the samples of an earlier test."""
        self._correct.clear()

    def on_validation_epoch_end(self) -> None:
        """Metrics that need the whole validation split."""
        self._rank()

    def on_test_epoch_end(self) -> None:
        """Metrics that need the whole test split."""
        self._rank()

    def configure_optimizers(self) -> Any:
        """Adam without weight decay (appendix C), under the schedule of the run's protocol."""
        adam = self.adam(self.network.parameters())
        return adam if self.schedule == "constant" else self.one_cycle(adam)

    def diagnose(self, data: Any, folder: Path) -> dict[str, Any]:
        """Equivariance error per element, and which test samples were right; writes pictures."""
        data.write_examples(folder / "examples.npz")
        hits = Hits(torch.cat(self._correct).numpy(), data.units().numpy().astype("uint32"))
        return {**self.latent_record(data), "hits": hits.as_dict()}

    def _measure(self, stage: str, batch: Any, upright: bool) -> None:
        z = self.network.encoder(batch.x)
        scores, labels = (gathered(part, batch) for part in (self.network.head(z).float(), batch.y))
        if self.ranked:
            self._ranked.setdefault(f"{stage}/auc{'_upright' if upright else ''}", Scores()).add(scores, labels)
        if upright:
            metrics = {f"{stage}/accuracy_upright": accuracy(scores, labels)}
        else:
            metrics = {
                f"{stage}/accuracy": accuracy(scores, labels),
                f"{stage}/loss": nn.functional.cross_entropy(scores, labels),
                **self.latent_metrics(stage, batch, z),
            }
            self._through_rho(stage, batch, z)
            if stage == "test":
                self._correct.append((scores.argmax(dim=1) == labels).cpu())
        self.log_epoch(metrics, batch.size)

    def through(self, x: Tensor, y: Tensor) -> ThroughRho | None:
        """Accuracy of the head on moved latents; None for networks with a symmetry of their own."""
        symmetry = self.latent_symmetry()
        if symmetry is None or symmetry is self._own_symmetry:
            return None
        network = self.network
        return through_rho(network.encoder, network.head, x, y, symmetry.action, symmetry.rho, accuracy)

    def _through_rho(self, stage: str, batch: Any, z: Tensor) -> None:
        symmetry, moved = self.latent_symmetry(), batch.g != 0
        if symmetry is None or symmetry is self._own_symmetry:
            return  # the labels are those of the objective's group: a turn of the whole canvas exchanges two digits
        right = torch.zeros_like(moved)
        if bool(moved.any()):
            scores = self.network.head(symmetry.rho(z[moved], batch.g[moved])).float()
            right[moved] = scores.argmax(dim=1) == batch.y[moved]
        right, moved = gathered(right, batch), gathered(moved, batch)
        if bool(moved.any()):
            self.log_epoch({f"{stage}/through_rho": right[moved].float().mean()}, int(moved.sum()))

    def _rank(self) -> None:
        """Log the areas under the ROC curve of the scores gathered so far, which are those of all processes."""
        for name, scores in self._ranked.items():
            self.log(name, scores.auc().float(), sync_dist=True)
        self._ranked.clear()
