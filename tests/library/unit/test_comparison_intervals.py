"""Intervals over seeds and samples: against loops, scipy and simulated truths."""

import math

import numpy as np
import pytest
from scipy import stats

from regrep.comparison import holm, interval_of
from regrep.comparison.intervals import mean_squares
from regrep.errors import RegrepError
from regrep.student import t_quantile, t_share


@pytest.mark.parametrize("degrees", [0.7, 1, 2, 3.5, 4, 9, 30.2, 400, 123456.7, 2e6, math.inf])
@pytest.mark.parametrize("t", [1e-3, 0.3, 1.0, 2.776, 11.0, 80.0])
def test_students_distribution_is_scipys(degrees, t):
    theirs = 1 - 2 * stats.t.sf(t, degrees)
    assert t_share(t, degrees) == pytest.approx(theirs, abs=1e-6 if degrees > 1e6 else 1e-9 if degrees > 1e5 else 1e-12)
    assert t_share(-t, degrees) == t_share(t, degrees)


@pytest.mark.parametrize("degrees", [1, 2.5, 4, 30, 5000])
def test_quantiles_are_scipys(degrees):
    for level in (0.5, 0.95, 0.99):
        assert t_quantile(degrees, level) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)


def test_an_interval_over_seeds_alone_is_students():
    d = [0.1, 0.3, -0.2, 0.25]
    found = interval_of(d)
    theirs = stats.ttest_1samp(d, 0)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.covers, found.samples, found.seeds) == ("seeds", None, 4)


def test_one_seed_gives_an_interval_over_samples():
    d = [1.0, 0.0, 0.0, 1.0, -1.0]
    found = interval_of([d])
    assert (found.low, found.high) == pytest.approx(tuple(stats.ttest_1samp(d, 0).confidence_interval()))
    assert found.covers == "test samples"
    assert interval_of([0.5]).low is None
    assert interval_of([0.5]).covers == "nothing"


def test_seeds_with_samples_of_their_own_are_students_of_their_means():
    d = np.random.default_rng(0).normal(size=(4, 9))
    found = interval_of(d, same_samples=False)
    assert (found.low, found.high) == pytest.approx(tuple(stats.ttest_1samp(d.mean(1), 0).confidence_interval()))
    assert found.covers == "seeds and test samples"


def test_mean_squares_are_those_of_loops():
    d = np.random.default_rng(1).normal(size=(3, 5)) + np.arange(5)
    s, n = d.shape
    rows = [sum(d[i, j] for j in range(n)) / n for i in range(s)]
    columns = [sum(d[i, j] for i in range(s)) / s for j in range(n)]
    mean = sum(rows) / s
    between_rows = n * sum((row - mean) ** 2 for row in rows) / (s - 1)
    between_columns = s * sum((column - mean) ** 2 for column in columns) / (n - 1)
    rest = sum((d[i, j] - rows[i] - columns[j] + mean) ** 2 for i in range(s) for j in range(n))
    assert mean_squares(d) == pytest.approx((between_rows, between_columns, rest / ((s - 1) * (n - 1))))
    found = interval_of(d)
    total = between_rows + max(between_columns - rest / ((s - 1) * (n - 1)), 0)
    degrees = total**2 / (between_rows**2 / (s - 1))
    assert found.degrees == pytest.approx(degrees)
    assert found.high - found.mean == pytest.approx(stats.t.ppf(0.975, degrees) * math.sqrt(total / d.size))


@pytest.mark.parametrize(
    ("between_seeds", "between_samples", "rest"), [(0.03, 0.5, 0.3), (0.0, 0.5, 0.3), (0.1, 0.0, 0.3), (0.02, 0.3, 0.0)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(between_seeds, between_samples, rest):
    """Whether seeds or samples vary more, new seeds and new samples leave the truth outside in at most 5 % of cases."""
    draw, trials, s, n = np.random.default_rng(2), 600, 5, 40
    held = 0
    for _ in range(trials):
        d = 0.2 + between_seeds * draw.normal(size=(s, 1)) + between_samples * draw.normal(size=(1, n))
        found = interval_of(d + rest * draw.normal(size=(s, n)))
        held += found.low <= 0.2 <= found.high
    assert held / trials > 0.95 - 5 * math.sqrt(0.95 * 0.05 / trials)


def test_neither_source_of_variance_is_forgotten():
    """An interval over one of the two alone is too narrow by far here; ours is not."""
    draw = np.random.default_rng(3)
    d = 0.1 * draw.normal(size=(5, 1)) + draw.normal(size=(1, 50)) + 0.1 * draw.normal(size=(5, 50))
    both = interval_of(d)
    over_seeds = interval_of(d.mean(1))
    assert both.high - both.low > over_seeds.high - over_seeds.low
    e = draw.normal(size=(5, 1)) + 0.1 * draw.normal(size=(1, 50))
    both, over_samples = interval_of(e), interval_of([e.mean(0)])
    assert both.high - both.low > 3 * (over_samples.high - over_samples.low)


def test_equal_differences_have_an_interval_of_no_width():
    found = interval_of([[0.5, 0.5], [0.5, 0.5]])
    assert (found.low, found.high, found.p) == (0.5, 0.5, 0.0)
    assert interval_of([[0, 0], [0, 0]]).p == 1.0


@pytest.mark.parametrize("wrong", [[], [math.nan, 1.0], [[[1.0]]]])
def test_differences_are_finite_and_of_one_shape(wrong):
    with pytest.raises(RegrepError, match="finite differences"):
        interval_of(wrong)


def test_holm_is_the_step_down_procedure():
    p = {"a": 0.01, "b": 0.013, "c": 0.04, "d": 0.9}
    corrected = holm(p)
    for level in (0.03, 0.04, 0.0401, 0.05, 0.2):
        rejected = set()
        for k, (value, name) in enumerate(sorted((value, name) for name, value in p.items())):
            if value > level / (len(p) - k):
                break
            rejected.add(name)
        assert {name for name, value in corrected.items() if value <= level} == rejected
    assert corrected["d"] == 0.9
    assert holm({"a": None, "b": 0.6, "c": 0.7}) == {"a": None, "b": 1.0, "c": 1.0}


def test_intervals_know_their_level_their_degrees_and_what_they_cover():
    d = np.random.default_rng(4).normal(size=(4, 6))
    for level in (0.5, 0.9, 0.99):
        over_seeds = interval_of(d.mean(1), level=level)
        assert (over_seeds.low, over_seeds.high) == pytest.approx(
            tuple(stats.ttest_1samp(d.mean(1), 0).confidence_interval(level))
        )
        one = interval_of(d[:1], level=level)
        assert (one.low, one.high) == pytest.approx(tuple(stats.ttest_1samp(d[0], 0).confidence_interval(level)))
        both = interval_of(d, level=level)
        assert both.high - both.mean == pytest.approx(both.mean - both.low)
        assert (both.high - both.mean) / stats.t.ppf((1 + level) / 2, both.degrees) == pytest.approx(
            (interval_of(d).high - both.mean) / stats.t.ppf(0.975, both.degrees)
        )
    facts = {
        name: (found.seeds, found.samples, found.degrees, found.covers)
        for name, found in (
            ("seeds", interval_of(d.mean(1))), ("one seed", interval_of(d[:1])), ("own", interval_of(d, False)),
            ("one sample", interval_of(d[:, :1])), ("one of both", interval_of([[0.5]])), ("one", interval_of([0.5])),
            ("equal", interval_of([[0.5, 0.5], [0.5, 0.5]])),
        )
    }  # fmt: skip
    assert facts == {
        "seeds": (4, None, 3.0, "seeds"), "one seed": (1, 6, 5.0, "test samples"),
        "own": (4, 6, 3.0, "seeds and test samples"), "one sample": (4, 1, 3.0, "seeds and test samples"),
        "one of both": (1, 1, 0.0, "nothing"), "one": (1, None, 0.0, "nothing"),
        "equal": (2, 2, math.inf, "seeds and test samples"),
    }  # fmt: skip
    assert interval_of([0.5]).p is None
    assert interval_of([0.5]).mean == 0.5
    seeds_alike = interval_of([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])  # no difference between seeds: a normal distribution
    assert (seeds_alike.degrees, seeds_alike.mean) == (math.inf, 2.0)
    assert seeds_alike.high - 2 == pytest.approx(stats.norm.ppf(0.975) * math.sqrt(2 / 6))
    assert [interval_of(values).excludes_zero for values in ([0.9, 1, 1.1], [-0.9, -1, -1.1], [-1, 1, 1], [0.5])] == [
        True, True, False, False,
    ]  # fmt: skip
    for wrong in (0, 1, -0.5, "0.9", True):
        with pytest.raises(RegrepError, match="level is a share between 0 and 1, got"):
            interval_of(d, level=wrong)
    with pytest.raises(RegrepError, match="same_samples is True or False, got 1"):
        interval_of(d, 1)
