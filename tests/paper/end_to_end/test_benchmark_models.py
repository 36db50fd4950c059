"""The benchmark of networks on tiny ones: which costs it tells, and that a report reads them."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.report.costs import cost_of, read_costs
from regrep_paper.tables import entries
from regrep_paper.tables.methods import METHODS
from regrep_paper.training.module import EncoderHead

METHOD_NAMES = {name + end for name in METHODS for end in ("", ", averaged")}


@pytest.fixture
def models(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "benchmarks"))
    module = importlib.import_module("models")
    yield module
    for name in ("models", "interleaved"):
        sys.modules.pop(name, None)


class Regularized(DoubleDigitCNN):
    def regularizer(self):
        return sum(p.square().sum() for p in self.parameters())


def test_methods_and_networks_are_measured(models):
    table = models.table_of("ddmnist", "D1", "small", batch=2)
    networks = {"cnn": DoubleDigitCNN(66, 16), "other": Regularized(66, 16)}
    costs, times = models.measured(table, networks, rounds=1)
    assert set(costs) == METHOD_NAMES | {"other"}
    assert costs["cnn-augmented"]["step"] == costs["ours"]["inference"] == 1
    assert costs["ours"]["memory_mib"] > costs["cnn"]["memory_mib"]  # the second view is kept too
    assert {cost["parameters"] for cost in costs.values()} == {28_114}
    assert all(len(seconds) == 1 for seconds in times.values())


def test_forecasts_are_measured(models):
    table = models.Table("smoke", models.action(), (20, 8, 8), {"width": 4, "size": 8}, batch=1, frames=2)
    costs, _ = models.measured(table, {"cnn": SmokeCNN(4, 10, 8)}, rounds=1)
    assert set(costs) == METHOD_NAMES


def test_memory_counts_activations_once_and_parameters_fourfold(models, monkeypatch):
    class Line(EncoderHead):
        def __init__(self):
            super().__init__()
            self.encoder, self.head = nn.Linear(3, 5, bias=False), nn.Identity()

    monkeypatch.setattr(models, "default_precision", lambda: "32-true")
    net, x = Line(), torch.randn(2, 3)
    monkeypatch.setattr(models, "loss_of", lambda net, objective, x, y: net(x).sum())
    assert models.memory(net, None, x, None) == 4 * (2 * 3) + 4 * 4 * (3 * 5)


@pytest.mark.parametrize("name", ["ddmnist", "medmnist3d", "smoke"])
@pytest.mark.parametrize("size", ["small", "full"])
def test_tables_take_what_their_networks_take(models, name, size):
    entry = entries(name)[0]
    table = models.table_of(name, "D1", size, batch=1)
    net = models.networks_of([entry], table.options)["cnn"]
    with torch.no_grad():
        out = net.eval()(table.data()[0])
    assert out.shape[1:] == ((table.classes,) if table.classes else (2, *table.shape[1:]))
    assert table.objective(net, "ours").weight == 1


def test_a_table_has_no_other_options(models):
    with pytest.raises(TypeError):
        models.networks_of(entries("smoke")[:1], {"classes": 3, "latent": 66})


def test_a_network_without_its_library_is_left_out(models, monkeypatch, capsys):
    monkeypatch.setattr("regrep_paper.tables.network.find_spec", lambda name: None)
    listed = [entry for entry in entries("ddmnist") if entry.network in ("cnn", "scnn")]
    assert set(models.networks_of(listed, {"classes": 4})) == {"cnn"}
    assert 'scnn is left out: it needs pip install "regrep[baselines]"' in capsys.readouterr().out


def test_a_report_reads_what_is_written(models, monkeypatch, tmp_path):
    monkeypatch.setattr("interleaved.RESULTS", tmp_path / "records")
    monkeypatch.setattr(models, "tune_allocator", lambda: False)
    models.main("ddmnist", ["cnn"], ["D1"], "small", rounds=1, batch=2, out=tmp_path)
    costs, unreadable = read_costs(tmp_path)
    assert unreadable == {}
    assert {cost.name for cost in costs} == {f"{name} D1" for name in METHOD_NAMES}
    config = {"experiment": "ddmnist", "group": "D1", "method": "cnn-augmented"}
    assert cost_of(config, 28_114, costs).step == 1
    assert cost_of({**config, "group": "D4"}, 28_114, costs) is None
    (record,) = (tmp_path / "records").iterdir()
    assert set(json.loads(record.read_text())["models"]) == {cost.name for cost in costs}
