"""Section 5's objective for rolled-out forecasts (section 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.deprecated import positional_until_now
from regrep.objectives.checks import Control
from regrep.objectives.equivariant import EquivariantObjective
from regrep.objectives.functional import LatentAction, Penalty
from regrep.objectives.layers import Latents
from regrep.objectives.terms import Terms


def advance(x: Tensor, frame: Tensor) -> Tensor:
    """Append a frame [B, C, ...] to a window [B, n·C, ...] and drop the oldest frame.

    >>> advance(torch.tensor([[1, 2, 3]]), torch.tensor([[4]]))
    tensor([[2, 3, 4]])
    """
    return torch.cat([x[:, frame.shape[1] :], frame], dim=1)


def roll_out(model: Callable[[Tensor], Tensor], x: Tensor, frames: int) -> Tensor:
    """Forecast several frames, each from the window that ends with the previous one.

    Args:
        model: window [B, n·C, ...] -> next frame [B, C, ...].
        x: [B, n·C, ...].
        frames: number of frames, at least 1.

    Returns:
        [B, frames, C, ...].

    >>> roll_out(lambda x: x[:, :1] + x[:, 1:], torch.tensor([[1, 1]]), 4).flatten().tolist()
    [2, 3, 5, 8]
    """
    found = [model(x)]
    for _ in range(frames - 1):
        x = advance(x, found[-1])
        found.append(model(x))
    return torch.stack(found, dim=1)


class RolloutObjective(nn.Module):
    """The first frame under section 5's objective, the later frames rolled out on the untransformed window.

    L = ½ task(ŷ₁, y₁) + ½ task(D(E(gx)), gy₁) + Σ_{t > 1} task(ŷ_t, y_t) + weight · penalty(rho(g) E(x), E(gx)), with
    gradients through the whole roll-out. The two views of the first frame share the weight of one later frame (the
    weights of the published code), with or without a penalty; without a second view (``fraction`` 0) the first frame
    also has weight 1. Of the terms, ``task`` is the roll-out's part and ``shifted_task`` the transformed view's, both
    with these weights.

    Arguments as in :class:`EquivariantObjective`, with those after ``latent`` passed by name; ``x`` is a window
    [B, n·C, ...], ``y`` the following frames [B, T, C, ...]. An :class:`EquivariantObjective` with half the task loss
    handles the first frame; it is the attribute ``first``, and its settings are attributes here as well.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> act = regrep.actions.RotateFlip2d(G)
    >>> objective = RolloutObjective(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1), nn.functional.mse_loss,
    ...     input_action=act, latent=act, output_action=act)
    >>> terms = objective(torch.randn(2, 3, 6, 6), torch.randn(2, 5, 1, 6, 6))
    >>> bool(terms.equivariance < 1e-6)  # 1 x 1 kernels commute with quarter turns
    True
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
        encoder: Callable[[Tensor], Tensor],
        head: Callable[[Tensor], Tensor] | None,
        task_loss: Callable[[Tensor, Tensor], Tensor],
        input_action: Action,
        latent: LatentAction | Mapping[str, LatentAction],
        **settings: Any,
    ) -> None:
        super().__init__()
        share = 0.5 if settings.get("fraction", 1.0) else 1.0

        def shared(outputs: Tensor, y: Tensor) -> Tensor:
            return share * task_loss(outputs, y)

        self.first = EquivariantObjective(encoder, head, shared, input_action, latent, **settings)
        self.task_loss = task_loss
        # Held in a plain tuple, so that they are not registered: the objective has no state of its own.
        self._network = (encoder, head)

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Terms:
        """Objective on a batch of windows and the frames that follow them."""
        terms, frame = self.first.with_outputs(x, y[:, 0], g, gx, generator)
        if y.shape[1] == 1:
            return terms
        found = roll_out(self._predict, advance(x, frame), y.shape[1] - 1)
        later = torch.stack([self.task_loss(found[:, t], y[:, t + 1]) for t in range(found.shape[1])]).sum()
        return terms._replace(task=terms.task + later, total=terms.total + self.first.task_weight * later)

    def _predict(self, x: Tensor) -> Tensor:
        encoder, head = self._network
        return encoder(x) if head is None else head(encoder(x))

    @property
    def input_action(self) -> Action:
        """How the group acts on windows."""
        return self.first.input_action

    @property
    def output_action(self) -> Action | None:
        """How the group acts on frames."""
        return self.first.output_action

    @property
    def latents(self) -> Latents:
        """Representations or actions by layer name."""
        return self.first.latents

    @property
    def weight(self) -> float:
        """Weight of the penalty."""
        return self.first.weight

    @property
    def penalty(self) -> Penalty:
        """Name of the penalty."""
        return self.first.penalty

    @property
    def fraction(self) -> float:
        """Fraction of the batch that gets a second view."""
        return self.first.fraction

    @property
    def latent_augmentation(self) -> bool:
        """Whether the head is also trained on rho(g) E(x)."""
        return self.first.latent_augmentation

    @property
    def shifted_weight(self) -> float:
        """Weight of the transformed view's loss."""
        return self.first.shifted_weight

    @property
    def task_weight(self) -> float:
        """Weight of the roll-out's loss."""
        return self.first.task_weight

    @property
    def control(self) -> Control | None:
        """The control that replaces the penalty, if any."""
        return self.first.control
