"""Student's distribution against closed forms, against sums over its density, and at its ends."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from regrep.student import NORMAL, _beta, t_quantile, t_share

CLOSED = {
    1: lambda t: 2 / math.pi * math.atan(t),
    2: lambda t: t / math.sqrt(2 + t * t),
    3: lambda t: 2 / math.pi * (math.atan(t / math.sqrt(3)) + t * math.sqrt(3) / (3 + t * t)),
    4: lambda t: (u := t / math.sqrt(4 + t * t)) * (3 - u * u) / 2,
}
"""The share between -t and t, for few degrees of freedom."""


@pytest.mark.parametrize("degrees", CLOSED)
def test_few_degrees_of_freedom_have_closed_forms(degrees):
    for t in (1e-9, 1e-3, 0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0, 60.0, 1e4):
        share = CLOSED[degrees](t)
        assert t_share(t, degrees) == pytest.approx(share, rel=1e-12)
        assert t_share(-t, degrees) == pytest.approx(share, rel=1e-12)
        assert t_quantile(degrees, t_share(t, degrees)) == pytest.approx(t, rel=1e-6) or share > 1 - 1e-9


@pytest.mark.parametrize("degrees", [0.5, 2.7, 10.0, 33.3, 400.0, 5e4, 0.999 * NORMAL])
@pytest.mark.parametrize("t", [0.3, 1.0, 2.2, 4.5])
def test_the_share_is_the_integral_of_the_density(degrees, t):
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x = t * (nodes + 1) / 2
    log = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    density = np.exp(log - (degrees + 1) / 2 * np.log1p(x * x / degrees))
    assert t_share(t, degrees) == pytest.approx(t * float(weights @ density), rel=1e-9)


def test_ends():
    for degrees in (1, 2.5, 30, NORMAL):
        assert t_share(0.0, degrees) == 0.0
        assert t_share(1e200, degrees) == 1.0
        assert t_share(1.0, degrees) < t_share(1.01, degrees)
    assert [_beta(x, 2.0, 3.0) for x in (-1.0, 0.0, 1.0, 1.5)] == [0.0, 0.0, 1.0, 1.0]
    normal = NormalDist()
    for t in (-3.0, -1.0, 0.1, 1.96):
        assert t_share(t, NORMAL) == 2 * normal.cdf(abs(t)) - 1
        assert t_share(t, NORMAL / 2) == pytest.approx(t_share(t, NORMAL), rel=1e-5)
        assert t_share(t, NORMAL / 2) != t_share(t, NORMAL)


@pytest.mark.parametrize("degrees", [1, 1.5, 4, 90, 1e7])
@pytest.mark.parametrize("level", [0.01, 0.5, 0.95, 0.999])
def test_quantiles_invert_shares(degrees, level):
    assert t_share(t_quantile(degrees, level), degrees) == pytest.approx(level, rel=1e-12)
    assert t_quantile(degrees) == t_quantile(degrees, 0.95)
