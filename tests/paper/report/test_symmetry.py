"""Bars of how symmetric data and forecasts are, and the frames beside them; which figures a report draws, and how."""

import json

import numpy as np
import pytest
from records_fixture import write_run

from regrep_paper.report import figures
from regrep_paper.report.runs import Run, read_runs
from regrep_paper.report.symmetry import DATA, symmetry
from regrep_paper.report.table import Row, rows_of, select

ELEMENTS = ["e", "r", "r2", "r3"]


def run(folder, seed, forecast=None, data=None, frames=None, elements=ELEMENTS):
    folder.mkdir(parents=True)
    if frames is not None:
        np.savez(folder / "rollout.npz", future_true=frames, future_predicted=frames)
    done = {"status": "finished"}
    if forecast:
        done["forecast_equivariance"] = {"elements": elements, "mean": forecast}
    if data:
        three = zip(("mean", "smallest", "largest"), data, strict=True)
        done["data_equivariance"] = {"elements": elements, **{name: part for name, part in three if part}}
    return Run("r", {"config": {"seed": seed}}, done, {}, 1, folder)


def row(label, *runs, heading="H"):
    return Row({"experiment": "smoke", "method": label}, runs=runs, heading=heading, label=label)


@pytest.fixture
def rows(tmp_path):
    frames = np.random.default_rng(0).normal(size=(2, 2, 6, 6)).astype(np.float32)
    data = [0, 1, 2, 1], [0, 0.5, 1, 0.5], [0, 3, 8, 3]
    return [
        row("none", run(tmp_path / "none", 0)),
        row(
            "cnn",
            run(tmp_path / "a", 0, [0, 1, 2, 3], ([0, 9, 9, 9], None, None)),
            run(tmp_path / "b", 1, [0, 3, 4, 3]),
        ),
        row("ours", run(tmp_path / "c", 0, [0, 0.5, 0.5, 0.5], data, frames)),
        row("small", run(tmp_path / "d", 0, [0, 1], elements=["e", "r"])),
        row("ours", run(tmp_path / "e", 0, [0, 0.1, 0.2, 0.1]), heading="I"),
    ], frames


def test_bars_and_frames_of_each_problem(rows):
    rows, frames = rows
    figure = symmetry(rows)
    width, height = figure.get_size_inches()
    assert [text.get_text() for text in figure.texts] == ["H", "I"]
    first, *beside, second = figure.axes
    bars = {one.get_label(): [bar.get_height() for bar in one] for one in first.containers}
    assert bars == {"data (simulator)": [0, 1, 2, 1], "cnn": [0, 2, 3, 3], "ours": [0, 0.5, 0.5, 0.5]}
    assert [one.get_label() for one in second.containers] == ["ours"]
    assert first.patches[0].get_facecolor() == pytest.approx([int(DATA[k : k + 2], 16) / 255 for k in (1, 3, 5)] + [1])
    spread = sorted(tuple(map(float, line.get_ydata())) for line in first.lines)
    assert spread == [(0.5, 3), (0.5, 3), (1, 3), (1, 8), (2, 4)]
    assert first.get_ylim() == (0, pytest.approx(1.08 * 8))
    assert second.get_ylim() == (0, pytest.approx(1.08 * 0.2))
    corners = [(a.get_position().x0 * width, (1 - a.get_position().y1) * height) for a in figure.axes]
    middle = 0.75 + (2.2 - 1.35) / 2
    expected = [(0.75, 0.75), *((5.75 + 1.55 * k, middle) for k in range(3)), (0.75, 3.6 + 0.75)]
    np.testing.assert_allclose(corners, expected)
    sizes = [(a.get_position().width * width, a.get_position().height * height) for a in figure.axes]
    np.testing.assert_allclose(sizes, [(4.6, 2.2), *[(1.35, 1.35)] * 3, (4.6, 2.2)])
    assert (width, height) == pytest.approx((0.75 + 4.6 + 3 * 1.55 + 0.4, 2 * 3.6))
    fastest = np.hypot(*frames[0]).max()
    np.testing.assert_allclose(beside[0].images[0].get_array(), np.hypot(*frames[0]))
    assert [axis.images[0].get_clim()[1] for axis in beside] == pytest.approx([fastest] * 3)
    # rows count upwards: r moves what lies right of the middle to above it
    np.testing.assert_allclose(beside[1].images[0].get_array()[5], np.hypot(*frames[0])[:, 5][::-1])
    assert symmetry(rows[:1]) is None


def test_every_figure_of_a_report_has_its_scale_and_its_line(tmp_path, monkeypatch):
    """In their order; the error of unrelated latents is 1."""
    for seed, (method, fraction) in enumerate((("ours", 1.0), ("ours", 0.5), ("cnn-augmented", 1.0))):
        folder = write_run(tmp_path / f"{method}{fraction}", method, 0, fraction=fraction, group="D1")
        lines = (folder / "metrics.csv").read_text().splitlines()
        more = ["validation/through_rho,validation/moving_share,train/algebra", *["0.5,0.25,0.001"] * (len(lines) - 1)]
        (folder / "metrics.csv").write_text("\n".join(f"{a},{b}" for a, b in zip(lines, more, strict=True)) + "\n")
        done = json.loads((folder / "done.json").read_text())
        done["horizon"] = {"future": {"rmse": [0.1, 0.2 + seed]}, "domain": {"rmse": [0.3]}}
        done["profile"] = {"irreps": ["A"], "share": [1.0], "mean_error": [0.5], "mean_offset": [0.1]}
        (folder / "done.json").write_text(json.dumps(done))
    monkeypatch.setattr(figures, "drawing", lambda name, heading, caption, figure: (name, figure))
    drawn = dict(figures.draw(select(rows_of(read_runs(tmp_path)[0]))))
    assert list(drawn) == [
        "ranking", "validation-accuracy", "durations", "whitened-error", "through-rho", "moving-share", "profile",
        "latent-scale", "horizon-future", "horizon-domain", "algebra-loss", "error-per-element", "examples",
    ]  # fmt: skip
    scales = {name: figure.axes[0].get_yscale() for name, figure in drawn.items()}
    assert {name for name, scale in scales.items() if scale == "log"} == {"latent-scale", "algebra-loss"}
    error = drawn["whitened-error"].axes[0]
    assert [list(line.get_ydata()) for line in error.lines if len(set(line.get_ydata())) == 1] == [[1, 1]]
    assert error.get_ylabel() == "whitened error"
    for name in ("future", "domain"):
        assert drawn[f"horizon-{name}"].axes[0].get_xlabel() == "forecast frame"
    assert drawn["through-rho"].axes[0].get_xlabel() == "epoch"
    heights = [list(line.get_ydata()) for line in drawn["horizon-future"].axes[0].lines]
    assert all([0.1, pytest.approx(0.2 + seed)] in heights for seed in range(3))
    assert [0.3] in [list(line.get_ydata()) for line in drawn["horizon-domain"].axes[0].lines]
