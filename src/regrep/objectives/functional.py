"""The equivariance penalty as pure functions of latents."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from regrep.errors import RegrepError

LatentAction = Callable[[Tensor, Tensor], Tensor]
"""A map (z, g) -> rho(g) z: a representation, a data action, or any function of that form."""

Penalty = Literal["mse", "relative"]


def equivariance_loss(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction, penalty: Penalty = "mse") -> Tensor:
    """How far an encoder is from equivariant on one batch, as a differentiable scalar.

    With z = E(x) and z_g = E(gx), over samples and coordinates (section 5 of the paper):

    * ``"mse"``: mean |rho(g) z - z_g|², the paper's penalty. It falls when the latent shrinks.
    * ``"relative"``: the same divided by the variance of the latent over the batch (mean over coordinates,
      over both halves), with gradients through both. It does not change when the latent is scaled; it is
      2 for unrelated vectors and 0 for an equivariant encoder.

    Computed in float32 for half types, in the latent's own dtype otherwise. It is a mean over samples, so
    under data-parallel training nothing is gathered; the variance is that of the local batch, as in BatchNorm.

    Args:
        z: [B, ...], latents of x.
        z_g: [B, ...], latents of gx.
        g: int64 [B].
        rho: representation or action on the latent.
        penalty: ``"mse"`` or ``"relative"``.

    Raises:
        RegrepError: unknown penalty or shapes that differ.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> z, g = torch.eye(4), torch.tensor([0, 1, 2, 3])
    >>> rho = regrep.regular(G)
    >>> equivariance_loss(z, rho(z, g), g, rho), equivariance_loss(z, z, g, rho)
    (tensor(0.), tensor(0.3750))
    """
    check_penalty(penalty)
    moved, target = aligned(z, z_g, g, rho)
    loss = (moved - target).square().mean()
    if penalty == "relative":
        variance = torch.cat([moved, target]).var(dim=0, unbiased=False).mean()
        loss = loss / variance.clamp_min(torch.finfo(variance.dtype).tiny)
    return loss


def relative_error(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction) -> Tensor:
    """‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖ over the batch, a scalar without gradient.

    0 for an equivariant encoder, about 1.41 for unrelated vectors of mean zero.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> relative_error(torch.eye(2), torch.eye(2), torch.tensor([1, 1]), regrep.regular(G))
    tensor(1.4142)
    """
    with torch.no_grad():
        moved, target = aligned(z, z_g, g, rho)
        return torch.linalg.vector_norm(moved - target) / torch.linalg.vector_norm(target)


def aligned(z: Tensor, z_g: Tensor, g: Tensor, rho: LatentAction) -> tuple[Tensor, Tensor]:
    """Rho(g) z and z_g in a dtype fit for sums of squares: float32 for half types, else unchanged."""
    if z.shape != z_g.shape:
        raise RegrepError(f"the latents of x and gx have the same shape, got {list(z.shape)} and {list(z_g.shape)}")
    if z.dtype in (torch.float16, torch.bfloat16):
        z, z_g = z.float(), z_g.float()
    return rho(z, g), z_g


def check_penalty(penalty: str) -> None:
    """Raise for anything but the two penalties."""
    if penalty not in get_args(Penalty):
        raise RegrepError(f'penalty is "mse" or "relative", got {penalty!r}')


def check_weight(name: str, value: float) -> None:
    """Raise for a weight below 0 or not finite."""
    if not (math.isfinite(value) and value >= 0):
        raise RegrepError(f"{name} is a finite number of at least 0, got {value}; use 0 to switch the term off")


def check_latent(z: Any, x: Tensor) -> Tensor:
    """The latents z of the inputs x [B, ...], if they are one real tensor [B, ...]; an error if not.

    >>> check_latent((torch.zeros(3, 4), None), torch.zeros(3, 2))
    Traceback (most recent call last):
    regrep.errors.RegrepError: a latent is one tensor, got a tuple; wrap the encoder so that it returns the latent alone
    """
    if not isinstance(z, Tensor):
        raise RegrepError(
            f"a latent is one tensor, got a {type(z).__name__}; wrap the encoder so that it returns the latent alone"
        )
    if not z.dim() or len(z) != len(x) or z.is_complex():
        raise RegrepError(
            f"a latent is a real tensor [{len(x)}, ...], one row per input, got {str(z.dtype)[6:]} {list(z.shape)};"
            " put the batch first"
        )
    return z


def check_task(loss: Tensor) -> Tensor:
    """The task loss, if it is a scalar; an error if not."""
    if loss.dim():
        raise RegrepError(f"task_loss returns a scalar, got shape {list(loss.shape)}; take its mean over the samples")
    return loss


def check_views(x: Tensor, g: Tensor | None, gx: Tensor | None) -> None:
    """Raise for no inputs, and for moved ones without their elements or of another shape than the inputs."""
    if not (isinstance(x, Tensor) and x.dim() and len(x)):
        raise RegrepError(
            "a batch is a tensor [B, ...] of at least one input,"
            f" got {list(x.shape) if isinstance(x, Tensor) else type(x).__name__}; skip empty batches"
        )
    if gx is not None and (g is None or gx.shape != x.shape):
        raise RegrepError(
            f"moved inputs gx come with their elements g and have the shape of x {list(x.shape)},"
            f" got gx of shape {list(gx.shape)} and {'no g' if g is None else 'g'}; pass both or neither"
        )
