"""Section 5's objective: task loss, task loss shifted by g, and the equivariance penalty."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions import sample
from regrep.actions.trees import Path, as_action, joined, mapped, moved, rows, samples_in, tensor_in, text
from regrep.arguments import check_callable, is_real, shown, whole
from regrep.deprecated import positional_until_now
from regrep.errors import RegrepError
from regrep.objectives.checks import (
    Control,
    check_choice,
    check_positions,
    check_task,
    check_views,
    check_weight,
)
from regrep.objectives.controls import RandomPermutations
from regrep.objectives.functional import (
    LatentAction,
    Penalty,
    move,
    penalty_between,
    relative_to_variance,
    whitened_pair,
    wide,
)
from regrep.objectives.layers import OUTPUT, Latents, Layer, Place
from regrep.objectives.modules import Part, current
from regrep.objectives.passes import Passes, extended
from regrep.objectives.processes import check_averaged, of_all_processes, running_wrapper
from regrep.objectives.settings import check_settings
from regrep.objectives.terms import Compared, Terms
from regrep.representations import Representation
from regrep.representations.representation import check_elements


class CapacityWarning(UserWarning):
    """The invariant part of the latent is narrower than the outputs it has to feed."""


class EquivariantObjective(nn.Module):
    """L = task(D(E(x)), y) + task(D(E(gx)), gy) + weight · penalty(rho(g) E(x), E(gx)), section 5.

    Both encoder passes are one batch of 2B. The objective owns no parameters and no buffers: its
    ``state_dict`` is empty, and the encoder and the head remain the caller's. Inference uses the unmodified network.

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
        latent_augmentation: also train the head on rho(g) E(x) with target gy: one more pass of the head,
            none of the encoder. Needs a head and a penalised encoder output.
        shifted_weight: weight of the shifted task loss; 1 in the paper's text, 0 in its DDMNIST code.
        task_weight: weight of the task loss itself.
        control: a control experiment, to see what a gain is due to. ``"permuted"``: random permutations replace rho in
            the penalty and the latent augmentation; ``"shuffled"``: the penalty uses the elements of other samples, the
            latent augmentation the right ones; ``"shrunk"``: the penalty is mean |E|² over both halves.
        control_seed: seed of the random permutations.

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
    ) -> None:
        super().__init__()
        check_choice("penalty", penalty, Penalty)
        if control is not None:
            check_choice("control", control, Control)
        check_weight("weight", weight)
        check_weight("shifted_weight", shifted_weight)
        check_weight("task_weight", task_weight)
        if not (is_real(fraction) and 0 <= fraction <= 1):
            raise RegrepError(
                f"fraction is the part of the batch that is transformed, from 0 to 1, got {shown(fraction)}"
            )
        check_callable("the encoder", current(encoder))
        check_callable("task_loss", task_loss)
        if head is not None:
            check_callable("the head", current(head))
        whole("control_seed", control_seed, 0, 2**62)
        input_action, output_action = as_action(input_action), as_action(output_action)
        latents = check_settings(encoder, head, latent, input_action, output_action, latent_augmentation)
        # Held in a plain tuple, so that they are not registered: the objective has no state of its own.
        self._network = (encoder, head)
        self.task_loss = task_loss
        self.input_action, self.output_action = input_action, output_action
        self.latents = Latents({layer: rho for layer, rho in latents.items() if rho is not None})
        self._fixed = tuple(layer for layer, rho in latents.items() if rho is None)
        self.weight, self.penalty = float(weight), penalty
        self.shifted_weight, self.task_weight = float(shifted_weight), float(task_weight)
        self.fraction, self.latent_augmentation = float(fraction), bool(latent_augmentation)
        self.control, self.control_seed = control, control_seed
        self._applied: dict[Layer, LatentAction] = dict(self.latents)
        if control == "permuted":
            for k, (layer, rho) in enumerate(self.latents.items()):
                shape = getattr(rho, "shape", None)
                self._applied[layer] = RandomPermutations(input_action.group, shape, control_seed + k)
        self._warned = self._averaging_checked = False
        self._passes = Passes(encoder, head, self.latents, strict=weight > 0)

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
    ) -> Terms:
        """Objective on a batch.

        Args:
            x: [B, ...], inputs, already augmented by random elements if the task uses augmentation.
            y: [B, ...], targets.
            g: int64 [B], elements; drawn uniformly by default.
            gx: [B, ...], the inputs transformed by this g, if the caller computed them (say, with their own noise);
                by default the input action computes them.
            generator: for drawing g; defaults to torch's global one.
            samples: number of samples in all batches whose gradients add up to one step, for loops that do not divide
                the loss by the number of batches: ``total`` is then multiplied by B / samples.
            arguments: further arguments of the encoder by name, which do not move. Tensors in them with a row per
                sample are repeated for gx, everything else is passed as it is.
        """
        return self.with_outputs(x, y, g, gx, generator, samples, arguments)[0]

    def with_outputs(
        self,
        x: Any,
        y: Any,
        g: Tensor | None = None,
        gx: Any = None,
        generator: torch.Generator | None = None,
        samples: int | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> tuple[Terms, Any]:
        """The objective and the network's outputs for x, for further losses on them; arguments as in forward."""
        size = check_views(x, g, gx)
        if g is not None:
            check_elements(self.input_action.group, g, tensor_in(x))
        if not torch.compiler.is_compiling() and torch.is_grad_enabled() and not self._averaging_checked:
            check_averaged((self.encoder, self.head))
            self._averaging_checked = True
        count = math.ceil(round(self.fraction * size, 9))  # 0.07 · 100 is 7.000000000000001
        if g is None:
            g = sample(self.input_action.group, size, generator=generator, device=tensor_in(x).device)
        drawn = g[:count]
        inputs, arguments = x, arguments or {}
        if count:
            inputs = joined(
                [x, moved(self.input_action, rows(x, slice(count)), drawn) if gx is None else rows(gx, slice(count))]
            )
            arguments = extended(arguments, size, count)
        turn = partial(self._turn, g=g) if self.latent_augmentation else None
        outputs, turned, latents = self._passes(inputs, arguments, turn)
        samples_in(outputs, size + count + (size if turn else 0), "the outputs")
        self._warn_once(outputs, latents)

        zero = tensor_in(outputs).new_zeros(())
        penalty = zero
        compared: tuple[tuple[Compared, ...], ...] = ()
        if count:
            found = [self._compare_runs(layer, runs, drawn, size, turned.get(layer)) for layer, runs in latents.items()]
            penalty = torch.stack([part for part, _ in found]).mean()
            compared = tuple(runs for _, runs in found)
        target = moved(self.output_action, y, g)
        own = rows(outputs, slice(size))
        task = check_task(self._loss(own, y))
        shifted, augmented = zero, zero
        if count:
            shifted = self._loss(rows(outputs, slice(size, size + count)), rows(target, slice(count)))
        if turn is not None:
            augmented = self._loss(rows(outputs, slice(size + count, None)), target)
        total = self.task_weight * task + self.shifted_weight * shifted + augmented
        if self.weight > 0 and count:
            total = total + self.weight * penalty
        if samples is not None:
            total = total * (size / samples)
        return Terms(total, task, shifted, penalty, augmented, compared), own

    def _loss(self, outputs: Any, y: Any) -> Tensor:
        return self.task_loss(outputs, y)

    def _turn(self, encoded: Any, g: Tensor) -> tuple[Any, dict[Layer, Tensor]]:
        """Rho(g) E(x) for the head, and its parts by layer."""
        applied = {place.path: layer for layer, place in self._passes.places.items() if place.layer == OUTPUT}
        fixed = {Place.of(layer).path for layer in self._fixed}
        turned: dict[Layer, Tensor] = {}

        def turn(path: Path, leaf: Tensor) -> Tensor:
            if path in fixed or not leaf.dim():
                return leaf
            if path not in applied:
                raise RegrepError(
                    f"latent augmentation moves every part of the encoder's output, but {text(path)} has no"
                    " representation; add one to latent, or None for what does not move"
                )
            layer = applied[path]
            turned[layer] = move(leaf, g, self._applied[layer])
            return turned[layer].to(leaf.dtype)

        return mapped(turn, rows(encoded, slice(len(g)))), turned

    def _compare_runs(
        self, layer: Layer, runs: tuple[Tensor, ...], g: Tensor, rows: int, turned: Tensor | None
    ) -> tuple[Tensor, tuple[Compared, ...]]:
        """Mean penalty over the runs of one layer in the pass, and what was compared; see :meth:`_compare`."""
        count = len(g)
        found = [self._compare(layer, z[:count], z[rows:][:count], g, turned) for z in runs]
        penalty = found[0][0] if len(found) == 1 else torch.stack([part for part, _ in found]).mean()
        return penalty, tuple(latents for _, latents in found)

    def _compare(
        self, layer: Layer, z: Tensor, z_g: Tensor, g: Tensor, turned: Tensor | None
    ) -> tuple[Tensor, Compared]:
        """Penalty of one run of a layer, and what its errors are computed from; rho is applied only once.

        Args:
            layer: name of the layer.
            z: [B, ...], latents of x.
            z_g: [B, ...], latents of gx.
            g: int64 [B].
            turned: [B or more, ...], rho(g) z if it is already known.
        """
        if self.penalty != "mse" and not torch.compiler.is_compiling() and torch.is_grad_enabled():
            wrapper = running_wrapper((self.encoder, self.head))
            if wrapper is not None:
                with torch.set_grad_enabled(self.weight > 0):
                    z, z_g, g, turned = (*(of_all_processes(part, wrapper) for part in (z, z_g, g)), None)
        rho, applied = self.latents[layer], self._applied[layer]
        target, pair = wide(z_g), None
        with torch.set_grad_enabled(self.weight > 0 and torch.is_grad_enabled()):
            if self.control == "shuffled":
                moved = move(z, g.roll(1), applied)
            else:
                moved = move(z, g, applied) if turned is None else turned[: len(z)]
            if self.control == "shrunk":
                penalty = (wide(z).square().mean() + target.square().mean()) / 2
            elif self.penalty == "whitened":
                with torch.autocast(moved.device.type, enabled=False):
                    pair = whitened_pair(moved, target, applied)
                penalty = relative_to_variance(*pair)
            else:
                penalty = penalty_between(moved, target, self.penalty, applied, self.input_action.group)
        latents = Compared(z.detach(), z_g.detach(), g, rho, self.input_action.group)
        if self.control in ("permuted", "shuffled"):
            return penalty, latents
        whitened = None if pair is None else (pair[0].detach(), pair[1].detach())
        return penalty, latents._replace(moved=moved.detach(), pair=whitened)

    def _warn_once(self, outputs: Any, latents: Mapping[Layer, tuple[Tensor, ...]]) -> None:
        """Warn in the first step of latents whose positions stay in place, and of invariant outputs without room."""
        if self._warned or torch.compiler.is_compiling():
            return
        self._warned = True
        for layer, runs in latents.items():
            check_positions(runs[0], self.latents[layer], stacklevel=4)
        rho = self.latents.get(OUTPUT)
        if not isinstance(outputs, Tensor):
            return
        if self.output_action is not None or self.weight == 0 or self.control or not isinstance(rho, Representation):
            return
        needed = outputs.shape[1] if outputs.dim() > 1 else 1
        if rho.invariant_dim < needed:
            warnings.warn(
                f"{rho!r} has {rho.invariant_dim} invariant coordinates for a head that is linear in elementwise"
                f" functions of the latent, but there are {needed} invariant outputs: enforcing equivariance there"
                " costs accuracy; widen the latent, penalise an earlier feature map, or give the head invariant"
                " non-linear features",
                CapacityWarning,
                stacklevel=3,
            )

    def extra_repr(self) -> str:
        """Group, latent and settings."""
        latents = ", ".join(f"{layer}: {rho!r}" for layer, rho in self.latents.items())
        return (
            f"{self.input_action.group!r}, {latents}, weight={self.weight}, penalty={self.penalty!r},"
            f" fraction={self.fraction}, latent_augmentation={self.latent_augmentation}, control={self.control!r}"
        )
