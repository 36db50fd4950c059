"""The list of networks beside the paper's numbers: joined right, and honest about what is missing."""

import pytest

from regrep_paper.report.models import models, models_text
from regrep_paper.tables import entries, network
from regrep_paper.tables.index import TABLES


def lines_of(**facts):
    return [one for one in models() if all(one[key] == value for key, value in facts.items())]


def test_every_entry_has_a_line():
    assert {(e.experiment, e.network, e.group) for name in TABLES for e in entries(name)} == {
        (one["experiment"], one["model"], one["group"]) for one in models()
    }


@pytest.mark.parametrize("name", TABLES)
def test_every_row_of_the_paper_is_shown(name):
    assert {one["paper_row"] for one in lines_of(experiment=name)} - {None} == set(TABLES[name].models)


def test_numbers_of_the_paper():
    (scnn,) = lines_of(model="scnn", group="D4")
    assert (scnn["table"], scnn["latent"], scnn["symmetry"]) == ("Table 4", "48", "invariant")
    assert (scnn["paper_accuracy"], scnn["paper_accuracy_deviation"]) == (0.431, 0.010)
    (rpp,) = lines_of(model="rpp-o3")
    assert [rpp[f"paper_{name}"] for name in ("nodule", "synapse", "organ")] == [0.810, 0.722, 0.940]
    (lift,) = lines_of(model="lift")
    assert (lift["latent"], lift["paper_future"], lift["paper_domain"]) == ("368x64x64", 0.82, 0.73)
    assert (lift["parameters"], lift["paper_million_parameters"]) == (8_227_652, 3.32)


def test_the_plain_network_has_a_line_per_method_of_the_paper():
    assert [one["paper_row"] for one in lines_of(model="cnn", group="C4", experiment="ddmnist")] == ["CNN", "Ours"]
    assert [one["paper_row"] for one in lines_of(model="cnn", experiment="smoke")] == ["CNN", "CNN augmented", "Ours"]


def test_a_network_that_the_paper_lacks():
    (line,) = lines_of(model="projection", experiment="smoke")
    assert [line[key] for key in ("paper_row", "paper_million_parameters", "paper_future")] == [None] * 3


def test_parameters_as_published():
    (line,) = lines_of(model="pscnn", group="D4")
    assert (line["parameters"], line["parameters_as_published"]) == (1_040_332, 1_226_092)
    text = " ".join(models_text(200).split())
    assert "1,040,332 PSCNN 1.23 0.842 (.011) before training invariant until its likelihood learns" in text
    assert "1,226,092 parameters as published" in text
    assert "145,636 parameters" not in text


@pytest.mark.parametrize("found", [None, object()])
def test_what_is_missing_is_told(monkeypatch, found):
    monkeypatch.setattr(network, "find_spec", lambda name: found)
    missing = {one["model"]: one["missing"] for one in models() if one["experiment"] == "ddmnist"}
    assert (missing["cnn"], missing["scnn"]) == (None, None if found else "[baselines]")
    assert ("[baselines]" in models_text()) == (found is None)


def test_records_are_flat():
    assert all(value is None or isinstance(value, (str, int, float)) for one in models() for value in one.values())


def test_networks_fit_a_terminal_of_80_columns():
    assert max(map(len, models_text(80).splitlines())) <= 80
    assert len(models_text(200).splitlines()) < len(models_text(80).splitlines())
