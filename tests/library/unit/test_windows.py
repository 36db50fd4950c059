"""Which layers have windows that do not lie symmetrically, against layers that are run on a mirrored signal."""

import itertools

import pytest
import torch
from torch import nn

from regrep import profile_layers
from regrep.actions import RotateFlip2d
from regrep.diagnostics.windows import lopsided
from regrep.groups import dihedral

X = torch.randn(3, 1, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def commutes(layer, x):
    with torch.no_grad():
        return torch.allclose(layer(x.flip(-1)), layer(x).flip(-1))


def even(layer):
    """A layer whose weights, where it has some, are all the same."""
    for weight in layer.parameters():
        nn.init.ones_(weight)
    return layer.double()


@pytest.mark.parametrize("kind", ["conv", "max", "average", "max up", "average up"])
def test_the_note_is_there_where_a_mirror_does_not_commute(kind):
    seen = set()
    for size, kernel, stride, half in itertools.product((5, 8, 11), (1, 2, 3, 4), (1, 2, 3), (False, True)):
        settings = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2 if half else 0}
        up = {"ceil_mode": True} if kind.endswith("up") else {}
        if kind == "conv":
            layer = even(nn.Conv1d(1, 1, bias=False, **settings))
        else:
            layer = (nn.MaxPool1d if kind.startswith("max") else nn.AvgPool1d)(**settings, **up)
        x = X[..., :size]
        note = lopsided(layer, tuple(x.shape[1:]))
        assert commutes(layer, x) == (note == ""), (settings, size, note)
        seen.add(note == "")
    assert seen == {True, False}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize(
    ("layer", "note"),
    [
        (nn.Conv1d(1, 1, 3, dilation=2, padding="same", bias=False), ""),
        (nn.Conv1d(1, 1, 2, dilation=3, padding="same", bias=False), "pads 1 before and 2 after"),
        (nn.Conv1d(1, 1, 3, padding="valid", bias=False), ""),
        (nn.Conv1d(1, 1, 3, stride=3, padding=1, padding_mode="circular", bias=False), "stride 3 on size 11"),
        (nn.ConstantPad1d((1, 0), 0.0), "pads 1 before and 0 after"),
        (nn.ReflectionPad1d(2), ""),
    ],
)
def test_kinds_of_padding(layer, note):
    layer = even(layer)
    assert lopsided(layer, (1, 11)).startswith(note)
    assert commutes(layer, X) == (note == "")


def test_layers_without_windows_have_no_note():
    class Pool(nn.MaxPool2d):
        """A class of somebody else."""

    assert lopsided(Pool(2), (1, 4, 7)) == "stride 2 on size 7 leaves out 1 at the end"
    for layer in (nn.Linear(4, 4), nn.ReLU(), nn.ConvTranspose1d(1, 1, 4, stride=2), nn.AdaptiveAvgPool1d(3)):
        assert lopsided(layer, (1, 4)) == ""


def test_a_profile_of_layers_tells_of_them():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(2, 2, 1))
    found = profile_layers(model, torch.rand(64, 1, 6, 6), RotateFlip2d(dihedral(1)))
    note = "stride 2 on size 6 reaches 1 beyond the end"
    assert found.notes == {"1": note}
    assert [note in line for line in str(found).splitlines()] == [False, False, True, False]
    assert [layer["note"] for layer in found.as_dict()["layers"]] == ["", note, ""]
    assert found.changes["1"] == pytest.approx(found.layers["1"].mean - found.layers["0"].mean)
    assert found.changes["0"] == pytest.approx(found.layers["0"].mean - 1)
