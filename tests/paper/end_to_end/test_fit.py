"""`regrep fit` as a user runs it: a finished record, an exact resumption, a stop that keeps what is good."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout

import pytest
import torch

from regrep_paper.cli import main
from regrep_paper.experiments import fit as fits

COMMON = [
    "--data.classes=2",
    "--data.train_pairs=12",
    "--data.validation_pairs=10",
    "--data.test_pairs=10",
    "--data.batch_size=16",
    "--data.group=D1",
    "--trainer.precision=32-true",
]


def regrep(*args):
    """A process, for what only one of its own can show: an import of everything costs more than a run."""
    env = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads()), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "regrep_paper", *map(str, args)],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def told(*args):
    """Exit code and output of a command in this process."""
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        code = main([str(arg) for arg in args])
    return code, text.getvalue()


def fit(out, *args):
    return told("fit", "ddmnist", f"--out={out}", *COMMON, *args)


def rows_of(out):
    return list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))


def weights(out, which="last"):
    return torch.load(out / "checkpoints" / f"{which}.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("fit") / "run"
    code, text = fit(out, "--trainer.max_epochs=4", "--model.method=ours-relative")
    assert code == 0, text
    return out, text


def test_leaves_a_complete_record(finished):
    out, text = finished
    names = {"run.json", "metrics.csv", "done.json", "examples.npz", "checkpoints", "lock"}
    assert {path.name for path in out.iterdir()} == names
    assert {path.name for path in (out / "checkpoints").iterdir()} == {
        "best.ckpt",
        "last.ckpt",
        "checksums.json",
    }
    run, done = (json.loads((out / name).read_text()) for name in ("run.json", "done.json"))
    assert run["config"]["method"] == "ours-relative"
    assert run["config"]["weight"] == 0.1
    assert run["data"]["sizes"] == {"train": 48, "validation": 40, "test": 40}
    assert done["status"] == "finished"
    assert 0 <= done["test"]["accuracy"] <= 1
    assert {"accuracy", "accuracy_upright", "loss", "whitened_error", "moving_share", "latent_scale"} <= set(
        done["test"]
    )
    assert len(done["equivariance"]["elements"]) == 4
    rows = rows_of(out)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3"]
    best = max(rows, key=lambda row: float(row["validation/accuracy"]))
    assert done["best_epoch"] == int(best["epoch"])
    assert all(float(row["train/whitened_error"]) >= 0 and float(row["train/moving_share"]) >= 0 for row in rows)
    assert "epoch 4/4" in text  # plain lines where there is no terminal
    assert "test accuracy" in text


def test_a_finished_run_is_not_repeated(finished):
    out, _ = finished
    before = (out / "done.json").stat().st_mtime_ns
    code, text = fit(out, "--trainer.max_epochs=4", "--model.method=ours-relative")
    assert code == 0
    assert "nothing to do" in text
    code, text = fit(out, "--trainer.max_epochs=4", "--model.method=ours")
    assert code == 1
    assert "choose another folder" in text
    assert (out / "done.json").stat().st_mtime_ns == before


def test_the_settings_of_a_record_make_the_same_run(finished, tmp_path):
    out, _ = finished
    code, text = told("fit", "ddmnist", f"--settings={out / 'run.json'}", f"--out={tmp_path / 'again'}")
    assert code == 0, text
    one, other = (json.loads((folder / "run.json").read_text()) for folder in (out, tmp_path / "again"))
    assert (one["config"], one["run_id"], one["trainer"]) == (other["config"], other["run_id"], {})
    one, other = (json.loads((folder / "done.json").read_text()) for folder in (out, tmp_path / "again"))
    assert one["test"] == other["test"]


def test_options_of_the_trainer_are_recorded_and_kept(finished, tmp_path):
    out = tmp_path / "run"
    clipped = ["--trainer.max_epochs=1", "--trainer.gradient_clip_val=0.5", "--trainer.log_every_n_steps=3"]
    assert fit(out, *clipped)[0] == 0
    assert json.loads((out / "run.json").read_text())["trainer"] == {"gradient_clip_val": 0.5}
    code, text = fit(out, "--trainer.max_epochs=1")
    assert code == 1
    assert "gradient_clip_val 0.5 -> None" in text


def test_test_measures_the_best_checkpoint_again(finished):
    out, _ = finished
    words = ["test", "ddmnist", f"--out={out}", *COMMON, "--trainer.max_epochs=4", "--model.method=ours-relative"]
    code, text = told(*words)
    assert code == 0, text
    accuracy = json.loads((out / "done.json").read_text())["test"]["accuracy"]
    assert f"test/accuracy            {accuracy:.4f}" in text


def test_measure_finds_the_error_of_the_record(finished):
    out, _ = finished
    code, text = told("measure", out, "--json")
    assert code == 0, text
    again, before = json.loads(text), json.loads((out / "done.json").read_text())["equivariance"]
    assert again["elements"] == before["elements"]
    assert again["error"] == pytest.approx(before["error"], rel=1e-5)


@pytest.mark.parametrize("moment", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_killed_and_resumed_is_bit_identical(finished, tmp_path, moment):
    """SIGKILL after some epochs, at whatever point of a step it hits; the same weights and rows in the end."""
    reference, _ = finished
    out = tmp_path / "run"
    args = [*COMMON, "--trainer.max_epochs=4", "--model.method=ours-relative"]
    process = regrep("fit", "ddmnist", f"--out={out}", *args)
    for line in process.stdout:
        if line.startswith(f"epoch {moment}/"):
            break
    time.sleep(0.05 * moment)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (out / "done.json").exists()
    resumed = (out / "checkpoints" / "last.ckpt").exists()
    code, text = fit(out, *args[len(COMMON) :])
    assert code == 0, text
    assert resumed != ("epoch 1/" in text)
    assert torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4 * 3
    for which in ("last", "best"):
        for name, tensor in weights(reference, which).items():
            assert torch.equal(tensor, weights(out, which)[name]), name
    kept = ("epoch", "step", "train/total", "validation/accuracy", "validation/whitened_error")
    rows = [[tuple(row[key] for key in kept) for row in rows_of(folder)] for folder in (reference, out)]
    assert rows[0] == rows[1]
    assert (
        json.loads((out / "done.json").read_text())["test"] == json.loads((reference / "done.json").read_text())["test"]
    )


@pytest.mark.parametrize("signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_stops_the_run_with_a_word_and_the_code_of_shells(tmp_path, signum):
    out = tmp_path / "run"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell inherits it ignored
    process = regrep("fit", "ddmnist", f"--out={out}", *COMMON, "--trainer.max_epochs=500")
    signal.signal(signal.SIGINT, before)
    for line in process.stdout:
        if line.startswith("epoch 2/"):  # the checkpoint of the first is written
            break
    process.send_signal(signum)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 128 + signum
    assert "regrep fit: stopped; the same command goes on\n" in text
    assert "Traceback" not in text
    assert not (out / "done.json").exists()
    assert (out / "checkpoints" / "last.ckpt").exists()


def test_a_checkpoint_for_slurm_lies_in_the_folder_of_its_run(tmp_path):
    """In the current folder another run would continue from it."""
    cli = fits._cli("ddmnist", [f"--out={tmp_path / 'run'}", *COMMON])
    assert cli.trainer.default_root_dir == str(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_seed_gives_other_weights(finished, tmp_path):
    """The comparison above can fail."""
    reference, _ = finished
    code, text = fit(tmp_path / "run", "--trainer.max_epochs=1", "--model.method=ours-relative", "--seed_everything=1")
    assert code == 0, text
    name = "network.encoder.1.0.weight"
    assert not torch.equal(weights(reference)[name], weights(tmp_path / "run")[name])


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    out = tmp_path / "run"
    common = ["--model.method=ours", "--trainer.max_epochs=2", "--protocol=published"]
    code, text = fit(out, "--trainer.max_epochs=1", "--model.method=ours", "--protocol=published")
    assert code == 0, text
    good = weights(out)
    (out / "done.json").unlink()
    record = json.loads((out / "run.json").read_text())
    record["config"].update(epochs=2, weight=1e38, learning_rate=1e38)
    (out / "run.json").write_text(json.dumps(record))
    checkpoint = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["optimizer_states"][0]["param_groups"][0]["lr"] = 1e38
    torch.save(checkpoint, out / "checkpoints" / "last.ckpt")
    (out / "checkpoints" / "checksums.json").unlink()  # of the checkpoint as it was
    code, text = fit(out, *common, "--model.weight=1e38", "--model.learning_rate=1e38")
    assert code == 1
    assert "the loss is not finite in epoch 2" in text
    assert "the last good checkpoint is" in text
    assert "Traceback" not in text
    assert json.loads((out / "done.json").read_text())["status"] == "failed"
    assert all(torch.equal(tensor, good[name]) for name, tensor in weights(out).items())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--model.latent=3"], r"latent width must be an integer of at least \|D1xD1\| = 4 .*, got 3"),
        (["--model.weight=-1"], "weight is a finite number of at least 0, got -1"),
        (["--model.method=cnn", "--model.weight=1"], "cnn has no penalty, got weight 1"),
        (["--model.learning_rate=0"], "the learning rate is positive, got 0"),
        (["--data.batch_size=0"], "batch_size is at least 1, got 0"),
        (["--data.as_published=true"], "changes only the noise of C4, got group D1"),
        (["--model.wieght=1"], "did you mean --model.weight"),
        (["--model.method=theirs"], "theirs"),
        (["--data.classes=1"], "classes is the number of digits used, from 2 to 10, got 1"),
    ],
)
def test_wrong_settings_get_one_sentence(tmp_path, capsys, args, message):
    code = main(["fit", "ddmnist", f"--out={tmp_path / 'run'}", *COMMON, *args])
    told = capsys.readouterr().err
    assert code in (1, 2)
    assert re.search(message, told), told
    assert told.count("\n") == 1
    assert not (tmp_path / "run" / "run.json").exists()


def test_little_room_for_invariants_is_noted_in_the_record_alone(tmp_path):
    """Two of the latent's coordinates are invariant under D1 x D1, for four classes."""
    out = tmp_path / "run"
    code, text = fit(out, "--model.latent=8", "--trainer.max_epochs=1", "--quiet", "--json")
    assert code == 0, text
    (note,) = json.loads(text)["notes"]
    assert "2 invariant coordinates" in note
    assert json.loads((out / "done.json").read_text())["notes"] == [note]
