"""Frames of forecasts: which are drawn, where they stand, and what a moving picture shows when."""

import base64
import io
import re

import numpy as np
import pytest

from regrep_paper.report import forecasts as drawn
from regrep_paper.report.forecasts import films_of, forecasts, read_rollout
from regrep_paper.report.runs import Run
from regrep_paper.report.table import Row

SIDE = 4


def window(frames, shift=0.0, scale=1.0):
    """A roll-out whose frame k blows with speed k + 1 to the right, and its forecast, off by a shift upwards."""
    true = np.zeros((frames, 2, SIDE, SIDE), dtype=np.float32)
    true[:, 0] = scale * np.arange(1, frames + 1)[:, None, None]
    predicted = true.copy()
    predicted[:, 1] += shift
    return {"future_true": true, "future_predicted": predicted}


def run(folder, arrays=None, seed=0):
    folder.mkdir()
    if arrays:
        np.savez(folder / "rollout.npz", **arrays)
    return Run("r", {"config": {"seed": seed}}, {"status": "finished"}, {}, 1, folder)


def row(label, *runs, heading="H", unfinished=()):
    return Row(
        {"experiment": "smoke", "method": label}, runs=runs, open=tuple(unfinished), heading=heading, label=label
    )


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two problems: of seven frames with two methods, the second of them not over, and of two frames with one."""
    tmp_path = tmp_path_factory.mktemp("frames")
    numbered = {**window(7, 0.5), "future_frame": np.arange(10, 17)}
    return [
        row("cnn", run(tmp_path / "none"), run(tmp_path / "a", numbered, 1)),
        row("ours", run(tmp_path / "other", window(7, scale=2.0))),  # another window
        row("ours-relative", unfinished=[run(tmp_path / "b", window(7, -0.25))]),
        row("cnn", run(tmp_path / "c", window(2, 1.0)), heading="I"),
    ]


@pytest.fixture(scope="module")
def figure(rows):
    return forecasts(rows)


def test_first_and_last_frames_are_drawn_and_two_between(figure):
    first, second = figure.axes[: 5 * 4], figure.axes[5 * 4 :]
    assert len(second) == 3 * 2
    assert [text.get_text() for text in figure.texts] == ["H", "I"]
    assert [axis.get_title() for axis in first] == ["frame 10", "frame 12", "frame 14", "frame 16", *[""] * 16]
    assert [axis.get_title() for axis in second] == ["frame 1", "frame 2", *[""] * 4]
    names = ["true", "cnn", "error", "ours-relative", "error"]
    assert [axis.get_ylabel() for axis in first] == [one for name in names for one in (name, "", "", "")]
    at = np.array([0, 2, 4, 6])  # of 0 .. 6, equally far apart
    for line, (across, up) in enumerate(((1, 0), (1, 0.5), (0, 0.5), (1, -0.25), (0, -0.25))):
        for axis, frame in zip(first[4 * line : 4 * line + 4], at, strict=True):
            (arrows,) = axis.collections
            assert (set(arrows.U.ravel()), set(arrows.V.ravel())) == ({across * (frame + 1)}, {up})
            assert axis.images[0].get_clim() == (0, 7)  # the fastest of the truth
    assert second[0].images[0].get_clim() == (0, 2)


def test_frames_stand_on_a_grid_one_problem_below_the_other(figure):
    width, height = figure.get_size_inches()
    corners = [(a.get_position().x0 * width, (1 - a.get_position().y1) * height) for a in figure.axes]
    for k, place in enumerate(corners[:20]):
        line, column = divmod(k, 4)
        assert place == pytest.approx((1.45 + 1.47 * column, 0.65 + 1.47 * line))
    below = 0.65 + 5 * 1.47
    for k, place in enumerate(corners[20:]):
        line, column = divmod(k, 2)
        assert place == pytest.approx((1.45 + 1.47 * column, below + 0.65 + 1.47 * line))
    assert (width, height) == pytest.approx((1.45 + 4 * 1.47, below + 0.65 + 3 * 1.47))


def test_a_moving_picture_shows_truth_forecast_and_error_of_every_frame(rows, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    seen = []
    whole = drawn.draw_field
    monkeypatch.setattr(
        drawn,
        "draw_field",
        lambda axis, field, fastest: seen.append((axis, field, fastest)) or whole(axis, field, fastest),
    )
    film = films_of(rows[:1])["cnn"]
    values = window(7, 0.5)
    true, predicted = values["future_true"], values["future_predicted"]
    expected = [field for k in range(7) for field in (true[k], predicted[k], predicted[k] - true[k])]
    for (axis, field, fastest), wanted in zip(seen, expected, strict=True):
        np.testing.assert_array_equal(field, wanted)
        assert fastest == 7
        assert axis.get_position().width > 0.2
    titles = [axis.get_title() for axis, _, _ in seen]
    assert titles == [title for k in range(10, 17) for title in (f"true, frame {k}", "cnn", "error")]
    boxes = [axis.get_position() for axis, _, _ in seen[:3]]
    size = seen[0][0].figure.get_size_inches()
    assert [box.x0 * size[0] for box in boxes] == pytest.approx([0.12, 2.4, 4.68])
    assert [box.width * size[0] for box in boxes] == pytest.approx([2.16] * 3)
    assert [(1 - box.y1) * size[1] for box in boxes] == pytest.approx([0.35] * 3)
    assert size.tolist() == pytest.approx([3 * 2.28 + 0.12, 2.66])
    still, full = (image.open(io.BytesIO(base64.b64decode(text))) for text in re.findall(r"base64,([^\"]+)\"", film))
    assert (full.n_frames, full.info["loop"]) == (7, 0)
    assert f'width="{full.size[0]}" height="{full.size[1]}"' in film
    pauses = []
    for k in range(7):
        full.seek(k)
        pauses.append(full.info["duration"])
    assert pauses == [300.0] * 6 + [1500.0]
    np.testing.assert_array_equal(np.asarray(still.convert("RGB")), np.asarray(full.convert("RGB")))
    assert film.index(re.findall(r"base64,([^\"]+)\"", film)[0]) > film.index("prefers-reduced-motion")


def test_the_last_methods_have_moving_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(drawn, "_film", lambda label, fields: f"film of {label}")
    rows = [row(f"m{k}", run(tmp_path / str(k), window(2, k))) for k in range(8)]
    assert films_of(rows) == {f"m{k}": f"film of m{k}" for k in range(2, 8)}
    assert films_of(rows, "domain") == {}


@pytest.mark.parametrize(
    ("changed", "fits"),
    [
        ({}, True),
        ({"future_frame": np.array([4, 9])}, True),
        ({"future_frame": np.array([4, 9, 11])}, False),
        ({"future_frame": np.array(4)}, False),
        ({"future_true": None}, False),
        ({"future_predicted": None}, False),
        ({"future_predicted": np.array(["a"])}, False),
        ({name: np.zeros((2, 3, 4, 4)) for name in ("future_true", "future_predicted")}, False),
        ({name: np.zeros((2, 2, 4)) for name in ("future_true", "future_predicted")}, False),
        ({name: np.zeros((2, 2, 0, 4)) for name in ("future_true", "future_predicted")}, False),
        ({"future_predicted": np.zeros((2, 2, 4, 3))}, False),
        ({"future_predicted": np.full((2, 2, 4, 4), np.inf)}, False),
        ({"future_true": np.full((2, 2, 4, 4), np.nan)}, False),
    ],
)
def test_roll_outs_that_do_not_fit_together_are_none(changed, fits):
    arrays = {name: value for name, value in {**window(2), **changed}.items() if value is not None}
    found = read_rollout(arrays, "future")
    assert (found is not None) == fits
    if found is not None:
        assert found["frame"].tolist() == arrays.get("future_frame", np.array([1, 2])).tolist()
        assert found["true"].dtype == found["predicted"].dtype == np.float32
