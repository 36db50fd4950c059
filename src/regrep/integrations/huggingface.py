"""A mixin for the Hugging Face Trainer that adds the penalty, right under gradient accumulation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.errors import RegrepError
from regrep.integrations.second_view import PenaltyTerms, SecondView
from regrep.objectives.functional import LatentAction, Penalty
from regrep.objectives.output_losses import OutputLoss


class EquivariantTrainerMixin:
    """Adds the equivariance penalty of layers to the loss of a Trainer; the model and its own loss stay as they are.

    ``class MyTrainer(EquivariantTrainerMixin, Trainer)``; works with every subclass of ``transformers.Trainer`` that
    computes its loss in ``compute_loss``. In training the model runs once more, without labels, on gx with a random
    element g for each sample. In evaluation the loss is the task's alone.

    The Trainer divides some losses by the number of accumulated batches and not others, which have been divided by
    the number of items in all of them. The penalty is scaled to match: it counts as the mean over the samples of all
    accumulated batches, so that with ``"mse"`` loss and gradient are those of one large batch. The other penalties use
    the variance of the batch at hand, as in BatchNorm.

    With ``consistency`` the distance between the outputs for x and gx is added likewise; with ``weight=0.0`` it is then
    the only term.

    Logged together with ``loss``: ``equivariance``, ``whitened_error`` and ``moving_share``, and ``consistency`` with
    that term, means over the samples of this process since the last log. ``loss`` includes the weighted terms.

    Args:
        args: as the Trainer's; keyword arguments too.
        input_action: how G acts on the input; required.
        latents: representation of each layer, by its name in ``model.named_modules()``; required.
        weight: weight of the penalty, >= 0.
        penalty: see :func:`regrep.equivariance_loss`.
        input_name: which of the batch's entries G acts on; by default the model's ``main_input_name``.
        consistency: weight of the output consistency, >= 0.
        consistency_loss: see :func:`regrep.output_consistency`; its ``"kl"`` takes classes in dimension 1.
        output_action: how G acts on the outputs; None if they are invariant.
        output_name: which entry of what the model returns is compared.

    Raises:
        RegrepError: an unknown layer, different groups, a batch without the input, outputs without the entry, or
            several GPUs in one process.
    """

    def __init__(
        self,
        *args: Any,
        input_action: Action,
        latents: Mapping[str, LatentAction],
        weight: float = 1.0,
        penalty: Penalty = "whitened",
        input_name: str | None = None,
        consistency: float = 0.0,
        consistency_loss: OutputLoss | None = None,
        output_action: Any = None,
        output_name: str = "logits",
        **kwargs: Any,
    ) -> None:
        self.view = SecondView(
            input_action,
            latents,
            weight,
            penalty,
            consistency=consistency,
            consistency_loss=consistency_loss,
            output_action=output_action,
            read=partial(entry_of, output_name),
        )
        super().__init__(*args, **kwargs)
        trainer: Any = self
        model = self._bare(trainer.model)
        self.view.check(model)
        self._input_name = getattr(model, "main_input_name", "") if input_name is None else input_name
        if trainer.args.n_gpu > 1:
            raise RegrepError(
                f"layers are read in one process per GPU, got {trainer.args.n_gpu} GPUs in one; launch with torchrun"
            )
        self._accumulated = 0
        self._seen: list[tuple[int, PenaltyTerms]] = []

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """The Trainer's loss, and in training the penalty; with the outputs for x if asked for."""
        parent: Any = super()
        bare = self._bare(model)
        if not model.training:
            return parent.compute_loss(model, inputs, return_outputs=return_outputs, **kwargs)
        if self._input_name not in inputs:
            raise RegrepError(
                f"the group acts on {self._input_name!r}, but the batch holds {', '.join(inputs)}; pass input_name="
            )
        moved = {name: value for name, value in inputs.items() if name not in self._names_of_labels()}
        g, moved[self._input_name] = self.view.move(inputs[self._input_name])
        with self.view.watching(bare) as first:
            loss, outputs = parent.compute_loss(model, inputs, return_outputs=True, **kwargs)
            values = first()
        with self.view.watching(bare) as second:
            # Not by the wrapper of data-parallel training, whose gradients are summed once per pass.
            bare(**moved)
            terms = self.view.terms(values, second(), g)
        self._seen.append((len(g), terms.detached()))
        added = self.view.loss(terms)
        if added is not None:
            share = self._share(len(g)) if self._is_scaled(kwargs.get("num_items_in_batch")) else 1.0
            loss = loss + share * added
        return (loss, outputs) if return_outputs else loss

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches that are accumulated; notes how many samples they hold."""
        parent: Any = super()
        batches, items = parent.get_batch_samples(*args, **kwargs)
        self._accumulated = sum(len(batch[self._input_name]) for batch in batches if self._input_name in batch)
        return batches, items

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """The Trainer's log, with the terms beside the loss of training."""
        if "loss" in logs and self._seen:
            for name in PenaltyTerms._fields:
                # A weight that is changed in training may switch a term on.
                found = [(count, getattr(terms, name)) for count, terms in self._seen]
                found = [(count, value.float().cpu()) for count, value in found if value is not None]
                if found:
                    counts = torch.tensor([float(count) for count, _ in found])
                    values = torch.stack([value for _, value in found])
                    logs[name] = float((values * counts).sum() / counts.sum())
            self._seen.clear()
        parent: Any = super()
        parent.log(logs, *args, **kwargs)

    def _share(self, samples: int) -> float:
        """The part of a batch in all that are accumulated; as equal parts where the Trainer did not fetch them."""
        trainer: Any = self
        return samples / self._accumulated if self._accumulated else 1 / trainer.args.gradient_accumulation_steps

    def _is_scaled(self, items: Tensor | int | None) -> bool:
        """Whether the Trainer leaves the loss undivided, being a part of the mean over all accumulated batches."""
        trainer: Any = self
        own = getattr(trainer, "loss_is_scaled_for_ga", None)
        if own is not None:
            return own
        return (trainer.model_accepts_loss_kwargs and items is not None) or trainer.compute_loss_func is not None

    def _names_of_labels(self) -> set[str]:
        trainer: Any = self
        return {"labels", *(trainer.label_names or ())}

    def _bare(self, model: nn.Module) -> nn.Module:
        trainer: Any = self
        return trainer.accelerator.unwrap_model(model)


def entry_of(name: str, returned: Any) -> Any:
    """An entry of what a model returned.

    >>> entry_of("logits", {"logits": 3})
    3

    Raises:
        RegrepError: there is no such entry.
    """
    if not isinstance(returned, Mapping) or name not in returned:
        got = ", ".join(map(str, returned)) if isinstance(returned, Mapping) else f"a {type(returned).__name__}"
        raise RegrepError(f"output consistency compares what the model returns as {name!r}, got {got}; set output_name")
    return returned[name]
