"""The verdict's rule on numbers made up: every case of the truth table."""

import dataclasses
import math

import pytest

from regrep.comparison import Finding, PairedInterval, verdict

UP, DOWN, NONE = (0.03, 0.05, 1e-4), (-0.05, -0.03, 1e-4), (-0.02, 0.03, 0.7)
"""Ends and p of a gain, a loss, and of no difference."""


def interval(case, covers="seeds and test samples", seeds=5):
    low, high, p = case
    return PairedInterval((low + high) / 2, low, high, seeds, 100, 8.0, p, covers)


def finding(arm, case, inference=1.0, controls=(), p=None):
    made = tuple((name, interval(gain), interval(ahead)) for name, gain, ahead in controls)
    return Finding(arm, interval(case), case[2] if p is None else p, inference, made)


@pytest.mark.parametrize(
    ("gain", "control", "ahead", "said"),
    [
        (UP, UP, UP, "a helps by 0.040 [0.030, 0.050], and is ahead of c by at least 0.040 [0.030, 0.050]"),
        (UP, NONE, UP, "a helps by 0.040 [0.030, 0.050], and is ahead of c by at least 0.040 [0.030, 0.050]"),
        (UP, DOWN, UP, "a helps by 0.040 [0.030, 0.050], and is ahead of c by at least 0.040 [0.030, 0.050]"),
        (UP, UP, NONE, "but its control without equivariance (c) gains as much: the gain is not due to the symmetry"),
        (UP, UP, DOWN, "but its control without equivariance (c) gains as much: the gain is not due to the symmetry"),
        (UP, NONE, NONE, "but is not separated from its control (c): a gain due to the symmetry is not shown"),
        (UP, DOWN, NONE, "but is not separated from its control (c): a gain due to the symmetry is not shown"),
        (NONE, UP, NONE, "no arm differs from augmented"),
        (NONE, UP, UP, "no arm differs from augmented"),
        (DOWN, NONE, DOWN, "a is worse by 0.040 [0.030, 0.050]"),
        (DOWN, UP, UP, "a is worse by 0.040 [0.030, 0.050]"),
    ],
)
def test_the_truth_table(gain, control, ahead, said):
    one = finding("a", gain, controls=[("c", control, ahead)])
    text = verdict([one], "augmented", 5)
    assert said in text
    assert text.startswith("With 5 seeds ")
    assert one.due_to_symmetry == (gain is UP and ahead is UP)
    for other in ("due to the symmetry", "ahead of", "is worse"):
        assert (other in text) == (other in said)


@pytest.mark.parametrize(
    ("added", "ahead", "said"),
    [
        (UP, UP, " a adds 0.040 [0.030, 0.050] to b, and is ahead of c by 0.040 [0.030, 0.050]."),
        (UP, NONE, " a adds 0.040 [0.030, 0.050] to b, but is not separated from its control (c): that the"),
        (UP, DOWN, " a adds 0.040 [0.030, 0.050] to b, but is not separated from its control (c): that the symmetry"),
        (UP, None, " a adds 0.040 [0.030, 0.050] to b."),
        (NONE, UP, " That a adds to b is not shown: 0.005 [-0.020, 0.030]."),
        (DOWN, UP, " a is behind b by 0.040 [0.030, 0.050]."),
    ],
)
@pytest.mark.parametrize("gain", [UP, NONE, DOWN])
def test_what_an_arm_adds_to_the_one_without_its_part_is_said_whatever_it_gains(gain, added, ahead, said):
    controls = [] if ahead is None else [("c", NONE, ahead)]
    one = dataclasses.replace(finding("a", gain, controls=controls), added=("b", interval(added)))
    text = verdict([one, finding("b", NONE)], "augmented", 5)
    assert said in text
    assert text.count(" a adds ") + text.count(" a is behind ") == 1
    assert " adds " not in verdict([one], "augmented", 1)
    assert " adds " not in verdict([dataclasses.replace(one, added=None)], "augmented", 5)


def test_one_control_that_gains_as_much_is_enough():
    one = finding("a", UP, controls=[("c", NONE, UP), ("d", UP, NONE), ("e", NONE, NONE)])
    assert one.ties == ["d", "e"]
    assert not one.due_to_symmetry
    assert "control without equivariance (d) gains as much" in verdict([one], "augmented", 5)


def test_several_controls_are_listed_and_the_nearest_one_tells_the_distance():
    near, far = (0.01, 0.03, 1e-4), (0.02, 0.06, 1e-4)
    controls = [("c", NONE, far), ("d", NONE, near), ("e", UP, UP)]
    for count, names in ((1, "c"), (2, "c and d"), (3, "c, d and e")):
        distance = "0.040 [0.020, 0.060]" if count == 1 else "0.020 [0.010, 0.030]"
        one = finding("a", UP, controls=controls[:count])
        assert f"a helps by 0.040 [0.030, 0.050], and is ahead of {names} by at least {distance};" in verdict(
            [one, finding("b", NONE)], "augmented", 5
        )
        more = dataclasses.replace(one, added=("b", interval(UP)))
        said = f" a adds 0.040 [0.030, 0.050] to b, and is ahead of {names} by {distance}."
        assert verdict([more], "augmented", 5).endswith(said)
    tied = finding("a", UP, controls=[("c", NONE, NONE), ("d", DOWN, NONE), ("e", UP, UP)])
    assert "is not separated from its control (c and d): a gain" in verdict([tied], "augmented", 5)
    alike = finding("a", UP, controls=[("c", UP, NONE), ("d", UP, NONE), ("e", UP, DOWN), ("f", NONE, NONE)])
    assert "its control without equivariance (c, d and e) gains as much" in verdict([alike], "augmented", 5)


def test_costs_and_several_intervals_are_told():
    price = [verdict([finding("a", UP, inference=cost)], "augmented", 5) for cost in (1.04, 0.96, 1.05001, 0.5, 12.345)]
    assert ["times" in text for text in price] == [False, False, True, True, True]
    assert "at 12.3 times the inference" in price[4]
    assert "a is worse by 0.040 [0.030, 0.050] at 8 times the inference" in verdict(
        [finding("a", DOWN, inference=8.0)], "augmented", 5
    )
    alone = [finding(arm, (0.001, 0.03, 0.04), p=0.12) for arm in "ab"]
    assert "The interval of a 0.015 [0.001, 0.030], b 0.015 [0.001, 0.030] excludes 0 by itself, but not after the" in (
        verdict(alone, "augmented", 5)
    )
    worse = [finding("a", (-0.03, -0.01, 1e-4)), finding("b", DOWN)]
    assert verdict(worse, "augmented", 5).startswith("With 5 seeds b is worse by 0.040")


def test_the_best_arm_is_named_first_with_its_price():
    found = [finding("b", (0.01, 0.03, 1e-4)), finding("a", UP, inference=8.0), finding("c", NONE), finding("d", DOWN)]
    text = verdict(found, "augmented", 5)
    assert text == (
        "With 5 seeds a helps by 0.040 [0.030, 0.050] at 8 times the inference; b helps by 0.020 [0.010, 0.030];"
        " d is worse by 0.040 [0.030, 0.050]; no other arm differs from augmented."
    )


def test_an_interval_that_excludes_zero_only_by_itself_is_no_gain():
    one = finding("a", (0.001, 0.03, 0.04), p=0.12)
    text = verdict([one, finding("b", NONE)], "augmented", 5)
    assert text.startswith("With 5 seeds no arm differs from augmented.")
    assert "a 0.015 [0.001, 0.030] excludes 0 by itself, but not after the correction for 2 comparisons" in text


@pytest.mark.parametrize(
    ("covers", "seeds", "said"),
    [
        ("seeds and test samples", 5, None),
        ("seeds and test samples", 4, "4 seeds are few"),
        ("seeds", 5, "not other test samples"),
    ],
)
def test_the_verdict_says_what_its_intervals_do_not_cover(covers, seeds, said):
    gain = interval(NONE, covers, seeds)
    text = verdict([Finding("a", gain, 0.7, 1.0)], "augmented", seeds)
    assert (said or "augmented.") in text
    assert (said is None) == text.endswith("augmented.")
    assert f"With {seeds} seeds " in text


@pytest.mark.parametrize("covers", ["test samples", "nothing"])
def test_one_seed_says_nothing_about_arms(covers):
    """However clear the difference between two networks is."""
    gain = interval((0.2, 0.3, 1e-9), covers, 1)
    text = verdict([Finding("a", gain, 1e-9, 1.0)], "augmented", 1)
    assert "no arm can be said to differ from augmented" in text
    assert "helps" not in text


def test_a_cost_that_is_not_known_is_not_mentioned():
    assert "times" not in verdict([finding("a", UP, inference=math.nan)], "augmented", 5)
    assert verdict([], "augmented", 5) == "With 5 seeds there is no arm to compare with augmented."
