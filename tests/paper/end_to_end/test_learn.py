"""`regrep learn`: from the command to records that tell what was learned."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from regrep import LearnedRepresentation
from regrep.actions import Permute, RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.cli import main
from regrep_paper.experiments.fit import fit, measure
from regrep_paper.experiments.learning import MNIST, TMNIST
from regrep_paper.experiments.own import learn
from regrep_paper.report import build
from regrep_paper.tables import config_command

SMALL = ("--trainer.max_epochs=2", "--data.train_samples=128", "--data.validation_samples=32", "--data.test_samples=32")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("learn") / "tmnist"
    fit("tmnist", [f"--out={out}", *SMALL])
    return out


def test_record(run):
    done = json.loads((run / "done.json").read_text())
    assert done["status"] == "finished"
    assert set(done["representation"]["multiplicities"]) == {"A", "B"}
    assert sum(value["value"] for value in done["representation"]["multiplicities"].values()) == pytest.approx(42)
    assert done["representation"]["verdict"]
    assert set(done["controls"]) == {
        "shuffled labels",
        "random orthogonal matrices",
        "same initialisation",
        "untrained start",
    }
    record = json.loads((run / "run.json").read_text())
    assert record["config"]["latent"] == 42  # Table 7
    assert record["config"]["output_weight"] == 0.025
    assert {"font_a", "font_b"} <= set(record["data"]["files"])


def test_trajectories_and_pictures(run):
    with np.load(run / "eigenvalues.npz", allow_pickle=False) as found:
        assert found["eigenvalues"].shape == (3, 1, 42)  # the start and two epochs
        assert found["orders"].tolist() == [2]
        assert not np.allclose(found["eigenvalues"][0], found["eigenvalues"][2])
    with np.load(run / "matrices.npz", allow_pickle=False) as found:
        learned = torch.from_numpy(found["matrices"])
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]["learned.matrices"]
    assert torch.equal(learned, best)
    with np.load(run / "examples.npz", allow_pickle=False) as found:
        assert found["x"].shape == found["gx"].shape == found["decoded"].shape == (6, 28, 28)


def test_measure_analyses_the_matrices(run, capsys):
    assert main(["measure", str(run), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    before = json.loads((run / "done.json").read_text())["representation"]
    assert again["multiplicities"]["A"]["value"] == pytest.approx(before["multiplicities"]["A"]["value"])


def test_layers_need_an_action_on_the_inputs(run, capsys):
    """Pairs of two fonts are no inputs and their moved ones by any map."""
    assert main(["measure", str(run), "--layers"]) == 1
    assert "no action moves those of this run" in capsys.readouterr().err


@pytest.mark.usefixtures("svg_alone")
def test_report_of_the_record(run):
    done = json.loads((run / "done.json").read_text())
    made = build(run.parent)
    page = made.page.read_text()
    assert done["representation"]["verdict"] in page
    assert {path.stem for path in made.figures} >= {"eigenvalues-tmnist-c2", "reconstructions-tmnist-c2"}
    for name, control in done["controls"].items():
        line = f'<th scope="row">{name}</th><td>{control["draws"]}</td><td>{control["regular"]:.0%}</td>'
        assert line in page


def test_resumed_run_keeps_its_trajectory(run, tmp_path):
    """Interrupted after one epoch and continued: the same eigenvalues as in one go."""
    out = tmp_path / "tmnist"

    def stop(module):
        after(module)
        if len(module.trajectory) == 3:
            raise RuntimeError("power cut")

    after = TMNIST.on_train_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TMNIST, "on_train_epoch_end", stop)
        with pytest.raises(RuntimeError, match="power cut"):
            fit("tmnist", [f"--out={out}", *SMALL])
    assert not (out / "done.json").exists()
    fit("tmnist", [f"--out={out}", *SMALL])
    with np.load(run / "eigenvalues.npz") as whole, np.load(out / "eigenvalues.npz") as continued:
        assert np.array_equal(whole["eigenvalues"], continued["eigenvalues"])


def test_a_singular_matrix_is_reported_with_its_step(tmp_path, monkeypatch):
    draw = TMNIST.on_fit_start

    def collapse(module):
        draw(module)
        with torch.no_grad():
            module.learned.matrices.zero_()

    monkeypatch.setattr(TMNIST, "on_fit_start", collapse)
    with pytest.raises(RegrepError, match="epoch 1, step 0: the matrix of r has become singular"):
        fit("tmnist", [f"--out={tmp_path}", *SMALL])
    assert json.loads((tmp_path / "done.json").read_text())["status"] == "failed"


def test_settings_of_table_7():
    module = MNIST()
    assert (module.config()["latent"], module.config()["algebra_weight"], module.config()["latent_weight"]) == (
        30,
        0.5,
        0.005,
    )
    assert module.learned.weights == (0.5, 0.5, 0.1)  # lambda_alg times these: 0.25, 0.25, 0.05
    assert not any(p.requires_grad for p in MNIST(frozen_encoder=True).network.encoder.parameters())
    start = MNIST(init="A1=30").learned
    assert start.multiplicities()["A1"] == pytest.approx(30, abs=1e-4)


def test_commands_of_cells(tmp_path):
    config = {"experiment": "mnist", "init": "identity", "frozen_encoder": True, "seed": 1}
    assert config_command(config, tmp_path, tmp_path)[2:] == [
        f"--out={tmp_path}",
        f"--data.data_dir={tmp_path}",
        "--model.init=identity",
        "--model.frozen_encoder=true",
        "--seed_everything=1",
    ]
    with pytest.raises(RegrepError, match="tmnist reads no data folder"):
        config_command({"experiment": "tmnist"}, tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["learn", "mnits"], "did you mean mnist"),
        (["learn", "mnist", "--runs", "0"], "--runs is from 1 to 1000"),
        (["learn", "mnist", "--font-a", "a.ttf"], "only tmnist uses fonts"),
    ],
)
def test_wrong_words(words, told, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--model.latent=0"], "dimension at least 1"),
        (["--model.init=orthogonl"], "init is one of"),
        (["--model.algebra_weight=-1"], "at least 0"),
        (["--model.latent=many"], "--model.latent takes an integer or null, got many"),
        (["--trainer.max_epochs=0"], "at least 1 epoch, got 0"),
        (["--trainer.max_epochs=-1"], "at least 1 epoch, got -1"),
        (["--trainer.accelerator=abacus"], "the trainer cannot be built: .*abacus"),
        (["--patience=-1"], "patience counts epochs, got -1"),
        (["--seed_everything=-1"], "a seed is an integer from 0"),
        (["word"], "unexpected argument word"),
        (["--data.font_a=/nowhere/a.ttf"], "a.ttf"),
    ],
)
def test_wrong_settings(args, told, tmp_path):
    with pytest.raises(RegrepError, match=told):
        fit("tmnist", [f"--out={tmp_path / 'run'}", *SMALL, *args])
    assert not list(tmp_path.iterdir())


def test_learning_refuses_wrong_settings_before_it_starts(tmp_path, capsys):
    assert main(["learn", "mnist", f"--out={tmp_path / 'a'}", "--set", "data=digits", "--set", "init=A9=30"]) == 1
    assert capsys.readouterr().err.startswith("regrep learn: a mixture counts irreducibles of D3")
    assert not list(tmp_path.iterdir())


def test_a_users_own_model(tmp_path, capsys):
    def learned(**settings):
        torch.manual_seed(0)
        group = cyclic(4)
        x, y = torch.rand(40, 1, 8, 8), torch.arange(40) % 3
        return learn(
            nn.Sequential(nn.Flatten(), nn.Linear(64, 8)),
            nn.Linear(8, 3),
            dict.fromkeys(("train", "validation", "test"), (x, y)),
            RotateFlip2d(group),
            LearnedRepresentation(group, dim=8),
            tmp_path / "own",
            epochs=2,
            **settings,
        )

    record = learned()
    assert record["status"] == "finished"
    assert sum(
        value["value"] * size
        for value, size in zip(record["representation"]["multiplicities"].values(), (1, 1, 2), strict=True)
    ) == pytest.approx(8)
    assert 0 <= record["test"]["accuracy"] <= 1
    build(tmp_path, tmp_path / "report")
    assert "Own model, C4" in (tmp_path / "report" / "report.html").read_text()
    capsys.readouterr()
    assert learned() == json.loads((tmp_path / "own" / "done.json").read_text())
    assert "nothing to do" in capsys.readouterr().out
    with pytest.raises(RegrepError, match="learning_rate 0.003 -> 0.1.*; choose another folder"):
        learned(learning_rate=0.1)
    with pytest.raises(RegrepError, match="a run of your own model"):
        measure(tmp_path / "own")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": (torch.rand(0, 4), None)}, "got none for test"),
        ({"test": (torch.rand(4, 4), torch.zeros(4))}, "either all splits have labels or none"),
        (dict.fromkeys(("train", "validation", "test"), (torch.rand(4, 4), torch.zeros(3))), "4 inputs and 3 labels"),
        (dict.fromkeys(("train", "validation", "test"), (torch.rand(4, 4), torch.zeros(4))), "int64 .*got float32"),
    ],
)
def test_own_data_that_do_not_fit(tmp_path, change, message):
    data = {**dict.fromkeys(("train", "validation", "test"), (torch.rand(4, 4), None)), **change}
    swap = Permute(cyclic(2), torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]))
    with pytest.raises(RegrepError, match=message):
        learn(nn.Identity(), nn.Identity(), data, swap, LearnedRepresentation(cyclic(2), 4), tmp_path)
    with pytest.raises(RegrepError, match="one group, got C2 and C4"):
        learn(nn.Identity(), nn.Identity(), data, swap, LearnedRepresentation(cyclic(4), 4), tmp_path)
    with pytest.raises(RegrepError, match="at least 1 epoch, got 0"):
        learn(nn.Identity(), nn.Identity(), data, swap, LearnedRepresentation(cyclic(2), 4), tmp_path, epochs=0)
    assert not list(tmp_path.iterdir())
