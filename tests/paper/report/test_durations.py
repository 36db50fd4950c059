"""The figure of results against training time: there where fractions differ, one mark per row."""

import pytest
from records_fixture import write_run

from regrep_paper.report.durations import durations, minutes
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of


def rows(folder):
    return rows_of(read_runs(folder)[0])


def test_each_fraction_is_a_mark_at_its_time(tmp_path):
    for fraction in (1.0, 0.25):
        for seed in (0, 1):
            write_run(tmp_path / f"{fraction}-{seed}", "ours", seed=seed, fraction=fraction, pictures=False)
    found = rows(tmp_path)
    assert [minutes(row) for row in found] == [[10, pytest.approx(601 / 60)]] * 2
    (axis,) = durations(found).axes
    labels = axis.get_legend_handles_labels()[1]
    assert len(labels) == 2
    assert any("fraction 0.25" in label for label in labels)
    assert all("n = 2" in label for label in labels)
    assert [float(mark[0].get_xdata()[0]) for mark in axis.containers] == [pytest.approx(10 + 1 / 120)] * 2


def test_equal_fractions_make_no_figure(tmp_path):
    for method in ("ours", "cnn-augmented"):
        write_run(tmp_path / method, method, fraction=1.0, pictures=False)
    assert durations(rows(tmp_path)) is None
