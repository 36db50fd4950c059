"""The report on forecasts: RMSE over the horizon, frames with arrows, the moving picture, Table 6."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from records_fixture import write_run

from regrep.actions import VectorField2d
from regrep.groups import cyclic
from regrep_paper.report import build
from regrep_paper.report.curves import Curve, curves
from regrep_paper.report.forecasts import films_of, forecasts, horizon, read_rollout
from regrep_paper.report.results import results
from regrep_paper.report.runs import read_arrays, read_run, read_runs
from regrep_paper.report.symmetry import example, symmetry
from regrep_paper.report.table import rows_of, select
from regrep_paper.tables import published
from regrep_paper.tables.published import Published

FRAMES = 3
FULL = {"size": 64, "width": 92, "horizon": 20}


def rollout(shift: float = 0.0) -> dict[str, np.ndarray]:
    """A vortex that turns counter-clockwise with the rows along +y, and a forecast off by a constant."""
    y, x = np.mgrid[-8:8, -8:8] + 0.5
    true = np.stack([np.stack([-y, x]) * (1 + 0.1 * t) for t in range(FRAMES)]).astype(np.float16)
    return {f"{test}_{name}": true + shift * (name == "predicted") for test in ("future", "domain") for name in
            ("true", "predicted")}  # fmt: skip


def write_forecast(folder, method="ours", seed=0, future=0.8, arrays=True, **config):
    """A run of SMOKE as training leaves it."""
    config = {"data": None, "classes": None, "latent": None, "group": "C4", "layout": "grid", **FULL, **config}
    write_run(folder, method, seed, experiment="smoke", pictures=False, **config)
    path = folder / "done.json"
    content = json.loads(path.read_text())
    content |= {
        "validation": {"rmse": future - 0.1},
        "test": {"rmse": 0.5, "future": future, "domain": 0.6, "future_short": 0.4, "domain_short": 0.3},
        "horizon": {
            test: {"rmse": [level + 0.05 * t for t in range(FRAMES)]}
            for test, level in (("future", 0.3), ("domain", 0.2))
        },
    }
    path.write_text(json.dumps(content))
    if arrays:
        np.savez(folder / "rollout.npz", **rollout(0.1))
    return folder


@pytest.fixture
def records(tmp_path):
    for method, future in (("cnn-augmented", 0.9), ("ours", 0.8)):
        for seed in range(2):
            write_forecast(tmp_path / "runs" / f"{method}-{seed}", method, seed, future + 0.001 * seed)
    return tmp_path / "runs"


def rows_in(folder):
    return select(rows_of(read_runs(folder)[0]))


def test_table_6_stands_beside_the_full_experiment_alone():
    config = {"experiment": "smoke", "group": "C4", "method": "ours", **FULL}
    assert published(config, "future") == Published(0.78, 0.01, 0.25)
    assert published({**config, "method": "cnn"}, "domain") == Published(0.63, 0.0, 0.25)
    for changed in ({"size": 32}, {"width": 24}, {"horizon": 6}):
        assert published({**config, **changed}, "future") is None


def test_less_error_is_better(records):
    rows = rows_in(records)
    table = results(rows)
    baseline, ours = (dict(zip(table.columns, line, strict=True)) for line in table.lines)
    assert ours["method"].text == "ours"
    assert (ours["Future RMSE"].mark, baseline["Future RMSE"].mark) == ("best", "")
    assert ours["paper, Future RMSE"].text.startswith("0.780")


def test_settings_of_the_task_are_told_apart(tmp_path):
    for size in (32, 64):
        write_forecast(tmp_path / str(size), size=size, arrays=False)
    assert [row.heading for row in rows_in(tmp_path)] == ["SMOKE, C4, 32 x 32", "SMOKE, C4, 64 x 64"]


def test_the_horizon_is_read_frame_by_frame(records, tmp_path):
    run = read_run(records / "ours-0")
    assert horizon(run, "future") == pytest.approx({t + 1: 0.3 + 0.05 * t for t in range(FRAMES)})
    assert horizon(run, "domain")[1] == 0.2
    other = read_run(write_run(tmp_path / "other"))
    assert horizon(other, "future") == {}
    assert curves(rows_in(records), Curve("", "RMSE", read=lambda run: horizon(run, "future"))) is not None
    assert curves(rows_in(records), Curve("", "RMSE", read=lambda run: horizon(run, "elsewhere"))) is None


def test_frames_are_drawn_with_the_first_row_at_the_bottom(records):
    figure = forecasts(rows_in(records))
    assert len(figure.axes) == 5 * FRAMES  # the truth, two forecasts with their errors
    assert all(axis.get_ylim()[0] < axis.get_ylim()[1] for axis in figure.axes)
    arrows = figure.axes[0].collections[0]
    right = (arrows.X > 12) & (np.abs(arrows.Y - 8) < 2)
    assert (arrows.V[right] > 0).all()  # counter-clockwise: upwards on the right
    names = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert names == ["true", "cnn-augmented", "error", "ours", "error"]


def test_the_moving_picture_has_every_frame_and_a_still_one(records):
    from PIL import Image

    films = films_of(rows_in(records))
    assert films == films_of(rows_in(records))
    assert list(films) == ["cnn-augmented", "ours"]
    assert films["ours"] != films["cnn-augmented"]
    moving = films["ours"]
    assert "<script" not in moving
    still, full = (base64.b64decode(text) for text in re.findall(r"base64,([^\"]+)\"", moving))
    assert Image.open(io.BytesIO(full)).n_frames == FRAMES
    assert getattr(Image.open(io.BytesIO(still)), "n_frames", 1) == 1
    assert "prefers-reduced-motion" in moving


def test_broken_rollouts_are_left_out(tmp_path):
    folder = write_forecast(tmp_path / "run", arrays=False)
    path = folder / "rollout.npz"
    rows = rows_in(tmp_path)
    assert forecasts(rows) is None
    assert films_of(rows) == {}
    good = rollout()
    path.write_bytes(b"PK broken")
    assert read_rollout(read_arrays(path), "future") is None
    np.savez(path, **{**good, "future_predicted": good["future_predicted"][:2]})
    assert read_rollout(read_arrays(path), "future") is None
    np.savez(path, **{**good, "future_predicted": good["future_predicted"] * np.float16("nan")})
    assert read_rollout(read_arrays(path), "future") is None
    assert read_rollout(read_arrays(path), "domain") is not None


def tell_symmetry(folder, mean, data=True):
    path = folder / "done.json"
    entry = {"elements": ["e", "r", "r2", "r3"], "mean": mean, "smallest": mean, "largest": mean, "samples": 4}
    content = json.loads(path.read_text()) | {"forecast_equivariance": entry}
    if data:
        content["data_equivariance"] = {**entry, "mean": [0, 1, 2, 1], "smallest": [0, 0.5, 1, 0.5],
                                        "largest": [0, 3, 4, 3]}  # fmt: skip
    path.write_text(json.dumps(content))


def test_the_data_and_the_forecasts_stand_on_one_scale(records):
    assert symmetry(rows_in(records)) is None  # records of an older version
    for seed in range(2):
        tell_symmetry(records / f"ours-{seed}", [0, 0.5, 0.6 + 0.1 * seed, 0.5], data=seed == 1)
    axis, *frames = symmetry(rows_in(records)).axes
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axis.containers}
    assert heights == {"data (simulator)": [0, 1, 2, 1], "ours": pytest.approx([0, 0.5, 0.65, 0.5])}
    ranges = [line.get_ydata().tolist() for line in axis.lines]
    assert ranges == [[0.5, 3], [1, 4], [0.5, 3], [0.6, 0.7]]
    assert axis.get_ylim()[1] > 4
    fields = [(arrows.U, arrows.V) for arrows in (frame.collections[0] for frame in frames)]
    assert [frame.get_title() for frame in frames] == ["a frame", "turned by r", "its vectors not turned"]
    np.testing.assert_array_equal(fields[0], fields[1])  # a vortex about the centre is symmetric
    assert np.abs(np.subtract(fields[0], fields[2])).max() > 1


def test_the_example_is_turned_by_the_action(tmp_path):
    folder = write_forecast(tmp_path / "run", arrays=False)
    true = np.random.default_rng(0).normal(size=(FRAMES, 2, 8, 8)).astype(np.float32)
    np.savez(folder / "rollout.npz", future_true=true, future_predicted=true)
    moved = {
        rows: VectorField2d(cyclic(4), rows=rows)(torch.from_numpy(true[:1]), torch.tensor([1]))[0].numpy()
        for rows in ("up", "down")
    }
    found = example(rows_in(tmp_path))
    np.testing.assert_array_equal(found["turned by r"], moved["up"])
    assert not np.array_equal(found["turned by r"], moved["down"])
    assert not np.array_equal(found["its vectors not turned"], moved["up"])


def test_without_the_data_the_forecasts_stand_alone(records):
    tell_symmetry(records / "ours-0", [0, 0.5, None, 0.5], data=False)
    axis = symmetry(rows_in(records)).axes[0]
    assert [bars.get_label() for bars in axis.containers] == ["ours"]


def test_the_page_shows_all_of_it(records, tmp_path):
    tell_symmetry(records / "ours-0", [0, 0.5, 0.6, 0.5])
    made = build(records, tmp_path / "report")
    page = made.page.read_text()
    for text in (
        "Error over the horizon, Future",
        "Error over the horizon, Domain",
        "Forecasts",
        "image/png;base64",
    ):
        assert text in page
    assert "Table 6 of the paper" in page
    assert "How symmetric are the data, and the forecasts?" in page
    assert {"forecasts.svg", "horizon-domain.pdf"} <= {path.name for path in made.figures}
    assert len(page) < 4_000_000
