"""Section 5's objective: task loss, task loss shifted by g, and the equivariance penalty."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regrep.actions import Action, sample
from regrep.errors import RegrepError
from regrep.objectives.functional import (
    LatentAction,
    Penalty,
    check_latent,
    check_penalty,
    check_task,
    check_views,
    check_weight,
    equivariance_loss,
    relative_error,
)
from regrep.objectives.layers import find_layer, latent_of
from regrep.representations import Representation


class CapacityWarning(UserWarning):
    """The invariant part of the latent is narrower than the outputs it has to feed."""


class Terms(NamedTuple):
    """The parts of the objective on one batch, each a scalar; only ``total`` is to be differentiated."""

    total: Tensor
    task: Tensor
    shifted_task: Tensor
    equivariance: Tensor
    relative_error: Tensor
    latent_task: Tensor

    def log(self, prefix: str = "") -> dict[str, Tensor]:
        """Detached values by name, ready for a logger."""
        return {prefix + name: value.detach() for name, value in self._asdict().items()}


class EquivariantObjective(nn.Module):
    """L = task(D(E(x)), y) + task(D(E(gx)), gy) + weight · penalty(rho(g) E(x), E(gx)), section 5.

    Both encoder passes are one batch of 2B. The objective owns no parameters and no buffers: its
    ``state_dict`` is empty, and the encoder and the head stay the caller's. Inference is that of the
    unmodified network.

    The penalised latent is the encoder's output, or, with a mapping from layer names to representations,
    the outputs of those layers (their penalties are averaged); ``""`` names the output of the encoder. With
    ``head=None`` the encoder is a whole model that returns the outputs.

    Args:
        encoder: module or function x -> z; any architecture.
        head: module or function z -> outputs, or None.
        task_loss: (outputs, y) -> scalar mean over the samples.
        input_action: how G moves x.
        latent: representation (or action) on the latent, or a mapping layer name -> representation.
        weight: of the penalty, >= 0; with 0 the penalty is measured without gradient.
        penalty: ``"mse"`` (the paper's) or ``"relative"`` (not lowered by shrinking the latent).
        output_action: how G moves y; None if the outputs are invariant (classes).
        fraction: E(gx) is computed for this fraction of the batch only (its first samples; shuffle), in
            [0, 1]. With 0 there is neither shifted task nor penalty.
        latent_augmentation: train the head on rho(g) E(x) with target gy as well: one more pass of the
            head, none of the encoder. Needs a head and a penalised encoder output.
        shifted_weight: weight of the shifted task loss, 1 in the paper's text, 0 in its DDMNIST code.
        task_weight: weight of the task loss itself.

    Raises:
        RegrepError: a value out of range, an unknown layer, or groups that differ.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 8))
    >>> objective = EquivariantObjective(encoder, nn.Linear(8, 2), nn.functional.cross_entropy,
    ...     input_action=regrep.actions.RotateFlip2d(G), latent=regrep.latent(G, 8), weight=0.5)
    >>> terms = objective(torch.randn(6, 4, 4), torch.zeros(6, dtype=torch.int64))
    >>> terms.total.shape, len(objective.state_dict()), len(list(objective.parameters()))
    (torch.Size([]), 0, 0)
    """

    def __init__(
        self,
        encoder: Callable[[Tensor], Tensor],
        head: Callable[[Tensor], Tensor] | None,
        task_loss: Callable[[Tensor, Tensor], Tensor],
        input_action: Action,
        latent: LatentAction | Mapping[str, LatentAction],
        weight: float = 1.0,
        penalty: Penalty = "mse",
        output_action: Action | None = None,
        fraction: float = 1.0,
        latent_augmentation: bool = False,
        shifted_weight: float = 1.0,
        task_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_penalty(penalty)
        check_weight("weight", weight)
        check_weight("shifted_weight", shifted_weight)
        check_weight("task_weight", task_weight)
        if not 0 <= fraction <= 1:
            raise RegrepError(f"fraction is the part of the batch that is moved, from 0 to 1, got {fraction}")
        latents = dict(latent) if isinstance(latent, Mapping) else {"": latent}
        if not latents:
            raise RegrepError("at least one latent layer is needed, got an empty mapping")
        for what, moves in (("input_action", input_action), *(("latent", rho) for rho in latents.values())):
            if not callable(moves):
                raise RegrepError(f"{what} moves tensors by elements of a group, got {moves!r}; see its documentation")
        for rho in latents.values():
            if hasattr(rho, "group") and rho.group != input_action.group:
                raise RegrepError(
                    f"the latent carries a representation of {rho.group.name}, but {input_action.group.name}"
                    " acts on the data; use one group for both"
                )
        if output_action is not None and output_action.group != input_action.group:
            raise RegrepError(
                f"{output_action.group.name} acts on the outputs, but {input_action.group.name} on the data;"
                " use one group for both"
            )
        if head is None and not isinstance(latent, Mapping):
            raise RegrepError(
                'without a head the encoder returns outputs, so its latent has to be named; pass latent={"layer": rho}'
            )
        if latent_augmentation and (head is None or "" not in latents):
            raise RegrepError(
                "latent augmentation feeds rho(g) E(x) to the head, so it needs a head and a representation on the"
                " encoder's output; pass both or set latent_augmentation=False"
            )
        for layer in latents:
            if layer:
                if not isinstance(encoder, nn.Module):
                    raise RegrepError(f"layer {layer!r} is looked up in a module, but the encoder is a function")
                find_layer(encoder, layer)
        # Held in a plain tuple, so that they are not registered: the objective has no state of its own.
        self._network = (encoder, head)
        self.task_loss = task_loss
        self.input_action, self.output_action = input_action, output_action
        self.latents = latents
        self.weight, self.penalty = float(weight), penalty
        self.shifted_weight, self.task_weight = float(shifted_weight), float(task_weight)
        self.fraction, self.latent_augmentation = float(fraction), bool(latent_augmentation)
        self._capacity_checked = False

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Terms:
        """Objective on a batch.

        Args:
            x: [B, ...], inputs; already augmented by random elements, if the task is.
            y: [B, ...], targets.
            g: int64 [B], elements; drawn uniformly when not given.
            gx: [B, ...], the moved inputs, if the caller made them (say, with noise of their own) with this g;
                by default the input action makes them.
            generator: for the draw of g; torch's global one when not given.
        """
        return self.with_outputs(x, y, g, gx, generator)[0]

    def with_outputs(
        self,
        x: Tensor,
        y: Tensor,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Terms, Tensor]:
        """The objective and the network's outputs for x, for losses that go on from them; arguments as in forward."""
        encoder, head = self._network
        check_views(x, g, gx)
        count = math.ceil(self.fraction * len(x))
        if g is None:
            g = sample(self.input_action.group, len(x), generator=generator, device=x.device)
        moved = g[:count]
        inputs = x
        if count:
            inputs = torch.cat([x, self.input_action(x[:count], moved) if gx is None else gx[:count]])
        with ExitStack() as stack:
            taps = {
                layer: stack.enter_context(latent_of(encoder, layer))  # type: ignore[arg-type]
                for layer in self.latents
                if layer
            }
            encoded = encoder(inputs)
            values = {layer: check_latent(taps[layer].value if layer else encoded, inputs) for layer in self.latents}
        if head is None:
            outputs = encoded
        elif self.latent_augmentation:
            outputs = head(torch.cat([encoded, self.latents[""](encoded[: len(x)], g)]))
        else:
            outputs = head(encoded)
        self._check_capacity(outputs)

        target = y if self.output_action is None else self.output_action(y, g)
        zero = outputs.new_zeros(())
        task = check_task(self.task_loss(outputs[: len(x)], y))
        shifted = self.task_loss(outputs[len(x) : len(x) + count], target[:count]) if count else zero
        augmented = self.task_loss(outputs[len(x) + count :], target) if self.latent_augmentation else zero
        penalty, error = zero, zero
        if count:
            pairs = [(z[:count], z[len(x) : len(x) + count], rho) for z, rho in self._pairs(values)]
            with torch.set_grad_enabled(self.weight > 0 and torch.is_grad_enabled()):
                penalty = torch.stack(
                    [equivariance_loss(z, z_g, moved, rho, self.penalty) for z, z_g, rho in pairs]
                ).mean()
            error = torch.stack([relative_error(z, z_g, moved, rho) for z, z_g, rho in pairs]).mean()
        total = self.task_weight * task + self.shifted_weight * shifted + augmented
        if self.weight > 0 and count:
            total = total + self.weight * penalty
        return Terms(total, task, shifted, penalty, error, augmented), outputs[: len(x)]

    def _pairs(self, values: dict[str, Tensor]) -> list[tuple[Tensor, LatentAction]]:
        return [(values[layer], rho) for layer, rho in self.latents.items()]

    def _check_capacity(self, outputs: Tensor) -> None:
        """Warn once when invariant outputs outnumber the invariant coordinates of the latent."""
        if self._capacity_checked or torch.compiler.is_compiling():
            return
        self._capacity_checked = True
        rho = self.latents.get("")
        if self.output_action is not None or self.weight == 0 or not isinstance(rho, Representation):
            return
        needed = outputs.shape[1] if outputs.dim() > 1 else 1
        if rho.invariant_dim < needed:
            warnings.warn(
                f"{rho!r} leaves {rho.invariant_dim} invariant coordinates to a head that is linear in elementwise"
                f" functions of the latent, for {needed} invariant outputs: enforcing equivariance there costs"
                " accuracy; widen the latent, penalise an earlier feature map, or give the head invariant"
                " non-linear features",
                CapacityWarning,
                stacklevel=3,
            )

    def extra_repr(self) -> str:
        """Group, latent and settings."""
        latents = ", ".join(f"{layer or 'output'}: {rho!r}" for layer, rho in self.latents.items())
        return (
            f"{self.input_action.group!r}, {latents}, weight={self.weight}, penalty={self.penalty!r},"
            f" fraction={self.fraction}, latent_augmentation={self.latent_augmentation}"
        )
