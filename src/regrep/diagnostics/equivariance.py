"""Measure how equivariant a trained model is, element by element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from regrep.actions import Action
from regrep.errors import RegrepError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regrep.objectives.functional import LatentAction

COLLAPSE = 1e-5
"""A latent whose spread over the samples is below this part of its size counts as constant."""


class CollapseWarning(UserWarning):
    """The latent hardly depends on the input, so an equivariance error says nothing."""


@dataclass(frozen=True)
class EquivarianceError:
    """Equivariance error of an encoder, one value per group element.

    Attributes:
        elements: names of the elements.
        absolute: float64 [n], root mean square of rho(g) E(x) - E(gx) over samples and coordinates,
            in units of the latent.
        relative: float64 [n], ‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖; nan if the latent is collapsed.
        centred: float64 [n], ``absolute`` divided by √2 times the latent's standard deviation over the
            samples: 0 equivariant, about 1 for unrelated latents, whatever the latent's mean. nan if collapsed.
        scale: root mean square of E(x).
        spread: root mean square over coordinates of the standard deviation of E(x) over the samples.
        round_trip: float64 [n] or None: relative error of moving x by g and back, where the action
            interpolates. A model error not clearly larger than this says nothing about the model.
    """

    elements: tuple[str, ...]
    absolute: Tensor
    relative: Tensor
    centred: Tensor
    scale: float
    spread: float
    round_trip: Tensor | None = None

    @property
    def collapsed(self) -> bool:
        """Whether the latent is constant over the samples (spread below 1e-5 of its size)."""
        return not self.spread > COLLAPSE * self.scale

    @property
    def mean_relative(self) -> float:
        """Mean of ``relative`` over the elements other than the identity."""
        return float(self.relative[1:].mean()) if len(self.relative) > 1 else float(self.relative.mean())

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        return {
            "elements": list(self.elements),
            "absolute": self.absolute.tolist(),
            "relative": [None if math.isnan(v) else v for v in self.relative.tolist()],
            "centred": [None if math.isnan(v) else v for v in self.centred.tolist()],
            "scale": self.scale,
            "spread": self.spread,
            "collapsed": self.collapsed,
            "round_trip": None if self.round_trip is None else self.round_trip.tolist(),
        }

    def __str__(self) -> str:
        width = max(len(name) for name in self.elements)
        lines = [f"{'element':{width}}  absolute  relative  centred"]
        for k, name in enumerate(self.elements):
            lines.append(
                f"{name:{width}}  {self.absolute[k]:8.2e}  {self.relative[k]:8.4f}  {self.centred[k]:7.4f}"
                + ("" if self.round_trip is None else f"  (moving x by it and back: {self.round_trip[k]:.4f})")
            )
        lines.append(f"latent scale {self.scale:.3e}, spread over samples {self.spread:.3e}")
        return "\n".join(lines)


def equivariance_error(
    encoder: Callable[[Tensor], Tensor],
    x: Tensor,
    act: Action,
    rho: LatentAction,
    layer: str | None = None,
    batch_size: int = 256,
) -> EquivarianceError:
    """Absolute and relative equivariance error of an encoder for every element of the group.

    absolute(g) = rms(rho(g) E(x) - E(gx)),  relative(g) = ‖rho(g) E(x) - E(gx)‖ / ‖E(gx)‖, over all samples.

    A module is measured in evaluation mode, without gradient, and set back afterwards.

    Args:
        encoder: x -> latent.
        x: [N, ...], samples.
        act: how G moves x.
        rho: representation or action on the latent.
        layer: measure this layer of the encoder (a module) instead of its output.
        batch_size: samples at a time.

    Raises:
        RegrepError: no samples, groups that differ, or latents that are no finite real tensor.

    Warns:
        CollapseWarning: the latent is constant over the samples; relative errors are nan then.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> x = torch.arange(32.0).reshape(2, 4, 4)
    >>> act = regrep.actions.RotateFlip2d(G)
    >>> pixels = lambda x: torch.stack([x[:, 0, 0], x[:, 3, 0], x[:, 3, 3], x[:, 0, 3]], dim=1)
    >>> equivariance_error(pixels, x, act, regrep.regular(G)).absolute.max().item()
    0.0
    """
    if len(x) == 0:
        raise RegrepError("an equivariance error needs at least one sample, got none")
    if batch_size < 1:
        raise RegrepError(f"a batch holds at least 1 sample, got batch_size {batch_size}")
    if hasattr(rho, "group") and rho.group != act.group:
        raise RegrepError(
            f"the latent carries a representation of {rho.group.name}, but {act.group.name} acts on the data;"
            " use one group for both"
        )
    group = act.group
    encode = _reader(encoder, layer)
    squares, norms = (
        torch.zeros(group.order, dtype=torch.float64),
        torch.zeros(group.order, dtype=torch.float64),
    )
    with torch.no_grad(), _evaluating(encoder):
        latents = [encode(part) for part in x.split(batch_size)]
        for k in range(group.order):
            for part, z in zip(x.split(batch_size), latents, strict=True):
                g = torch.full((len(part),), k, device=x.device)
                z_g = _wide(encode(act(part, g)))
                squares[k] += (rho(_wide(z), g) - z_g).square().sum().double().cpu()
                norms[k] += z_g.square().sum().double().cpu()
        every = _wide(torch.cat(latents)).double()
        if not (every.isfinite().all() and norms.isfinite().all()):
            raise RegrepError("the latents of an encoder are finite, got NaN or an infinity; check x and the weights")
        scale = float(every.square().mean().sqrt())
        spread = float(every.var(dim=0, unbiased=False).mean().sqrt())
        trip = getattr(act, "round_trip_error", None)
        round_trip = trip(x) if trip is not None and not getattr(act, "exact", True) else None
    absolute = (squares / every.numel()).sqrt()
    relative, centred = (
        (squares / norms).sqrt(),
        absolute / (math.sqrt(2) * spread) if spread else absolute * math.nan,
    )
    result = EquivarianceError(group.names, absolute, relative, centred, scale, spread, round_trip)
    if result.collapsed:
        warnings.warn(
            f"the latent is constant over these {len(x)} samples (spread {spread:.1e} at size {scale:.1e}),"
            " so its equivariance error says nothing; measure more varied samples or check for collapse",
            CollapseWarning,
            stacklevel=2,
        )
        nothing = torch.full_like(relative, math.nan)
        return EquivarianceError(group.names, absolute, nothing, nothing, scale, spread, round_trip)
    return result


def _wide(z: Tensor) -> Tensor:
    return z.float() if z.dtype in (torch.float16, torch.bfloat16) else z


def _reader(encoder: Callable[[Tensor], Tensor], layer: str | None) -> Callable[[Tensor], Tensor]:
    from regrep.objectives.checks import check_latent
    from regrep.objectives.layers import latent_of

    if layer is None:
        return lambda x: check_latent(encoder(x), x)
    if not isinstance(encoder, nn.Module):
        raise RegrepError(f"layer {layer!r} is looked up in a module, but the encoder is a function")

    def read(x: Tensor) -> Tensor:
        with latent_of(encoder, layer) as tap:
            encoder(x)
        return check_latent(tap.value, x)

    return read


@contextmanager
def _evaluating(encoder: object) -> Iterator[None]:
    """Evaluation mode for a module, each submodule's own mode restored afterwards."""
    if not isinstance(encoder, nn.Module):
        with nullcontext():
            yield
        return
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
