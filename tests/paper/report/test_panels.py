"""Panels of figures: errors per element, example pairs, reconstructions, results against time, frames."""

import dataclasses
import json
import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from records_fixture import ELEMENTS

from regrep_paper.report import examples as pairs
from regrep_paper.report.durations import durations
from regrep_paper.report.elements import COLUMNS, bars_of, by_elements, elements, read_errors
from regrep_paper.report.examples import examples
from regrep_paper.report.figures import _profiles
from regrep_paper.report.forecasts import ARROWS, draw_field
from regrep_paper.report.isotypic import profile_figure
from regrep_paper.report.reconstructions import reconstructions
from regrep_paper.report.runs import Run
from regrep_paper.report.style import canvas, colour_of, place
from regrep_paper.report.table import Row


def run(names=(), *errors, seed=0, entry="equivariance", name="whitened_error", place=None):
    done = {"status": "finished", entry: {"elements": list(names), name: list(errors)}} if names else {}
    return Run(f"run{seed}", {"config": {"seed": seed}, "device": "cpu"}, done, {}, 1, place)


def row(*runs, heading="H", method="ours", label=None, **key):
    key = {"experiment": "ddmnist", "method": method, **key}
    return Row(key, runs=runs, heading=heading, label=label or method)


def corners(figure):
    """Left and upper edge of each axis, in inches."""
    width, height = figure.get_size_inches()
    boxes = [axis.get_position() for axis in figure.axes]
    return [(round(box.x0 * width, 3), round((1 - box.y1) * height, 3)) for box in boxes]


def check_apart(figure):
    """Neither axes nor headings touch, with all that is written beside them."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [axis.get_tightbbox(renderer) for axis in figure.axes]
    boxes += [text.get_window_extent(renderer) for text in figure.texts]
    for k, box in enumerate(boxes):
        for other in boxes[:k]:
            assert (
                min(box.x1, other.x1) - max(box.x0, other.x0) < 1 or min(box.y1, other.y1) - max(box.y0, other.y0) < 1
            )


def told(artists):
    return [artist.get_gid().removeprefix("told|") for artist in artists]


def lines_behind(axis):
    """Whether lines of a grid stand behind what is drawn, across and up."""
    return tuple(one.get_gridlines()[0].get_visible() for one in (axis.xaxis, axis.yaxis))


def test_errors_are_those_of_the_runs_with_the_same_elements():
    runs = [run("er", None, 2.0), run("er", 1.0, 4.0, seed=1), run("ers", 9.0, 9.0, 9.0, seed=2), run(seed=3)]
    names, errors = read_errors(row(*runs), "equivariance", "whitened_error")
    assert names == ["e", "r"]
    np.testing.assert_array_equal(errors, [[math.nan, 2.0], [1.0, 4.0]])
    assert read_errors(row(*runs), "equivariance", "absolute") is None
    assert read_errors(row(*runs), "data_equivariance", "whitened_error") is None
    assert read_errors(row(run("er", None, None)), "equivariance", "whitened_error") is None
    found = bars_of(row(*runs), np.array([[0.0, 2.0], [1.0, 4.0]]))
    assert (found.label, found.colour) == ("ours", colour_of(row()))
    assert [list(one) for one in found[2:]] == [[0.5, 3.0], [0.0, 2.0], [1.0, 4.0]]


def test_networks_with_a_symmetry_of_their_own_stand_under_their_own_heading():
    rows = [row(run("er", 0, 1)), row(run("ers", 0, 1, 2), method="scnn"), row(run("er", 0, 3), method="cnn"), row()]
    found = by_elements(rows)
    second = "H, 3 elements of a symmetry of the network's own"
    assert {name: [one.method for one, _ in shown] for name, shown in found.items()} == {
        "H": ["ours", "cnn"], second: ["scnn"],
    }  # fmt: skip
    assert elements([row()]) is None


def test_bars_of_elements():
    names = ("e", "r", "long name")
    rows = [row(run(names, 0, 1.0, 3.0), run(names, 0, 2.0, 3.0, seed=1)), row(run(names, 0, 4.0, 5.0), method="cnn")]
    figure = elements(rows)
    check_apart(figure)
    (axis,) = figure.axes
    assert [[bar.get_height() for bar in group] for group in axis.containers] == [[0, 1.5, 3], [0, 4, 5]]
    centres = [[bar.get_x() + bar.get_width() / 2 for bar in group] for group in axis.containers]
    np.testing.assert_allclose(centres, [np.arange(3) - 0.2, np.arange(3) + 0.2])
    assert {round(bar.get_width(), 9) for bar in axis.patches} == {0.4}
    assert lines_behind(axis) == (False, True)
    (spread,) = axis.lines  # where the runs differ, and only there
    np.testing.assert_allclose(spread.get_data(), [[0.8, 0.8], [1, 2]])
    assert told(axis.patches)[:2] == ["ours, e: 0.000", "ours, r: 1.500"]
    assert [text.get_text() for text in axis.get_xticklabels()] == list(names)
    assert {text.get_rotation() for text in axis.get_xticklabels()} == {90}
    assert axis.get_ylim() == (0, pytest.approx(1.08 * 5))
    assert axis.get_xlim() == pytest.approx((-0.7, 2.7))
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["ours", "cnn"]
    assert axis.get_legend()._ncols == 2
    (axis,) = elements([row(run("er", 0, 1))]).axes
    assert {text.get_rotation() for text in axis.get_xticklabels()} == {0}


def test_maps_of_products():
    names = ELEMENTS["D1"]
    shown = [row(run(names, 0, k, 2 * k, 3.0), method="ours", label=f"m{k}") for k in range(1, COLUMNS + 3)]
    figure = elements([*shown, row(run("er", 0, 99), heading="I")])
    check_apart(figure)
    maps = [axis for axis in figure.axes if axis.images]
    bars = figure.axes[-1]
    assert len(maps) == len(shown)
    for k, axis in enumerate(maps, 1):
        (image,) = axis.images
        assert image.get_array().tolist() == [[0, k], [2 * k, 3]]
        assert image.get_clim() == (0, 99)
        assert lines_behind(axis) == (False, False)
        assert {tick.tick1line.get_markersize() for tick in axis.xaxis.get_major_ticks()} == {0}
        assert {tick.tick1line.get_markersize() for tick in axis.yaxis.get_major_ticks()} == {0}
        assert not any(spine.get_visible() for spine in axis.spines.values())
        assert [text.get_text() for text in axis.texts] == ["0.00", f"{k}.00", f"{2 * k}.00", "3.00"]
        assert [(text.get_position()) for text in axis.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
        assert axis.get_title(loc="left") == f"m{k}\n{(k + 2 * k + 3) / 3:.2f} on average"  # without the identity
        assert [text.get_text() for text in axis.get_xticklabels()] == ["e", "s"]
        assert [text.get_text() for text in axis.get_yticklabels()] == ["e", "s"]
        assert axis.get_xlabel() == shown[0].experiment.factors[1]
        assert axis.get_ylabel() == (shown[0].experiment.factors[0] if (k - 1) % COLUMNS == 0 else "")
    places = [axis.get_position() for axis in maps]
    assert [round(one.x0, 6) for one in places[COLUMNS:]] == [round(one.x0, 6) for one in places[:2]]
    assert places[COLUMNS].y1 < places[0].y0
    assert bars.get_position().y1 < places[-1].y0
    assert bars.get_ylim()[1] == pytest.approx(1.08 * 99)


def test_numbers_in_maps_can_be_read():
    rows = [row(run(ELEMENTS["D1"], 0, 5.9, 6.1, 10))]
    texts = elements(rows).axes[0].texts
    assert [text.get_color() == "white" for text in texts] == [True, True, False, False]
    wide = [f"({g}, {h})" for g in "es" for h in "abcdefghi"]
    (axis, *_) = elements([row(run(wide, *range(18)))]).axes
    assert not axis.texts  # nine columns
    assert {text.get_rotation() for text in axis.get_xticklabels()} == {90}
    eight = [f"({g}, {h})" for g in "es" for h in "abcdefgh"]
    assert len(elements([row(run(eight, *range(15), None))]).axes[0].texts) == 15


def with_pictures(folder, count=3, **arrays):
    folder.mkdir(exist_ok=True)
    x = np.arange(count * 6, dtype=np.uint8).reshape(count, 2, 3)
    data = {"x": x, "gx": x + 100, "element": np.array([f"g{k}" for k in range(count)]), "label": np.arange(count) * 7}
    np.savez(folder / "examples.npz", **{**data, **arrays})
    return run(place=folder)


def test_pairs_stand_above_each_other(tmp_path):
    first, second = with_pictures(tmp_path / "a", 10), with_pictures(tmp_path / "b", 2)
    figure = examples([row(run(place=tmp_path)), row(first), row(second, heading="I")])
    check_apart(figure)
    assert [text.get_text() for text in figure.texts] == ["H", "I"]
    assert len(figure.axes) == 2 * pairs.MOST + 2 * 2
    x = np.arange(60).reshape(10, 2, 3)
    for k, (axis, below) in enumerate(zip(figure.axes[:8], figure.axes[8:16], strict=True)):
        np.testing.assert_array_equal(axis.images[0].get_array(), x[k])
        np.testing.assert_array_equal(below.images[0].get_array(), x[k] + 100)
        assert {image.get_clim() for image in (*axis.images, *below.images)} == {(0, 255)}
        assert (axis.get_title(), below.get_title()) == (f"label {7 * k}", "")
        assert (axis.get_xlabel(), below.get_xlabel()) == ("", f"g = g{k}")
        assert (axis.get_ylabel(), below.get_ylabel()) == (("", "") if k else ("x", "gx"))
    places = corners(figure)
    assert len({left for left, _ in places[:8]}) == 8
    assert [left for left, _ in places[:8]] == [left for left, _ in places[8:16]]
    assert places[0][1] < places[8][1] < places[16][1] < places[18][1]
    assert places[0][0] == places[16][0]


def test_pairs_that_cannot_be_shown_are_passed_over(tmp_path):
    whole = with_pictures(tmp_path / "whole")
    volume = with_pictures(tmp_path / "volume", x=np.zeros((3, 2, 2, 2)))
    moved = with_pictures(tmp_path / "moved", gx=np.zeros((3, 2, 2, 2)))
    short = with_pictures(tmp_path / "short", label=np.arange(2))
    for broken in (volume, moved, short):
        assert examples([row(broken)]) is None
        assert len(examples([row(broken, whole)]).axes) == 6
    waiting = dataclasses.replace(row(), open=(whole,))
    assert len(examples([waiting]).axes) == 6


def test_reconstructions_stand_below_what_they_are_of(tmp_path):
    decoded = np.full((10, 2, 3), 5, dtype=np.uint8)
    first = dataclasses.replace(with_pictures(tmp_path / "a", 10, decoded=decoded), name="first")
    figure = reconstructions([row(run(place=tmp_path), first, with_pictures(tmp_path / "b"))])
    check_apart(figure)
    assert len(figure.axes) == 3 * 8
    x = np.arange(60).reshape(10, 2, 3)
    for n, (name, values) in enumerate((("x", x), ("gx", x + 100), ("D(ρ(g)E(x))", decoded))):
        for k, axis in enumerate(figure.axes[8 * n : 8 * n + 8]):
            np.testing.assert_array_equal(axis.images[0].get_array(), values[k])
            assert axis.images[0].get_clim() == (0, 255)
            assert axis.get_ylabel() == ("" if k else name)
            assert axis.get_xlabel() == (f"g = g{k}" if n == 2 else "")
    assert len(reconstructions([row(with_pictures(tmp_path / "b"))]).axes) == 2 * 3
    for wrong in ({"gx": np.zeros((3, 2, 2, 2))}, {"x": np.zeros((2, 2, 3))}, {"element": np.array(0)}):
        assert reconstructions([row(with_pictures(tmp_path / "c", **wrong))]) is None
    coloured = {"x": np.zeros((3, 2, 2, 3)), "gx": np.zeros((3, 2, 2, 3))}
    assert len(reconstructions([row(with_pictures(tmp_path / "d", **coloured))]).axes) == 6


def timed(method, fraction, *results, heading="H"):
    """A row whose runs took (seconds, accuracy)."""
    runs = []
    for seed, (seconds, accuracy) in enumerate(results):
        done = {"status": "finished", "seconds": seconds, "test": {"accuracy": accuracy}}
        runs.append(Run("r", {"config": {"seed": seed}, "device": "cuda"}, done, {}, 1, None))
    return row(*runs, heading=heading, method=method, label=f"{method} {fraction}", fraction=fraction)


def test_results_against_time():
    rows = [
        timed("ours", 1.0, (600, 0.8), (1800, 0.6), (1200, 0.7)),
        timed("ours", 0.5, (300, 0.5)),
        timed("cnn", 0.5, (2400, 0.6)),
        timed("ours", 1.0, (60, 0.1), heading="alone"),
        timed("ours", 1.0, (60, 0.1), heading="two"),
        timed("ours", 0.5, (120, 0.2), heading="two"),
    ]
    figure = durations(rows)
    check_apart(figure)
    axis = figure.axes[0]
    assert [one.get_title(loc="left") for one in figure.axes] == ["H", "two"]
    marks = [one[0] for one in axis.containers]
    assert [(float(mark.get_xdata()[0]), float(mark.get_ydata()[0])) for mark in marks] == [
        (20, pytest.approx(0.7)), (5, 0.5), (40, 0.6),
    ]  # fmt: skip
    assert [mark.get_marker() for mark in marks] == ["o", "s", "o"]  # methods count for themselves
    (spread,) = (one[2][0] for one in axis.containers[:1])
    np.testing.assert_allclose(spread.get_segments()[0], [[20, 0.6], [20, 0.8]])
    best = axis.lines[-1]
    np.testing.assert_allclose(best.get_data(), [[5, 20], [0.5, 0.7]])
    assert best.get_drawstyle() == "steps-post"
    assert axis.get_xlim()[0] == 0
    assert axis.get_legend_handles_labels()[1] == ["ours 1.0 (n = 3)", "ours 0.5 (n = 1)", "cnn 0.5 (n = 1)"]
    assert corners(figure)[0][1] < corners(figure)[1][1]


def test_a_field_is_drawn_with_its_first_row_below():
    field = np.stack([np.arange(16.0 * 16).reshape(16, 16), -np.ones((16, 16))])
    figure = canvas(2, 2)
    axis = place(figure, 0.1, 0.1, 1.8, 1.8)
    draw_field(axis, field, 80.0)
    (image,) = axis.images
    np.testing.assert_allclose(image.get_array(), np.hypot(*field))
    assert (image.origin, image.get_clim()) == ("lower", (0, 80))
    (arrows,) = axis.collections
    at = 1 + 2 * np.arange(ARROWS)
    np.testing.assert_array_equal(arrows.X.reshape(8, 8), np.tile(at, (8, 1)))
    np.testing.assert_array_equal(arrows.Y.reshape(8, 8), np.tile(at[:, None], 8))
    np.testing.assert_array_equal(arrows.U.reshape(8, 8), field[0][np.ix_(at, at)])
    assert set(arrows.V.ravel()) == {-1}
    assert arrows.scale == pytest.approx(80 / 3.2)
    assert (axis.get_xlim(), axis.get_ylim()) == ((-0.5, 15.5), (-0.5, 15.5))
    assert axis.get_xticks().size == axis.get_yticks().size == 0
    draw_field(axis, field[:, :4, :4], 0.0)
    assert axis.collections[-1].X.size == 16


def test_bars_of_a_profile_stand_side_by_side():
    one = {"irreps": ["A", "B"], "share": [0.25, 0.75], "mean_error": [None, 0.5], "mean_offset": [0.1, 0.2]}
    figure = profile_figure({"a": one, "b": {**one, "share": [0.5, 0.5]}})
    check_apart(figure)
    for k, axis in enumerate(figure.axes):
        centres = [[bar.get_x() + bar.get_width() / 2 for bar in group] for group in axis.containers]
        np.testing.assert_allclose(centres, [[-0.2, 0.8], [0.2, 1.2]])
        assert axis.get_ylim()[0] == 0
        assert lines_behind(axis) == (False, True)
        assert axis.get_xlabel() == "irreducible representation"
        assert (axis.get_legend() is not None) == (k == 0)
        assert [list(line.get_ydata()) for line in axis.lines] == ([[1, 1]] if k == 1 else [])
    assert told(figure.axes[0].patches) == ["a, A: 0.250", "a, B: 0.750", "b, A: 0.500", "b, B: 0.500"]
    assert [axis.get_ylabel() for axis in figure.axes] == ["share of the variance", "error (1 = unrelated)", "offset"]
    assert figure.axes[0].get_legend()._ncols == 2  # names in one line above the panel
    assert profile_figure({"a": one}).axes[0].get_legend() is None
    for name, turned in (("A1g", 0), ("A1g+E", 0), ("A1gxE", 0), ("A1g+Eu", 90)):
        (axis, *_) = profile_figure({"a": {**one, "irreps": ["A", name]}}).axes
        assert {text.get_rotation() for text in axis.get_xticklabels()} == {turned}, json.dumps(name)


def test_profiles_are_those_of_the_first_problem_that_has_any():
    """Of each method that of the first run with one."""
    runs = [
        Run("r", {"config": {}}, done, {}, 1, None) for done in (None, {}, {"profile": {"a": 1}}, {"profile": {"a": 2}})
    ]
    rows = [
        row(*runs[:2], label="none"),
        row(*runs[:2], label="none", heading="I"),
        row(*runs, label="first", heading="I"),
        row(*runs[::-1], label="second", heading="I"),
        row(*runs, label="other", heading="J"),
    ]
    assert _profiles(rows) == {"first": {"a": 1}, "second": {"a": 2}}
    assert _profiles(rows[:2]) == {}
