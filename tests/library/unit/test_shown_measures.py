"""What measures print, show in notebooks and write in records, from made-up numbers that are all told apart."""

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch import nn

import regrep
from regrep.diagnostics import (
    EquivarianceError,
    LayerProfile,
    LinearEquivariance,
    Multiplicity,
    NullControl,
    Profile,
    RepresentationAnalysis,
    ThroughRho,
)
from regrep.diagnostics.elements import measured_elements, standard_error
from regrep.diagnostics.reading import beyond_identity, check_samples, depends_on_mode, element, plain
from regrep.diagnostics.spectra import GeneratorSpectrum, Projector

NAN = math.nan


def of(*values):
    return torch.tensor(values, dtype=torch.float64)


def cells(value):
    """Caption, rows, and the text below, of what a notebook shows."""
    tree = ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")
    rows = [[cell.text or "" for cell in row] for row in tree.iter("tr")]
    return next(tree.iter("caption")).text, rows, [line.text for line in tree.iter("p")]


def lines(text):
    return [line.rstrip() for line in text.split("\n")]


def linear(**changes):
    settings = {
        "elements": ("e", "r", "a long name"), "r2": of(1.0, 0.5, 0.7), "null": of(0.01, 0.02, 0.04),
        "invariance": of(1.0, -0.5, -0.1), "random_elements": 0.123456, "multiplicities": {"A": 1.004, "E": NAN},
        "shape": (4, 3, 2), "dim": 24, "kept": 0.98765, "samples": 77, **changes,
    }  # fmt: skip
    return LinearEquivariance(**settings)


def test_linear_equivariance():
    found = linear()
    assert (found.mean, found.mean_null, found.mean_invariance) == pytest.approx((0.6, 0.03, -0.3))
    assert lines(str(found)) == [
        "element      linear R2  shuffled  invariance R2",
        "e               1.0000    0.0100         1.0000",
        "r               0.5000    0.0200        -0.5000",
        "a long name     0.7000    0.0400        -0.1000",
        "mean but e      0.6000    0.0300        -0.3000",
        "random          0.1235  (an element at random for every sample)",
        "multiplicities in tr W: A 1.00, E nan",
        "24 coordinates of 4 x 3 x 2 with 98.8% of the variance, tested on 77 samples",
    ]
    record = found.as_dict()
    means = {name: pytest.approx(value) for name, value in (("mean", 0.6), ("mean_null", 0.03))}
    assert record == {
        "elements": ["e", "r", "a long name"], "r2": [1.0, 0.5, 0.7], "null": [0.01, 0.02, 0.04],
        "invariance": [1.0, -0.5, -0.1], "random_elements": 0.123456, **means, "mean_invariance": pytest.approx(-0.3),
        "kept": 0.98765, "multiplicities": {"A": 1.004, "E": None}, "shape": [4, 3, 2], "dim": 24, "samples": 77,
    }  # fmt: skip


def test_layers():
    parts = {
        "": linear(shape=(5,)),
        "block.conv": linear(r2=of(1, 0.9, 0.9), null=of(0, 0.1, 0.2), invariance=of(1, 0.3, 0.5), random_elements=0.7),
        "last": linear(r2=of(1, 0.9, 0.9), shape=(7,)),
    }
    found = LayerProfile(
        parts, {"": "Net", "block.conv": "Conv2d", "last": "Linear"}, ("a", "b"), {"block.conv": "pads 1 before"}
    )
    assert found.changes == pytest.approx({"": -0.4, "block.conv": 0.3, "last": 0.0})
    assert lines(str(found)) == [
        "layer                shape      invariance  linear R2   change  shuffled  random element",
        "model (Net)          5             -0.3000     0.6000  -0.4000    0.0300          0.1235",
        "block.conv (Conv2d)  4 x 3 x 2      0.4000     0.9000  +0.3000    0.1500          0.7000  pads 1 before",
        "last (Linear)        7             -0.3000     0.9000  +0.0000    0.0300          0.1235",
        "skipped: a, b",
    ]
    assert lines(str(LayerProfile({"last": linear(r2=of(1, 1 - 1e-6, 1))}, {"last": "L"}, (), {})))[1:] == [
        "last (L)  4 x 3 x 2     -0.3000     1.0000  +0.0000    0.0300          0.1235"
    ]
    caption, rows, notes = cells(found)
    assert (caption, notes) == ("layers", ["skipped: a, b"])
    assert rows == [
        ["layer", "kind", "shape", "invariance", "linear R²", "change", "shuffled", "random element", "windows"],
        ["model", "Net", "5", "-0.3000", "0.6000", "-0.4000", "0.0300", "0.1235", ""],
        ["block.conv", "Conv2d", "4 x 3 x 2", "0.4000", "0.9000", "0.3000", "0.1500", "0.7000", "pads 1 before"],
        ["last", "Linear", "7", "-0.3000", "0.9000", "0.0000", "0.0300", "0.1235", ""],
    ]
    assert cells(LayerProfile(parts, found.kinds, (), {}))[2] == []
    record = found.as_dict()
    assert record["skipped"] == ["a", "b"]
    names = ("layer", "kind", "change", "note")
    assert [[layer[name] for name in names] for layer in record["layers"]] == [
        ["", "Net", pytest.approx(-0.4), ""],
        ["block.conv", "Conv2d", pytest.approx(0.3), "pads 1 before"],
        ["last", "Linear", pytest.approx(0), ""],
    ]
    assert record["layers"][2]["shape"] == [7]


def error(**changes):
    settings = {
        "elements": ("e", "r", "s"), "whitened_error": of(0.0, 0.1, 0.3), "error": of(0.01, 0.6, 0.2),
        "offset": of(0.02, 0.8, 0.4), "moving_error": of(0.03, 0.5, 0.7), "moving_share": 0.87654,
        "uncentred": of(0.04, 0.05, 0.15), "absolute": of(1, 2, 3), "scale": 12.3456, "spread": 0.0123, **changes,
    }  # fmt: skip
    return EquivarianceError(**settings)


def test_equivariance_errors():
    found = error(round_trip=of(0.0, 0.0123, 0.001))
    assert lines(str(found)) == [
        "element     whitened error           error          offset    moving error",
        "e                   0.0000          0.0100          0.0200          0.0300",
        "r                   0.1000          0.6000          0.8000          0.5000",
        "s                   0.3000          0.2000          0.4000          0.7000",
        "mean but e          0.2000          0.4000          0.6000          0.6000",
        "interpolation: transforming x by an element and back changes it by up to 0.0123",
        "moving share 0.877: the fraction of the variance on which the group acts",
        "latent scale 1.235e+01, spread over samples 1.230e-02",
    ]
    caption, rows, notes = cells(found)
    assert caption == "equivariance error"
    assert rows[0] == ["element", "whitened error", "error", "offset", "moving error"]
    assert rows[1:] == [line.split("  ")[:1] + line.split()[-4:] for line in lines(str(found))[1:5]]
    assert notes == lines(str(found))[5:]
    output = error(is_output=True)
    assert lines(str(output))[0].split()[-3:] == ["total", "moving", "error"]
    assert lines(str(output))[2].split() == ["r", "0.1000", "0.6000", "0.8000", "1.0000", "0.5000"]
    still = error(moving_share=0.0)
    assert "the latent is invariant: trivially equivariant, with no moving part to measure" in lines(str(still))
    assert (still.invariant, found.invariant) == (True, False)
    assert [error(spread=spread, scale=1.0).collapsed for spread in (0.99e-5, 1e-5, 1.01e-5, NAN)] == [
        True, True, False, True,
    ]  # fmt: skip


def test_random_elements_have_standard_errors():
    found = error(elements=("e", "random 1", "random 2"), drawn_from=720)
    # Two values that differ by 2d: their mean has the standard error d.
    assert found.standard_error() == pytest.approx(0.1)
    assert found.standard_error("offset") == pytest.approx(0.2)
    assert error().standard_error() == 0.0
    assert lines(str(found))[5] == (
        "2 random elements of 720; standard errors: whitened error 1.0e-01, error 2.0e-01, offset 2.0e-01, moving error"
        " 1.0e-01"
    )
    names = ("whitened_error", "error", "offset", "moving_error", "total", "uncentred", "absolute")
    assert list(found.as_dict()["standard_errors"]) == list(names)
    assert found.as_dict()["standard_errors"]["absolute"] == pytest.approx(0.5)
    record = error().as_dict()
    assert "standard_errors" not in record
    means = ("mean_whitened_error", "mean_error", "mean_offset", "mean_moving_error", "mean_total")
    assert set(record) == {
        "elements", *names, *means, "moving_share", "scale", "spread", "collapsed", "round_trip",
    }  # fmt: skip
    assert record["mean_total"] == pytest.approx((1.0 + math.hypot(0.2, 0.4)) / 2)
    assert (record["round_trip"], record["collapsed"]) == (None, False)


def test_profiles():
    found = Profile(
        ("A1", "E"), (1, 2), ("e", "r", "s"), of(0.25, 0.75), of([0, 0.1, 0.3], [0, NAN, 1.0]), of([9, 1, 2], [8, 3, 4])
    )
    assert found.mean_offset.tolist() == [1.5, 3.5]
    assert found.mean_error.tolist()[0] == pytest.approx(0.2)
    assert lines(str(found)) == [
        "irrep  dim   share   error  offset",
        "A1       1  0.2500  0.2000  1.5000",
        "E        2  0.7500     nan  3.5000",
    ]
    assert cells(found) == (
        "profile",
        [
            ["irrep", "dim", "share", "error", "offset"],
            ["A1", "1", "0.2500", "0.2000", "1.5000"],
            ["E", "2", "0.7500", "nan", "3.5000"],
        ],
        [],
    )
    assert found.as_dict() == {
        "irreps": ["A1", "E"], "dims": [1, 2], "elements": ["e", "r", "s"], "share": [0.25, 0.75],
        "error": [[0, 0.1, 0.3], [0, None, 1.0]], "offset": [[9, 1, 2], [8, 3, 4]],
        "mean_error": [pytest.approx(0.2), None], "mean_offset": [1.5, 3.5],
    }  # fmt: skip


def test_metrics_through_rho():
    found = ThroughRho(("e", "r", "s"), of(0.9, 0.5, 0.6), 0.95)
    assert lines(str(found)) == [
        "e               0.9000",
        "r               0.5000",
        "s               0.6000",
        "mean but e      0.5500",
        "head(E(x))      0.9500",
    ]
    caption, rows, _ = cells(found)
    assert (caption, rows[0]) == ("through rho", ["element", "metric"])
    assert rows[1:] == [line.split() if " but " not in line else ["mean but e", "0.5500"] for line in lines(str(found))]
    assert found.as_dict() == {
        "elements": ["e", "r", "s"], "values": [0.9, 0.5, 0.6], "mean": pytest.approx(0.55), "own": 0.95,
    }  # fmt: skip
    assert ThroughRho(("e",), of(NAN), NAN).as_dict() == {
        "elements": ["e"], "values": [None], "mean": None, "own": None,
    }  # fmt: skip


def analysis(**changes):
    settings = {
        "group": regrep.groups.cyclic(4), "dim": 4, "gauge_condition": 1.23456, "defect": 0.0123,
        "held_out_defect": 0.0456, "relators": {"r^4": 0.00789}, "faithfulness": 0.54321, "kernel": (),
        "multiplicities": {"A": Multiplicity(1.01, 0.02), "B": Multiplicity(0.99, 0.0), "E": Multiplicity(1.0, 0.1)},
        "expected": {"A": 1.0, "B": 1.0, "E": 1.0},
        "projectors": {"A": Projector(1, 0.9, 0.01), "B": Projector(1, 0.8, 0.02), "E": Projector(2, 0.7, 0.03)},
        "generators": {"r": GeneratorSpectrum(4, (1 + 0j, 1j, -1 + 0j, -1j), (1, 1, 1, 1), 0.0321)},
        "moved": 0.0234, "converged": True, "nearest": {"A": 1, "B": 1, "E": 1}, **changes,
    }  # fmt: skip
    return RepresentationAnalysis(**settings)


def test_analyses():
    found = analysis()
    assert lines(str(found)) == [
        "4 x 4 matrices of C4: representation (defect 0.012), faithful, regular to within rounding",
        "defect of the generators 1.23e-02, of the other elements 4.56e-02; gauge condition 1.23",
        "nearest exact representation at distance 2.34e-02",
        "faithfulness 0.543",
        "relator r^4: 7.89e-03",
        "eigenvalues of r: rms distance 3.21e-02 from the roots of unity, counts (1, 1, 1, 1)",
        "irrep  multiplicity  expected  confidence  nearest  rank   gap  residual",
        "A       1.010±0.020     1.000        24.5        1     1  0.90  1.00e-02",
        "B       0.990±0.000     1.000       999.0        1     1  0.80  2.00e-02",
        "E       1.000±0.100     1.000         5.0        1     2  0.70  3.00e-02",
    ]
    other = lines(str(analysis(held_out_defect=None, converged=False, nearest=None)))
    assert other[1] == "defect of the generators 1.23e-02; gauge condition 1.23"
    assert other[2] == "nearest exact representation not found, search ended at distance 2.34e-02"
    assert other[7] == "A       1.010±0.020     1.000        24.5        -     1  0.90  1.00e-02"
    record = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert record["generators"]["r"] == {
        "order": 4, "eigenvalues": [[1, 0], [0, 1], [-1, 0], [0, -1]], "roots": [1, 1, 1, 1], "root_distance": 0.0321,
    }  # fmt: skip
    assert record["multiplicities"]["A"] == {
        "value": 1.01, "standard_error": 0.02, "confidence": pytest.approx(24.5), "expected": 1.0,
    }  # fmt: skip
    assert record["multiplicities"]["B"]["confidence"] is None  # infinite
    assert record["projectors"]["E"] == {"rank": 2, "gap": 0.7, "residual": 0.03}
    assert (record["group"], record["verdict"], record["distance_from_regular"]) == (
        "C4", found.verdict(), pytest.approx(0.01),
    )  # fmt: skip
    plainly = ("dim", "gauge_condition", "defect", "held_out_defect", "relators", "faithfulness", "moved", "nearest")
    assert all(record[name] == getattr(found, name) for name in plainly)
    flags = ("rounds_to_regular", "confident", "converged")
    assert [record[name] for name in flags] == [True, True, True]
    assert record["kernel"] == []


def test_null_controls():
    found = NullControl(draws=7, regular=0.714, confident=0.25, defect=0.987, moved=0.123)
    assert str(found) == "7 draws: 71% round to regular, 25% confident, mean defect 0.99, mean distance 0.12"


def test_elements_that_are_measured():
    group, large = regrep.groups.cyclic(5), regrep.groups.symmetric(10)
    names, found = measured_elements(group, 3, torch.Generator().manual_seed(1))
    assert (names, found.shape, int(found[0])) == (("e", "random 1", "random 2", "random 3"), (4,), 0)
    again = measured_elements(group, 3, torch.Generator().manual_seed(1))[1]
    assert torch.equal(again, found)
    many = measured_elements(group, 100, torch.Generator().manual_seed(2))[1]
    assert set(many.tolist()) == set(range(5))
    names, found = measured_elements(large, generator=torch.Generator().manual_seed(1))
    assert (len(names), found.shape) == (33, (33, 10))
    assert found[0].tolist() == list(range(10))
    for wrong in (1, 10**6 + 1, 2.0):
        with pytest.raises(regrep.RegrepError, match="random elements to measure is an integer from 2 to 1000000, got"):
            measured_elements(group, wrong)
    assert standard_error(of(9.0, 1.0, 2.0, 6.0)) == pytest.approx(math.sqrt(7.0 / 3))
    assert math.isnan(standard_error(of(9.0, 1.0)))


def test_means_leave_the_identity_out_unless_it_is_alone():
    assert beyond_identity(of(9.0, 1.0, 3.0)) == 2.0
    assert beyond_identity(of(9.0, 1.0)) == 1.0
    assert beyond_identity(of(9.0)) == 9.0
    assert beyond_identity(of([9.0, 1.0], [9.0, 3.0])) == 2.0


def test_elements_are_repeated_for_every_sample_and_numbers_are_plain():
    x = {"a": torch.zeros(3, 2), "b": torch.zeros(3)}
    assert element(2, x).tolist() == [2, 2, 2]
    assert element(torch.tensor([1, 0]), x).tolist() == [[1, 0]] * 3
    assert plain(of([1.0, NAN], [2.0, 3.0])) == [[1.0, None], [2.0, 3.0]]
    assert plain([1, "a", NAN, math.inf, None, True]) == [1, "a", None, math.inf, None, True]


@pytest.mark.parametrize(
    ("module", "depends"),
    [
        (nn.Dropout(0.5), True),
        (nn.Dropout2d(0.0), False),
        (nn.AlphaDropout(0.1), True),
        (nn.BatchNorm1d(2), True),
        (nn.BatchNorm2d(2, track_running_stats=False), True),
        (nn.InstanceNorm1d(2), False),
        (nn.InstanceNorm2d(2, track_running_stats=True), True),
        (nn.LSTM(2, 2), False),
        (nn.GRU(2, 2, num_layers=2, dropout=0.1), True),
        (nn.MultiheadAttention(4, 2), False),
        (nn.MultiheadAttention(4, 2, dropout=0.1), True),
        (nn.Linear(2, 2), False),
        (nn.LayerNorm(2), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_modules_that_compute_something_else_in_training(module, depends):
    assert depends_on_mode(module) is depends


def test_samples_and_actions_that_are_measured():
    group = regrep.groups.cyclic(4)
    act, rho, x = regrep.actions.RotateFlip2d(group), regrep.regular(group), torch.zeros(5, 3, 3)
    assert check_samples(x, 1, act, rho) == check_samples({"a": x, "b": x}, 256, act) == 5
    other = regrep.regular(regrep.groups.cyclic(3))
    for given, said in (
        ((x[:0], 1, act), "an equivariance error needs at least one sample, got none"),
        ((x, 0, act), "batch_size is an integer of at least 1, got 0"),
        (("x", 1, act), "x is a tensor, got 'x'; convert it with torch.as_tensor"),
        ((torch.tensor(1.0), 1, act), "x has at least 1 dimensions, got shape []; put the batch first"),
        ((x, 1, "turn"), "act is an action of a group on the data, got 'turn'; see regrep.actions"),
        ((x, 1, group), "act is an action of a group on the data, got "),
        ((x, 1, act, 3), "rho is a module or a function, got 3"),
        (
            (x, 1, act, other),
            "the latent carries a representation of C3, but C4 acts on the data; use one group for both",
        ),
    ):
        with pytest.raises(regrep.RegrepError) as error:
            check_samples(*given)
        assert str(error.value).startswith(said)
