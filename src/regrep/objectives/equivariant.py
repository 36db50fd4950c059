"""Section 5's objective: task loss, task loss shifted by g, and the equivariance penalty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from regrep.actions.trees import as_action, joined, moved, rows
from regrep.arguments import check_callable, check_flags
from regrep.deprecated import positional_until_now
from regrep.objectives.checks import (
    Control,
    check_capacity,
    check_choice,
    check_positions,
    check_task,
    check_unlabelled,
    check_views,
)
from regrep.objectives.dual_weight import START, DualWeight
from regrep.objectives.functional import Penalty
from regrep.objectives.latent_augmentation import LatentAugmentation
from regrep.objectives.latent_penalty import LatentPenalty
from regrep.objectives.layers import OUTPUT, Latents, Layer
from regrep.objectives.modules import Part, current
from regrep.objectives.output_losses import OutputLoss, check_output_loss, chosen, on_scores, symmetric
from regrep.objectives.passes import Passes
from regrep.objectives.processes import check_averaged, mean_of_all_processes, running_wrapper
from regrep.objectives.seen_batch import SeenBatch
from regrep.objectives.settings import check_numbers, check_settings, check_targets, check_taught
from regrep.objectives.teaching import TeacherView, Teaching
from regrep.objectives.terms import Compared, Terms
from regrep.objectives.views import Views


class EquivariantObjective(nn.Module):
    """L = task(D(E(x)), y) + task(D(E(gx)), gy) + weight · penalty(rho(g) E(x), E(gx)), section 5.

    Further terms are options: latent augmentation task(D(rho(g) E(x)), gy), output consistency, and a teacher.

    Both encoder passes are one batch of 2B. The objective owns no parameters, and no buffers unless a weight follows a
    target: its ``state_dict`` is empty, and the encoder and the head remain the caller's. Inference uses the unmodified
    network.

    On several processes compute it in the forward pass of a module in ``DistributedDataParallel``, or pass it encoder
    and head in such wrappers: the gradient is then that of all processes' samples as one batch, if each has as many.
    The penalties other than ``"mse"``, which depend on the statistics of a batch, gather the latents for that; the
    logged errors of ``"mse"`` are those of a process's own samples.

    The penalised latent is the encoder's output, or, with a mapping from layer names to representations,
    the outputs of those layers (their penalties are averaged); :data:`~regrep.objectives.OUTPUT` names the output of
    the encoder. If a layer runs several times in a forward pass, its penalty is the mean over the runs; ``"relu#0"``
    names the first alone. With ``head=None`` the encoder is a whole model that returns the outputs.

    Args:
        encoder: module or function x -> z; any architecture. A pair of a model and a name, ``(model, "encoder")``, is
            looked up at each step, so that a part that is replaced later (``model.encoder = torch.compile(...)``) is
            used; the objective keeps a part that is passed itself.
        head: module or function z -> outputs, or such a pair, or None.
        task_loss: (outputs, y) -> scalar mean over the samples.
        input_action: how G acts on x; if x is a tree (tuple, list, dict, dataclass, ...), one action for all its
            tensors or a tree of actions in its shape, with None for what does not move.
        latent: representation (or action) on the latent, or a mapping layer name -> representation. A tuple names a
            part of what a layer returns, ``("lstm", 0)``; a tuple or list of representations stands for an encoder
            that returns one.
        weight: weight of the penalty, >= 0; with 0 the penalty is measured without gradient.
        penalty: ``"mse"`` (the paper's), ``"relative"`` (cannot be lowered by shrinking the latent), ``"whitened"``
            (nor by an offset or by a strong signal that the task does not use; use it with
            ``latent_augmentation``) or ``"moving"``; see :func:`~regrep.equivariance_loss`.
        output_action: how G acts on y, likewise; None if the outputs are invariant (classes).
        fraction: E(gx) is computed for this fraction of the batch only, in [0, 1] (its first samples, so shuffle the
            data). With 0 there is neither a shifted task loss nor a penalty.
        one_sided: E(gx) is computed without gradient, in a pass of its own, and is a constant in every term: the
            penalty moves E(x) alone, the shifted task loss and a teacher train the head alone, and the consistency
            moves f(x), and f(gx) by the head. Saves the backward pass of the second view, about a third of a step.
        latent_augmentation: also train the head on rho(g) E(x) with target gy: one more pass of the head,
            none of the encoder. Needs a head and a penalised encoder output.
        shifted_weight: weight of the shifted task loss; 1 in the paper's text, 0 in its DDMNIST code.
        task_weight: weight of the task loss itself.
        control: a control experiment, to see what a gain is due to. ``"permuted"``: random permutations replace rho in
            the penalty and the latent augmentation; ``"shuffled"``: the penalty uses the elements of other samples, the
            latent augmentation the right ones; ``"shrunk"``: the penalty is mean |E|² over both halves.
        control_seed: seed of the random permutations.
        consistency: weight of output consistency, the distance of the outputs for x, moved by the output action, from
            those for gx; see :func:`~regrep.output_consistency`. It needs no labels and no latent.
        consistency_loss: the distance, ``"kl"``, ``"squared"`` or a function of (outputs of gx, moved outputs of x);
            by default ``"kl"``, or ``"squared"`` with an output action. Also that of a teacher.
        teacher: function x -> outputs, whose outputs, moved by the output action, are targets for gx, without gradient:
            a :class:`~regrep.nn.MeanTeacher`, or for distillation a :class:`~regrep.nn.GroupAveraged` network; or a
            pair of a model and a name. It stays the caller's, as the encoder does.
        teacher_weight: weight of the distance from the teacher's outputs; with 0 the teacher is not called.
        teacher_view: what the teacher sees: ``"other"``, g'x with another random element g'; ``"same"``, gx as the
            network does, which is a control; ``"own"``, x itself.
        target_error: a target of the whitened error: the weight of the penalty starts at ``weight``, rises while the
            error is above the target, and falls below it; see :class:`~regrep.objectives.DualWeight`. The objective
            then has a state, which belongs into checkpoints.
        target_consistency: a target of the consistency, whose weight then starts at ``consistency``, or at 0.1.
        target_step: the most by which the logarithm of such a weight changes in a step.
        steps: length of the training: the target error falls from 1, that of unrelated latents, to its value over the
            first half. None for a target that does not move.

    Raises:
        RegrepError: a value out of range, an unknown layer, or different groups.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8))
    >>> objective = EquivariantObjective(encoder, nn.Linear(8, 2), nn.functional.cross_entropy,
    ...     input_action=regrep.actions.RotateFlip2d(G), latent=regrep.latent(G, 8), weight=0.5)
    >>> terms = objective(torch.randn(6, 4, 4), torch.zeros(6, dtype=torch.int64))
    >>> terms.total.shape, len(objective.state_dict()), len(list(objective.parameters()))
    (torch.Size([]), 0, 0)
    """

    @positional_until_now(
        6,
        "weight",
        "penalty",
        "output_action",
        "fraction",
        "latent_augmentation",
        "shifted_weight",
        "task_weight",
    )
    def __init__(
        self,
        encoder: Callable[..., Any] | Part,
        head: Callable[[Any], Any] | Part | None,
        task_loss: Callable[[Any, Any], Tensor],
        input_action: Any,
        latent: Any,
        *,
        weight: float = 1.0,
        penalty: Penalty = "mse",
        output_action: Any = None,
        fraction: float = 1.0,
        latent_augmentation: bool = False,
        shifted_weight: float = 1.0,
        task_weight: float = 1.0,
        control: Control | None = None,
        control_seed: int = 0,
        one_sided: bool = False,
        consistency: float = 0.0,
        consistency_loss: OutputLoss | None = None,
        teacher: Callable[..., Any] | Part | None = None,
        teacher_weight: float = 1.0,
        teacher_view: TeacherView = "other",
        target_error: float | None = None,
        target_consistency: float | None = None,
        target_step: float = 0.01,
        steps: int | None = None,
    ) -> None:
        super().__init__()
        check_numbers(
            penalty,
            control,
            control_seed,
            fraction,
            weight=weight,
            shifted_weight=shifted_weight,
            task_weight=task_weight,
            consistency=consistency,
            teacher_weight=teacher_weight,
        )
        targets = {"target_error": target_error, "target_consistency": target_consistency}
        check_targets(targets, fraction, control)
        check_choice("teacher_view", teacher_view, TeacherView)
        check_output_loss("consistency_loss", consistency_loss)
        check_flags(one_sided=one_sided, latent_augmentation=latent_augmentation)
        check_taught(teacher, head, one_sided)
        check_callable("task_loss", task_loss)
        input_action, output_action = as_action(input_action), as_action(output_action)
        latents = check_settings(encoder, head, latent, input_action, output_action, latent_augmentation)
        # Held in a plain tuple, so that they are not registered: the objective has no state of its own.
        self._network = (encoder, head)
        self.task_loss = task_loss
        self.input_action, self.output_action = input_action, output_action
        self.latents = Latents({layer: rho for layer, rho in latents.items() if rho is not None})
        self.weight, self.penalty = float(weight), penalty
        self.shifted_weight, self.task_weight = float(shifted_weight), float(task_weight)
        self.fraction, self.latent_augmentation = float(fraction), bool(latent_augmentation)
        self.one_sided = bool(one_sided)
        self.control, self.control_seed = control, control_seed
        self.consistency, self.consistency_loss = float(consistency), chosen(consistency_loss, output_action)
        self._penalise = LatentPenalty(self.latents, penalty, input_action.group, control, control_seed)
        fixed = [layer for layer, rho in latents.items() if rho is None]
        self._turn = LatentAugmentation(self._penalise.applied, fixed)
        self._outputs_move = on_scores(output_action)
        self.teacher_weight = float(teacher_weight)
        self._teach: Teaching | None = None
        if teacher is not None:
            check_callable("the teacher", current(teacher))
            self._teach = Teaching(teacher, teacher_view, self.consistency_loss, input_action, output_action)
        self.error_weight: DualWeight | None = None
        self.output_weight: DualWeight | None = None
        if target_error is not None:
            self.error_weight = DualWeight(target_error, weight, target_step, steps)
        if target_consistency is not None:
            self.output_weight = DualWeight(target_consistency, consistency or START, target_step)
        self._warned = self._averaging_checked = False
        self._passes = Passes(encoder, head, self.latents, strict=self._penalises)

    @property
    def encoder(self) -> Callable[..., Any]:
        """The encoder; looked up now if it was given as a model and a name."""
        return current(self._network[0])

    @property
    def head(self) -> Callable[[Any], Any] | None:
        """The head, likewise."""
        return current(self._network[1])

    def forward(
        self,
        x: Any,
        y: Any,
        g: Tensor | None = None,
        gx: Any = None,
        generator: torch.Generator | None = None,
        samples: int | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        unlabelled: Any = None,
    ) -> Terms:
        """Objective on a batch.

        Args:
            x: [B, ...], inputs, already augmented by random elements if the task uses augmentation.
            y: [B, ...], targets.
            g: int64 [B], elements; drawn uniformly by default. [B + U] with those of the unlabelled inputs.
            gx: [B, ...], the inputs transformed by this g, if the caller computed them (say, with their own noise);
                by default the input action computes them.
            generator: for drawing g; defaults to torch's global one.
            samples: number of samples in all batches whose gradients add up to one step, for loops that do not divide
                the loss by the number of batches: ``total`` is then multiplied by B / samples.
            arguments: further arguments of the encoder by name, which do not move. Tensors in them with a row per
                sample, of x and then of the unlabelled inputs, are repeated for gx; all else is passed as it is.
            unlabelled: [U, ...], inputs without targets: the penalty and the consistency are means over these and x
                together, the task losses over x alone.
        """
        return self.with_outputs(x, y, g, gx, generator, samples, arguments, unlabelled=unlabelled)[0]

    def with_outputs(
        self,
        x: Any,
        y: Any,
        g: Tensor | None = None,
        gx: Any = None,
        generator: torch.Generator | None = None,
        samples: int | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        unlabelled: Any = None,
    ) -> tuple[Terms, Any]:
        """The objective and the network's outputs for x, for further losses on them; arguments as in forward."""
        batch = self._see(x, g, gx, generator, arguments or {}, unlabelled)
        views, outputs, wrapper = batch.views, batch.views.plain(batch.outputs), self._wrapper()
        self._warn_once(batch.outputs, batch.latents)
        target = moved(self.output_action, y, views.plain(batch.g))

        task = check_task(self._loss(outputs, y))
        shifted = self._shifted(batch, target)
        augmented = self._augmented(batch, target)
        penalty, compared, error = self._penalty(batch, wrapper)
        consistency = self._consistency(batch)
        teaching = self._teaching(batch, generator)
        weight = self._weight_of_penalty(batch, error)
        output_weight = self._weight_of_consistency(consistency, wrapper)

        total = self.task_weight * task + self.shifted_weight * shifted + augmented
        # A term that is not there, or is only measured, is left out.
        for factor, term in ((weight, penalty), (output_weight, consistency), (self.teacher_weight, teaching)):
            total = total if factor is None or term is None else total + factor * term
        if samples is not None:
            total = total * (views.labelled / samples)
        weights = (found if isinstance(found, Tensor) else None for found in (weight, output_weight))
        return Terms(total, task, shifted, penalty, augmented, compared, consistency, teaching, *weights), outputs

    def _see(
        self,
        x: Any,
        g: Tensor | None,
        gx: Any,
        generator: torch.Generator | None,
        arguments: Mapping[str, Any],
        unlabelled: Any,
    ) -> SeenBatch:
        """One pass of the network over all samples and all views of them."""
        size, unknown = check_views(x, g, gx), 0 if unlabelled is None else check_unlabelled(x, unlabelled)
        if not torch.compiler.is_compiling() and torch.is_grad_enabled() and not self._averaging_checked:
            check_averaged((self.encoder, self.head))
            self._averaging_checked = True
        views = Views.of(size, unknown, self.fraction)
        inputs = x if unlabelled is None else joined([x, unlabelled])
        g = views.elements(self.input_action.group, g, inputs, generator)
        turn = self._turn if self.latent_augmentation else None
        return SeenBatch.of(
            self._passes, views, self.input_action, inputs, g, gx, arguments, turn=turn, one_sided=self.one_sided
        )

    @property
    def _penalises(self) -> bool:
        """Whether the penalty is part of the loss."""
        return self.weight > 0 or self.error_weight is not None

    def _loss(self, outputs: Any, y: Any) -> Tensor:
        return self.task_loss(outputs, y)

    def _shifted(self, batch: SeenBatch, target: Any) -> Tensor:
        """The task loss of gx."""
        views = batch.views
        if not views.moved:
            return batch.zero
        return self._loss(views.shifted(batch.outputs), rows(target, slice(views.moved_labelled)))

    def _augmented(self, batch: SeenBatch, target: Any) -> Tensor:
        """The task loss of rho(g) E(x)."""
        return self._loss(batch.views.turned(batch.outputs), target) if self.latent_augmentation else batch.zero

    def _wrapper(self) -> DistributedDataParallel | None:
        """The data-parallel wrapper, where a term depends on the samples of all processes."""
        depends = self.penalty != "mse" or self.error_weight is not None or self.output_weight is not None
        if not depends or torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return None
        return running_wrapper((self.encoder, self.head))

    def _penalty(
        self, batch: SeenBatch, wrapper: DistributedDataParallel | None
    ) -> tuple[Tensor, tuple[tuple[Compared, ...], ...], Tensor | None]:
        """The penalty, what was compared, and the error if the weight follows it."""
        views = batch.views
        if not views.moved:
            return batch.zero, (), None
        pairs = {layer: tuple(views.pairs(z) for z in runs) for layer, runs in batch.latents.items()}
        known = {layer: views.first(z) for layer, z in batch.turned.items()}
        follows = self.error_weight is not None
        return self._penalise(pairs, batch.drawn, known, self._penalises, wrapper, measured=follows)

    def _consistency(self, batch: SeenBatch) -> Tensor | None:
        """The distance of the outputs for x and gx; None without that term."""
        if self.consistency == 0 and self.output_weight is None:
            return None
        if not batch.views.moved:
            return batch.zero
        outputs, outputs_g = batch.views.pairs(batch.outputs)
        return symmetric(moved(self._outputs_move, outputs, batch.drawn), outputs_g, self.consistency_loss)

    def _teaching(self, batch: SeenBatch, generator: torch.Generator | None) -> Tensor | None:
        """The distance of the outputs for gx from the teacher's; None without that term."""
        views = batch.views
        if self._teach is None or self.teacher_weight == 0:
            return None
        if not views.moved:
            return batch.zero
        outputs_g, inputs, known = views.second(batch.outputs), views.first(batch.inputs), batch.arguments
        return self._teach(outputs_g, inputs, batch.copies, batch.drawn, generator, views.moved_only(known))

    def _weight_of_penalty(self, batch: SeenBatch, error: Tensor | None) -> Tensor | float | None:
        """In this step, after which one that follows a target moves; None where the penalty is only measured."""
        if not self._penalises or not batch.views.moved:
            return None
        return self.weight if self.error_weight is None or error is None else self.error_weight(error)

    def _weight_of_consistency(
        self, consistency: Tensor | None, wrapper: DistributedDataParallel | None
    ) -> Tensor | float:
        """Likewise."""
        if self.output_weight is None or consistency is None:
            return self.consistency
        return self.output_weight(consistency if wrapper is None else mean_of_all_processes(consistency, wrapper))

    def _warn_once(self, outputs: Any, latents: Mapping[Layer, tuple[Tensor, ...]]) -> None:
        """Warn in the first step of latents whose positions stay in place, and of invariant outputs without room."""
        if self._warned or torch.compiler.is_compiling():
            return
        self._warned = True
        for layer, runs in latents.items():
            check_positions(runs[0], self.latents[layer], stacklevel=4)
        rho, invariant = self.latents.get(OUTPUT), self.output_action is None
        if invariant and self._penalises and not self.control and isinstance(outputs, Tensor):
            check_capacity(rho, outputs.shape[1] if outputs.dim() > 1 else 1, stacklevel=4)

    def extra_repr(self) -> str:
        """Group, latent and settings."""
        latents = ", ".join(f"{layer}: {rho!r}" for layer, rho in self.latents.items())
        return (
            f"{self.input_action.group!r}, {latents}, weight={self.weight}, penalty={self.penalty!r},"
            f" fraction={self.fraction}, one_sided={self.one_sided}, latent_augmentation={self.latent_augmentation},"
            f" control={self.control!r}, consistency={self.consistency}, consistency_loss={self.consistency_loss!r}"
            + ("" if self._teach is None else f", teacher_weight={self.teacher_weight}, {self._teach!r}")
        )
