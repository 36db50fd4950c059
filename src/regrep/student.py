"""Student's distribution, for any real number of degrees of freedom, with the standard library alone."""

from __future__ import annotations

import math
from statistics import NormalDist

LEVEL = 0.95
"""Coverage of all intervals."""

NORMAL = 1e6
"""From this many degrees of freedom on, the distribution counts as the normal one."""


def t_share(t: float, degrees: float) -> float:
    """The share of Student's distribution that lies between -t and t.

    It is ``1 - I(degrees / (degrees + t²); degrees / 2, 1 / 2)`` with the regularised incomplete beta function
    (Abramowitz and Stegun, 26.7.1 and 26.5.27).

    >>> [round(t_share(t, 4), 4) for t in (0.0, 2.776, 4.604)]
    [0.0, 0.95, 0.99]
    """
    if t == 0:
        return 0.0
    if degrees >= NORMAL:
        return 2 * NormalDist().cdf(abs(t)) - 1
    square = t * t
    x = degrees / (degrees + square)
    if x < 0.5:  # the continued fraction converges fast on this side
        return 1.0 - _beta(x, degrees / 2, 0.5)
    return _beta(square / (degrees + square), 0.5, degrees / 2)


def t_quantile(degrees: float, level: float = LEVEL) -> float:
    """The t for which a share ``level`` of Student's distribution lies between -t and t.

    >>> [round(t_quantile(n), 3) for n in (1, 2, 4, 99)]
    [12.706, 4.303, 2.776, 1.984]
    """
    low, high = 0.0, 1.0
    while t_share(high, degrees) < level:
        low, high = high, 2 * high
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_share(middle, degrees) < level else (low, middle)
    return high


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I(x; a, b), by a continued fraction (Abramowitz and Stegun, 26.5.8)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1) or tiny)  # Lentz's method
    result = d
    for m in range(1, 1000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / (1.0 + factor * d or tiny)
            c = 1.0 + factor / c or tiny
            result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return front * result
