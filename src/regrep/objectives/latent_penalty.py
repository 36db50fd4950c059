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
    whitened_halves,
    wide,
)
from regrep.objectives.layers import Latents, Layer
from regrep.objectives.processes import of_all_processes
from regrep.objectives.terms import Compared, error_between
from regrep.objectives.whitening import distance_of_halves
from regrep.unrounded import unrounded

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
        measured: bool = False,
    ) -> tuple[Tensor, tuple[tuple[Compared, ...], ...], Tensor | None]:
        """The penalty, a scalar, what was compared, by layer and run, and the whitened error.

        The error is that of what the penalty compares, also under a control; None unless it is ``measured``.

        Args:
            runs: the latents.
            g: int64 [n].
            turned: rho(g) E(x) [n, ...] by layer, where it is already known.
            differentiable: whether the penalty has a gradient.
            wrapper: gather the latents of its processes.
            measured: whether the error is computed.
        """
        penalties, compared, errors = [], [], []
        for layer, pairs in runs.items():
            found = [
                self._compare(layer, *pair, g, turned.get(layer), differentiable, wrapper, measured) for pair in pairs
            ]
            values = [penalty for penalty, _, _ in found]
            penalties.append(values[0] if len(values) == 1 else torch.stack(values).mean())
            compared.append(tuple(latents for _, latents, _ in found))
            if measured:
                errors.append(torch.stack([error for _, _, error in found if error is not None]).mean())
        return torch.stack(penalties).mean(), tuple(compared), torch.stack(errors).mean() if measured else None

    def _compare(
        self,
        layer: Layer,
        z: Tensor,
        z_g: Tensor,
        g: Tensor,
        turned: Tensor | None,
        differentiable: bool,
        wrapper: DistributedDataParallel | None,
        measured: bool,
    ) -> tuple[Tensor, Compared, Tensor | None]:
        """Penalty of one run of a layer, what its errors are computed from, and its error; rho is applied only once."""
        if wrapper is not None:
            with torch.set_grad_enabled(differentiable):
                z, z_g, g, turned = (*(of_all_processes(part, wrapper) for part in (z, z_g, g)), None)
        rho, applied = self.latents[layer], self.applied[layer]
        target, pair, used = wide(z_g), None, g.roll(1, 0) if self.control == "shuffled" else g
        with torch.set_grad_enabled(differentiable and torch.is_grad_enabled()):
            moved = move(z, used, applied) if turned is None or used is not g else turned
            if self.control == "shrunk":
                penalty = (wide(z).square().mean() + target.square().mean()) / 2
            elif self.penalty == "whitened":
                with unrounded(moved.device):
                    both = whitened_halves(moved, target, applied)
                first, second = both.chunk(2)
                penalty, pair = distance_of_halves(both), (first, second)
            else:
                penalty = penalty_between(moved, target, self.penalty, applied, self.group)
        moved, pair = moved.detach(), None if pair is None else (pair[0].detach(), pair[1].detach())
        error = error_between(moved, target.detach(), used, applied, pair) if measured else None
        latents = Compared(z.detach(), z_g.detach(), g, rho, self.group)
        if self.control in ("permuted", "shuffled"):  # what is logged is the error of the representation
            return penalty, latents, error
        return penalty, latents._replace(moved=moved, pair=pair), error
