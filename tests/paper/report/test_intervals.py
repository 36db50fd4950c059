"""Intervals of paired differences: against brute force, against tables, and how often they hold the truth."""

import itertools

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep.student import t_quantile
from regrep_paper.report.intervals import Interval, paired_interval, t_interval
from regrep_paper.runs.hits import Hits


def hits(correct, units):
    return Hits(np.array(correct, dtype=bool), np.array(units, dtype=np.uint32))


@pytest.mark.parametrize(("degrees", "t"), [(1, 12.7062), (2, 4.30265), (3, 3.18245), (9, 2.26216), (30, 2.04227)])
def test_quantiles_are_those_of_the_tables(degrees, t):
    assert t_quantile(degrees) == pytest.approx(t, rel=1e-5)
    assert t_quantile(degrees, 0.5) < t


def test_an_interval_over_seeds_by_hand():
    found = t_interval([0.1, 0.3])
    assert (found.mean, found.n) == (pytest.approx(0.2), 2)
    assert found.high - found.mean == pytest.approx(12.7062 * 0.1)  # s / sqrt(2) = 0.1
    assert not found.excludes_zero
    assert t_interval([0.1]) == Interval(0.1, None, None, 1)
    assert t_interval([-0.1, -0.1001]).excludes_zero


def test_intervals_over_seeds_hold_the_truth_as_often_as_they_say():
    draw = np.random.default_rng(0)
    found = [t_interval(list(draw.normal(1.0, 2.0, size=4))) for _ in range(2000)]
    assert 0.935 < np.mean([one.low < 1.0 < one.high for one in found]) < 0.965


@pytest.mark.parametrize("pairs", [False, True])
def test_drawing_units_is_as_by_brute_force(pairs):
    """All 4^4 draws of four units, each as likely as the others."""
    samples = [(a, b) for a in range(4) for b in range(4)] if pairs else [(a,) for a in range(4) for _ in range(3)]
    draw = np.random.default_rng(1)
    runs = [[hits(draw.random(len(samples)) < p, samples) for _ in range(2)] for p in (0.8, 0.4)]
    differences = sum(a.correct.astype(int) - b.correct.astype(int) for a, b in zip(*runs, strict=True)) / 2
    every = []
    for drawn in itertools.product(range(4), repeat=4):
        weight = [np.prod([drawn.count(unit) for unit in sample]) for sample in samples]
        every.append(np.average(differences, weights=weight))
    found = paired_interval(*runs, draws=20000)
    assert found.mean == pytest.approx(differences.mean())
    assert [found.low, found.high] == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=0.02)


def test_seeds_with_samples_of_their_own_are_averaged():
    draw = np.random.default_rng(2)
    ones, others = [], []
    for seed in range(3):
        units = draw.integers(0, 40, size=(100 + seed, 2))
        ones.append(hits(draw.random(100 + seed) < 0.9, units))
        others.append(hits(draw.random(100 + seed) < 0.5, units))
    found = paired_interval(ones, others)
    assert found.mean == pytest.approx(
        np.mean([a.correct.mean() - b.correct.mean() for a, b in zip(ones, others, strict=True)])
    )
    assert found.low < found.mean < found.high
    assert (found.n, found.excludes_zero) == (3, True)
    assert paired_interval(ones, others) == found
    assert paired_interval(others, ones).mean == -found.mean
    assert paired_interval(ones, ones) == Interval(0.0, 0.0, 0.0, 3)


def test_an_interval_over_units_is_wider_than_one_over_samples():
    """Ten pictures of each digit that is right or wrong as a whole are no ten independent samples."""
    draw = np.random.default_rng(3)
    digits = np.arange(50)
    right, wrong = draw.random(50) < 0.7, draw.random(50) < 0.5
    many = np.repeat(digits, 10)
    over_units = paired_interval([hits(right[many], many[:, None])], [hits(wrong[many], many[:, None])])
    own = np.arange(500)[:, None]
    over_samples = paired_interval([hits(right[many], own)], [hits(wrong[many], own)])
    ratio = (over_units.high - over_units.low) / (over_samples.high - over_samples.low)
    assert ratio == pytest.approx(10**0.5, rel=0.1)


def test_intervals_over_digits_hold_the_truth():
    """Pairs of digits that are hard or easy for each method; the truth is the mean over all digits there could be."""
    draw = np.random.default_rng(4)
    held = []
    for _ in range(150):
        gain = draw.normal(0.1, 0.15, size=60)
        units = draw.integers(0, 60, size=(300, 2))
        chance = np.clip(0.5 + gain[units].mean(axis=1), 0, 1)
        found = paired_interval([hits(draw.random(300) < chance, units)], [hits(draw.random(300) < 0.5, units)], 400)
        held.append(found.low < 0.1 < found.high)
    assert 0.92 <= np.mean(held) <= 1.0


def test_only_what_is_paired_is_compared():
    one, other = hits([1, 0], [[0], [1]]), hits([1, 0], [[0], [2]])
    with pytest.raises(RegrepError, match="on the same test samples"):
        paired_interval([one], [other])
    with pytest.raises(RegrepError, match="on the same test samples"):
        paired_interval([one, one], [one, other])
    with pytest.raises(RegrepError, match="got 1 and 2"):
        paired_interval([one], [one, one])
    with pytest.raises(RegrepError, match="at least one, got 0 and 0"):
        paired_interval([], [])
