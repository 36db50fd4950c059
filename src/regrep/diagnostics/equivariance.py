"""Measure how equivariant a trained model is, element by element."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from regrep.actions import Action
from regrep.actions.trees import as_action, batches, moved
from regrep.deprecated import warn_renamed
from regrep.diagnostics.elements import measured_elements, standard_error
from regrep.diagnostics.reading import (
    EvaluationWarning,
    beyond_identity,
    check_finite,
    check_samples,
    element,
    evaluating,
    plain,
    reader,
)
from regrep.groups import LargeGroup
from regrep.html import table
from regrep.objectives.checks import check_positions
from regrep.objectives.functional import LatentAction, moving_part
from regrep.objectives.layers import Layer
from regrep.objectives.whitening import channels_last
from regrep.representations import Representation

COLLAPSE = 1e-5
"""A latent whose spread over the samples is below this fraction of its size counts as constant."""

RIDGE = 1e-4
"""Ridge of the covariance by which latents are whitened, as a fraction of its mean eigenvalue."""

BLOCK = 2048
"""At most this many channels are whitened together; wider latents are cut into consecutive blocks of equal width."""

STEADY = 1e-4
"""Errors of the identity below this are rounding."""


class CollapseWarning(UserWarning):
    """The latent hardly depends on the input, so its equivariance error means nothing."""


@dataclass(frozen=True, eq=False)
class EquivarianceError:
    """Equivariance error of an encoder, one value per group element.

    With z = E(x), w = rho(g) z, v = E(gx) and V the variance over the samples. Compare models by ``whitened_error``,
    together with ``moving_share``; the other numbers explain it. All but ``absolute``, ``scale`` and ``spread`` are
    nan if the latent has collapsed.

    Attributes:
        elements: names of the elements.
        whitened_error: float64 [n], ``error`` of L⁻¹z, with L Lᵀ the covariance of E(x) plus a ridge of 1e-4 of its
            mean eigenvalue: every direction counts equally. 0 if equivariant, 1 for unrelated latents, regardless of
            scale, offset and strong irrelevant signals. Channels are whitened, positions are samples.
        error: float64 [n], √(mean |(w - w̄) - (v - v̄)|² / (V(w) + V(v))): 0 if equivariant, 1 if unrelated.
        offset: float64 [n], |w̄ - v̄| / √(V(w) + V(v)): how far the means are from equivariant.
        moving_error: float64 [n], ``error`` of P z with P = 1 - mean over g of rho(g); nan for an invariant latent.
        moving_share: V(P z) / V(z), the fraction of the variance on which rho acts; 0 for an invariant latent.
        uncentred: float64 [n], ‖w - v‖ / ‖v‖, which adding a constant to the latent lowers.
        absolute: float64 [n], root mean square of w - v over samples and coordinates, in units of the latent.
        scale: root mean square of E(x).
        spread: root mean square over coordinates of the standard deviation of E(x) over the samples.
        round_trip: float64 [n] or None: relative error of transforming x by g and back, where the action
            interpolates. A model error that is not clearly larger says nothing about the model.
        drawn_from: order of the group if its elements are the identity and random ones, else None.
        is_output: whether rho is an action on data, so that the latent is an output and its offset counts as an error.
    """

    elements: tuple[str, ...]
    whitened_error: Tensor
    error: Tensor
    offset: Tensor
    moving_error: Tensor
    moving_share: float
    uncentred: Tensor
    absolute: Tensor
    scale: float
    spread: float
    round_trip: Tensor | None = None
    is_output: bool = False
    drawn_from: int | None = None

    def standard_error(self, name: str = "whitened_error") -> float:
        """Of the mean of one of the errors over random elements; 0 if all elements were measured."""
        return 0.0 if self.drawn_from is None else standard_error(getattr(self, name))

    @property
    def collapsed(self) -> bool:
        """Whether the latent is constant over the samples (spread below 1e-5 of its size)."""
        return not self.spread > COLLAPSE * self.scale

    @property
    def invariant(self) -> bool:
        """Whether rho acts on none of the latent's variance: it is trivially equivariant."""
        return self.moving_share == 0

    @property
    def total(self) -> Tensor:
        """√(error² + offset²), the error of an output, whose offset no later layer can correct; float64 [n]."""
        return (self.error.square() + self.offset.square()).sqrt()

    @property
    def mean_whitened_error(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.whitened_error)

    @property
    def mean_error(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.error)

    @property
    def mean_offset(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.offset)

    @property
    def mean_moving_error(self) -> float:
        """Mean over the elements other than the identity; nan for an invariant latent."""
        return beyond_identity(self.moving_error)

    @property
    def mean_total(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.total)

    @property
    def mean_uncentred(self) -> float:
        """Mean over the elements other than the identity."""
        return beyond_identity(self.uncentred)

    @property
    def relative(self) -> Tensor:
        """Old name of ``uncentred``."""
        warn_renamed("relative", "whitened_error, or uncentred for the same numbers")
        return self.uncentred

    @property
    def mean_relative(self) -> float:
        """Old name of ``mean_uncentred``."""
        warn_renamed("mean_relative", "mean_whitened_error, or mean_uncentred for the same number")
        return self.mean_uncentred

    @property
    def centred(self) -> Tensor:
        """Old name of ``total``."""
        warn_renamed("centred", "error, or total for the same numbers")
        return self.total

    def as_dict(self) -> dict[str, object]:
        """Plain values for a record; nan becomes None."""
        names = ("whitened_error", "error", "offset", "moving_error", "total", "uncentred", "absolute")
        means = ("mean_whitened_error", "mean_error", "mean_offset", "mean_moving_error", "mean_total")
        values = {name: getattr(self, name) for name in (*names, *means, "moving_share", "scale", "spread")}
        drawn = {"standard_errors": {name: plain(self.standard_error(name)) for name in names}}
        return {
            "elements": list(self.elements),
            **{name: plain(value) for name, value in values.items()},
            "collapsed": self.collapsed,
            "round_trip": plain(self.round_trip),
            **({} if self.drawn_from is None else drawn),
        }

    @property
    def _shown(self) -> tuple[str, ...]:
        """Names of the errors that are shown."""
        return ("whitened_error", "error", "offset", *(("total",) if self.is_output else ()), "moving_error")

    def _rows(self) -> list[list[float]]:
        """The errors that are shown: a row per element, and one of the means."""
        values = [getattr(self, name) for name in self._shown]
        return [[float(v[k]) for v in values] for k in range(len(self.elements))] + [
            [beyond_identity(v) for v in values]
        ]

    def _notes(self) -> list[str]:
        """What is said below the table."""
        lines = []
        if self.drawn_from is not None:
            errors = ", ".join(f"{name.replace('_', ' ')} {self.standard_error(name):.1e}" for name in self._shown)
            lines.append(f"{len(self.elements) - 1} random elements of {self.drawn_from}; standard errors: {errors}")
        if self.round_trip is not None:
            worst = float(self.round_trip.max())
            lines.append(f"interpolation: transforming x by an element and back changes it by up to {worst:.4f}")
        lines.append(f"moving share {self.moving_share:.3f}: the fraction of the variance on which the group acts")
        if self.invariant:
            lines.append("the latent is invariant: trivially equivariant, with no moving part to measure")
        return [*lines, f"latent scale {self.scale:.3e}, spread over samples {self.spread:.3e}"]

    def _repr_html_(self) -> str:
        rows = [[name, *row] for name, row in zip((*self.elements, "mean but e"), self._rows(), strict=True)]
        head = ["element", *(name.replace("_", " ") for name in self._shown)]
        return table("equivariance error", head, rows, self._notes())

    def __str__(self) -> str:
        width = max(len("mean but e"), *(len(name) for name in self.elements))
        lines = [f"{'element':{width}}  " + "  ".join(f"{name.replace('_', ' '):>14}" for name in self._shown)]
        for name, row in zip((*self.elements, "mean but e"), self._rows(), strict=True):
            lines.append(f"{name:{width}}  " + "  ".join(f"{value:14.4f}" for value in row))
        return "\n".join([*lines, *self._notes()])


def equivariance_error(
    encoder: Callable[..., Any],
    x: Any,
    act: Any,
    rho: LatentAction,
    layer: Layer | None = None,
    batch_size: int = 256,
    elements: int | None = None,
    generator: torch.Generator | None = None,
) -> EquivarianceError:
    """How far an encoder is from rho(g) E(x) = E(gx), for every element of the group, or for random ones.

    See :class:`EquivarianceError` for what is measured. A module, a bound method or a ``functools.partial`` of one is
    measured in evaluation mode, without gradients, and put back into its former mode afterwards.

    Args:
        encoder: x -> latent.
        x: [N, ...], samples, or a tree of such tensors; the whitened error is sharp only with more samples than the
            latent has channels.
        act: how G acts on x: an action, or a tree of actions in the shape of x.
        rho: representation or action on the latent.
        layer: measure this layer of the encoder (a module) instead of its output; ``("lstm", 0)`` names a part of what
            a layer returns, ``(OUTPUT, "z")`` one of the encoder's output, ``"relu#0"`` the first of several runs.
        batch_size: samples at a time.
        elements: measure the identity and so many random elements; by default all, or 32 random ones of a group too
            large for a table. The means then have a ``standard_error``, that of drawing elements.
        generator: of the random elements.

    Raises:
        RegrepError: no samples, different groups, or latents that are not a finite real tensor.

    Warns:
        CollapseWarning: the latent is constant over the samples, so that all errors but ``absolute`` are nan.
        EvaluationWarning: the error of the identity is not 0, because the encoder is random or uses batch statistics,
            or a given function calls modules in training mode.

    >>> import regrep
    >>> G = regrep.groups.cyclic(4)
    >>> x = torch.arange(32.0).reshape(2, 4, 4)
    >>> act = regrep.actions.RotateFlip2d(G)
    >>> pixels = lambda x: torch.stack([x[:, 0, 0], x[:, 3, 0], x[:, 3, 3], x[:, 0, 3]], dim=1)
    >>> equivariance_error(pixels, x, act, regrep.regular(G)).mean_whitened_error
    0.0
    """
    act = as_action(act)
    count = check_samples(x, batch_size, act, rho, table=False)
    names, every = measured_elements(act.group, elements, generator)
    group, parts, encode = act.group, batches(x, batch_size), reader(encoder, layer)
    drawn = elements is not None or isinstance(group, LargeGroup)
    sums, found, norms = [], [], []
    with evaluating(encoder):
        latents = [encode(part) for part in parts]
        check_finite(*latents)
        check_positions(latents[0], rho)
        middle = _mean(latents)
        factor = _whitening([z - middle.to(z) for z in latents], rho)
        for k in every:
            w = [rho(z, element(k, z)) for z in latents]
            v = [encode(moved(act, part, element(k, part))) for part in parts]
            check_finite(*v)
            means = _mean(w), _mean(v)
            pairs = zip(w, v, strict=True)
            sums.append(reduce(torch.add, [_sums(*pair, *means, factor, rho, act) for pair in pairs]) / count)
            found.append((means[0] - means[1]).square().sum())
            norms.append(reduce(torch.add, map(_square, v)) / count)
        own = reduce(torch.add, [_sums(z, z, middle, middle, factor, rho, act) for z in latents]) / count
        size = float(reduce(torch.add, map(_square, latents)) / count)
        trip = getattr(act, "round_trip_error", None)
        round_trip = trip(x) if trip is not None and not drawn and not getattr(act, "exact", True) else None
    # [n, 3]: unchanged, the moving part, whitened; for each V(w) + V(v), and the variance of the difference.
    both, apart = torch.stack(sums).unflatten(1, (2, 3)).unbind(dim=1)
    gap, norm, dim = torch.stack(found), torch.stack(norms), latents[0][0].numel()
    variance, moving = float(own[0]) / 2, float(own[1]) / 2
    share = moving / variance if variance else math.nan
    collapsed = not math.sqrt(variance) > COLLAPSE * math.sqrt(size)
    share = math.nan if collapsed else share if share > COLLAPSE**2 else 0.0
    error, moving_error, whitened = (apart / both).sqrt().unbind(dim=1)
    nothing = torch.full_like(error, math.nan)
    result = EquivarianceError(
        elements=names,
        whitened_error=nothing if collapsed else whitened,
        error=nothing if collapsed else error,
        offset=nothing if collapsed else (gap / both[:, 0]).sqrt(),
        moving_error=moving_error if share > 0 else nothing,
        moving_share=share,
        uncentred=nothing if collapsed else ((apart[:, 0] + gap) / norm).sqrt(),
        absolute=((apart[:, 0] + gap) / dim).sqrt(),
        scale=math.sqrt(size / dim),
        spread=math.sqrt(variance / dim),
        round_trip=round_trip,
        is_output=isinstance(rho, Action) and not isinstance(rho, Representation),
        drawn_from=group.order if drawn else None,
    )
    _warn(result, count)
    return result


def _warn(result: EquivarianceError, samples: int) -> None:
    """Warn about what makes the numbers doubtful."""
    if result.collapsed:
        warnings.warn(
            f"the latent is constant over these {samples} samples (spread {result.spread:.1e} at size"
            f" {result.scale:.1e}), so its equivariance error means nothing; measure more varied samples or check for"
            " collapse",
            CollapseWarning,
            stacklevel=3,
        )
    elif not float(result.total[0]) < STEADY:
        warnings.warn(
            f"the equivariance error of the identity is {float(result.total[0]):.2g} instead of 0, and the errors of"
            " the other elements contain it too: the encoder is random or uses batch statistics; measure it in"
            " evaluation mode",
            EvaluationWarning,
            stacklevel=3,
        )


def _mean(parts: list[Tensor]) -> Tensor:
    """Mean over the samples, in double precision."""
    return reduce(torch.add, [z.cpu().double().sum(dim=0) for z in parts]) / sum(map(len, parts))


def _square(z: Tensor) -> Tensor:
    """Sum of squares, in double precision."""
    return z.cpu().double().square().sum()


def _sums(
    w: Tensor, v: Tensor, mean_w: Tensor, mean_v: Tensor, factor: Tensor, rho: LatentAction, act: Action
) -> Tensor:
    """Sums over a batch, float64 [6]: |w|² + |v|² of the centred, moving and whitened latents, and |w - v|² of each."""
    w, v = w - mean_w.to(w), v - mean_v.to(v)
    kinds = [(w, v), (moving_part(w, rho, act.group), moving_part(v, rho, act.group))]
    kinds.append((_whitened(w, factor, rho), _whitened(v, factor, rho)))
    return torch.stack(
        [_square(a) + _square(b) for a, b in kinds] + [_square(a.cpu().double() - b.cpu().double()) for a, b in kinds]
    )


def _whitening(centred: list[Tensor], rho: LatentAction) -> Tensor:
    """L⁻¹ of each block of channels, float64 [blocks, width, width]; channels beyond the last are padded with 0."""
    samples = [channels_last(z, rho).cpu().double() for z in centred]
    cut = [blocks_of(a, block_width(a.shape[1])) for a in samples]
    covariance = reduce(torch.add, (a @ a.mT for a in cut)) / sum(map(len, samples))
    return whitening_of(covariance, samples[0].shape[1])


def whitening_of(covariance: Tensor, channels: int) -> Tensor:
    """L⁻¹ for each block of a covariance, float64 [blocks, width, width], with L Lᵀ the covariance plus the ridge.

    Args:
        covariance: float64 [blocks, width, width]; channels beyond the last are padded with 0.
        channels: number of channels in all blocks.
    """
    level = RIDGE * covariance.diagonal(dim1=1, dim2=2).sum() / channels
    eye = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    lower = torch.linalg.cholesky(covariance + (level + torch.finfo(covariance.dtype).tiny) * eye)
    return torch.linalg.solve_triangular(lower, eye.expand_as(lower), upper=False)


def _whitened(z: Tensor, factor: Tensor, rho: LatentAction) -> Tensor:
    """L⁻¹z, in double precision."""
    return factor @ blocks_of(channels_last(z, rho).cpu().double(), factor.shape[-1])


def block_width(channels: int) -> int:
    """Width of the blocks of equal width, at most ``BLOCK``, into which channels are cut.

    >>> block_width(2048), block_width(3000)
    (2048, 1500)
    """
    return -(-channels // -(-channels // BLOCK))


def blocks_of(samples: Tensor, width: int) -> Tensor:
    """Samples [n, C] as blocks of channels [blocks, width, n]."""
    n, channels = samples.shape
    blocks = -(-channels // width)
    return torch.nn.functional.pad(samples, (0, blocks * width - channels)).T.reshape(blocks, width, n)
