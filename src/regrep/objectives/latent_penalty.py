"""The penalty on the latents of one pass: a mean over layers, and over the runs of each."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from regrep.groups import FiniteGroup
from regrep.objectives.checks import Control
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
from regrep.objectives.layers import Latents, Layer
from regrep.objectives.processes import of_all_processes
from regrep.objectives.terms import Compared

Runs = Mapping[Layer, tuple[tuple[Tensor, Tensor], ...]]
"""By layer, for each of its runs, the latents of x and those of gx, each [n, ...]."""


class LatentPenalty:
    """Compares rho(g) E(x) with E(gx) in every layer that carries a representation.

    Args:
        latents: representations by layer.
        penalty: see :func:`~regrep.equivariance_loss`.
        group: the group.
        control: what a control experiment puts in the place of the comparison.
        seed: of the permutations that stand in for a representation under the control ``"permuted"``.

    Attributes:
        applied: what is applied in the place of each representation; itself except under ``"permuted"``.
    """

    def __init__(
        self, latents: Latents, penalty: Penalty, group: FiniteGroup, control: Control | None, seed: int
    ) -> None:
        self.latents, self.penalty, self.group, self.control = latents, penalty, group, control
        self.applied: dict[Layer, LatentAction] = dict(latents)
        if control == "permuted":
            for k, (layer, rho) in enumerate(latents.items()):
                self.applied[layer] = RandomPermutations(group, getattr(rho, "shape", None), seed + k)

    def __call__(
        self,
        runs: Runs,
        g: Tensor,
        turned: Mapping[Layer, Tensor],
        differentiable: bool,
        wrapper: DistributedDataParallel | None = None,
    ) -> tuple[Tensor, tuple[tuple[Compared, ...], ...]]:
        """The penalty, a scalar, and what was compared, by layer and run.

        Args:
            runs: the latents.
            g: int64 [n].
            turned: rho(g) E(x) [n, ...] by layer, where it is already known.
            differentiable: whether the penalty has a gradient.
            wrapper: gather the latents of its processes.
        """
        penalties, compared = [], []
        for layer, pairs in runs.items():
            found = [self._compare(layer, *pair, g, turned.get(layer), differentiable, wrapper) for pair in pairs]
            values = [penalty for penalty, _ in found]
            penalties.append(values[0] if len(values) == 1 else torch.stack(values).mean())
            compared.append(tuple(latents for _, latents in found))
        return torch.stack(penalties).mean(), tuple(compared)

    def _compare(
        self,
        layer: Layer,
        z: Tensor,
        z_g: Tensor,
        g: Tensor,
        turned: Tensor | None,
        differentiable: bool,
        wrapper: DistributedDataParallel | None,
    ) -> tuple[Tensor, Compared]:
        """Penalty of one run of a layer, and what its errors are computed from; rho is applied only once."""
        if wrapper is not None:
            with torch.set_grad_enabled(differentiable):
                z, z_g, g, turned = (*(of_all_processes(part, wrapper) for part in (z, z_g, g)), None)
        rho, applied = self.latents[layer], self.applied[layer]
        target, pair = wide(z_g), None
        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            if self.control == "shuffled":
                moved = move(z, g.roll(1), applied)
            else:
                moved = move(z, g, applied) if turned is None else turned
            if self.control == "shrunk":
                penalty = (wide(z).square().mean() + target.square().mean()) / 2
            elif self.penalty == "whitened":
                with torch.autocast(moved.device.type, enabled=False):
                    pair = whitened_pair(moved, target, applied)
                penalty = relative_to_variance(*pair)
            else:
                penalty = penalty_between(moved, target, self.penalty, applied, self.group)
        latents = Compared(z.detach(), z_g.detach(), g, rho, self.group)
        if self.control in ("permuted", "shuffled"):
            return penalty, latents
        whitened = None if pair is None else (pair[0].detach(), pair[1].detach())
        return penalty, latents._replace(moved=moved.detach(), pair=whitened)
