"""Eigenvalues over training: where each panel, line, dot and number stands, and how the picture moves."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex

from regrep_paper.report.runs import Run
from regrep_paper.report.table import Row
from regrep_paper.report.trajectories import (
    COLOURS,
    FRAMES,
    _frames,
    animation,
    read_trajectories,
    trajectories,
)

EPOCH = np.arange(3)
R = np.array([[0.5, 0.5j, -0.5, 1.5], [0.8, 0.9j, -0.9, 1.2], [1.0, 1.0j, -1.1, 1.1]], dtype=np.complex64)
S = np.array([[0.5, -0.5, 0.25, -0.25], [0.7, -0.7, 0.5, -0.5], [1.0, -1.0, 0.9, -0.9]], dtype=np.complex64)
"""Eigenvalues of r, of order 4, and of s, of order 2; two of r end at 1, one at i, one at −1."""


def run_in(folder, seed, **done):
    folder.mkdir()
    np.savez(
        folder / "eigenvalues.npz", epoch=EPOCH, generators=np.array(["r", "s"]), orders=np.array([4, 2]),
        eigenvalues=np.stack([R, S], axis=1),
    )  # fmt: skip
    return Run(f"run{seed}", {"config": {"seed": seed}}, {"status": "finished", **done}, {}, 3, folder)


def rows_of(tmp_path, count, **done):
    runs = tuple(run_in(tmp_path / str(seed), seed, **done) for seed in range(count))
    return [
        Row({"experiment": "mnist", "method": "learned", "init": "uniform"}, runs=runs, heading="H", label="learned")
    ]


def inches(figure):
    width, height = figure.get_size_inches()
    boxes = [axis.get_position() for axis in figure.axes]
    return [
        tuple(round(float(v), 2) for v in (b.x0 * width, (1 - b.y1) * height, b.width * width, b.height * height))
        for b in boxes
    ]


def test_the_first_run_is_large_and_the_others_stand_beside_it_two_by_two(tmp_path):
    figure = trajectories(rows_of(tmp_path, 4))
    assert [text.get_text() for text in figure.texts] == [
        "Eigenvalues of ρ(r), order 4",
        "Eigenvalues of ρ(s), order 2",
    ]
    first, second = inches(figure)[:4], inches(figure)[4:]
    assert first == [
        (0.0, 0.42, 3.6, 3.6), (4.0, 0.42, 1.7, 1.7), (4.0, 2.32, 1.7, 1.7), (5.9, 0.42, 1.7, 1.7),
    ]  # fmt: skip
    assert second == [(left, round(top + 4.02, 2), *size) for left, top, *size in first]
    assert figure.get_size_inches().tolist() == pytest.approx([7.8, 2 * 4.02])
    names = [f"uniform, seed {k}" for k in range(4)]
    assert [axis.get_title() for axis in figure.axes] == names * 2
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    boxes += [axis.get_window_extent(renderer) for axis in figure.axes]
    assert not any(box.overlaps(other) for k, box in enumerate(boxes) for other in boxes[:k])
    assert trajectories([]) is None


def test_a_panel_shows_ways_starts_ends_roots_and_their_numbers(tmp_path):
    large, small, *_ = trajectories(rows_of(tmp_path, 2)).axes
    for axis in (large, small):
        ways, start, end = axis.collections
        np.testing.assert_allclose([way[:, 0] + 1j * way[:, 1] for way in ways.get_segments()], R.T)
        colours = [COLOURS[k] for k in (0, 1, 2, 0)]
        assert [to_hex(colour) for colour in ways.get_colors()[:, :3]] == colours
        np.testing.assert_allclose(start.get_offsets() @ [1, 1j], R[0])
        np.testing.assert_allclose(end.get_offsets() @ [1, 1j], R[-1])
        assert [to_hex(colour) for colour in end.get_facecolors()] == colours
        circle, crosses = axis.lines
        np.testing.assert_allclose(np.hypot(*circle.get_data()), 1.0)
        assert np.ptp(np.unwrap(np.arctan2(circle.get_ydata(), circle.get_xdata()))) == pytest.approx(2 * np.pi)
        np.testing.assert_allclose(crosses.get_xdata(), [1, 0, -1, 0], atol=1e-12)
        np.testing.assert_allclose(crosses.get_ydata(), [0, 1, 0, -1], atol=1e-12)
        assert (axis.get_xlim(), axis.get_ylim()) == ((-1.6, 1.6), (-1.6, 1.6))
        assert axis.get_xticks().size == axis.get_yticks().size == 0
        assert axis.get_aspect() == 1.0
        assert [text.get_ha() for text in axis.texts] == ["left", "center", "right", "center"]
        np.testing.assert_allclose(
            [text.get_position() for text in axis.texts], [(1.15, 0), (0, 1.2), (-1.15, 0), (0, -1.2)], atol=1e-12
        )
        assert [text.get_color() for text in axis.texts] == list(COLOURS[:4])
    assert [text.get_text() for text in large.texts] == ["1: 2", "i: 1", "−1: 1", "−i: 0"]
    assert [text.get_text() for text in small.texts] == ["2", "1", "1", "0"]
    for part in (0, 1, 2):
        sizes = [
            np.max(getattr(axis.collections[part], "get_sizes", axis.collections[part].get_linewidths)())
            for axis in (large, small)
        ]
        assert sizes[0] > sizes[1]
    assert large.lines[1].get_markersize() > small.lines[1].get_markersize()


def test_more_roots_than_colours_begin_anew():
    arrays = {"epoch": np.arange(2), "generators": np.array(["r"]), "orders": np.array([10])}
    values = np.exp(2j * np.pi * np.arange(10) / 10)
    (one,) = read_trajectories({**arrays, "eigenvalues": np.stack([values, values])[:, None]})
    assert one.nearest.tolist() == list(range(10))
    np.testing.assert_allclose(one.roots, values)


def test_epochs_after_the_best_one_are_left_out(tmp_path):
    (axis, *_) = trajectories(rows_of(tmp_path, 1, best_epoch=0)).axes
    np.testing.assert_allclose(axis.collections[2].get_offsets() @ [1, 1j], R[1])  # epoch 0 is the start


@pytest.mark.parametrize("epochs", [1, 2, 5, 36, 37, 100, 1000])
def test_epochs_are_drawn_from_the_first_to_the_last_and_denser_at_the_start(epochs):
    found = _frames(epochs)
    assert (found[0], found[-1]) == (0, epochs - 1)
    assert len(found) <= min(epochs, FRAMES)
    assert set((found + 1).tolist()) == {round(epochs ** (k / (FRAMES - 1))) for k in range(FRAMES)}
    steps = np.diff(np.log(found + 1))
    assert (np.diff(found) > 0).all()
    if epochs == 1000:
        assert steps[15:].max() < 1.5 * steps[15:].min()  # equal ratios, up to rounding
        assert len(found) > 25


def test_the_moving_picture_holds_every_place_and_time(tmp_path):
    root = ElementTree.fromstring(animation(rows_of(tmp_path, 2)))
    assert root.get("viewBox") == "0 0 6.4 3.45"
    assert root.get("aria-label") == "Eigenvalues over training, uniform, seed 0"
    assert root.get("style").startswith("width:52rem;")
    space = "{http://www.w3.org/2000/svg}"
    panels = root.findall(f"{space}svg")
    assert [panel.get("x") for panel in panels] == ["0", "3.2"]
    for panel, values, roots in zip(panels, (R, S), ([1, 1j, -1, -1j], [1, -1]), strict=True):
        assert panel.get("viewBox") == "-1.6 -1.85 3.2 3.45"
        assert (panel.get("width"), panel.get("height")) == ("3.2", "3.45")
        texts = panel.findall(f"{space}text")
        assert texts[0].text == f"ρ({'r' if values is R else 's'}), epochs 0 to 2"
        assert float(texts[0].get("y")) == -1.7
        assert [text.text for text in texts[1:]] == (["1", "i", "−1", "−i"] if values is R else ["1", "−1"])
        for text, place, colour in zip(texts[1:], roots, COLOURS, strict=False):
            assert (float(text.get("x")), float(text.get("y"))) == pytest.approx(
                (1.25 * place.real, -1.25 * place.imag + 0.045), abs=1e-3
            )
            assert text.get("fill") == colour
        for cross, place in zip(panel.findall(f"{space}path"), roots, strict=True):
            x, y = place.real, -place.imag
            numbers = [
                float(word)
                for word in cross.get("d").replace("M", " ").replace("h.14", " ").replace("v.14", " ").split()
            ]
            assert numbers == pytest.approx([x - 0.07, y, x, y - 0.07], abs=1e-3)
        still, moving = panel.findall(f"{space}g")
        assert (still.get("class"), moving.get("class")) == ("still", "moving")
        ways = [
            np.array([tuple(map(float, spot.split(","))) for spot in one.get("points").split()])
            for one in still
            if one.get("points")
        ]
        np.testing.assert_allclose([way[:, 0] - 1j * way[:, 1] for way in ways], values.T, atol=6e-4)
        dots = [complex(float(one.get("cx")), -float(one.get("cy"))) for one in still if one.get("cx")]
        np.testing.assert_allclose(dots[::2], values[0], atol=6e-4)
        np.testing.assert_allclose(dots[1::2], values[-1], atol=6e-4)
        for dot, track in zip(moving, values.T, strict=True):
            assert complex(float(dot.get("cx")), -float(dot.get("cy"))) == pytest.approx(complex(track[0]), abs=1e-3)
            across, up = dot
            assert [across.get("attributeName"), up.get("attributeName")] == ["cx", "cy"]
            assert across.get("keyTimes") == up.get("keyTimes") == "0;0.4;0.8;1"
            assert across.get("dur") == "8s"
            spots = [
                float(x) - 1j * float(y)
                for x, y in zip(across.get("values").split(";"), up.get("values").split(";"), strict=True)
            ]
            np.testing.assert_allclose(spots, [*track, track[-1]], atol=6e-4)
        colours = [one.get("stroke") for one in still if one.get("points")]
        assert colours == [dot.get("fill") for dot in moving]
        assert colours == [COLOURS[k] for k in ((0, 1, 2, 0) if values is R else (0, 1, 0, 1))]
