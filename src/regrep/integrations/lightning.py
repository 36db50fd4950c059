"""Callbacks for Lightning: the penalty for any LightningModule, and a log of how equivariant its layers are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn

from regrep.actions import Action
from regrep.diagnostics import equivariance_error, through_layer
from regrep.errors import MissingExtraError, RegrepError
from regrep.integrations.second_view import SecondView
from regrep.objectives import OUTPUT
from regrep.objectives.checks import check_weight
from regrep.objectives.functional import LatentAction, Penalty
from regrep.objectives.output_losses import OutputLoss

try:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
except ImportError as error:
    raise MissingExtraError("integrations") from error


class EquivariancePenalty(Callback):
    """Adds the equivariance penalty of layers to the loss of any LightningModule, which stays as it is.

    The module's ``training_step`` runs as ever, and what it passes to the network is noted. The network then runs once
    more, on gx with a random element g for each sample, and ``weight`` times the penalty between the layers' outputs is
    added to the loss, before Lightning divides it for accumulation, scales and differentiates it; so precision,
    accumulation, clipping and data-parallel strategies apply to it as to the loss. Logged once per epoch:
    ``equivariance``, ``whitened_error`` and ``moving_share``, means over samples and layers.

    With ``consistency`` the distance between the network's outputs for x and gx is added likewise, and logged under
    that name; with ``weight=0.0`` it is then the only term.

    It cannot serve manual optimisation, two groups at once, nor a network that runs more than once or not at all in a
    training step: call :class:`regrep.EquivariantObjective` in the step there. It adds no loss on moved samples: that
    is your own augmentation's. Normalisations see x and gx as two batches.

    Args:
        act: how G acts on the network's first argument.
        latents: representation of each layer, by its name in ``network.named_modules()``; or one for the network's
            output.
        weight: weight of the penalty, >= 0; the attribute may be changed during training.
        penalty: see :func:`regrep.equivariance_loss`.
        network: name of the part that ``training_step`` calls with x, such as ``"model"``; the module itself by
            default, which fits steps that call ``self(x)``.
        prefix: what the logged names begin with.
        consistency: weight of the output consistency, >= 0; the attribute may be changed during training.
        consistency_loss: see :func:`regrep.output_consistency`; of what the network returns, a tensor or a tree.
        output_action: how G acts on that; None if it is invariant.

    Raises:
        RegrepError: at the start of training, an unknown layer, different groups, or manual optimisation; in a step, a
            network that did not run exactly once.
    """

    def __init__(
        self,
        act: Action,
        latents: LatentAction | Mapping[str, LatentAction],
        *,
        weight: float = 1.0,
        penalty: Penalty = "whitened",
        network: str | None = None,
        prefix: str = "train/",
        consistency: float = 0.0,
        consistency_loss: OutputLoss | None = None,
        output_action: Any = None,
    ) -> None:
        self.view = SecondView(
            act,
            latents,
            weight,
            penalty,
            consistency=consistency,
            consistency_loss=consistency_loss,
            output_action=output_action,
        )
        self.network, self.prefix = network, prefix

    @property
    def weight(self) -> float:
        """Weight of the penalty."""
        return self.view.weight

    @weight.setter
    def weight(self, weight: float) -> None:
        check_weight("weight", weight)
        self.view.weight = float(weight)

    @property
    def consistency(self) -> float:
        """Weight of the output consistency."""
        return self.view.consistency

    @consistency.setter
    def consistency(self, weight: float) -> None:
        check_weight("consistency", weight)
        self.view.consistency = float(weight)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Put the penalty around the training step."""
        if stage != "fit":
            return
        if not pl_module.automatic_optimization:
            raise RegrepError(
                "the callback adds to the loss that training_step returns, but under manual optimisation that is not"
                " differentiated; call regrep.EquivariantObjective in the step instead"
            )
        network = part_of(pl_module, self.network)
        self.view.check(network)
        step = pl_module.training_step
        if hasattr(step, "regrep_inner"):
            raise RegrepError(
                "a second penalty would take the other's pass on gx for one on x; give one callback all the layers"
            )

        @functools.wraps(step)
        def training_step(*args: Any, **kwargs: Any) -> Any:
            return self._step(pl_module, network, functools.partial(step, *args, **kwargs))

        training_step.regrep_inner = step  # type: ignore[attr-defined]
        pl_module.training_step = training_step  # type: ignore[method-assign]

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the module its own training step back."""
        unwrap(pl_module)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Likewise if training breaks off."""
        unwrap(pl_module)

    def _step(self, pl_module: LightningModule, network: nn.Module, step: Callable[[], Any]) -> Any:
        """A training step with the penalty in its loss."""
        calls: list[tuple[Tensor, tuple[Any, ...], dict[str, Any]]] = []
        count = 0

        def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            nonlocal count
            count += 1
            if count == 1:
                # Moved now: the network may change its input in place.
                if args:
                    g, gx = self.view.move(args[0])
                    calls.append((g, (gx, *args[1:]), kwargs))
                else:
                    name = next(iter(kwargs), "")
                    g, gx = self.view.move(kwargs.get(name))
                    calls.append((g, (), {**kwargs, name: gx}))

        with self.view.watching(network) as first:
            handle = network.register_forward_pre_hook(note, with_kwargs=True)
            try:
                output = step()
            finally:
                handle.remove()
            if output is None:
                return None
            if count != 1:
                raise RegrepError(
                    f"the network runs once in a training step, so that its second view is defined, but"
                    f" {self.network or 'the module itself'} ran {count} times; name the part that is called with x, or"
                    " call regrep.EquivariantObjective in the step"
                )
            values = first()
        ((g, args, kwargs),) = calls
        with self.view.watching(network) as second:
            network(*args, **kwargs)
            terms = self.view.terms(values, second(), g)
        size = counted(len(g))
        pl_module.log_dict(terms.log(self.prefix), on_step=False, on_epoch=True, batch_size=size, sync_dist=True)
        added = self.view.loss(terms)
        if added is None:
            return output
        if isinstance(output, Mapping):
            return {**output, "loss": output["loss"] + added}
        return output + added


class EquivarianceMonitor(Callback):
    """Logs how equivariant layers are, per element, on validation samples every few epochs.

    For each layer ``LAYER/whitened_error``, ``LAYER/moving_share`` and, with a metric, ``LAYER/through_rho``: means
    over the elements other than the identity, and ``LAYER/whitened_error/ELEMENT`` and ``LAYER/through_rho/ELEMENT``
    for each element. See :func:`regrep.equivariance_error` and :func:`regrep.diagnostics.through_layer`. Each process
    measures its own samples, and the means over the samples of all are logged.

    Args:
        act: how G acts on the inputs.
        latents: representation of each layer, by its name in ``network.named_modules()``; or one for the output.
        every_n_epochs: how often.
        samples: how many samples of the first validation loader are used, its first ones.
        network: name of the part that maps inputs to outputs; the module itself by default.
        metric: (outputs, targets) -> a number, for through rho; none by default.
        output_action: how G acts on the targets; None if they are invariant.
        read: batch -> (inputs, targets), if batches are not such pairs.
        prefix: what the logged names begin with.

    Raises:
        RegrepError: at the first validation, an unknown layer, different groups, or batches that are not pairs.
    """

    def __init__(
        self,
        act: Action,
        latents: LatentAction | Mapping[str, LatentAction],
        *,
        every_n_epochs: int = 1,
        samples: int = 512,
        network: str | None = None,
        metric: Callable[[Tensor, Tensor], Tensor | float] | None = None,
        output_action: Action | None = None,
        read: Callable[[Any], tuple[Tensor, Tensor]] | None = None,
        prefix: str = "equivariance/",
    ) -> None:
        if every_n_epochs < 1 or samples < 1:
            raise RegrepError(
                f"the monitor measures every n >= 1 epochs on at least 1 sample, got every_n_epochs {every_n_epochs}"
                f" and samples {samples}; raise them"
            )
        self.act, self.samples, self.every_n_epochs = act, samples, every_n_epochs
        self.latents = dict(latents) if isinstance(latents, Mapping) else {OUTPUT: latents}
        self.network, self.metric, self.output_action = network, metric, output_action
        self.read, self.prefix = pair if read is None else read, prefix
        self._pairs: list[tuple[Tensor, Tensor]] = []

    def _is_due(self, trainer: Trainer) -> bool:
        return not trainer.sanity_checking and (trainer.current_epoch + 1) % self.every_n_epochs == 0

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the samples of an earlier validation."""
        self._pairs.clear()

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first samples of the first loader."""
        missing = self.samples - sum(len(x) for x, _ in self._pairs)
        if dataloader_idx == 0 and missing > 0 and self._is_due(trainer):
            x, y = self.read(batch)
            self._pairs.append((x[:missing], y[:missing]))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure and log."""
        if not self._pairs:
            return
        x, y = (torch.cat(parts) for parts in zip(*self._pairs, strict=True))
        self._pairs.clear()
        network = part_of(pl_module, self.network)
        values: dict[str, float] = {}
        with trainer.precision_plugin.forward_context():
            for layer, rho in self.latents.items():
                name = f"{self.prefix}{layer.strip('<>')}"
                error = equivariance_error(network, x, self.act, rho, layer=layer)
                values[f"{name}/moving_share"] = error.moving_share
                values[f"{name}/whitened_error"] = error.mean_whitened_error
                values |= _by_element(f"{name}/whitened_error", error.elements, error.whitened_error)
                if self.metric is not None:
                    through = through_layer(
                        network, layer, x, y, self.act, rho, self.metric, output_action=self.output_action
                    )
                    values[f"{name}/through_rho"] = through.mean
                    values |= _by_element(f"{name}/through_rho", through.elements, through.values)
        logged = {name: torch.tensor(value) for name, value in values.items()}
        pl_module.log_dict(logged, batch_size=counted(len(x)), sync_dist=True)


def counted(samples: int) -> int:
    """A count of samples that Lightning divides by the number of processes without rest.

    It weights means by the mean of the processes' counts, as a whole number: 4 and 3 samples count as 3.

    >>> counted(7)  # this process is alone
    7
    """
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return samples * torch.distributed.get_world_size() if several else samples


def _by_element(name: str, elements: tuple[str, ...], values: Tensor) -> dict[str, float]:
    return {f"{name}/{element}": value for element, value in zip(elements, values.tolist(), strict=True)}


def unwrap(pl_module: LightningModule) -> None:
    """Remove the penalty around the module's training step."""
    step = getattr(vars(pl_module).get("training_step"), "regrep_inner", None)
    if step is None:
        return
    del pl_module.training_step
    if step != pl_module.training_step:  # one that somebody else had set
        pl_module.training_step = step  # type: ignore[method-assign]


def part_of(pl_module: nn.Module, name: str | None) -> nn.Module:
    """The part of that name, or the module itself.

    >>> part_of(nn.Sequential(nn.ReLU()), "0")
    ReLU()

    Raises:
        RegrepError: there is no such part.
    """
    parts = dict(pl_module.named_modules())
    if (name or "") not in parts:
        names = ", ".join([part for part in parts if part and "." not in part][:6])
        raise RegrepError(f"network names a part of the module, got {name!r}; choose one, for example {names}")
    return parts[name or ""]


def pair(batch: Any) -> tuple[Tensor, Tensor]:
    """Inputs and targets of a batch that is a pair.

    Raises:
        RegrepError: the batch is no pair of tensors.
    """
    if not (isinstance(batch, tuple | list) and len(batch) == 2 and all(isinstance(part, Tensor) for part in batch)):
        raise RegrepError(
            f"a batch is a pair (inputs, targets) of tensors, got a {type(batch).__name__}; pass"
            " read=lambda batch: (inputs, targets)"
        )
    return batch[0], batch[1]
