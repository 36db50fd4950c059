"""Section 5's objective for rolled-out forecasts (section 6.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from regrep.arguments import check_callable, check_tensor, whole
from regrep.deprecated import warn_renamed
from regrep.errors import RegrepError
from regrep.objectives.equivariant import EquivariantObjective
from regrep.objectives.terms import Terms


def advance(x: Tensor, frame: Tensor) -> Tensor:
    """Append a frame [B, C, ...] to a window [B, n·C, ...] and drop the oldest frame.

    >>> advance(torch.tensor([[1, 2, 3]]), torch.tensor([[4]]))
    tensor([[2, 3, 4]])
    """
    check_tensor("a window", x, 2)
    check_tensor("a frame", frame, 2)
    if frame.dim() != x.dim() or len(frame) != len(x) or frame.shape[2:] != x.shape[2:]:
        raise RegrepError(
            f"a window [B, n·C, ...] and its next frame [B, C, ...] agree in all but channels, got {list(x.shape)} and"
            f" {list(frame.shape)}"
        )
    return torch.cat([x[:, frame.shape[1] :], frame], dim=1)


MOST_FRAMES = 100_000
"""Of one forecast: every frame is kept, with its gradients."""


def roll_out(model: Callable[[Tensor], Tensor], x: Tensor, frames: int) -> Tensor:
    """Forecast several frames, each from the window that ends with the previous one.

    Args:
        model: window [B, n·C, ...] -> next frame [B, C, ...].
        x: [B, n·C, ...].
        frames: number of frames, from 1 to 100,000.

    Returns:
        [B, frames, C, ...].

    >>> roll_out(lambda x: x[:, :1] + x[:, 1:], torch.tensor([[1, 1]]), 4).flatten().tolist()
    [2, 3, 5, 8]
    """
    check_callable("the model", model)
    check_tensor("a window", x, 2)
    whole("frames", frames, 1, MOST_FRAMES)
    found = [model(x)]
    for _ in range(frames - 1):
        x = advance(x, found[-1])
        found.append(model(x))
    return torch.stack(found, dim=1)


class RolloutObjective(EquivariantObjective):
    """The first frame under section 5's objective, the later frames rolled out on the untransformed window.

    L = ½ task(ŷ₁, y₁) + ½ task(D(E(gx)), gy₁) + Σ_{t > 1} task(ŷ_t, y_t) + weight · penalty(rho(g) E(x), E(gx)), with
    gradients through the whole roll-out. The two views of the first frame share the weight of one later frame (the
    weights of the published code), with or without a penalty; without a second view (``fraction`` 0) the first frame
    also has weight 1. Of the terms, ``task`` is the roll-out's part and ``shifted_task`` the transformed view's, both
    with these weights.

    Arguments as in :class:`EquivariantObjective`; ``x`` is a window [B, n·C, ...], ``y`` the following frames
    [B, T, C, ...].

    >>> import regrep
    >>> from torch import nn
    >>> G = regrep.groups.cyclic(4)
    >>> act = regrep.actions.RotateFlip2d(G)
    >>> objective = RolloutObjective(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1), nn.functional.mse_loss,
    ...     input_action=act, latent=act, output_action=act)
    >>> terms = objective(torch.randn(2, 3, 6, 6), torch.randn(2, 5, 1, 6, 6))
    >>> bool(terms.equivariance < 1e-6)  # 1 x 1 kernels commute with quarter turns
    True
    """

    def with_outputs(
        self,
        x: Tensor,
        y: Tensor,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
        samples: int | None = None,
        arguments: Mapping[str, Any] | None = None,
        *,
        unlabelled: Tensor | None = None,
    ) -> tuple[Terms, Tensor]:
        """Objective on a batch of windows and the frames that follow them, and the forecast frames [B, T, C, ...]."""
        terms, frame = super().with_outputs(x, y[:, 0], g, gx, generator, samples, arguments, unlabelled=unlabelled)
        if y.shape[1] == 1:
            return terms, frame[:, None]
        found = roll_out(partial(self._predict, **(arguments or {})), advance(x, frame), y.shape[1] - 1)
        later = torch.stack([self.task_loss(found[:, t], y[:, t + 1]) for t in range(found.shape[1])]).sum()
        added = self.task_weight * later * (1.0 if samples is None else len(x) / samples)
        terms = terms._replace(task=terms.task + later, total=terms.total + added)
        return terms, torch.cat([frame[:, None], found], dim=1)

    def _loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        return (0.5 if self.fraction else 1.0) * self.task_loss(outputs, y)

    def _predict(self, x: Tensor, **arguments: Any) -> Tensor:
        encoded, head = self.encoder(x, **arguments), self.head
        return encoded if head is None else head(encoded)

    @property
    def first(self) -> EquivariantObjective:
        """Old name of the objective on the first frame, with half the task loss; make your own."""
        warn_renamed("first", "an EquivariantObjective with half the task loss")
        names = ("weight", "penalty", "output_action", "fraction", "latent_augmentation", "shifted_weight", "control")
        settings: dict[str, Any] = {name: getattr(self, name) for name in (*names, "task_weight", "control_seed")}
        return EquivariantObjective(*self._network, self._loss, self.input_action, self.latents, **settings)
