"""Section 4's objective: an encoder, a head and a representation on the latent, learned together."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regrep.actions import Action, sample
from regrep.deprecated import warn_renamed
from regrep.errors import RegrepError
from regrep.objectives.checks import check_latent, check_task, check_views, check_weight
from regrep.objectives.functional import move, penalty_between, wide
from regrep.objectives.processes import check_averaged
from regrep.objectives.terms import Compared
from regrep.representations import LearnedRepresentation


class RepresentationTerms(NamedTuple):
    """The terms of :class:`RepresentationObjective`, each a scalar.

    The errors ``whitened_error`` and ``uncentred_error`` are computed from the latents when they are read, and not in
    a step that does not read them.

    Attributes:
        total: the loss to minimise.
        task: task(D(E(x)), y).
        output: task(D(rho(g) E(x)), gy), the equivariance of the decoder.
        equivariance: MSE(rho(g) E(x), E(gx)), the equivariance of the encoder.
        algebra: A(rho).
        compared: the latents, without gradient.
    """

    total: Tensor
    task: Tensor
    output: Tensor
    equivariance: Tensor
    algebra: Tensor
    compared: Compared

    @property
    def whitened_error(self) -> Tensor:
        """See :func:`~regrep.objectives.whitened_error`; 1 where no latent varies."""
        return self.compared.whitened_error()

    @property
    def uncentred_error(self) -> Tensor:
        """‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖, which a constant lowers; not logged."""
        return self.compared.uncentred_error()

    @property
    def relative_error(self) -> Tensor:
        """Old name of ``uncentred_error``."""
        warn_renamed("relative_error", "whitened_error, or uncentred_error for the same number")
        return self.uncentred_error

    def log(self, prefix: str = "", errors: bool = True) -> dict[str, Tensor]:
        """Detached values by name, for a logger.

        Args:
            prefix: of the names.
            errors: also compute ``whitened_error``.
        """
        found = {name: value.detach() for name, value in self._asdict().items() if isinstance(value, Tensor)}
        if errors:
            found["whitened_error"] = self.whitened_error
        return {prefix + name: value for name, value in found.items()}


class RepresentationObjective(nn.Module):
    """Four-term loss that learns which representation of a group a latent carries (section 4).

    ``task(D(E(x)), y) + output_weight · task(D(rho(g) E(x)), gy) + latent_weight · MSE(rho(g) E(x), E(gx))
    + algebra_weight · A(rho)``

    For an auto-encoder the target is the input: call the objective with ``y=None``. It has no parameters and no state
    of its own; give the optimiser those of encoder, head and representation.

    Args:
        encoder: x [B, ...] -> latent [B, d].
        head: latent -> output: a decoder or a classifier (which returns logits).
        task_loss: (output, target) -> scalar.
        input_action: how G acts on the inputs; may be None if every call passes the transformed inputs ``gx``.
        latent: the representation that is learned.
        output_action: how G acts on the targets; None leaves them unchanged (an invariant task). Not used for an
            auto-encoder, where the target of the transformed latent is gx.
        algebra_weight: weight of A(rho), at least 0.
        output_weight: weight of the decoder's equivariance; 0 omits the term.
        latent_weight: weight of the encoder's equivariance; 0 omits the term, and the second encoder pass then runs
            without gradient.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> encoder, decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), nn.Linear(8, 64)
    >>> learned = regrep.LearnedRepresentation(G, dim=8)
    >>> loss = lambda output, x: nn.functional.mse_loss(output, x.flatten(1))
    >>> act = regrep.actions.RotateFlip2d(G)
    >>> objective = RepresentationObjective(encoder, decoder, loss, act, learned, algebra_weight=0.5)
    >>> objective(torch.rand(16, 1, 8, 8)).total.backward()
    >>> learned.matrices.grad.shape
    torch.Size([1, 8, 8])
    """

    def __init__(
        self,
        encoder: Callable[[Tensor], Tensor],
        head: Callable[[Tensor], Tensor],
        task_loss: Callable[[Tensor, Tensor], Tensor],
        input_action: Action | None,
        latent: LearnedRepresentation,
        output_action: Action | None = None,
        algebra_weight: float = 1.0,
        output_weight: float = 0.25,
        latent_weight: float = 0.25,
    ) -> None:
        super().__init__()
        for name, weight in (("algebra", algebra_weight), ("output", output_weight), ("latent", latent_weight)):
            check_weight(f"{name}_weight", weight)
        if not isinstance(latent, LearnedRepresentation):
            raise RegrepError(f"latent is a LearnedRepresentation, got {latent!r}; build one of the group")
        for what, action in (("the inputs", input_action), ("the targets", output_action)):
            if action is not None and action.group != latent.group:
                raise RegrepError(
                    f"the latent learns a representation of {latent.group.name}, but {action.group.name} acts on"
                    f" {what}; use one group for both"
                )
        # Held in a plain tuple, so that they are not registered: the objective has no state of its own.
        self._network = (encoder, head, latent)
        self.task_loss, self.input_action, self.output_action = task_loss, input_action, output_action
        self.algebra_weight, self.output_weight = float(algebra_weight), float(output_weight)
        self.latent_weight = float(latent_weight)
        self._averaging_checked = False

    @property
    def latent(self) -> LearnedRepresentation:
        """The representation that is learned."""
        return self._network[2]

    def forward(
        self,
        x: Tensor,
        y: Tensor | None = None,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> RepresentationTerms:
        """Objective on a batch.

        Args:
            x: [B, ...], inputs.
            y: [B, ...], targets; None for an auto-encoder, whose targets are the inputs.
            g: int64 [B], elements; drawn uniformly by default.
            gx: [B, ...], the inputs transformed by this g, if the caller computes them.
            generator: for drawing g.
        """
        encoder, head, rho = self._network
        check_views(x, g, gx)
        if torch.is_grad_enabled() and not self._averaging_checked:
            check_averaged(self._network)
            self._averaging_checked = True
        if g is None:
            g = sample(rho.group, len(x), generator=generator, device=x.device)
        if gx is None:
            if self.input_action is None:
                raise RegrepError("without an input action every call needs gx and g; pass both")
            gx = self.input_action(x, g)
        if self.latent_weight > 0:
            both = torch.cat([x, gx])
            encoded = check_latent(encoder(both), both)
            z, z_g = encoded[: len(x)], encoded[len(x) :]
        else:
            z = check_latent(encoder(x), x)
            with torch.no_grad():
                z_g = encoder(gx)
        moved, turned = move(z, g, rho), wide(z_g)
        # Before the head, which may overwrite the latents it is given.
        with torch.set_grad_enabled(self.latent_weight > 0 and torch.is_grad_enabled()):
            equivariance = penalty_between(moved, turned.to(moved.dtype), "mse", rho)
        # Copies, as the head may overwrite what it is given.
        before, after = z.detach().clone(), moved.detach().clone()
        compared = Compared(before, turned.detach().to(moved.dtype), g, rho, rho.group, after)
        target = x if y is None else y
        moved_target = gx if y is None else y if self.output_action is None else self.output_action(y, g)
        task = check_task(self.task_loss(head(z), target))
        output = task.new_zeros(())
        if self.output_weight > 0:
            output = self.task_loss(head(moved.to(z.dtype)), moved_target)
        algebra = rho.algebra_loss()
        total = task + self.algebra_weight * algebra
        if self.output_weight > 0:
            total = total + self.output_weight * output
        if self.latent_weight > 0:
            total = total + self.latent_weight * equivariance
        return RepresentationTerms(total, task, output, equivariance, algebra, compared)

    def extra_repr(self) -> str:
        """Representation and weights."""
        return (
            f"{self.latent!r}, algebra_weight={self.algebra_weight}, output_weight={self.output_weight},"
            f" latent_weight={self.latent_weight}"
        )
