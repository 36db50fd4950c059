"""The page of a comparison, part by part, from numbers that are known."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from comparison_fixture import comparison, evaluated, trained
from regrep.comparison import Comparison
from regrep.comparison.verdict import shown_interval
from regrep.comparison.watch import NOTED
from regrep_paper.report.arms_page import (
    _ticks,
    comparison_page,
    courses_of,
    drawing_of,
    followed_of,
    validation_of,
)

SCORES = {
    "plain": [[0, 0, 0, 1], [0, 0, 0, 1]],
    "augmented": [[0, 1, 0, 1], [0, 1, 1, 1]],
    "permuted": [[0, 1, 0, 0], [0, 1, 1, 1]],
    "averaged": [[1, 1, 1, 1], [1, 1, 1, 1]],
}


def test_the_drawing_has_a_line_per_arm_controls_in_grey():
    found = comparison(SCORES)
    drawn = drawing_of(found)
    lines = {line["name"]: line for line in drawn["lines"]}
    assert {name: line["colour"] for name, line in lines.items()} == {
        "plain": "#0072b2", "permuted (control)": "#777777", "averaged": "#0072b2",
    }  # fmt: skip
    assert [line["y"] for line in drawn["lines"]] == [26.0, 52.0, 78.0]
    assert (drawn["width"], drawn["height"], drawn["left"]) == (760.0, 5 * 26.0, 210.0)
    for name, line in lines.items():
        assert line["text"] == shown_interval(found.gain(name.removesuffix(" (control)")))
    places = [line[key] for line in drawn["lines"] for key in ("low", "at", "high")]
    assert (min(places), max(places)) == (220.0, 750.0)
    scale = {text: x for x, text in drawn["ticks"]}
    assert scale["0"] == drawn["zero"]
    per_unit = (scale["0"] - lines["plain"]["at"]) / -found.gain("plain").mean
    for x, text in drawn["ticks"]:
        assert x == pytest.approx(drawn["zero"] + per_unit * float(text), abs=0.2)


def test_one_seed_has_a_place_and_no_interval():
    means = {"augmented": 0.5, "plain": 0.25}
    made = tuple(trained(arm, None, 0, 0.5) for arm in means)
    tests = tuple(evaluated(arm, 0, [mean], by_sample=False) for arm, mean in means.items())
    drawn = drawing_of(Comparison("swaps", "accuracy", True, (0,), made, tests))
    (line,) = drawn["lines"]
    assert line["low"] == line["at"] == line["high"] == 220.0
    assert drawn["zero"] == 750.0


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 3.0, [0.0, 1.0, 2.0, 3.0]),
        (-0.3, 0.3, [-0.2, 0.0, 0.2]),
        (-7.0, 23.0, [0.0, 10.0, 20.0]),
        (0.0, 0.07, [0.0, 0.02, 0.04, 0.06]),
        (-1.2, -0.1, [-1.0, -0.5]),
        (5.0, 5.0, [5.0]),
    ],
)
def test_ticks_are_few_round_numbers_between_the_ends(low, high, ticks):
    assert _ticks(low, high) == ticks


def test_ticks_of_any_range_are_two_to_six_and_equally_far_apart():
    for low, high in ((-0.0013, 0.0089), (0.2, 9.7), (-33.0, 1.0), (1e-6, 3e-6), (-4.1, 5.0)):
        ticks = _ticks(low, high)
        assert 2 <= len(ticks) <= 6
        assert low - 1e-9 <= ticks[0] < ticks[-1] <= high + 1e-9
        step = ticks[1] - ticks[0]
        assert [b - a for a, b in pairwise(ticks)] == pytest.approx([step] * (len(ticks) - 1))
        assert f"{step:.12e}"[0] in "125"
        assert ticks[0] - step < low + 1e-9
        assert ticks[-1] + step > high - 1e-9


def followed(steps=2 * NOTED):
    """Two arms that follow a target, two seeds each; the weights of the first grow a thousandfold."""
    courses = {
        ("penalty-target", 0): (0.01, 0.1, 1.0, 10.0),
        ("penalty-target", 1): (0.02, 0.2, 0.4),
        ("consistency-target", 0): (5.0, 6.0),
        ("consistency-target", 1): (),
    }
    made = [trained(arm, None, seed, 0.5, steps=steps, course=course) for (arm, seed), course in courses.items()]
    made += [trained("augmented", None, seed, 0.5, steps=steps) for seed in (0, 1)]
    tests = [evaluated("augmented", seed, [0, 1]) for seed in (0, 1)]
    tests += [evaluated(arm, seed, [1, 1]) for arm, seed in courses]
    return Comparison("swaps", "accuracy", True, (0, 1), tuple(made), tuple(tests))


def test_courses_have_a_panel_per_arm_on_a_logarithmic_scale():
    drawn = courses_of(followed())
    assert (drawn["width"], drawn["height"], drawn["top"], drawn["bottom"]) == (760.0, 220.0, 28.0, 190.0)
    first, second = drawn["panels"]
    assert [(one["name"], one["left"], one["right"], one["steps"]) for one in (first, second)] == [
        ("penalty-target", 50.0, 370.0, 80), ("consistency-target", 430.0, 750.0, 80),
    ]  # fmt: skip
    assert first["ticks"] == [(190.0, "0.01"), (136.0, "0.1"), (82.0, "1"), (28.0, "10")]
    assert second["ticks"] == [(190.0, "1"), (28.0, "10")]
    # every second step is noted: 320 pixels for 80 steps
    assert [one["points"] for one in first["lines"]] == [
        "50.0,190.0 58.0,136.0 66.0,82.0 74.0,28.0",
        " ".join(f"{50 + 8 * k:.1f},{190 - 54 * (math.log10(v) + 2):.1f}" for k, v in enumerate((0.02, 0.2, 0.4))),
    ]
    assert [(one["seed"], one["text"]) for one in first["lines"]] == [(0, "10 at the end"), (1, "0.4 at the end")]


def test_a_constant_weight_has_a_scale_and_one_arm_half_the_width():
    tests = tuple(evaluated(arm, 0, [0, 1]) for arm in ("augmented", "penalty-target"))

    def drawn(*course):
        made = (
            trained("augmented", None, 0, 0.5, steps=41),
            trained("penalty-target", None, 0, 0.5, steps=41, course=course),
        )
        return courses_of(Comparison("swaps", "accuracy", True, (0,), made, tests))

    (panel,) = drawn(1.0, 1.0)["panels"]
    assert drawn(1.0, 1.0)["width"] == 380.0
    assert panel["ticks"] == [(190.0, "1"), (28.0, "10")]
    assert panel["lines"][0]["points"] == f"50.0,190.0 {50 + 320 * 2 / 41:.1f},190.0"
    assert drawn(1.0) is None


def test_lines_of_what_was_followed_begin_in_the_middle_and_end():
    assert followed_of(followed()) == [
        ["penalty-target", "0", "0.01", "1", "10"],
        ["penalty-target", "1", "0.02", "0.2", "0.4"],
        ["consistency-target", "0", "5", "6", "6"],
    ]


def test_weights_are_told_with_their_mean_on_validation_samples():
    made = [
        *(trained("augmented", None, seed, value) for seed, value in enumerate((0.5, 0.6))),
        *(trained("consistency", 0.1, seed, value) for seed, value in enumerate((0.25, 0.375))),
        *(trained("consistency", 10.0, seed, value) for seed, value in enumerate((0.7, 0.8))),
        trained("plain", None, 0, 0.125),
    ]
    tests = [evaluated("augmented", seed, [0, 1]) for seed in (0, 1)]
    tests += [replace(evaluated("consistency", seed, [1, 1]), weight=10.0) for seed in (0, 1)]
    found = Comparison("swaps", "accuracy", True, (0, 1), tuple(made), tuple(tests))
    assert validation_of(found) == [
        ["augmented", "–", "0.5500", "chosen"],
        ["consistency", "0.1", "0.3125", ""],
        ["consistency", "10", "0.7500", "chosen"],
        ["plain", "–", "0.1250", ""],
    ]


def test_the_page_has_every_part():
    found = followed()
    page = comparison_page(found)
    assert "<h1>What helps swaps</h1>" in page
    for caption in (
        "Every arm, its gain and its cost",
        "Mean on the validation samples of every weight that was trained",
        "Weights that follow a target: at the first step, in the middle, and at the end",
    ):
        assert f"<caption>{caption}" in page
    assert page.count('href="comparison.json"') == 3
    assert page.count("<polyline") == 3
    for line in drawing_of(found)["lines"]:
        assert f'cx="{line["at"]}" cy="{line["y"]}"' in page
    for cells in [*validation_of(found), *followed_of(found), *found.rows()]:
        assert all(cell in page for cell in cells)
    for heading in ("validation", "choice", "first", "middle", "end", "inference"):
        assert f">{heading}</" in page
