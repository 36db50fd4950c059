"""Group averages at test time: equivariant whatever the network is, and runs of their own in a report."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from regrep.actions import Rotate3d, RotateFlip2d, VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, octahedral
from regrep.nn.averaged import GroupAveraged
from regrep.objectives import roll_out
from regrep_paper.cli import main
from regrep_paper.data.double_digits import action_of
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.volume_cnn import VolumeCNN
from regrep_paper.report import build
from tolerance import assert_near


def settled(network):
    """In evaluation mode, with statistics of batch normalisation and weights that are no symmetric accident."""
    torch.manual_seed(0)
    for module in network.modules():
        if hasattr(module, "running_mean"):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.Conv3d)):
            module.weight.data *= 3
    return network.eval()


CASES = {
    "DDMNIST C4": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("C4"), None, (1, 56, 56)),
    "DDMNIST D1": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("D1"), None, (1, 56, 56)),
    "DDMNIST D4": (lambda: DoubleDigitCNN(66, 4, width=2), action_of("D4"), None, (1, 56, 56)),
    "MedMNIST3D": (lambda: VolumeCNN(3, 2, 14), Rotate3d(octahedral()), None, (1, 14, 14, 14)),
    "SMOKE": (
        lambda: SmokeCNN(4, 2),
        VectorField2d(cyclic(4), rows="up"),
        VectorField2d(cyclic(4), rows="up"),
        (4, 8, 8),
    ),
}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_the_average_is_equivariant_over_the_whole_group_and_the_network_is_not(case):
    make, act, move, shape = CASES[case]
    network, x = settled(make()), torch.randn(1, *shape)
    every = torch.arange(act.group.order)
    moved = act(x.expand(len(every), *shape), every)
    mean = GroupAveraged(network, act, move, probabilities=move is None).eval()

    def expected(y):
        y = y.expand(len(every), *y.shape[1:])
        return y if move is None else move(y, every)

    assert_near(mean(moved), expected(mean(x)))
    assert float((network(moved) - expected(network(x))).abs().max()) > 1e-2 * float(network(x).abs().max())


@torch.no_grad()
def test_the_mean_is_that_of_all_elements_one_by_one_whatever_the_chunk():
    act = VectorField2d(cyclic(4), rows="up")
    network, x = settled(SmokeCNN(4, 2)).double(), torch.randn(3, 4, 8, 8).double()
    sum_ = 0
    for k in range(4):
        g = torch.full((3,), k)
        sum_ = sum_ + act(network(act(x, g)), act.group.inverse[g])
    for chunk in (1, 5, 256):
        assert_near(GroupAveraged(network, act, act, chunk=chunk)(x), sum_ / 4)
    scores = DoubleDigitCNN(66, 3, width=2).eval().double()
    both, y = action_of("D1"), torch.randn(2, 1, 56, 56).double()
    found = GroupAveraged(scores, both, probabilities=True, chunk=3)(y)
    views = [scores(both(y, torch.full((2,), k))).softmax(dim=1) for k in range(4)]
    assert_near(found.exp(), torch.stack(views).mean(dim=0))
    assert_near(found.softmax(dim=1), found.exp())


def test_probabilities_near_zero_keep_their_logarithm():
    mean = GroupAveraged(lambda x: x.flatten(1)[:, :2] * 1e3, RotateFlip2d(cyclic(2)), probabilities=True)
    found = mean(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]))  # sure of one class, and, turned, of the other
    assert_near(found, torch.tensor([[math.log(0.5), math.log(0.5)]]))
    assert_near(mean(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])), torch.tensor([[-1e3, 0.0]]))


@torch.no_grad()
def test_every_step_of_a_roll_out_is_averaged():
    """A roll-out of averages commutes with the group; turning the roll-out of the network itself does not."""
    act = VectorField2d(cyclic(4), rows="up")
    network, x = settled(SmokeCNN(4, 2)), torch.randn(2, 4, 8, 8)
    g = torch.tensor([1, 3])

    def gap(model):
        frames, turned = roll_out(model, x, 3), roll_out(model, act(x, g), 3)
        return float((turned - torch.stack([act(f, g) for f in frames.unbind(1)], dim=1)).norm() / frames.norm())

    assert gap(GroupAveraged(network, act, act)) < 1e-5
    assert gap(network) > 0.1


def test_gradients_flow_and_the_state_is_that_of_the_network():
    network = DoubleDigitCNN(66, 3, width=2)
    mean = GroupAveraged(network, action_of("D1"), probabilities=True)
    mean(torch.randn(2, 1, 56, 56))[:, 0].sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    assert [key.removeprefix("encoder.network.") for key in mean.state_dict()] == list(network.state_dict())


def test_wrong_settings_are_refused():
    act = RotateFlip2d(cyclic(4))
    with pytest.raises(RegrepError, match="an action of a group on inputs, got None"):
        GroupAveraged(nn.Identity(), None)
    with pytest.raises(RegrepError, match="at least 1 transformed input per forward pass, got 0"):
        GroupAveraged(nn.Identity(), act, chunk=0)
    with pytest.raises(RegrepError, match="C2 acts on the outputs, but C4 on the inputs"):
        GroupAveraged(nn.Identity(), act, RotateFlip2d(cyclic(2)))


def read_record(folder):
    return json.loads((folder / "run.json").read_text()), json.loads((folder / "done.json").read_text())


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*num_workers.*", "ignore:.*number of training batches.*")
@pytest.mark.parametrize(
    ("name", "options", "elements"),
    [
        (
            "ddmnist",
            [*("--data.group=D1", "--data.classes=2", "--data.train_pairs=8", "--data.validation_pairs=6"),
             *("--data.test_pairs=6", "--data.batch_size=16")],
            4,
        ),
        ("medmnist3d", ["--data.per_class=4", "--data.size=14", "--model.width=3", "--data.batch_size=16"], 24),
        (
            "smoke",
            [*("--data.size=8", "--model.width=4", "--data.rollout=2", "--data.horizon=3", "--data.batch_size=2"),
             "--data.data_dir={folder}"],
            4,
        ),
    ],
)  # fmt: skip
def test_a_finished_run_is_averaged_once_and_is_a_row_of_its_own(tmp_path, capsys, name, options, elements):
    numbers = np.random.default_rng(0)
    (tmp_path / "fields").mkdir()
    for k in (27, 6):
        field = numbers.normal(size=(52, 2, 8, 8)).astype(np.float32)
        torch.save(torch.from_numpy(field), tmp_path / "fields" / f"raw_data_{k}_{(k - 1) % 4}.pt")
    run, options = tmp_path / "runs" / "one", [option.format(folder=tmp_path / "fields") for option in options]
    trained = [f"--out={run}", "--trainer.max_epochs=1", "--trainer.precision=32-true", "--trainer.accelerator=cpu"]
    assert main(["fit", name, "--model.method=cnn", *trained, *options]) == 0
    files = ["--data-dir", str(tmp_path / "fields")] if name == "smoke" else []
    assert main(["test", str(run), "--averaged", *files]) == 0
    averaged = run.with_name("one-averaged")
    (before, own), (record, done) = read_record(run), read_record(averaged)
    assert record["config"] == {**before["config"], "averaged": True}
    assert record["run_id"] != before["run_id"] == done["averaged"]["run_id"]
    assert done["averaged"]["elements"] == elements
    assert done["status"] == "finished"
    assert {key: done[key] for key in ("best_epoch", "epochs")} == {"best_epoch": 0, "epochs": 1}
    for split in ("validation", "test"):  # every measure but those of the latent
        latent = ("equivariance", "whitened_error", "moving_share", "latent_scale", "through_rho")
        expected = {key for key in own[split] if not key.startswith(latent)}
        assert set(done[split]) == expected
    assert done["test"] != {key: own["test"][key] for key in done["test"]}
    if name == "smoke":
        errors = [max(record["output_equivariance"]["total"]) for record in (done, own)]
        assert errors[0] < 1e-4 < 1e-2 < errors[1]
        assert len(done["horizon"]["future"]["rmse"]) == 3
    stamp = (averaged / "done.json").stat().st_mtime_ns
    capsys.readouterr()
    assert main(["test", str(run), "--averaged"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (averaged / "done.json").stat().st_mtime_ns == stamp
    text = build(run.parent, tmp_path / "report").text
    assert "\ncnn, averaged " in text
    assert "\ncnn  " in text


def test_runs_without_an_average_are_refused_in_one_sentence(tmp_path, capsys):
    def mistake(*words):
        with_exit = main(["test", *map(str, words)])
        return with_exit, capsys.readouterr().err

    code, text = mistake(tmp_path / "none", "--averaged")
    assert code == 1
    assert text.count("\n") == 1
    assert "an average is made of a finished run" in text
    assert not (tmp_path / "none-averaged").exists()
    run = tmp_path / "run"
    run.mkdir()
    config = {"experiment": "ddmnist", "method": "cnn", "seed": 0}
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": config}))
    assert "an average is made of a finished run" in mistake(run, "--averaged")[1]
    (run / "done.json").write_text(json.dumps({"format": 1, "status": "failed"}))
    assert "an average is made of a finished run" in mistake(run, "--averaged")[1]
    (run / "done.json").write_text(json.dumps({"format": 1, "status": "finished"}))
    assert "holds no trained run" in mistake(run, "--averaged")[1]
    assert not (tmp_path / "run-averaged").exists()
    assert "an average is made of a finished run" in mistake("ddmnist", "--averaged")[1]
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": {**config, "averaged": True}}))
    assert "is the average of another run" in mistake(run)[1]
    (run / "run.json").write_text(json.dumps({"format": 1, "run_id": "a", "config": {**config, "averaged": True}}))
    assert "is an average already" in mistake(run, "--averaged")[1]
    with pytest.raises(SystemExit):
        main(["test", str(run), "--out=elsewhere"])
    assert "--out is the folder of an averaged run" in capsys.readouterr().err


def test_an_average_is_named_in_tables_and_is_not_the_baseline_or_the_paper():
    from regrep_paper.tables import published
    from regrep_paper.tables.methods import method_of

    config = {"experiment": "ddmnist", "data": "mnist", "group": "D4", "method": "cnn-augmented"}
    assert published(config) is not None
    assert published({**config, "averaged": True}) is None
    assert method_of({**config, "network": "scnn", "averaged": True}) == "scnn-augmented, averaged"
