"""The measures as metrics of torchmetrics: gathered batch by batch, over several processes, in collections."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import torch
from torch import Tensor, nn

from regrep.arguments import check_flag
from regrep.diagnostics.equivariance import COLLAPSE, block_width, blocks_of, whitening_of
from regrep.errors import MissingExtraError, RegrepError
from regrep.groups import FiniteGroup
from regrep.objectives.checks import check_choice, check_latent
from regrep.objectives.functional import LatentAction, moving_part
from regrep.objectives.whitening import channels_last

try:
    from torchmetrics import Metric
    from torchmetrics.wrappers.abstract import WrapperMetric
except ImportError as error:
    raise MissingExtraError("integrations") from error

Measure = Literal["whitened_error", "error", "offset", "total", "moving_error", "moving_share"]
"""The measures of :class:`~regrep.diagnostics.EquivarianceError` that :class:`EquivarianceMetric` computes."""


class EquivarianceMetric(Metric):
    """How equivariant an encoder is, from batches of latents z = E(x) and z_g = E(gx) with an element g per sample.

    Equal to :func:`regrep.equivariance_error` on all samples at once if every sample comes with every element, and an
    estimate of it if elements are drawn at random. All states are sums in double precision, so that processes add up;
    their size is that of 2n covariances of the channels, however many samples there are. In a ``MetricCollection``,
    metrics of the same latent with different measures share their states.

    Args:
        rho: representation or action on the latent.
        measure: which of the measures of :class:`~regrep.diagnostics.EquivarianceError`.
        per_element: return one value per element, float64 [n], instead of their mean without the identity's.
        shape: shape of a latent without the batch; defaults to that on which rho acts.
        group: the group, if rho is a function without one.
        kwargs: those of ``torchmetrics.Metric``.

    Raises:
        RegrepError: an unknown measure, no group or shape, or latents of another shape.

    >>> import regrep
    >>> metric, z = EquivarianceMetric(regrep.regular(regrep.groups.cyclic(2)), "error"), torch.eye(2)
    >>> metric.update(z, z.flip(1), torch.tensor([1, 1]))
    >>> metric.compute()
    tensor(0., dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    count: Tensor
    own: Tensor
    own_moments: Tensor
    own_moving: Tensor
    first: Tensor
    second: Tensor
    both: Tensor
    apart: Tensor
    both_moving: Tensor
    apart_moving: Tensor

    def __init__(
        self,
        rho: LatentAction,
        measure: Measure = "whitened_error",
        *,
        per_element: bool = False,
        shape: tuple[int, ...] | None = None,
        group: FiniteGroup | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("measure", measure, Measure)
        check_flag("per_element", per_element)
        group = getattr(rho, "group", None) if group is None else group
        shape = getattr(rho, "shape", None) if shape is None else tuple(shape)
        if group is None or shape is None:
            raise RegrepError(
                f"a metric needs the group and the shape of the latent, and {rho!r} does not tell both; pass group= and"
                " shape="
            )
        self.group, self.shape, self.measure, self.per_element = group, shape, measure, per_element
        # Held in a plain tuple, so that a learned representation is not registered.
        self._rho = (rho,)
        self.channels = channels_last(torch.zeros(1, *shape), rho).shape[1]
        width, n = block_width(self.channels), group.order
        blocks = -(-self.channels // width)
        sizes = {
            "count": (n,),
            "own": shape,
            "own_moments": (blocks, width, width),
            "own_moving": (),
            "first": (n, *shape),
            "second": (n, *shape),
            "both": (n, blocks, width, width),
            "apart": (n, blocks, width, width),
            "both_moving": (n,),
            "apart_moving": (n,),
        }
        for name, size in sizes.items():
            self.add_state(name, torch.zeros(size, dtype=torch.float64), "sum")

    def update(self, z: Tensor, z_g: Tensor, g: Tensor) -> None:
        """Take a batch into account.

        Args:
            z: [B, ...], latents of x.
            z_g: [B, ...], latents of gx.
            g: int64 [B].
        """
        z, v = (check_latent(part, g).detach().to(self.count) for part in (z, z_g))
        for part in (z, v):
            if tuple(part.shape[1:]) != self.shape:
                raise RegrepError(
                    f"latents of this metric have shape [B, {', '.join(map(str, self.shape))}], got"
                    f" {list(part.shape)}; pass shape="
                )
        rho = self._rho[0]
        w = rho(z, g)
        self.own += z.sum(dim=0)
        self.own_moments += self._moments(z)
        self.own_moving += self._moving(z).square().sum()
        for k in g.unique().tolist():
            chosen = g == k
            a, b = w[chosen], v[chosen]
            self.count[k] += len(a)
            self.first[k] += a.sum(dim=0)
            self.second[k] += b.sum(dim=0)
            self.both[k] += self._moments(a) + self._moments(b)
            self.apart[k] += self._moments(a - b)
            inner, outer = self._moving(a), self._moving(b)
            self.both_moving[k] += inner.square().sum() + outer.square().sum()
            self.apart_moving[k] += (inner - outer).square().sum()

    def compute(self) -> Tensor:
        """The measure, float64: a scalar, or [n]; nan without samples and for a latent that does not vary."""
        values = self._share() if self.measure == "moving_share" else self._errors()
        if self.per_element:
            return values
        return values if not values.dim() else values[min(1, len(values) - 1) :].nanmean()

    def _share(self) -> Tensor:
        """The moving share, a scalar; nan for a collapsed latent."""
        total = self.count.sum()
        moments = self._centred(self.own_moments, self.own[None], total[None])
        variance, size = _trace(moments)[0], _trace(self.own_moments)
        share = (self.own_moving - self._moving(self.own[None]).square().sum() / total) / variance
        share = torch.where(share > COLLAPSE**2, share, 0)
        return torch.where(variance.clamp_min(0).sqrt() > COLLAPSE * size.sqrt(), share, math.nan)

    def _errors(self) -> Tensor:
        """The measure for each element; nan for an element without samples."""
        share, counts = self._share(), self.count
        if bool(share.isnan()):
            return torch.full_like(counts, math.nan)
        gap = self.first - self.second
        if self.measure == "moving_error":
            both = self.both_moving - self._fixed(self._moving(self.first)) - self._fixed(self._moving(self.second))
            apart = self.apart_moving - self._fixed(self._moving(gap))
            return torch.where(share > 0, (apart.clamp_min(0) / both).sqrt(), math.nan)
        both = self._centred(self._centred(self.both, self.first, counts), self.second, counts)
        apart = self._centred(self.apart, gap, counts)
        if self.measure == "whitened_error":
            own = self._centred(self.own_moments, self.own[None], counts.sum()[None])[0]
            factor = whitening_of(own, self.channels)  # up to a scale, which error and variance share
            both, apart = (factor @ part @ factor.mT for part in (both, apart))
        error = _trace(apart).clamp_min(0) / _trace(both)
        offset = self._fixed(gap) / _trace(both)
        parts = {"offset": offset, "total": error + offset}
        return parts.get(self.measure, error).sqrt()

    def _fixed(self, sums: Tensor) -> Tensor:
        """Squares of sums over the samples, divided by their number: what centring takes away; [n]."""
        return sums.flatten(1).square().sum(dim=1) / self.count

    def _moving(self, z: Tensor) -> Tensor:
        return moving_part(z, self._rho[0], self.group)

    def _moments(self, z: Tensor) -> Tensor:
        """Second moments of the channels, [blocks, width, width]."""
        cut = blocks_of(channels_last(z, self._rho[0]), self.both.shape[-1])
        return cut @ cut.mT

    def _centred(self, moments: Tensor, sums: Tensor, counts: Tensor) -> Tensor:
        """Second moments [n, blocks, width, width] of samples without their mean."""
        return moments - torch.stack([self._moments(one[None]) / k for one, k in zip(sums, counts, strict=True)])


def _trace(moments: Tensor) -> Tensor:
    """Trace over all blocks [..., blocks, width, width]."""
    return moments.diagonal(dim1=-2, dim2=-1).sum(dim=(-2, -1))


class _Counts(Metric):
    """How many samples came with each element."""

    full_state_update = False
    count: Tensor

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("count", torch.zeros(n, dtype=torch.int64), "sum")

    def update(self, g: Tensor) -> None:
        self.count += torch.bincount(g, minlength=len(self.count)).to(self.count)

    def compute(self) -> Tensor:
        return self.count


class ThroughRhoMetric(WrapperMetric):
    """A task's metric of head(rho(g) E(x)) against gy, one copy for each element; see :func:`regrep.through_rho`.

    Args:
        metric: the task's metric, such as ``torchmetrics.classification.MulticlassAccuracy(10)``; it is copied.
        group: the group.
        per_element: return one value per element, [n], instead of their mean without the identity's.
        kwargs: those of ``torchmetrics.Metric``.

    >>> import regrep
    >>> from torchmetrics import MeanSquaredError
    >>> metric = ThroughRhoMetric(MeanSquaredError(), regrep.groups.cyclic(3))
    >>> metric.update(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0, 1, 2]))
    >>> metric.compute()
    tensor(2.5000)
    """

    def __init__(self, metric: Metric, group: FiniteGroup, *, per_element: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_flag("per_element", per_element)
        self.group, self.per_element = group, per_element
        self.metrics: Any = nn.ModuleList([metric.clone() for _ in range(group.order)])
        self.counts = _Counts(group.order)

    def update(self, preds: Tensor, target: Tensor, g: Tensor) -> None:
        """Take a batch into account.

        Args:
            preds: [B, ...], head(rho(g) E(x)).
            target: [B, ...], gy.
            g: int64 [B].
        """
        self.counts.update(g)
        for k in g.unique().tolist():
            self.metrics[k].update(preds[g == k], target[g == k])

    def compute(self) -> Tensor:
        """The metric: a scalar, or [n]; nan for elements without samples on any process."""
        with warnings.catch_warnings():  # of metrics without samples; all are asked, since processes meet in each
            warnings.filterwarnings("ignore", message=".*was called before the .*update.*")
            values = torch.stack([metric.compute() for metric in self.metrics])
            values = values.where(self.counts.compute() > 0, math.nan)
        return values if self.per_element else values[min(1, len(values) - 1) :].nanmean()

    def forward(self, preds: Tensor, target: Tensor, g: Tensor) -> Tensor:
        """Take a batch into account, and return the metric of this batch alone."""
        alone = ThroughRhoMetric(self.metrics[0], self.group, per_element=self.per_element)
        alone.reset()
        alone.update(preds, target, g)
        self.update(preds, target, g)
        return alone.compute()

    def reset(self) -> None:
        """Forget all samples."""
        for metric in (self.counts, *self.metrics):
            metric.reset()
        super().reset()
