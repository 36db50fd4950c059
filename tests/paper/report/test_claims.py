"""Sentences of README and docs with numbers in them, against the records."""

from pathlib import Path

import pytest

from regrep_paper.report.comparison import difference, separates
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of
from regrep_paper.tables.columns import Measure

RESULTS = Path(__file__).parents[3] / "results"
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
