"""Latents of all transformed samples, encoded once for several measurements."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regrep.actions import Action, FunctionAction

BATCH = 256
"""Samples encoded at a time, as the measurements themselves would."""


class Orbit:
    """A table of the latents E(gx) of all samples and elements, with names of these in the place of data.

    Names are rows (sample, element), on which h acts by (i, g) -> (i, hg); :meth:`encoder` looks their latents up. What
    is measured with these is what would be measured with the encoder itself, which runs once for every sample and
    element instead of once for each measurement, on the device of the samples. The table lies on the CPU.

    Args:
        encoder: x -> latent, in evaluation mode.
        x: [B, ...], samples.
        act: how the group moves them.

    >>> import regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(4))
    >>> x = torch.arange(8.0).reshape(2, 2, 2)
    >>> orbit = Orbit(torch.nn.Flatten(), x, act)
    >>> moved = orbit.action(orbit.names, torch.tensor([1, 3]))
    >>> torch.equal(orbit.encoder(moved), act(x, torch.tensor([1, 3])).flatten(1))
    True
    """

    def __init__(self, encoder: Callable[[Tensor], Tensor], x: Tensor, act: Action) -> None:
        group, count = act.group, len(x)

        def encoded(part: Tensor, k: int) -> Tensor:
            return encoder(act(part, torch.full((len(part),), k, device=x.device))).cpu()

        with torch.no_grad():
            parts = [torch.cat([encoded(part, k) for part in x.split(BATCH)]) for k in range(group.order)]
        self._table = torch.stack(parts)
        self.names = torch.stack([torch.arange(count), torch.full((count,), group.identity)], dim=1)
        self.action = FunctionAction(
            group, lambda names, g: torch.stack([names[:, 0], group.mul[g, names[:, 1]]], dim=1), act.exact
        )

    def encoder(self, names: Tensor) -> Tensor:
        """The latents of rows (sample, element), int64 [B, 2]."""
        return self._table[names[:, 1], names[:, 0]]
