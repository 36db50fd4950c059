"""Equivariance errors of one batch of latents: scalars without gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.arguments import check_tensor
from regrep.groups import FiniteGroup
from regrep.objectives.checks import check_choice
from regrep.objectives.functional import LatentAction, Reduction, aligned, moving_part, whitened_pair, wide
from regrep.unrounded import unrounded


@torch.no_grad()
def whitened_error(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction, reduction: Reduction = "mean") -> Tensor:
    """The :func:`centred_error` of whitened latents: every direction counts equally. The number to look at first.

    0 for an equivariant encoder, 1 for unrelated latents, regardless of scale, offset and strong signals that the task
    does not use. The covariance is that of both halves of the batch, as in the penalty ``"whitened"``, so the error is
    sharp only with more samples than the latent has channels; :func:`regrep.equivariance_error` takes many.

    Args:
        z: [B, ...], latents of x.
        z_g: [B, ...], latents of gx.
        g: int64 [B]; samples with the identity, whose error is 0, are left out.
        rho: representation or action on the latent.
        reduction: ``"mean"``, or ``"none"`` for a value per sample [B]: the root mean square of those with an element
            other than the identity is the error.

    Returns:
        A scalar, or [B]; nan for latents without variance.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> z = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    >>> g = torch.ones(64, dtype=torch.int64)
    >>> whitened_error(z, z.flip(1) + 5, g, regrep.regular(G)) < 1e-5
    tensor(True)
    """
    check_choice("reduction", reduction, Reduction)
    moved, target = aligned(z, z_g, g, rho)
    with unrounded(moved.device):
        pair = whitened_pair(moved, target, rho)
        return error_of_whitened(*pair, g) if reduction == "mean" else errors_of_samples(*pair, g)


@torch.no_grad()
def centred_error(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction, reduction: Reduction = "mean") -> Tensor:
    """√(mean |(w - w̄) - (v - v̄)|² / (V(w) + V(v))) with w = rho(g) E(x), v = E(gx) and V the variance.

    0 for an equivariant encoder, also with a constant added, and 1 for unrelated latents, whatever the scale. A single
    strong equivariant signal still lowers it; see :func:`whitened_error`, which takes the same arguments.

    >>> import regrep
    >>> z, rho = torch.eye(2), regrep.regular(regrep.groups.cyclic(2))
    >>> centred_error(z, z.flip(1) + 5, torch.tensor([1, 1]), rho)
    tensor(0.)
    """
    check_choice("reduction", reduction, Reduction)
    moved, target = aligned(z, z_g, g, rho)
    return error_and_offset(moved, target, others(g))[0] if reduction == "mean" else errors_of_samples(moved, target, g)


@torch.no_grad()
def relative_error(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction, reduction: Reduction = "mean") -> Tensor:
    """‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖ over the batch, the uncentred error.

    It says little: a constant added to the latent, which a bias can learn, lowers it arbitrarily far without anything
    becoming equivariant. Use :func:`whitened_error` or :func:`centred_error`.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> relative_error(torch.eye(2), torch.eye(2), torch.tensor([1, 1]), regrep.regular(G))
    tensor(1.4142)
    >>> relative_error(torch.eye(2) + 99, torch.eye(2) + 99, torch.tensor([1, 1]), regrep.regular(G))
    tensor(0.0101)
    """
    check_choice("reduction", reduction, Reduction)
    moved, target = aligned(z, z_g, g, rho)
    if reduction == "mean":
        return uncentred(moved, target)
    scale = target.reshape(len(g), -1).square().sum(dim=1).mean()
    return ((moved - target).reshape(len(g), -1).square().sum(dim=1) / scale).sqrt()


@torch.no_grad()
def moving_share(z: Tensor, rho: LatentAction, group: FiniteGroup | None = None) -> Tensor:
    """V(P z) / V(z), P = 1 - mean over g of rho(g): the fraction of a latent's variance on which the group acts.

    0 for an invariant latent, which is trivially equivariant; 1 - invariant_dim / dim if all directions vary equally.
    An equivariance error means something only together with it.

    Args:
        z: [B, ...].
        rho: representation or action on the latent.
        group: its group; defaults to that of rho.

    Returns:
        A scalar; nan for latents without variance.

    >>> import regrep
    >>> moving_share(torch.eye(2), regrep.regular(regrep.groups.cyclic(2)))
    tensor(1.)
    """
    check_tensor("z", z, 1, floating=True)
    z = wide(z)
    with unrounded(z.device):
        z = z - z.mean(dim=0)
        return moving_part(z, rho, group).square().sum() / z.square().sum()


def error_of_whitened(moved: Tensor, target: Tensor, g: Tensor) -> Tensor:
    """The centred error of whitened samples [B·positions, C], over the samples whose element is not the identity."""
    return error_and_offset(moved.reshape(len(g), -1), target.reshape(len(g), -1), others(g))[0]


def errors_of_samples(moved: Tensor, target: Tensor, g: Tensor) -> Tensor:
    """√(|(w - w̄) - (v - v̄)|² / (V(w) + V(v))) for each sample, [B], means and variances as in the error itself."""
    w, v = moved.reshape(len(g), -1), target.reshape(len(g), -1)
    weight = others(g)
    part = (weight / weight.sum()).to(w)[:, None]
    w, v = w - (part * w).sum(dim=0), v - (part * v).sum(dim=0)
    variance = (part * (w.square() + v.square())).sum()
    return ((w - v).square().sum(dim=1) / variance).sqrt()


def error_and_offset(moved: Tensor, target: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """How much w and v differ: in their deviations from the mean over samples, and in their means.

    error² = mean |(w - w̄) - (v - v̄)|² / (V(w) + V(v)) and offset² = |w̄ - v̄|² / (V(w) + V(v)).

    Args:
        moved: [B, ...], w.
        target: [B, ...], v.
        weight: [B], weights of the samples in all means; equal by default.
    """
    w, v = moved.reshape(len(moved), -1), target.reshape(len(target), -1)
    part = torch.full((len(w), 1), 1 / len(w), dtype=w.dtype, device=w.device)
    if weight is not None:
        part = (weight / weight.sum()).to(w)[:, None]
    middle, centre = (part * w).sum(dim=0), (part * v).sum(dim=0)
    w, v = w - middle, v - centre
    variance = (part * (w.square() + v.square())).sum()
    error = (part * (w - v).square()).sum() / variance
    return error.sqrt(), ((middle - centre).square().sum() / variance).sqrt()


def uncentred(moved: Tensor, target: Tensor) -> Tensor:
    """‖w - v‖ / ‖v‖."""
    return torch.linalg.vector_norm(moved - target) / torch.linalg.vector_norm(target)


def others(g: Tensor) -> Tensor:
    """1 for samples with an element other than the identity, else 0; all 1 if there are none."""
    moved = g != 0 if g.dim() == 1 else (g != torch.arange(g.shape[1], device=g.device)).any(dim=1)
    return (moved | ~moved.any()).float()
