"""`regrep measure` as a user runs it: errors, through rho and profile of a latent, and the layers of a network."""

import json
import sys

import pytest
import torch

import regrep_paper
from regrep_paper.cli import main
from regrep_paper.experiments.fit import fit, trained
from regrep_paper.runs.records import RunFolder

SMALL = [
    "--data.classes=2",
    "--data.train_pairs=40",
    "--data.validation_pairs=20",
    "--data.test_pairs=5",
    "--data.group=D1",
    "--trainer.precision=32-true",
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=1",
]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*num_workers.*", "ignore:.*number of training batches.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("measure") / "one"
    fit("ddmnist", [*SMALL, f"--out={out}"])
    return out


def printed(capsys, *words):
    """What a command that succeeds prints."""
    assert main(["measure", *map(str, words)]) == 0
    return capsys.readouterr().out


def refused(capsys, *words):
    """Exit code and message of a command that does not."""
    try:
        code = main(["measure", *map(str, words)])
    except SystemExit as end:
        code = end.code
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


def test_a_latent_by_element_through_rho_and_by_irreducible(run, capsys):
    text = printed(capsys, run)
    parts = text.split("\n\n")
    assert [part.splitlines()[0].split()[0] for part in parts] == ["element", "accuracy", "by"]
    assert [line.split("  ")[0] for line in parts[1].splitlines()[1:5]] == ["(e, e)", "(e, s)", "(s, e)", "(s, s)"]
    found = json.loads(printed(capsys, run, "--json"))
    done = json.loads((run / "done.json").read_text())
    assert found["whitened_error"] == pytest.approx(done["equivariance"]["whitened_error"], rel=1e-4)
    through, profile = found["through_rho"], found["profile"]
    assert through["own"] == pytest.approx(done["validation"]["accuracy"])
    assert through["values"][0] == through["own"]
    assert through["mean"] == pytest.approx(sum(through["values"][1:]) / 3)
    assert sum(profile["share"]) == pytest.approx(1)
    assert profile["share"][0] == pytest.approx(1 - found["moving_share"], rel=1e-4)


def test_measuring_leaves_the_weights_as_they_are(run):
    cli = trained(RunFolder(run))
    model = cli.model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.measure(cli.datamodule, 16)
    model.latent_record(cli.datamodule, 16)
    model.measure_layers(cli.datamodule, 16)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_layers_as_a_table_as_json_and_as_a_figure(run, capsys, tmp_path):
    text = printed(capsys, run, "--layers", "--figure", tmp_path / "a.svg")
    lines = text.splitlines()
    assert lines[1].startswith("encoder.0 (Upsample)")
    assert lines[-1].startswith("head.2 (Linear)")
    layers = json.loads(printed(capsys, run, "--layers", "--json", "--figure", tmp_path / "b.svg"))["layers"]
    assert len(layers) == len(lines) - 1
    assert layers[0]["mean"] > 0.999
    assert layers[0]["elements"] == ["(e, e)", "(e, s)", "(s, e)", "(s, s)"]
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")


def test_a_run_is_not_tested_with_other_settings(run, capsys, tmp_path):
    """Neither with the defaults of a command line nor with a file of options that breaks off."""
    assert main(["test", "ddmnist", *SMALL, f"--out={run}"]) == 0
    assert "accuracy" in capsys.readouterr().out
    broken = tmp_path / "config.yaml"
    broken.write_text("trainer: {precision: 32-true, accelerator: cpu, max_epochs: 1}\n")
    for words in ([], [f"--config={broken}"], [*SMALL, "--seed_everything=1"]):
        assert main(["test", "ddmnist", *words, f"--out={run}"]) == 1
        captured = capsys.readouterr()
        assert "they differ (" in captured.err
        assert captured.out == ""


def test_options_that_do_not_fit(run, capsys, tmp_path):
    assert refused(capsys, run, "--figure", tmp_path / "a.svg") == (
        2,
        "regrep measure: --figure draws the layers of a network; add --layers, or leave it out\n",
    )
    code, text = refused(capsys, run, "--layers", "--figure", tmp_path / "a.png")
    assert (code, "got a.png; name it a.svg" in text) == (2, True)
    code, text = refused(capsys, run, "--layers", "--figure", tmp_path / "none" / "a.svg")
    assert (code, "make it first" in text) == (2, True)
    code, text = refused(capsys, run, "--layer")
    assert (code, "did you mean --layers?" in text) == (2, True)
    code, text = refused(capsys, run, "--layers", "--samples", 4)
    assert (code, "at least 16 samples, got 4" in text) == (1, True)
    code, text = refused(capsys, run, "--samples", 0)
    assert (code, "at least one sample, got 0" in text) == (1, True)
    code, text = refused(capsys, tmp_path, "--layers")
    assert (code, "holds no trained run" in text) == (1, True)
    assert not list(tmp_path.iterdir())


def test_a_figure_without_matplotlib_is_refused_before_anything_is_measured(capsys, monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "regrep_paper.report"))]:
        monkeypatch.delitem(sys.modules, name)
    if hasattr(regrep_paper, "report"):  # a new import of it must not stay
        monkeypatch.setattr(regrep_paper, "report", regrep_paper.report)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, text = refused(capsys, tmp_path / "none", "--layers", "--figure", tmp_path / "a.svg")
    assert (code, "regrep[report]" in text) == (1, True)
