"""The ranking: order, dots of the seeds, intervals; values that the page shows under the pointer."""

import re
from dataclasses import replace

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from records_fixture import write_run

from regrep_paper.report.comparison import baseline, difference
from regrep_paper.report.curves import MOST, Curve, curves
from regrep_paper.report.ranking import ranked, ranking
from regrep_paper.report.runs import read_runs
from regrep_paper.report.style import canvas, drawing, place, tell
from regrep_paper.report.table import rows_of, select

RESULTS = {"cnn-augmented": (0.70, 0.74), "ours": (0.80, 0.86), "ours-permuted": (0.75, 0.75)}


@pytest.fixture
def rows(tmp_path):
    for method, values in RESULTS.items():
        for seed, test in enumerate(values):
            write_run(tmp_path / f"{method}{seed}", method, seed, test=test, weight=0 if "cnn" in method else 1)
    return select(rows_of(read_runs(tmp_path)[0]))


def test_the_best_mean_stands_first(rows):
    (measure,) = rows[0].experiment.results
    assert [row.method for row in ranked(rows, measure)] == ["ours", "ours-permuted", "cnn-augmented"]
    assert ranked([], measure) == []


def test_seeds_means_and_intervals_are_where_the_records_put_them(rows):
    values, differences = ranking(rows).axes
    (measure,) = rows[0].experiment.results
    assert [text.get_text() for text in values.get_yticklabels()] == ["ours", "ours-permuted", "cnn-augmented"]
    dots = [sorted(line.get_xdata()) for line in values.lines if len(line.get_xdata()) == 2]
    assert dots == [sorted(RESULTS[name]) for name in ("ours", "ours-permuted", "cnn-augmented")]
    means = [line for line in values.lines if len(line.get_xdata()) == 1]
    assert [round(float(line.get_xdata()[0]), 3) for line in means] == [0.83, 0.75, 0.72]
    hollow = [line.get_markerfacecolor() == "white" for line in means]
    assert hollow == [False, True, False]  # the control
    for axis in (values, differences):
        assert {tick.tick1line.get_markersize() for tick in axis.yaxis.get_major_ticks()} == {0}
        low, high = axis.get_xlim()
        found = [x for line in axis.lines if line.get_gid() for x in line.get_xdata()]
        assert (min(found) - low, high - max(found)) == pytest.approx([0.08 * (max(found) - min(found))] * 2, abs=0.02)
    assert [text.get_text() for text in differences.get_yticklabels()] == ["", "", ""]
    assert differences.get_xlabel() == "difference to cnn-augmented, 95 % interval"
    assert values.get_xlabel() == measure.heading
    assert list(differences.lines[0].get_xdata()) == [0, 0]
    base = baseline(rows)
    ours = next(row for row in rows if row.method == "ours")
    found = difference(ours, base, measure)
    drawn = next(line for line in differences.lines if list(line.get_ydata()) == [0, 0])
    assert list(drawn.get_xdata()) == [found.low, found.high]
    assert values.get_ylim() == differences.get_ylim() == (2.5, -0.5)  # the first one on top


def test_panels_stand_below_each_other_with_room_for_every_name(rows):
    others = [replace(row, heading="other", label=row.label + " with a long name") for row in rows[:2]]
    figure = ranking([*rows, *others])
    width, height = figure.get_size_inches()
    left = 0.3 + 0.078 * max(len(row.label) for row in others)
    places = [(left, 0.5, 0.27 * 3), (left + 3.65, 0.5, 0.27 * 3), (left, 2.56, 0.54), (left + 3.65, 2.56, 0.54)]
    for axis, (x, top, size) in zip(figure.axes, places, strict=True):
        box = axis.get_position()
        assert [box.x0 * width, (1 - box.y1) * height] == pytest.approx([x, top])
        assert [box.width * width, box.height * height] == pytest.approx([3.3, size])
    assert (width, height) == pytest.approx((left + 7.15, 2.06 + 1.25 + 0.54))
    assert [axis.get_title(loc="left") for axis in figure.axes] == [rows[0].heading, "", "other", ""]
    renderer = FigureCanvasAgg(figure).get_renderer()
    assert min(axis.get_tightbbox(renderer).x0 for axis in figure.axes) > 0


def test_one_method_is_no_ranking(rows):
    assert ranking([row for row in rows if row.method == "ours"]) is None


def test_the_pointer_finds_each_value(rows):
    svg = drawing("ranking", "Ranking", "", ranking(rows)).svg
    told = re.findall("<title>([^<]*)</title>", svg)
    assert "ours, seed 1: 0.860" in told
    assert "ours: 0.830, mean of 2" in told
    assert any(text.startswith("ours: +0.110 [") for text in told)
    assert "told|" not in svg


def test_each_marker_gets_its_own_text_and_no_text_is_taken_for_markup():
    figure = canvas(2, 2)
    axis = place(figure, 0.3, 0.3, 1.4, 1.4)
    (dots,) = axis.plot([1, 2, 3], [1, 2, 3], "o")
    tell(dots, "a<b>", "two|three", "c")
    svg = drawing("dots", "Dots", "", figure).svg
    assert re.findall("<use[^>]*><title>([^<]*)</title></use>", svg) == ["a&lt;b&gt;", "two/three", "c"]


def test_more_methods_than_fit_in_a_panel_get_one_each(tmp_path):
    for k in range(MOST + 1):
        write_run(tmp_path / f"run{k}", "ours", 0, weight=1, latent=66 + 16 * k)
    rows = select(rows_of(read_runs(tmp_path)[0]))
    curve = Curve("validation/accuracy", "accuracy")
    assert len(curves(rows[:MOST], curve).axes) == 1
    figure = curves(rows, curve)
    assert len(figure.axes) == MOST + 1
    for k, axis in enumerate(figure.axes):
        assert len(axis.lines) >= MOST + 2  # all in grey, one in its colour
        assert axis.get_title(loc="left") == f"{rows[k].label} (n = 1)"
        assert axis.get_ylim() == figure.axes[0].get_ylim()


def test_small_panels_have_room_for_the_widest_range(tmp_path):
    """The range of a later method's seeds reaches above every mean."""
    for k in range(MOST + 1):
        write_run(tmp_path / f"run{k}", "ours", 0, weight=1, latent=66 + 16 * k, validation=0.3)
    write_run(tmp_path / "high", "ours", 1, weight=1, latent=66 + 16 * MOST, validation=0.9)
    rows = select(rows_of(read_runs(tmp_path)[0]))
    figure = curves(rows, Curve("validation/accuracy", "accuracy"))
    limits = {axis.get_ylim() for axis in figure.axes}
    highest = max(float(max(run.metrics["validation/accuracy"].values())) for row in rows for run in row.runs)
    assert len(limits) == 1
    assert highest <= limits.pop()[1]
