"""Curves over training: what is drawn of which run, on which axes, and where panels and names stand."""

import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from regrep_paper.report.curves import COLUMNS, MOST, SMALL_COLUMNS, TOLD_POINTS, Curve, curves, spaced
from regrep_paper.report.runs import Run
from regrep_paper.report.table import Row

LOSS = Curve("a", "loss (nats)", along="step")


def run(values, seed=0):
    """A run whose column ``a`` has these values from epoch 1 on; None where it has none."""
    series = {epoch: value for epoch, value in enumerate(values, 1) if value is not None}
    record = {"config": {"seed": seed, "epochs": len(values)}}
    return Run(f"run{seed}", record, {"status": "finished"}, {"a": series}, len(values), None)


def row(*runs, heading="H", method="ours", label=None, unfinished=()):
    key = {"experiment": "ddmnist", "method": method}
    return Row(key, runs=runs, open=tuple(unfinished), heading=heading, label=label or method)


def mean_line(axis):
    return axis.lines[0]


def told(axis):
    """The texts that the pointer finds."""
    return [line.get_gid().removeprefix("told|").split("|") for line in axis.lines if line.get_gid()]


def apart(figure):
    """No two axes of a figure touch, with all that is written beside them."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [axis.get_tightbbox(renderer) for axis in figure.axes]
    texts = [text.get_window_extent(renderer) for text in figure.texts]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in [*boxes[:k], *texts])
    return boxes


def test_the_mean_of_the_runs_and_their_range():
    (axis,) = curves([row(run([1.0, 3.0, 5.0]), run([2.0, None, 9.0], 1))], LOSS).axes
    assert [list(data) for data in mean_line(axis).get_data()] == [[1, 2, 3], [1.5, 3.0, 7.0]]
    assert mean_line(axis).get_marker() == ""
    (band,) = axis.collections
    corners = {tuple(map(float, corner)) for corner in band.get_paths()[0].vertices}
    assert {(1, 1), (1, 2), (2, 3), (3, 5), (3, 9)} == corners
    assert told(axis) == [["ours, 1: 1.5", "ours, 2: 3", "ours, 3: 7"]]
    assert axis.get_title(loc="left") == "H"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "loss (nats)")
    assert (axis.get_yscale(), axis.get_ylim()[0]) == ("linear", 0)
    assert all(tick == round(tick) for tick in axis.xaxis.get_major_locator()())
    (name,) = axis.texts
    assert name.get_text() == "ours (n = 2)"
    assert name.xy == (1.0, pytest.approx(7 / axis.get_ylim()[1]))


def test_one_epoch_is_a_dot_and_one_run_has_no_range():
    (axis,) = curves([row(run([2.0]))], LOSS).axes
    assert mean_line(axis).get_marker() == "o"
    assert not axis.collections
    assert told(axis) == []


def test_runs_that_are_not_over_stand_in_where_none_is_finished():
    waiting = run([4.0, 4.0])
    (axis,) = curves([row(unfinished=[waiting])], LOSS).axes
    assert list(mean_line(axis).get_ydata()) == [4, 4]
    assert axis.texts[0].get_text() == "ours (n = 1, not finished)"
    (axis,) = curves([row(run([1.0, 1.0]), unfinished=[waiting])], LOSS).axes
    assert list(mean_line(axis).get_ydata()) == [1, 1]
    assert axis.texts[0].get_text() == "ours (n = 1)"


def test_nothing_recorded_is_no_figure():
    assert curves([], LOSS) is None
    assert curves([row(run([1.0]))], Curve("b", "b")) is None
    read = Curve("b", "b", read=lambda one: {3: float(one.config["seed"] + 1)})
    (axis,) = curves([row(run([1.0])), row(run([1.0], 6), method="cnn")], read).axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[1], [7]]


@pytest.mark.parametrize("count", [TOLD_POINTS, TOLD_POINTS + 1, 3 * TOLD_POINTS])
def test_about_twenty_points_tell_their_value(count):
    (axis,) = curves([row(run([float(k) for k in range(1, count + 1)]))], LOSS).axes
    (texts,) = told(axis)
    step = math.ceil(count / TOLD_POINTS)
    assert texts == [f"ours, {k}: {k}" for k in range(1, count + 1, step)]


@pytest.mark.parametrize(
    ("kind", "values", "scale"),
    [
        ("linear", [1.0, 100.0], "linear"),
        ("log", [1.0, 2.0], "log"),
        ("log", [0.0, 2.0], "linear"),
        ("log", [-1.0, 2.0], "linear"),
        ("auto", [1.0, 15.0], "linear"),
        ("auto", [1.0, 15.1], "log"),
        ("auto", [0.0, 15.1], "linear"),
    ],
)
def test_scales(kind, values, scale):
    """All panels have the scale that all values together need."""
    rows = [row(run([values[0]] * 2)), row(run([values[1]] * 2), heading="I")]
    axes = curves(rows, Curve("a", "a", kind)).axes
    assert [axis.get_yscale() for axis in axes] == [scale] * 2
    if scale == "linear" and min(values) >= 0:
        assert {axis.get_ylim()[0] for axis in axes} == {0}
    if scale == "log":
        assert [axes[0].yaxis.get_major_formatter()(value, 0) for value in (0.5, 20.0)] == ["0.5", "20"]
        assert all({1, 2, 5, 10} <= {*axis.yaxis.get_major_locator().tick_values(0.9, 20)} for axis in axes)
        assert not any(axis.yaxis.get_minorticklocs().size for axis in axes)
        first, second = (
            (axis.get_ylim(), axis.texts[-1].xy[1], value) for axis, value in zip(axes, values, strict=True)
        )
        for (low, high), height, value in (first, second):
            assert height == pytest.approx(math.log(value / low) / math.log(high / low))


def test_a_line_of_reference_is_in_sight():
    curve = Curve("a", "a", line=(9.0, "unrelated"))
    (axis,) = curves([row(run([1.0, 2.0]))], curve).axes
    reference = axis.lines[-1]
    assert list(reference.get_ydata()) == [9.0, 9.0]
    note = axis.texts[0]
    assert (note.get_text(), note.xy[1]) == ("unrelated", 9.0)
    assert axis.get_ylim() == (0, pytest.approx(9.9))
    (axis,) = curves([row(run([1.0, 20.0]))], curve).axes
    assert axis.get_ylim()[1] > 20
    (axis,) = curves([row(run([1.0, 2.0]))], Curve("a", "a", "log", (9.0, "unrelated"))).axes
    assert axis.get_yscale() == "log"


def test_panels_stand_side_by_side_then_below():
    rows = [row(run([1.0, 2.0]), heading=f"H{k}") for k in range(COLUMNS + 2)]
    figure = curves(rows, LOSS)
    apart(figure)
    places = [axis.get_position() for axis in figure.axes]
    assert [axis.get_title(loc="left") for axis in figure.axes] == [one.heading for one in rows]
    assert len({round(place.y0, 6) for place in places[:COLUMNS]}) == 1
    assert places[COLUMNS].y0 < places[0].y0
    assert [round(place.x0, 6) for place in places[COLUMNS:]] == [round(place.x0, 6) for place in places[:2]]
    assert [bool(axis.get_ylabel()) for axis in figure.axes] == [True, *[False] * (COLUMNS - 1), True, False]
    assert 0 < places[0].x0 < places[1].x0 < places[2].x0 < places[2].x1 < 1
    assert all(0 < place.y0 < place.y1 < 1 for place in places)


def test_many_methods_get_small_panels_with_the_others_behind():
    count = MOST + 2
    rows = [row(run([k + 1.0] * 30), run([k + 3.0] * 30, 1), label=f"m{k}") for k in range(count)]
    figure = curves([*rows, row(run([1.0, 2.0]), heading="few")], LOSS)
    single, *small = figure.axes
    assert single.get_title(loc="left") == "few"
    assert [text.get_text() for text in figure.texts] == ["H"]
    assert len(small) == count
    apart(figure)
    for k, axis in enumerate(small):
        behind, own = axis.lines[:count], axis.lines[count]
        assert [set(line.get_ydata()) for line in behind] == [{other + 2.0} for other in range(count)]
        assert [list(line.get_xdata()) for line in behind] == [list(range(1, 31, 3))] * count  # 30 points, 12 at most
        assert set(own.get_ydata()) == {k + 2.0}
        assert axis.get_title(loc="left") == f"m{k} (n = 2)"
        assert axis.get_xlim() == small[0].get_xlim()
        assert axis.get_ylim() == small[0].get_ylim()
        assert axis.get_ylim()[1] >= count + 2
        last = k + SMALL_COLUMNS >= count
        assert (axis.get_xlabel(), axis.get_ylabel()) == (
            "step" if last else "",
            "" if k % SMALL_COLUMNS else LOSS.label,
        )
    corners = np.array([axis.get_position().p0 for axis in small]).round(6)
    assert len(set(corners[:SMALL_COLUMNS, 1])) == 1
    assert list(corners[SMALL_COLUMNS:, 0]) == list(corners[: count - SMALL_COLUMNS, 0])
    assert corners[0, 1] > corners[-1, 1] > 0


def test_small_panels_have_room_for_the_widest_range_on_a_logarithmic_axis():
    """The seeds of one method reach below and above every mean."""
    wide = row(run([1e-3] * 3), run([50.0] * 3, 1), label="wide")
    axes = curves([wide, *(row(run([k + 1.0] * 3), label=f"m{k}") for k in range(MOST))], Curve("a", "a", "log")).axes
    assert len({axis.get_ylim() for axis in axes}) == len({axis.get_xlim() for axis in axes}) == 1
    low, high = axes[-1].get_ylim()
    assert low < 1e-3 < 50 < high
    assert axes[-1].get_xlim()[0] < 1 < 3 < axes[-1].get_xlim()[1]


def test_as_many_methods_as_fit_share_a_panel():
    rows = [row(run([k + 1.0] * 3), label=f"m{k}") for k in range(MOST)]
    figure = curves(rows, LOSS)
    (axis,) = figure.axes
    assert sorted(text.get_text() for text in axis.texts) == [f"m{k} (n = 1)" for k in range(MOST)]
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axis.texts]
    for k, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:k])


def test_names_move_as_little_as_they_must():
    """Against all orders of shifts on a grid: none that keeps names apart moves them less."""
    draw = np.random.default_rng(0)
    grid = np.linspace(0, 1, 21)
    for _ in range(20):
        heights = list(draw.choice(grid[4:-4], size=3))
        found = spaced(heights, 0.2)
        order = np.argsort(heights, kind="stable")
        assert all(np.diff(np.array(found)[order]) >= 0.2 - 1e-9)
        assert 0 <= min(found) <= max(found) <= 1
        best = min(
            sum((a - heights[k]) ** 2 for a, k in zip((x, y, z), order, strict=True))
            for x in grid
            for y in grid[grid >= x + 0.2 - 1e-9]
            for z in grid[grid >= y + 0.2 - 1e-9]
        )
        assert sum((a - b) ** 2 for a, b in zip(found, heights, strict=True)) <= best + 1e-9
