"""The equivariance penalty as pure functions of latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from regrep.arguments import check_callable, check_tensor
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, LargeGroup
from regrep.groups.finite import check_group
from regrep.objectives.checks import check_choice
from regrep.objectives.whitening import channels_last, distance_of_halves, whiten
from regrep.representations import PermutationRepresentation
from regrep.unrounded import unrounded

Penalty = Literal["mse", "relative", "whitened", "moving"]
"""Names of the penalties that :func:`penalty_between` knows."""

LatentAction = Callable[[Tensor, Tensor], Tensor]
"""A map (z, g) -> rho(g) z: a representation, a data action, or any function of that form."""

ROUNDING = 10
"""Deviations below this many units of rounding of a latent's size count as none."""


Reduction = Literal["mean", "none"]
"""One number for a batch, or one for each sample."""


def equivariance_loss(
    z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction, penalty: Penalty = "mse", reduction: Reduction = "mean"
) -> Tensor:
    """How far an encoder is from equivariant on one batch, as a differentiable scalar.

    With w = rho(g) E(x) and v = E(gx), over samples and coordinates (section 5 of the paper):

    * ``"mse"``: mean |w - v|², the paper's penalty. It falls when the latent shrinks.
    * ``"relative"``: the same divided by the variance of the latent over the batch (mean over coordinates,
      over both halves). It does not change when the latent is scaled, but a strong equivariant signal that the
      task does not use can lower it arbitrarily far.
    * ``"whitened"``: the relative penalty of L⁻¹w and L⁻¹v, with L Lᵀ the covariance of both halves plus a small
      ridge (see :func:`whiten`): every direction of the latent counts equally, so that neither scale nor an offset
      nor a strong signal lowers it. For feature maps [B, C, ...] the channels are whitened and positions are
      samples; for tokens [B, N, D] under a representation on D, the last dimension is whitened.
    * ``"moving"``: the relative penalty of P w and P v, with P = 1 - mean over g of rho(g) the projection on the part
      of the latent on which the group acts. Unlike the others it cannot be met by an invariant latent, whose moving
      part is rounding; there it is 0 without gradient.

    The last three are 2 for unrelated latents and 0 for an equivariant encoder, with gradients through
    everything. Computed without autocast, in float32 for half types and in the latent's own dtype otherwise. All
    are means over samples; variance and covariance are those of the samples given (the objectives gather them from
    several processes).

    Args:
        z: [B, ...], latents of x.
        z_g: [B, ...], latents of gx.
        g: int64 [B].
        rho: representation or action on the latent.
        penalty: name of the penalty.
        reduction: ``"mean"``, or ``"none"`` for a value per sample [B], whose mean is the penalty; variance and
            covariance are those of the whole batch all the same.

    Raises:
        RegrepError: unknown penalty or reduction, different shapes, or ``"moving"`` with a function that has no group.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> z, g = torch.eye(4), torch.tensor([0, 1, 2, 3])
    >>> rho = regrep.regular(G)
    >>> equivariance_loss(z, rho(z, g), g, rho), equivariance_loss(z, z, g, rho)
    (tensor(0.), tensor(0.3750))
    """
    check_choice("penalty", penalty, Penalty)
    check_choice("reduction", reduction, Reduction)
    moved, target = aligned(z, z_g, g, rho)
    return penalty_between(moved, target, penalty, rho, samples=len(g) if reduction == "none" else None)


def penalty_between(
    moved: Tensor,
    target: Tensor,
    penalty: Penalty,
    rho: LatentAction,
    group: FiniteGroup | None = None,
    samples: int | None = None,
) -> Tensor:
    """The penalty of w = rho(g) E(x) and v = E(gx) as :func:`aligned` returns them; see :func:`equivariance_loss`.

    Args:
        moved: [B, ...], w.
        target: [B, ...], v.
        penalty: name of the penalty.
        rho: the representation that was applied.
        group: the group of rho if rho is a plain function; needed by ``"moving"``.
        samples: B for a value per sample [B]; by default their mean.
    """
    if penalty == "mse":  # one operation of PyTorch where it can be, which launches fewer kernels
        return nn.functional.mse_loss(moved, target) if samples is None else mean_square(moved - target, samples)
    if penalty == "relative":
        return relative_to_variance(moved, target, rounding(moved, target), samples)
    with unrounded(moved.device):
        if penalty == "whitened":
            both = whitened_halves(moved, target, rho)
            if samples is None:
                return distance_of_halves(both)
            first, second = both.chunk(2)
            return relative_to_variance(first, second, samples=samples)
        floor = rounding(moved, target)
        return relative_to_variance(moving_part(moved, rho, group), moving_part(target, rho, group), floor, samples)


def mean_square(difference: Tensor, samples: int | None = None) -> Tensor:
    """Mean of squares over all entries, or over those of each of so many samples."""
    square = difference.square()
    return square.mean() if samples is None else square.reshape(samples, -1).mean(dim=1)


def relative_to_variance(
    moved: Tensor, target: Tensor, floor: Tensor | None = None, samples: int | None = None
) -> Tensor:
    """Mean |w - v|² divided by the variance of both, which counts as at least ``floor``: 2 if unrelated, 0 if equal."""
    variance = torch.cat([moved, target]).var(dim=0, unbiased=False).mean()
    least = torch.finfo(variance.dtype).tiny
    variance = variance.clamp_min(least) if floor is None else torch.maximum(variance, floor + least)
    return mean_square(moved - target, samples) / variance


def rounding(moved: Tensor, target: Tensor) -> Tensor:
    """Variance that rounding alone can give latents of this size, a scalar without gradient."""
    size = (moved.detach().square().mean() + target.detach().square().mean()) / 2
    return (ROUNDING * torch.finfo(size.dtype).eps) ** 2 * size


def whitened_halves(moved: Tensor, target: Tensor, rho: LatentAction) -> Tensor:
    """Both latents, one after the other, as samples [2·B·positions, C] whitened together; see :func:`whiten`."""
    return whiten(channels_last(torch.cat([moved, target]), rho))


def whitened_pair(moved: Tensor, target: Tensor, rho: LatentAction) -> tuple[Tensor, Tensor]:
    """Both latents as samples [B·positions, C], whitened by the covariance of both; see :func:`whiten`."""
    first, second = whitened_halves(moved, target, rho).chunk(2)
    return first, second


def moving_part(z: Tensor, rho: LatentAction, group: FiniteGroup | None = None) -> Tensor:
    """P z with P = 1 - mean over g of rho(g): a latent without its invariant part.

    Args:
        z: [B, ...].
        rho: representation or action on the latent.
        group: its group; defaults to that of rho.

    Raises:
        RegrepError: no group.

    >>> import regrep
    >>> moving_part(torch.tensor([[1.0, 3.0]]), regrep.regular(regrep.groups.cyclic(2)))
    tensor([[-1.,  1.]])
    """
    check_tensor("z", z, 1)
    if z.dtype == torch.bool:
        raise RegrepError("z holds numbers, got truth values; convert it with .float()")
    check_callable("rho", rho)
    group = getattr(rho, "group", None) if group is None else group
    if group is None:
        raise RegrepError(
            f"the moving part of a latent is taken over a group, and {rho!r} has none; pass a representation or an"
            " action"
        )
    check_group(group, table=False)
    if isinstance(rho, PermutationRepresentation):
        if z.shape[-1] != rho.dim or z.dim() < 2:
            raise RegrepError(f"{rho.name} acts on latents [B, ..., {rho.dim}], got {list(z.shape)}")
        return z - rho.orbit_means(z)
    if isinstance(group, LargeGroup):
        return z - group.average(rho, z)
    total = z
    for k in range(1, group.order):
        total = total + rho(z, torch.full((len(z),), k, device=z.device))
    return z - total / group.order


def aligned(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction) -> tuple[Tensor, Tensor]:
    """Rho(g) z and z_g in a dtype suited to sums of squares: float32 for half types, else unchanged; no autocast."""
    check_tensor("the latent of x", z, 1)
    check_tensor("the latent of gx", z_g, 1)
    check_callable("rho", rho)
    if z.shape != z_g.shape:
        raise RegrepError(f"the latents of x and gx have the same shape, got {list(z.shape)} and {list(z_g.shape)}")
    return move(z, g, rho), wide(z_g)


def move(z: Tensor, g: Tensor, rho: LatentAction) -> Tensor:
    """Rho(g) z in float32 for half types, without autocast, which would round the products of matrices."""
    with unrounded(z.device):
        return rho(wide(z), g)


def wide(z: Tensor) -> Tensor:
    """Half types as float32, others as they are."""
    return z.float() if z.dtype in (torch.float16, torch.bfloat16) else z
