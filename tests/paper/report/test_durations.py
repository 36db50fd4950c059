"""The figure of results against training time: there where fractions differ, one mark per row."""

import json

import pytest
from records_fixture import write_run

from regrep_paper.report.durations import durations, front, spent
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of


def rows(folder):
    return rows_of(read_runs(folder)[0])


def test_each_fraction_is_a_mark_at_its_time(tmp_path):
    for fraction in (1.0, 0.25):
        for seed in (0, 1):
            write_run(tmp_path / f"{fraction}-{seed}", "ours", seed=seed, fraction=fraction, pictures=False)
    found = rows(tmp_path)
    assert [spent(row) for row in found] == [[10, pytest.approx(601 / 60)]] * 2
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


@pytest.mark.parametrize(("known", "clock"), [((0, 1), "processor time"), ((0,), "time")])
def test_the_clock_is_the_processors_where_all_runs_have_it(tmp_path, known, clock):
    for fraction in (1.0, 0.25):
        for seed in (0, 1):
            folder = write_run(tmp_path / f"{fraction}-{seed}", "ours", seed=seed, fraction=fraction, pictures=False)
            done = json.loads((folder / "done.json").read_text())
            if seed in known:
                (folder / "done.json").write_text(json.dumps(done | {"cpu_seconds": 120 + 60 * fraction}))
    (axis,) = durations(rows(tmp_path)).axes
    assert axis.get_xlabel().startswith(f"training {clock} of a run")
    found = sorted(float(mark[0].get_xdata()[0]) for mark in axis.containers)
    assert found == ([2.25, 3.0] if len(known) == 2 else [pytest.approx(10 + 1 / 120)] * 2)


def test_the_front_holds_what_is_best_in_its_time():
    points = [(2, 0.6), (3, 0.8), (1, 0.7), (4, 0.8), (5, 0.9), (5, 0.85)]
    assert front(points) == [(1, 0.7), (3, 0.8), (5, 0.9)]
