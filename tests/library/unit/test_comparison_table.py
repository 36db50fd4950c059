"""The table of a comparison and what is said below it, from records made up so that every number is told apart."""

import dataclasses
import json
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from comparison_fixture import evaluated, trained
from regrep.comparison import Comparison, interval_of
from regrep.comparison.arms import ARMS
from regrep.comparison.result import HEAD, arm_text
from regrep.errors import RegrepError

SCORES = {
    "plain": [[0, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 1]],
    "augmented": [[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]],
    "consistency": [[1, 1, 1, 1], [1, 1, 0, 1], [1, 0, 1, 1]],
    "averaged": [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]],
    "same-view": [[1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 1]],
}
STEPS = {
    ("plain", None): (100.0, (0.01, 0.02, 0.09)),
    ("augmented", None): (200.0, (0.04, 0.05, 0.09)),
    ("consistency", 0.1): (300.0, (0.1, 0.1, 0.1)),
    ("consistency", 1.0): (500.0, (0.2, 0.3, 0.8)),
    ("consistency", 3.0): (700.0, (0.1, 0.1, 0.1)),
    ("same-view", 0.3): (400.0, (0.06, 0.06, 0.06)),
}
"""Operations and seconds of a step, by arm and weight."""
INFERENCE = {"averaged": (80.0, (0.004, 0.008, 0.1)), "augmented": (10.0, (0.002, 0.003, 0.001))}
"""Operations and seconds of inference; 10 and (0.001, 0.002, 0.009) for the others."""
WEIGHTS = {"consistency": 1.0, "same-view": 0.3}
AFTER = {"plain": (0.9, 0.5, 0.3), "augmented": (0.5, 0.25, None), "averaged": (0.5, 0.25, 0.0)}
"""Whitened error, through rho and error of outputs for the first seed; each next seed has 0.1 more."""


def measures(values, seed):
    names = ("whitened_error", "through_rho", "output_error")
    return {name: None if value is None else value + 0.1 * seed for name, value in zip(names, values, strict=True)}


def made(arms=tuple(SCORES), larger=True):
    runs = [
        trained(arm, weight, seed, 0.5, step_flops=flops, step_seconds=seconds[seed])
        for (arm, weight), (flops, seconds) in STEPS.items()
        if arm in arms
        for seed in range(3)
    ]
    tests = []
    for arm in arms:
        flops, seconds = INFERENCE.get(arm, (10.0, (0.001, 0.002, 0.009)))
        for seed in range(3):
            more = {"flops": flops, "seconds": seconds[seed], "after": measures(AFTER.get(arm, (0.4, 0.7, 0.1)), seed)}
            one = evaluated(arm, seed, SCORES[arm][seed], before=measures((1.0, 0.1, 2.0), seed), **more)
            tests.append(dataclasses.replace(one, weight=WEIGHTS.get(arm)))
    return Comparison(
        "swaps", "accuracy", larger, (0, 1, 2), tuple(runs), tuple(tests), {"projected": "it cannot"}, "The latent."
    )


def test_the_table_has_means_and_costs_as_multiples_of_plain():
    found = {line["arm"]: line for line in made().table()}
    assert list(found) == ["plain", "augmented", "consistency", "averaged", "same-view"]  # in the order of all arms
    assert {arm: line["test"] for arm, line in found.items()} == pytest.approx(
        {"plain": 4 / 12, "augmented": 7 / 12, "consistency": 10 / 12, "averaged": 5 / 12, "same-view": 7 / 12}
    )
    assert [found[arm]["gain"] for arm in ("plain", "consistency", "averaged", "same-view")] == pytest.approx(
        [-3 / 12, 3 / 12, -2 / 12, 0]
    )
    assert all(found["augmented"][key] is None for key in ("gain", "low", "high", "p", "weight"))
    assert [found[arm]["weight"] for arm in ("consistency", "averaged", "same-view")] == [1.0, None, 0.3]
    assert [arm for arm, line in found.items() if line["control"]] == ["same-view"]
    assert found["same-view"]["p"] is None  # a control is not among the comparisons
    costs = ("step", "step_seconds", "inference", "inference_seconds")
    expected = {
        "plain": (1, 1, 1, 1),
        "augmented": (2, 2.5, 1, 1),
        "consistency": (5, 15, 1, 1),  # of the chosen weight alone
        "averaged": (2, 2.5, 8, 4),  # trained as the reference
        "same-view": (4, 3, 1, 1),
    }
    for arm, values in expected.items():
        assert [found[arm][key] for key in costs] == pytest.approx(values), arm
    assert [found["plain"][key] for key in ("whitened_error", "through_rho", "output_error")] == pytest.approx(
        [1.0, 0.6, 0.4]
    )
    assert found["augmented"]["output_error"] is None
    gain = made().gain("consistency")
    assert (found["consistency"]["low"], found["consistency"]["high"]) == (gain.low, gain.high)
    assert gain.low < gain.mean < gain.high


def test_without_plain_costs_are_multiples_of_the_reference():
    found = made(("augmented", "averaged"))
    assert [found.step("averaged"), found.inference("averaged"), found.inference_seconds("averaged")] == [1, 8, 4]
    assert found.step_seconds("averaged") == 1
    assert "cost as multiples of augmented, in matrix" in found.notes[3]
    assert "cost, augmented is 1," in found.legend
    nothing = dataclasses.replace(found, trained=())
    assert math.isnan(nothing.step("averaged"))
    assert math.isnan(nothing.step_seconds("averaged"))


def test_rows_are_the_table_as_text():
    found = made()
    rows = {row[0]: dict(zip(HEAD, row, strict=True)) for row in found.rows()}
    assert found.rows()[0] == ["before training", *["–"] * 8, "1.100", "0.200", "2.100"]
    assert list(rows)[1:] == ["plain", "augmented", "consistency", "averaged", "same-view (control)"]
    assert rows["augmented"] == {
        "arm": "augmented", "weight": "–", "test": "0.583", "gain": "–", "p": "–", "step": "2", "step s": "2.5",
        "inference": "1", "inference s": "1", "whitened": "0.600", "through rho": "0.350", "outputs": "–",
    }  # fmt: skip
    assert (rows["consistency"]["weight"], rows["same-view (control)"]["weight"]) == ("1", "0.3")
    assert rows["consistency"]["gain"].startswith("0.250 [")
    p = {line["arm"]: line["p"] for line in found.table()}
    assert rows["consistency"]["p"] == f"{p['consistency']:.2g}"


def test_notes_say_what_the_columns_mean():
    assert made().notes == [
        "test: accuracy (larger is better), mean over seeds 0, 1, 2.",
        "gain: paired difference to augmented with its 95% interval, which covers seeds and test samples."
        " p: of a gain, by Holm corrected for 3 comparisons; controls are not among them.",
        "weight: chosen on the validation samples (mean over the seeds) from 0.1, 0.3, 1, 3; the test samples were"
        " looked at once, for the chosen one.",
        "step, inference: cost as multiples of plain, in matrix products and convolutions, and in seconds.",
        "whitened: whitened error of the latent; through rho: accuracy of the head on rho(g) E(x); outputs: relative"
        " error of the outputs; each after training, on test samples. The latent.",
        "projected was left out: it cannot.",
    ]
    alone = made(("augmented",), larger=False)
    assert alone.notes[0] == "test: accuracy (smaller is better), mean over seeds 0, 1, 2."
    assert "which covers nothing." in alone.notes[1]
    assert "corrected for 0 comparisons" in alone.notes[1]
    assert alone.notes[2].startswith("weight: chosen on the validation samples (mean over the seeds); the test")


def test_seeds_that_chose_the_weights_are_named():
    """Also where the weights of a further seed, of all arms together, are the whole grid."""
    found = made()
    plain = [one for one in found.trained if one.weight is None]
    first = {one.seed: one for one in plain}
    runs = [("consistency", 1.0, 2), ("same-view", 0.3, 2)]
    runs += [(arm, w, seed) for arm in ("consistency", "same-view") for w in (0.3, 1.0) for seed in (0, 1)]
    weighted = [dataclasses.replace(first[seed], arm=arm, weight=weight) for arm, weight, seed in runs]
    some = dataclasses.replace(found, trained=(*plain, *weighted))
    assert "(mean over the seeds 0, 1) from 0.3, 1;" in some.notes[2]


def test_errors_are_better_if_they_are_smaller():
    assert made(larger=False).gain("consistency").mean == pytest.approx(-3 / 12)
    assert [one.arm for one in made(larger=False).findings] == ["plain", "consistency", "averaged"]


def test_a_probability_below_a_ten_thousandth_is_only_bounded():
    ones = {"augmented": [[1.0, 1.0]] * 5, "plain": [[0.02 * seed, 0.02 * seed + 0.01] for seed in range(5)]}
    runs = [trained(arm, None, seed, 0.5) for arm in ones for seed in range(5)]
    tests = [evaluated(arm, seed, row) for arm, rows in ones.items() for seed, row in enumerate(rows)]
    found = Comparison("t", "score", True, tuple(range(5)), tuple(runs), tuple(tests))
    assert 0 < found.table()[0]["p"] < 1e-4
    assert found.rows()[1][4] == "<0.0001"


def test_what_cannot_be_compared_is_refused():
    found = made()
    several = [
        dataclasses.replace(one, weight=0.1 * one.seed) if one.arm == "consistency" else one for one in found.tested
    ]
    other = [dataclasses.replace(one, samples="u") if one.arm == "averaged" else one for one in found.tested]
    whole = [dataclasses.replace(one, by_sample=False) if one.arm == "averaged" else one for one in found.tested]
    missing = [one for one in found.tested if (one.arm, one.seed) != ("plain", 1)]
    without = [one for one in found.tested if one.arm != "augmented"]
    for tested, said in (
        (several, "consistency was tested with several weights; one is chosen on validation"),
        (other, "averaged and augmented were tested on different samples; test both again"),
        (whole, "averaged and augmented were tested on different samples; test both again"),
        (missing, r"plain was not tested with the seeds \[0, 1, 2\]; finish the comparison"),
        (without, "every arm is compared with augmented, which was not tested; finish the comparison"),
    ):
        with pytest.raises(RegrepError, match=said):
            dataclasses.replace(found, tested=tuple(tested))


def test_seeds_with_other_test_samples_are_compared_by_their_means():
    tests = [
        evaluated(arm, seed, [value - 0.05 * seed, value + 0.05 * seed], samples=f"t{seed}")
        for arm, values in {"augmented": (0.1, 0.3), "plain": (0.2, 0.6)}.items()
        for seed, value in enumerate(values)
    ]
    tests[-1] = dataclasses.replace(tests[-1], scores=tests[-1].scores + np.array([0.2, -0.2]))
    runs = [trained(arm, None, seed, 0.5) for arm in ("augmented", "plain") for seed in range(2)]
    found = Comparison("t", "score", True, (0, 1), tuple(runs), tuple(tests)).gain("plain")
    # Student's for two means 0.1 and 0.3: 0.2 ± 12.706 · 0.1
    assert (found.mean, found.covers, found.samples) == (pytest.approx(0.2), "seeds and test samples", 2)
    assert found.high == pytest.approx(0.2 + 12.7062 * 0.1, rel=1e-4)
    uneven = [
        evaluated(arm, seed, [value] * (2 + seed), samples=f"t{seed}")
        for arm, values in {"augmented": (0.1, 0.3), "plain": (0.2, 0.6)}.items()
        for seed, value in enumerate(values)
    ]
    other = Comparison("t", "score", True, (0, 1), tuple(runs), tuple(uneven)).gain("plain")
    assert (other.mean, other.low, other.high) == pytest.approx((found.mean, found.low, found.high))
    assert (other.covers, other.samples) == ("seeds and test samples", 1)


def test_an_arm_in_a_list_is_a_line():
    assert arm_text(ARMS["plain"]) == "plain: the network and its data as they are"
    assert arm_text(ARMS["shuffled"]) == "shuffled: penalty-whitened with the elements of other samples (control)"


def test_one_number_for_all_samples_is_compared_by_seed():
    rows = {"augmented": [0.5, 0.6, 0.8], "plain": [0.4, 0.55, 0.5]}
    runs = [trained(arm, None, seed, 0.5) for arm in rows for seed in range(3)]
    tests = [evaluated(arm, k, [value], by_sample=False) for arm, one in rows.items() for k, value in enumerate(one)]
    found = Comparison("t", "auc", True, (0, 1, 2), tuple(runs), tuple(tests)).gain("plain")
    assert found == interval_of([-0.1, 0.55 - 0.6, 0.5 - 0.8])
    mixed = [*tests[:2], evaluated("augmented", 2, [0.7, 0.9]), *tests[3:5], evaluated("plain", 2, [0.3, 0.7])]
    assert Comparison("t", "auc", True, (0, 1, 2), tuple(runs), tuple(mixed)).gain("plain") == found
    with pytest.raises(RegrepError, match="there is no arm averaged here; choose from plain, augmented"):
        Comparison("t", "auc", True, (0, 1, 2), tuple(runs), tuple(tests)).gain("plain", "averaged")


def test_the_text_has_columns_of_one_width_and_the_page_the_same_cells():
    found = made()
    lines = str(found).split("\n")[:7]
    rows = [list(HEAD), *found.rows()]
    for column in range(1, len(HEAD)):
        start = 2 * column + sum(max(len(row[k]) for row in rows) for k in range(column))
        for line, row in zip(lines, rows, strict=True):
            assert line[start:].startswith(row[column])
            assert line[start - 2 : start] == "  "
    tree = ElementTree.fromstring(f"<div>{found._repr_html_()}</div>")
    assert [[cell.text for cell in row] for row in tree.iter("tr")] == rows
    assert next(tree.iter("caption")).text == f"swaps: {found.verdict}"
    assert [note.text for note in tree.iter("p")] == found.notes


def test_a_record_keeps_every_part_and_an_older_one_has_fewer():
    found = made()
    record = json.loads(json.dumps(found.as_dict()))
    assert set(record) == {
        "task", "metric", "larger_is_better", "seeds", "left_out", "place", "verdict", "trained", "tested",
    }  # fmt: skip
    again = Comparison.from_dict(record)
    for name in ("task", "metric", "larger_is_better", "seeds", "left_out", "place", "trained"):
        assert getattr(again, name) == getattr(found, name), name
    assert again.rows() == found.rows()
    older = Comparison.from_dict({key: value for key, value in record.items() if key not in ("left_out", "place")})
    assert (older.left_out, older.place, older.verdict) == ({}, "", found.verdict)
    with pytest.raises(RegrepError, match="^the record of a comparison cannot be read \\('seeds'\\); restore a copy$"):
        Comparison.from_dict({key: value for key, value in record.items() if key != "seeds"})
    with pytest.raises(RegrepError, match="^a record belongs to an arm, got 3"):
        Comparison.from_dict({**record, "trained": [{"arm": 3}]})


def test_devices_are_those_of_training_and_testing():
    found = made()
    cards = [dataclasses.replace(one, device="A") for one in found.trained]
    mixed = dataclasses.replace(found, trained=tuple(cards))
    assert mixed.devices == ("A", "cpu")
    assert "Computed on A and cpu, and seconds on different ones are not comparable." in mixed.notes
    one = dataclasses.replace(mixed, tested=tuple(dataclasses.replace(test, device="A") for test in found.tested))
    assert "Computed on A." in one.notes
    assert not any(note.startswith("Computed") for note in found.notes)


def test_one_seed_is_a_table_too():
    found = made()
    first = {name: tuple(one for one in getattr(found, name) if one.seed == 0) for name in ("trained", "tested")}
    alone = dataclasses.replace(found, seeds=(0,), **first)
    assert {line["arm"]: line["weight"] for line in alone.table()}["consistency"] == 1.0
    assert alone.step("consistency") == 5
    assert alone._at_the_end == []
    assert alone.verdict.startswith("With 1 seed no arm")
