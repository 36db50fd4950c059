"""The acid test of an equivariant latent: the task's metric of the head on transformed latents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from regrep.actions import Action
from regrep.diagnostics.reading import beyond_identity, check_samples, element, evaluating, plain
from regrep.objectives.checks import check_latent, check_positions
from regrep.objectives.functional import LatentAction


@dataclass(frozen=True, eq=False)
class ThroughRho:
    """A metric of head(rho(g) E(x)) against gy, one value per group element.

    Attributes:
        elements: names of the elements.
        values: float64 [n].
        own: the metric of head(E(x)) against y; on an invariant task an exactly equivariant network has this value for
            every element.
    """

    elements: tuple[str, ...]
    values: Tensor
    own: float

    @property
    def mean(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.values)

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        return {
            "elements": list(self.elements),
            "values": plain(self.values),
            "mean": plain(self.mean),
            "own": plain(self.own),
        }

    def __str__(self) -> str:
        names = (*self.elements, "mean but e", "head(E(x))")
        width = max(len(name) for name in names)
        values = (*self.values.tolist(), self.mean, self.own)
        return "\n".join(f"{name:{width}}  {value:10.4f}" for name, value in zip(names, values, strict=True))


def through_rho(
    encoder: Callable[[Tensor], Tensor],
    head: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    act: Action,
    rho: LatentAction,
    metric: Callable[[Tensor, Tensor], Tensor | float],
    output_action: Action | None = None,
    batch_size: int = 256,
) -> ThroughRho:
    """The task's metric of head(rho(g) E(x)) against gy for every element, and of head(E(x)) against y for comparison.

    A small equivariance error can hide that the head uses a part of the latent that is not equivariant. This metric
    shows it: if rho(g) transforms the latent as g transforms the data, the head does as well on rho(g) E(x) as on E(x).

    Args:
        encoder: x -> latent; modules are evaluated as by :func:`regrep.equivariance_error`.
        head: latent -> outputs.
        x: [N, ...], samples.
        y: [N, ...], targets.
        act: how G acts on x.
        rho: representation or action on the latent.
        metric: (outputs [N, ...], targets [N, ...]) -> a number over all samples.
        output_action: how G acts on y; None if the targets are invariant.
        batch_size: samples at a time.

    Raises:
        RegrepError: no samples, or different groups.

    Warns:
        EvaluationWarning: a given function calls modules in training mode.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> act, x = regrep.actions.RotateFlip2d(G), torch.arange(48.0).reshape(3, 4, 4)
    >>> corners = lambda x: torch.stack([x[:, 0, 0], x[:, 3, 0], x[:, 3, 3], x[:, 0, 3]], dim=1)
    >>> distance = lambda outputs, y: (outputs - y).abs().max()
    >>> found = through_rho(corners, lambda z: z.sum(dim=1), x, corners(x).sum(dim=1), act, regrep.regular(G), distance)
    >>> found.own, found.mean
    (0.0, 0.0)
    """
    check_samples(x, batch_size, act, rho)
    values = []
    with evaluating(encoder, head):
        # Copies: encoder and head may overwrite what they are given.
        latents = [check_latent(encoder(part.clone()), part) for part in x.split(batch_size)]
        check_positions(latents[0], rho)
        own = float(metric(torch.cat([head(z.clone()) for z in latents]), y))
        for k in range(act.group.order):
            outputs = torch.cat([head(rho(z.clone(), element(k, z))) for z in latents])
            values.append(float(metric(outputs, y if output_action is None else output_action(y, element(k, y)))))
    return ThroughRho(act.group.names, torch.tensor(values, dtype=torch.float64), own)
