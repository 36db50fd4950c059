"""Sentences of README and docs with numbers in them, against the records."""

import json
import statistics
from itertools import pairwise
from pathlib import Path

import pytest

from regrep.comparison import ARMS, Comparison
from regrep_paper.report.comparison import difference, separates
from regrep_paper.report.durations import spent
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of
from regrep_paper.tables.columns import Measure

RESULTS = Path(__file__).parents[3] / "results"
README = (RESULTS.parent / "README.md").read_text()
WORDS = {7: "seven", 8: "eight"}
ACCURACY = Measure("test accuracy", "test", "accuracy", 1)


def mean(row, metric):
    return row.mean(Measure("", "test", metric))


@pytest.fixture(scope="module")
def digits():
    """Label of a row -> row, of the study on single digits: with few labels and with all."""
    rows = rows_of(read_runs(RESULTS / "single-digits.jsonl")[0])
    few, every = ({row.label: row for row in rows if row.key.get("labels") == labels} for labels in (30, None))
    return few, every


def test_penalties_but_the_whitened_one_leave_the_latent_as_it_was(digits):
    for rows in digits:
        for label, row in rows.items():
            error = mean(row, "whitened_error")
            assert error is None or (0.3 < error < 0.37 if label == "ours-whitened" else error >= 0.95), label
        assert mean(rows["ours"], "latent_scale") < mean(rows["cnn-augmented"], "latent_scale") / 5
        own = rows["ours-whitened"]
        assert abs(mean(own, "through_rho") - mean(own, "accuracy")) < 0.0035


def gain(rows, label, other="cnn-augmented"):
    return difference(rows[label], rows[other], ACCURACY)


def test_with_few_labels_controls_gain_as_much(digits):
    few, _ = digits
    base = few["cnn-augmented"].by_seed(ACCURACY)
    for label in ("ours", "ours-whitened"):
        gaps = [value - base[seed] for seed, value in few[label].by_seed(ACCURACY).items()]
        assert min(gaps) > 0
        assert len(gaps) == 5
        assert (min(gaps) < 0.001) == (label == "ours")
        assert separates(gain(few, label), ACCURACY)
    assert not separates(gain(few, "ours", "ours-shuffled"), ACCURACY)
    assert gain(few, "ours-whitened", "ours-shuffled-latent-augmented").mean < 0
    for label in ("ours-permuted", "ours-shrunk"):
        assert gain(few, label).mean / gain(few, "ours").mean == pytest.approx(0.55, abs=0.05)


def test_with_all_labels_no_penalty_is_ahead(digits):
    _, every = digits
    averages = {label for label in every if label.endswith(", averaged")}
    assert not any(separates(gain(every, label), ACCURACY) for label in every.keys() - averages)
    assert gain(every, "ours-whitened").mean == pytest.approx(-0.01, abs=0.002)
    assert gain(every, "latent-augmented").mean == pytest.approx(-0.01, abs=0.002)
    for label, control in (("ours", "ours-shuffled"), ("ours-whitened", "ours-shuffled-latent-augmented")):
        assert separates(gain(every, label, control), ACCURACY)


def test_averages_are_ahead_of_their_own_networks(digits):
    for rows in digits:
        averages = [label for label in rows if label.endswith(", averaged")]
        assert len(averages) == 9
        assert all(separates(gain(rows, label, label.removesuffix(", averaged")), ACCURACY) for label in averages)


def test_a_resumed_run_and_its_uninterrupted_twin_differ():
    def config(run):
        return {key: value for key, value in run.config.items() if value is not None}

    (resumed,) = (run for run in read_runs(RESULTS / "ddmnist-width.jsonl")[0] if run.record.get("resumed"))
    (twin,) = (run for run in read_runs(RESULTS / "ddmnist-precision.jsonl")[0] if config(run) == config(resumed))
    numbers = [run.done[split]["accuracy"] for run in (resumed, twin) for split in ("validation", "test")]
    assert numbers == pytest.approx([0.844, 0.791, 0.809, 0.772], abs=5e-4)


def test_no_gain_of_the_paper_shows_on_pairs_of_digits():
    rows = rows_of(read_runs(RESULTS / "ddmnist.jsonl")[0])
    bases = {row.heading: row for row in rows if row.method == "cnn-augmented"}
    gaps = [difference(row, bases[row.heading], ACCURACY) for row in rows if row.method != "cnn-augmented"]
    wide = [gap for gap in gaps if gap.n > 1]
    assert len(wide) == 6
    assert not any(gap.excludes_zero for gap in wide)
    assert max(max(gap.high, -gap.low) for gap in wide) == pytest.approx(0.149, abs=5e-4)


@pytest.fixture(scope="module")
def pairs():
    """Heading of a setting -> label of a row -> row, of the sweep on pairs of five digits."""
    rows = rows_of(read_runs(RESULTS / "ddmnist-small.jsonl")[0])
    return {
        heading: {row.label: row for row in rows if row.heading == heading} for heading in {r.heading for r in rows}
    }


def test_on_pairs_the_penalty_and_its_control_do_nothing(pairs):
    assert len(pairs) == 2
    for rows in pairs.values():
        assert not any(separates(gain(rows, label), ACCURACY) and gain(rows, label).mean > 0 for label in rows)
        found = gain(rows, "ours")
        assert max(found.high, -found.low) < 0.0045
        assert abs(gain(rows, "ours", "ours-permuted").mean) < 0.0025
        for label in ("ours", "ours-permuted"):
            assert 0.6 < mean(rows[label], "latent_scale") / mean(rows["cnn-augmented"], "latent_scale") < 0.8
            assert mean(rows[label], "whitened_error") > 0.99


def test_on_pairs_the_whitened_penalty_is_latent_augmentation(pairs):
    for heading, errors in (("C4", (0.976, 0.990)), ("D4", (0.994, 0.994))):
        (rows,) = (rows for name, rows in pairs.items() if heading in name)
        own, alone = rows["ours-whitened"], rows["latent-augmented"]
        assert [mean(row, "whitened_error") for row in (own, alone)] == pytest.approx(errors, abs=5e-4)
        assert abs(mean(own, "through_rho") - mean(alone, "through_rho")) < 0.006
        assert gain(rows, "ours-whitened").mean == pytest.approx(-0.009, abs=0.001)
        assert not separates(gain(rows, "ours-whitened", "latent-augmented"), ACCURACY)


def test_on_polycubes_the_control_gains_as_much():
    rows = {row.label: row for row in rows_of(read_runs(RESULTS / "medmnist3d-polycubes.jsonl")[0])}
    base = rows["cnn-augmented"].by_seed(ACCURACY)
    assert [base[seed] for seed in range(3)] == pytest.approx([0.93, 0.83, 0.63], abs=0.005)
    for label in ("ours", "ours-permuted"):
        gaps = [value - base[seed] for seed, value in sorted(rows[label].by_seed(ACCURACY).items())]
        assert gaps[0] < 0.005
        assert min(gaps[1:]) > 0.07
        assert gain(rows, label).low > 0
        assert mean(rows[label], "whitened_error") > 0.99
        shrunk = mean(rows[label], "latent_scale") / mean(rows["cnn-augmented"], "latent_scale")
        assert shrunk == pytest.approx(1 / 8, abs=0.01)
    assert gain(rows, "ours-permuted").mean > gain(rows, "ours").mean
    for label in ("ours-whitened", "latent-augmented", "ours-shuffled-latent-augmented"):
        assert gain(rows, label).mean < -0.29
    assert mean(rows["ours-whitened"], "whitened_error") == pytest.approx(0.80, abs=0.005)


def test_accuracy_grows_with_the_share_of_second_views_and_so_does_the_time():
    """Every fraction is on the front; latent augmentation alone is the fastest and the worst."""
    every = rows_of(read_runs(RESULTS / "ddmnist-fraction.jsonl")[0])
    rows = {row.key["fraction"]: row for row in every if not row.key.get("one_sided")}
    (one_sided,) = (row for row in every if row.key.get("one_sided"))
    assert sorted(rows) == [0, 0.25, 0.5, 1]
    seeds = set.intersection(*(set(row.seeds) for row in rows.values()))
    assert {0, 1} <= seeds
    for few, more in pairwise(sorted(rows)):
        one, other = rows[few].by_seed(ACCURACY), rows[more].by_seed(ACCURACY)
        assert all(one[seed] < other[seed] for seed in seeds)
        assert max(spent(rows[few], "cpu_seconds")) < max(spent(rows[more], "cpu_seconds"))
    full = statistics.median(spent(rows[1], "cpu_seconds"))
    shares = {fraction: statistics.median(spent(row, "cpu_seconds")) / full for fraction, row in rows.items()}
    assert shares == {
        1: 1,
        0.5: pytest.approx(0.8, abs=0.05),
        0.25: pytest.approx(0.7, abs=0.05),
        0: pytest.approx(0.6, abs=0.05),
    }
    assert all(mean(row, "whitened_error") > 0.98 for row in rows.values())
    for seed, accuracy in one_sided.by_seed(ACCURACY).items():
        assert rows[0.25].by_seed(ACCURACY)[seed] > accuracy
    assert mean(rows[0.5], "accuracy") - mean(one_sided, "accuracy") == pytest.approx(0.05, abs=0.005)
    assert statistics.median(spent(one_sided, "cpu_seconds")) / full == pytest.approx(0.8, abs=0.05)


@pytest.fixture(scope="module")
def compared():
    """Task -> its comparison."""
    files = (RESULTS / "comparisons").glob("*.json")
    return {file.stem: Comparison.from_dict(json.loads(file.read_text())) for file in files}


def test_consistency_helps_a_regression_and_controls_help_more(compared):
    vectors = compared["vectors"]
    error = statistics.fmean(one.metric for one in vectors.tests("augmented"))
    gains = {name: vectors.gain(name) for name in vectors.arms if name != "augmented"}
    found = next(one for one in vectors.findings if one.arm == "consistency")
    assert found.p < 0.05
    assert gains["consistency"].mean / error == pytest.approx(0.01, abs=0.005)
    assert all(ahead.low > 0 for _, _, ahead in found.controls)
    free = [name for name in gains if not ARMS[name].control and vectors.inference(name) == 1]
    assert [name for name in free if gains[name].low > 0 and name != "consistency-target"] == ["consistency"]
    for control in ("permuted", "latent-augmentation"):
        assert gains[control].low > 2 * gains["consistency"].high
        assert gains[control].mean > 5 * gains["consistency"].mean


def test_on_few_digits_nothing_is_left_after_the_correction(compared):
    digits = compared["digits"]
    assert [one.arm for one in digits.findings if one.p < 0.05] == ["plain"]
    alone = {one.arm for one in digits.findings if one.gain.low > 0 or one.gain.high < 0}
    assert alone == {"plain", "averaged", "distilled", "projected", "penalty-target"}
    assert digits.gain("projected").mean - digits.gain("projected-shuffled").mean == pytest.approx(0.002, abs=0.0015)
    assert digits.gain("penalty-target").high < 0 < digits.gain("distilled").low
    assert digits.equivariance("penalty-whitened", "whitened_error") > 0.97
    for arm in ("penalty-whitened", "latent-augmentation", "shuffled"):
        assert digits.equivariance(arm, "through_rho") == pytest.approx(0.739, abs=0.002)
    assert digits.equivariance("augmented", "through_rho") < 0.12


def test_on_polycubes_consistency_is_ahead_of_everything(compared):
    cubes = compared["polycubes"]
    means = {name: statistics.fmean(one.metric for one in cubes.tests(name)) for name in cubes.arms}
    gain = cubes.gain("consistency")
    assert (round(means["augmented"], 3), round(means["consistency"], 3)) == (0.348, 0.504)
    assert [round(value, 3) for value in (gain.mean, gain.low, gain.high)] == [0.156, 0.115, 0.197]
    assert round(cubes.gain("averaged").mean, 3) == 0.102
    found = next(one for one in cubes.findings if one.arm == "consistency")
    assert found.p < 0.01
    assert all(ahead.low > 0.1 for _, _, ahead in found.controls)
    assert found.inference == 1
    same = cubes.gain("same-view")
    assert same.low < 0 < same.high
    for arm in ("penalty-whitened", "shuffled", "latent-augmentation"):
        assert cubes.gain(arm).low < 0 < cubes.gain(arm).high
    assert -0.03 < cubes.gain("permuted").high < 0
    assert cubes.tests("consistency")[0].weight == max(one.weight for one in cubes.trained if one.weight)


def test_on_mnist_consistency_is_ahead_and_the_whitened_penalty_is_not_separated(compared):
    mnist = compared["mnist"]
    means = {name: statistics.fmean(one.metric for one in mnist.tests(name)) for name in mnist.arms}
    assert (round(means["augmented"], 3), round(means["consistency"], 3)) == (0.668, 0.740)
    gain = mnist.gain("consistency")
    assert [round(value, 3) for value in (gain.mean, gain.low, gain.high)] == [0.072, 0.042, 0.102]
    found = {one.arm: one for one in mnist.findings}
    assert found["consistency"].p < 0.05
    assert found["consistency"].inference == 1
    assert all(ahead.low > 0 for _, _, ahead in found["consistency"].controls)
    assert means["consistency"] > means["averaged"]
    assert max(one.weight for one in mnist.trained if one.weight) == mnist.tests("consistency")[0].weight
    assert mnist.gain("penalty-whitened").low > 0
    assert any(ahead.low < 0 for _, _, ahead in found["penalty-whitened"].controls)
    assert mnist.gain("permuted").mean / mnist.gain("penalty-whitened").mean == pytest.approx(0.5, abs=0.1)
    assert mnist.equivariance("penalty-whitened", "whitened_error") == pytest.approx(0.25, abs=0.03)
    assert mnist.equivariance("penalty-whitened", "through_rho") > means["augmented"]
    assert mnist.gain("mean-teacher").high < 0
    assert mnist.gain("same-view").high < 0


def test_averaging_in_the_latent_adds_nothing_where_the_error_is_smaller(compared):
    digits = compared["digits-all"]
    means = {name: statistics.fmean(one.metric for one in digits.tests(name)) for name in digits.arms}
    own, moved = means["penalty-whitened"], digits.equivariance("penalty-whitened", "through_rho")
    assert (round(own, 3), round(moved, 3)) == (0.936, 0.932)
    assert digits.equivariance("penalty-whitened", "whitened_error") == pytest.approx(0.44, abs=0.005)
    added = digits.gain("latent-averaged", "penalty-whitened")
    assert -0.002 < added.mean < 0
    assert digits.inference("latent-averaged") < 1.1
    for arm in ("penalty-whitened", "latent-averaged"):
        assert digits.equivariance(arm, "output_error") == pytest.approx(0.16, abs=0.01)
        assert digits.gain(arm).mean == pytest.approx(-0.005, abs=0.0015)
    assert digits.gain("consistency").low < 0 < digits.gain("consistency").high
    found = {one.arm: one for one in digits.findings}
    assert found["averaged"].helps
    assert round(found["averaged"].gain.mean, 3) == 0.015


@pytest.mark.parametrize(("group", "order", "gain"), [("c4", 16, 0.04), ("d1", 4, 0.013), ("d4", 64, 0.045)])
def test_on_pairs_averaging_helps_and_consistency_does_not(compared, group, order, gain):
    pairs = compared[f"ddmnist-{group}"]
    found = {one.arm: one for one in pairs.findings}
    assert found["averaged"].helps
    assert pairs.gain("averaged").mean == pytest.approx(gain, abs=0.002)
    assert pairs.inference("averaged") == order
    assert pairs.gain("consistency").low < 0 < pairs.gain("consistency").high < (0.012 if group == "d4" else 0.01)


def test_consistency_helps_on_three_tasks_and_is_behind_on_none(compared):
    """The rule of the verdict: after the correction, and ahead of every control, which does not gain."""
    helped, tasks = set(), set(compared) - {"mnist-combined"}
    for task in tasks:
        one = next(one for one in compared[task].findings if one.arm == "consistency")
        assert one.inference == 1
        assert one.gain.high > 0
        if one.helps and one.due_to_symmetry:
            assert compared[task].gain("same-view").low < 0
            helped.add(task)
    assert helped == {"vectors", "polycubes", "mnist"}
    assert f"three of {WORDS[len(tasks)]} tasks" in README
    for task in ("ddmnist-c4", "ddmnist-d1", "ddmnist-d4", "digits-all"):
        gain, averaged = compared[task].gain("consistency"), compared[task].gain("averaged")
        assert f"{gain.mean:+.3f} [{gain.low:.3f}, {gain.high:.3f}]".replace("0.", ".") in README
        assert f"{averaged.mean:+.3f}".replace("0.", ".") in README


def test_a_penalty_adds_nothing_to_consistency(compared):
    both, alone = compared["mnist-combined"], compared["mnist"]
    assert round(both.gain("consistency").mean, 3) == round(alone.gain("consistency").mean, 3) == 0.072
    added = both.gain("consistency-whitened", "consistency")
    assert [round(value, 3) for value in (added.mean, added.low, added.high)] == [-0.001, -0.011, 0.009]
    permuted = both.gain("consistency-permuted", "consistency")
    assert permuted.low < 0 < permuted.high
    assert both.equivariance("consistency-whitened", "through_rho") > 0.7
    assert both.equivariance("consistency-permuted", "through_rho") < 0.2


def test_at_convergence_on_pairs_the_penalty_changes_nothing():
    rows = {row.method: row for row in rows_of(read_runs(RESULTS / "ddmnist-table4.jsonl")[0])}
    assert sorted(rows) == ["cnn-augmented", "ours"]
    assert all(round(mean(row, "accuracy"), 2) == 0.86 and row.seeds == [0, 1, 2] for row in rows.values())
    assert all(run.config["epochs"] == 100 for row in rows.values() for run in row.runs)
    change = gain(rows, "ours")
    assert -0.004 < change.low < 0 < change.high < 0.0045
    assert mean(rows["ours"], "whitened_error") > 0.98


def test_the_page_on_speed_has_the_numbers_of_the_gpu():
    record = json.loads((RESULTS / "benchmarks" / "gpu-cuda.json").read_text())
    took = {name: 1e3 * statistics.median(seconds) for name, seconds in record["seconds"].items()}
    plain = "plain, two views"
    whole = [round(took[f"{name}, whole, captured"], 1) for name in (plain, "ours", "ours-whitened")]
    assert whole == [6.2, 6.2, 6.6]
    assert [round(took[name]) for name in (plain, "ours", "ours-whitened")] == [14, 15, 21]
    assert round(took[f"{plain}, whole, captured"] - took[f"{plain}, captured"], 1) == 0.9
    assert round(took["augmentation of a batch"], 1) == 4.2
    assert round(took["ours-whitened, captured"] - took[f"{plain}, captured"], 1) == 0.4
    assert round(1e3 * record["limit"]["seconds"], 1) == 0.1
    methods = ("ours", "ours-relative", "ours-whitened")
    assert [round(record["ratios"][f"{name}, captured / {plain}, captured"], 2) for name in methods] == [
        1.01,
        1.03,
        1.08,
    ]
    assert [round(record["ratios"][f"{name} / {plain}"], 2) for name in methods] == [1.05, 1.16, 1.55]
    for layout in ("channels last", "pooling of PyTorch", "channels last, pooling of PyTorch", "32 bit"):
        assert took[f"plain, {layout}, captured"] > 0.97 * took[f"{plain}, captured"]
    assert took["plain, Adam without fusion, captured"] > 1.1 * took[f"{plain}, captured"]
