"""Section 5's objective for forecasts that are rolled out (section 6.3)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regrep.objectives.equivariant import EquivariantObjective, Terms


def advance(x: Tensor, frame: Tensor) -> Tensor:
    """Append a frame [B, C, ...] to a window [B, n·C, ...] and drop its oldest one.

    >>> advance(torch.tensor([[1, 2, 3]]), torch.tensor([[4]]))
    tensor([[2, 3, 4]])
    """
    return torch.cat([x[:, frame.shape[1] :], frame], dim=1)


def roll_out(model: Callable[[Tensor], Tensor], x: Tensor, frames: int) -> Tensor:
    """Forecast several frames, each from the window that ends with the one before.

    Args:
        model: window [B, n·C, ...] -> next frame [B, C, ...].
        x: [B, n·C, ...].
        frames: how many, at least 1.

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


class RolloutObjective(EquivariantObjective):
    """The first frame under section 5's objective, the frames after it rolled out on the unmoved window.

    L = ½ task(ŷ₁, y₁) + ½ task(D(E(gx)), gy₁) + Σ_{t > 1} task(ŷ_t, y_t) + weight · penalty(rho(g) E(x), E(gx)), with
    gradients through the whole roll-out. The two views of the first frame share the weight that every later frame has
    (the weights of the published code), whether there is a penalty or not; without a second view (``fraction`` 0) the
    first frame has weight 1 as well. Of the terms, ``task`` is the roll-out's part and ``shifted_task`` that of the
    moved view, both with these weights.

    Arguments as in :class:`EquivariantObjective`; ``x`` is a window [B, n·C, ...], ``y`` the frames after it
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

    def forward(
        self,
        x: Tensor,
        y: Tensor,
        g: Tensor | None = None,
        gx: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Terms:
        """Objective on a batch of windows and the frames that follow them."""
        first, frame = self.with_outputs(x, y[:, 0], g, gx, generator)
        share = 0.5 if self.fraction else 1.0
        task = share * first.task
        if y.shape[1] > 1:
            later = roll_out(self._predict, advance(x, frame), y.shape[1] - 1)
            task = task + sum(self.task_loss(later[:, t], y[:, t + 1]) for t in range(later.shape[1]))
        shifted, augmented = share * first.shifted_task, share * first.latent_task
        total = self.task_weight * task + self.shifted_weight * shifted + augmented
        if self.weight > 0 and self.fraction:
            total = total + self.weight * first.equivariance
        return first._replace(total=total, task=task, shifted_task=shifted, latent_task=augmented)

    def _predict(self, x: Tensor) -> Tensor:
        encoder, head = self._network
        return encoder(x) if head is None else head(encoder(x))
