"""Whitening of latents: a linear change of basis after which every direction has the same variance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from regrep.arguments import check_tensor
from regrep.errors import RegrepError

RIDGE = 1e-5
"""What is added to the covariance, as a fraction of its mean eigenvalue."""

ROUNDED_RIDGES = (1e-3, 1e-2)
"""The same for two passes where there is no double precision; their product is ``RIDGE``."""

SINGLE_PRECISION = ("mps",)
"""Kinds of devices without double precision."""

NEGLIGIBLE = 1e-12
"""Least variance to divide by, of whitened coordinates or relative to the square of a latent's size."""


def whiten(samples: Tensor) -> Tensor:
    """L⁻¹(a - ā) for samples a, with L Lᵀ their covariance plus a ridge, and gradients through everything.

    The ridge is 1e-5 of the mean eigenvalue of the covariance: directions with a thousandth of that variance count
    fully, and a signal 100 times as large as the others does not hide them. Covariance and factor are computed in
    double precision, in which so small a ridge is far above rounding. On devices without it, latents are whitened
    twice, with 1e-3 and 1e-2: in exact arithmetic the factor of both is that of the covariance with the product of the
    ridges, to a hundredth, and the second pass removes the rounding errors of the first (as CholeskyQR2 does).

    With more channels d than half the number of samples n, the covariance of all channels means nothing: the channels
    are then cut, in order, into as few blocks as possible, of equal width at most n / 2, and each block is whitened
    separately, with the same ridge. Nothing waits for the device.

    Args:
        samples: [n, d], floating point of 32 bits or more.

    Returns:
        [n, d], centred; its mean square is d_eff / d, with d_eff the number of directions that vary.

    >>> a = torch.randn(512, 3, generator=torch.Generator().manual_seed(0)).double() * torch.tensor([1.0, 9.0, 50.0])
    >>> (whiten(a).T @ whiten(a) / 512).round(decimals=1).abs()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)
    """
    check_tensor("samples", samples, 2, floating=True)
    if samples.dim() != 2 or samples.element_size() < 4 or not samples.numel():
        raise RegrepError(
            f"samples to whiten are [n, d] in 32 bits or more, got {str(samples.dtype)[6:]} {list(samples.shape)};"
            " flatten and convert them"
        )
    n, d = samples.shape
    blocks = -(-d // max(1, n // 2))
    width = -(-d // blocks)
    size = samples.detach().square().mean()
    centred = samples - samples.mean(dim=0)
    # [blocks, width, n]; the last block is padded with channels of 0, which stay 0.
    whole = blocks * width == d
    x = (centred if whole else nn.functional.pad(centred, (0, blocks * width - d))).T.reshape(blocks, width, n)
    floor = torch.add(torch.finfo(x.dtype).tiny, size, alpha=NEGLIGIBLE)
    ridges = ROUNDED_RIDGES if x.device.type in SINGLE_PRECISION else (RIDGE,)
    for k, ridge in enumerate(ridges):
        least = torch.full_like(floor, NEGLIGIBLE) if k else floor
        if torch.compiler.is_compiling():  # the compiler differentiates by itself, and warns of functions that do
            x = inverse_factor(x, ridge, least, d) @ x
        else:
            x = Whitened.apply(x, ridge, least, d)[0]
    x = x.reshape(blocks * width, n)
    return (x if whole else x[:d]).T


def inverse_factor(x: Tensor, ridge: float, floor: Tensor, d: int) -> Tensor:
    """L⁻¹ [blocks, width, width] of rows x [blocks, width, n], d of which are no padding; see :class:`Whitened`."""
    wide = x if x.device.type in SINGLE_PRECISION else x.double()
    covariance = torch.bmm(wide, wide.mT).div_(x.shape[2])
    diagonal = covariance.diagonal(dim1=1, dim2=2)
    diagonal += torch.add(floor, diagonal.sum(), alpha=ridge / d)
    factor, _ = torch.linalg.cholesky_ex(covariance, check_errors=False)
    eye = torch.eye(x.shape[1], dtype=wide.dtype, device=x.device)
    return torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False).to(x.dtype)


class Whitened(torch.autograd.Function):
    """y = L⁻¹x with L Lᵀ = x xᵀ / n + (ridge · level + floor) · 1, where level is the mean eigenvalue of x xᵀ / n.

    One triangular solution, which a GPU takes long for, instead of the four that differentiating factorisation and
    solution take. With ȳ the gradient of y, and Φ the lower triangle of ȳ yᵀ with half of its diagonal, the
    gradient of the covariance is -L⁻ᵀ S L⁻¹ with 2 S = Φ + Φᵀ, and that of x

        x̄ = L⁻ᵀ(ȳ - 2 S y / n) - 2 ridge tr(L⁻ᵀ S L⁻¹) / (n d) · x.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, ridge: float, floor: Tensor, d: int) -> tuple[Tensor, Tensor]:
        """Returns y and L⁻¹."""
        inverse = inverse_factor(x, ridge, floor, d)
        return inverse @ x, inverse

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, Tensor, int], output: tuple[Tensor, Tensor]) -> None:
        """Keeps what the gradient needs."""
        x, ctx.ridge, floor, ctx.d = inputs
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x, floor, *output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        """Returns x̄."""
        if gradient is None:
            return None, None, None, None
        x, floor, y, inverse = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again, also through the factor
            again = inverse_factor(x, ctx.ridge, floor, ctx.d) @ x
            return torch.autograd.grad(again, x, gradient, create_graph=True)[0], None, None, None
        n = x.shape[2]
        lower = torch.bmm(gradient, y.mT).tril_()
        lower.diagonal(dim1=1, dim2=2).mul_(0.5)
        twice = lower + lower.mT
        trace = (twice @ inverse * inverse).sum()
        inner = torch.baddbmm(gradient, twice, y, alpha=-1 / n)
        return torch.addcmul(inverse.mT @ inner, trace, x, value=-ctx.ridge / (n * ctx.d)), None, None, None


def distance_of_halves(samples: Tensor) -> Tensor:
    """Mean |w - v|² divided by the variance of both, for whitened samples [w, v]; 2 if unrelated, 0 if equal.

    Args:
        samples: [2 n, d], as :func:`whiten` returns them.
    """
    if torch.compiler.is_compiling():
        return _distance(samples)[0]
    return Distance.apply(samples)[0]


def _distance(samples: Tensor) -> tuple[Tensor, Tensor]:
    variance = samples.square().mean().clamp_min(torch.finfo(samples.dtype).tiny)  # whitened samples are centred
    first, second = samples.chunk(2)
    return nn.functional.mse_loss(first, second) / variance, variance


class Distance(torch.autograd.Function):
    """R = D / V with D the mean square of w - v, and V that of both, for whitened samples y = [w, v].

    With N entries in w, the gradient is (2 (w - v) - R w) / (N V) for w, and (2 (v - w) - R v) / (N V) for v: a third
    of the operations that differentiating each part takes.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(samples: Tensor) -> tuple[Tensor, Tensor]:
        """Returns R and V."""
        return _distance(samples)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Keeps what the gradient needs."""
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*inputs, *output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, _: Tensor | None) -> Tensor | None:
        """Returns the gradient of y."""
        if gradient is None:
            return None
        samples, distance, variance = ctx.saved_tensors
        if torch.is_grad_enabled():  # to be differentiated again
            return torch.autograd.grad(_distance(samples)[0], samples, gradient, create_graph=True)[0]
        first, second = samples.chunk(2)
        scale = gradient / variance / -first.numel()
        difference = first - second
        found = samples * (scale * distance)
        one, other = found.chunk(2)
        one.addcmul_(difference, scale, value=-2)
        other.addcmul_(difference, scale, value=2)
        return found


def channels_last(z: Tensor, rho: object) -> Tensor:
    """A latent as samples [n, C] of its channels.

    [B, d] is unchanged. With more dimensions every position of every sample is a sample of its own, and the channels
    are dimension 1, as in feature maps [B, C, H, W], or the last dimension under a representation that acts on it
    alone or names it as its ``channel_axis``, as on tokens [B, N, D].

    >>> import regrep
    >>> rho = regrep.regular(regrep.groups.cyclic(4))
    >>> channels_last(torch.zeros(2, 3, 4), rho).shape, channels_last(torch.zeros(2, 3, 4), None).shape
    (torch.Size([6, 4]), torch.Size([8, 3]))
    """
    if z.dim() == 1:
        return z[:, None]
    axis = getattr(rho, "channel_axis", -1 if len(getattr(rho, "shape", (0, 0))) == 1 else 1)
    return z.movedim(axis, -1).flatten(0, -2)
