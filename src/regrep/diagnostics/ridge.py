"""Ridge regression of several targets on one set of inputs, tested on held-out samples."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

RIDGES = (1e-10, 1e-6, 1e-4, 1e-2, 0.1, 1.0, 10.0, 1e3)
"""Ridges to try, as fractions of the mean eigenvalue of the covariance."""

HELD_OUT = 4
"""Every fourth of the fitted samples is used to choose the ridge."""


class Found(NamedTuple):
    """R² on the held-out samples, and the trace of the linear map."""

    r2: float
    trace: float


class Spectrum:
    """The inputs, decomposed once: the solution for any target and ridge then takes products only."""

    def __init__(self, z: Tensor) -> None:
        self.middle = z.mean(dim=0)
        self.z = z - self.middle
        self.values, self.vectors = torch.linalg.eigh(self.z.T @ self.z / len(z))

    def solve(self, v: Tensor, ridge: float) -> Tensor:
        """Wᵀ of the map from inputs to targets [n, d], both centred."""
        mean = self.values.mean()
        cross = self.vectors.T @ (self.z.T @ (v - v.mean(dim=0)) / len(v))
        return self.vectors @ (cross / (self.values.clamp_min(0) + ridge * mean)[:, None])


class LinearFit:
    """Linear maps from latents z to latents v, with an offset, fitted on some samples and tested on others.

    The ridge is chosen on a quarter of the fitted samples; the map is then fitted on all of them.

    Args:
        fitted: float64 [n, d], z of the samples to fit on.
        judged: float64 [m, d], z of the samples to test on.

    >>> z = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)).double()
    >>> fit = LinearFit(z[:30], z[30:])
    >>> found = fit(z[:30].flip(1), z[30:].flip(1))
    >>> round(found.r2, 6), round(found.trace, 6)
    (1.0, 1.0)
    """

    def __init__(self, fitted: Tensor, judged: Tensor) -> None:
        chooses = torch.arange(len(fitted)) % HELD_OUT == 0
        self.chooses, self.judged = chooses, judged
        self.part, self.whole = Spectrum(fitted[~chooses]), Spectrum(fitted)
        self.fitted = fitted

    def __call__(self, fitted: Tensor, judged: Tensor) -> Found:
        """Fit the targets v.

        Args:
            fitted: float64 [n, d].
            judged: float64 [m, d].
        """
        if not (self.whole.values[-1] > 0 and _variance(judged) > 0):
            return Found(math.nan, math.nan)
        kept, held = fitted[~self.chooses], fitted[self.chooses]
        inputs = self.fitted[self.chooses] - self.part.middle
        errors = [
            float((held - kept.mean(dim=0) - inputs @ self.part.solve(kept, ridge)).square().sum()) for ridge in RIDGES
        ]
        best = self.whole.solve(fitted, RIDGES[int(torch.tensor(errors).argmin())])
        guess = fitted.mean(dim=0) + (self.judged - self.whole.middle) @ best
        return Found(_r2(guess, judged), float(best.trace()))

    def same(self, judged: Tensor) -> float:
        """R² of v = z on the test samples."""
        return _r2(self.judged, judged)


def _variance(v: Tensor) -> float:
    return float((v - v.mean(dim=0)).square().sum())


def _r2(guess: Tensor, v: Tensor) -> float:
    variance = _variance(v)
    return 1 - float((guess - v).square().sum()) / variance if variance else math.nan
