"""The layers of a network as a figure and as tables, and what docs/guide/measuring.md says of those of others."""

import json
import math
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from regrep.errors import RegrepError
from regrep_paper.report.layer_profile import COLUMNS, SERIES, layer_figure, layer_table, layer_tables, write_figure

RECORD = json.loads((Path(__file__).parents[3] / "results" / "face-detectors.json").read_text())
LAYER = {
    "layer": "0", "kind": "Conv2d", "note": "", "shape": [2, 3], "change": -0.001,
    "mean": 0.5, "mean_null": -0.001, "mean_invariance": None, "random_elements": 0.25,
}  # fmt: skip


def test_the_table_rounds_and_marks_what_is_no_number():
    table = layer_table([{**LAYER, "note": "stride 2 on size 6 leaves out 1 at the end", "kind": "A|B"}])
    assert table.splitlines()[0] == "| " + " | ".join(COLUMNS) + " |"
    row = "| 0 (A\\|B) | 2 x 3 | – | 0.50 | +0.00 | 0.00 | 0.25 | stride 2 on size 6 leaves out 1 at the end |"
    assert table.splitlines()[2] == row


def test_the_figure_shows_every_series_and_every_note():
    layers = [LAYER, {**LAYER, "layer": "$x$", "note": "pads 1 before and 2 after"}]
    figure = layer_figure(layers, "a $ in a name")
    (axis,) = figure.axes
    assert [text.get_text() for text in figure.texts] == ["a $ in a name"]
    (band,) = axis.patches
    assert (band.get_x(), band.get_width()) == (0.5, 1.0)
    assert axis.texts[0].get_position() == (1, pytest.approx(-1.1))
    assert (axis.get_xlim(), axis.get_ylim()) == ((-0.5, 7.5), (-1.15, 1.1))  # never narrower than for eight layers
    drawn = {line.get_label(): list(line.get_ydata()) for line in axis.lines}
    assert list(drawn) == [label for _, label, _ in SERIES]
    assert drawn["linear R²"] == [0.5, 0.5]
    assert drawn["random element"] == [0.25, 0.25]
    assert drawn["shuffled"] == [-0.001, -0.001]
    assert all(map(math.isnan, drawn["invariance R²"]))
    assert all(list(line.get_xdata()) == [0, 1] for line in axis.lines)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(drawn)
    assert axis.get_legend()._ncols == len(SERIES)
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {90}
    assert [one.get_gridlines()[0].get_visible() for one in (axis.xaxis, axis.yaxis)] == [False, True]
    wide = layer_figure([LAYER] * 12, "wide")
    assert wide.axes[0].get_xlim() == (-0.5, 11.5)
    step = (wide.get_size_inches()[0] - figure.get_size_inches()[0]) / 4
    assert step == pytest.approx(wide.axes[0].get_position().width * wide.get_size_inches()[0] / 12)
    for one in (figure, wide):
        renderer = FigureCanvasAgg(one).get_renderer()
        box = one.axes[0].get_tightbbox(renderer)
        assert box.x0 > 0
        assert 0 <= box.y0 < box.y1 <= one.texts[0].get_window_extent(renderer).y0 + 1
    assert [text.get_text() for text in axis.texts] == ["pads 1 before and 2 after"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0 (Conv2d)", "$x$ (Conv2d)"]


def test_the_axis_holds_what_lies_below_its_usual_end():
    for value, lowest in ((-0.5, -1.15), (-3.0, -3.1)):
        (axis,) = layer_figure([{**LAYER, "mean_invariance": value}], "one").axes
        assert axis.get_ylim()[0] == pytest.approx(lowest)


def test_the_file_is_the_drawing_of_the_layers(tmp_path):
    write_figure(tmp_path / "a.svg", {"layers": [LAYER]}, "one & other")
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert text.startswith("<svg ")
    assert 'aria-label="one &amp; other"' in text
    assert "0 (Conv2d)" in text
    assert layer_table([{**LAYER, "layer": ""}]).splitlines()[2].startswith("| model (Conv2d) |")


def test_a_network_without_layers_has_no_figure(tmp_path):
    with pytest.raises(RegrepError, match="at least one layer"):
        write_figure(tmp_path / "a.svg", {"layers": []}, "none")
    assert not list(tmp_path.iterdir())


def test_tables_of_several_networks():
    text = layer_tables(RECORD)
    assert text.count("\n**") == text.count("\n|---|") == 3
    assert text.startswith(f"`{RECORD['command']}`, {RECORD['samples']} images")


def test_what_the_page_says_of_face_detectors():
    outputs = {"P-Net": "conv4_1", "R-Net": "dense5_1", "O-Net": "dense6_1"}
    for one in RECORD["networks"]:
        layers = {layer["layer"]: layer for layer in one["layers"]}
        first = outputs[one["name"]]
        ends = [layer for name, layer in layers.items() if name[:-1] == first[:-1]]
        trunk = [layer for name, layer in layers.items() if name[:-1] != first[:-1]]
        assert trunk[0]["mean"] > 0.99  # the first convolution loses next to nothing
        assert min(trunk, key=lambda layer: layer["change"])["kind"] == "PReLU"
        assert all(layer["mean"] < 0.9 for layer in ends)
        assert layers[first]["mean_invariance"] == max(layer["mean_invariance"] for layer in layers.values())
        assert layers[first]["mean"] < layers[first]["random_elements"]
        noted = [layer["layer"] for layer in trunk if layer["note"]]
        assert noted == ([] if one["name"] == "P-Net" else ["pool1"])
        assert all(layer["change"] < 0 for layer in trunk if layer["note"])
    assert layers["dense6_3"]["mean_invariance"] == min(layer["mean_invariance"] for layer in layers.values())
    assert layers["dense6_3"]["mean"] > layers["dense6_3"]["random_elements"] + 0.2
