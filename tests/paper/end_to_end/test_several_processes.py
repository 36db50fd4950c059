"""`regrep fit` on two processes: one record, the numbers of one process, an exact resumption."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
import torch
from smoke_fixture import SIZE

from regrep_paper.cli import main

COMMON = [
    "--data.classes=2",
    "--data.train_pairs=40",
    "--data.validation_pairs=10",
    "--data.test_pairs=10",
    "--data.group=D1",
    "--trainer.precision=32-true",
    "--trainer.accelerator=cpu",
]
TWO = ["--trainer.devices=2", "--trainer.strategy=ddp"]
WORDS = [*COMMON, "--model.method=ours-whitened", "--trainer.max_epochs=3", "--data.batch_size=11"]


def regrep(*args, program=(sys.executable, "-m", "regrep_paper"), **kwargs):
    return subprocess.Popen(
        [*program, *args],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **kwargs,
    )


def rows_of(out):
    return list(csv.DictReader((out / "metrics.csv").read_text().splitlines()))


def weights(out):
    return torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


def told(process):
    text, _ = process.communicate()
    return process.returncode, text


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Started where a file has the name of a package, by an interpreter that does not look there."""
    folder = tmp_path_factory.mktemp("two")
    (folder / "lightning.py").write_text("raise SystemExit('imported from the current folder')")
    program = [sys.executable, "-P", "-m", "regrep_paper"]
    code, text = told(regrep("fit", "ddmnist", f"--out={folder / 'run'}", *WORDS, *TWO, program=program, cwd=folder))
    assert code == 0, text
    return folder / "run", text


def test_two_processes_leave_one_record(finished):
    out, text = finished
    names = {"run.json", "metrics.csv", "done.json", "examples.npz", "checkpoints", "lock"}
    assert {path.name for path in out.iterdir()} == names
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "epoch 1/3",
        "epoch 2/3",
        "epoch 3/3",
        f"test accuracy {json.loads((out / 'done.json').read_text())['test']['accuracy']:.4f} (validation"
        f" {float(rows_of(out)[-1]['validation/accuracy']):.4f}, epoch 3); record",
    ]
    record = json.loads((out / "run.json").read_text())
    assert record["trainer"] == {"devices": "2", "strategy": "ddp"}
    assert [row["step"] for row in rows_of(out)] == ["14", "28", "42"]  # as many as one process makes


def test_one_process_measures_what_two_did(finished, capsys):
    """Of 40 samples in batches of 11 each counts once."""
    out, _ = finished
    assert main(["test", str(out)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    again = {words[0].removeprefix("test/"): float(words[1]) for words in lines}
    assert again == pytest.approx(json.loads((out / "done.json").read_text())["test"], abs=2e-4)


@pytest.mark.slow
def test_two_processes_that_were_killed_continue_to_the_bit(finished, tmp_path):
    reference, _ = finished
    process = regrep("fit", "ddmnist", f"--out={tmp_path}", *WORDS, *TWO)
    for line in process.stdout:
        if line.startswith("epoch 2/"):  # the checkpoint of an epoch is written after its line
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    code, text = told(regrep("fit", "ddmnist", f"--out={tmp_path}", *WORDS, *TWO))
    assert code == 0, text
    assert "epoch 1/" not in text
    for name, tensor in weights(reference).items():
        assert torch.equal(tensor, weights(tmp_path)[name]), name
    one, other = (json.loads((folder / "done.json").read_text()) for folder in (reference, tmp_path))
    assert (one["test"], one["hits"]) == (other["test"], other["hits"])


@pytest.mark.slow
def test_torchrun_does_the_same(finished, tmp_path):
    reference, _ = finished
    program = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m", "regrep_paper"]
    code, text = told(regrep("fit", "ddmnist", f"--out={tmp_path}", *WORDS, *TWO, program=program))
    assert code == 0, text
    for name, tensor in weights(reference).items():
        assert torch.equal(tensor, weights(tmp_path)[name]), name


@pytest.mark.slow
def test_processes_fail_together_and_one_tells(tmp_path):
    words = [*COMMON, "--model.learning_rate=1e30", "--protocol=published", "--trainer.max_epochs=2", *TWO]
    code, text = told(regrep("fit", "ddmnist", f"--out={tmp_path}", *words))
    assert code == 1
    assert text.count("the loss is not finite") == 1
    assert json.loads((tmp_path / "done.json").read_text())["status"] == "failed"


def test_a_fast_run_tries_everything_out_and_leaves_nothing(tmp_path, capsys):
    assert main(["fit", "ddmnist", f"--out={tmp_path / 'run'}", *COMMON, "--trainer.fast_dev_run=true"]) == 0
    assert capsys.readouterr().out == "training, validation and test have been tried out; nothing was recorded\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_forecasts_on_two_processes_are_those_of_one(smoke_folder, tmp_path):
    """Up to the statistics of batch normalisations, which each process takes of its share."""
    words = [
        f"--data.data_dir={smoke_folder}", f"--data.size={SIZE}", "--data.horizon=7", "--data.batch_size=3",
        "--model.width=4", "--trainer.max_epochs=2", "--trainer.accelerator=cpu", "--trainer.precision=32-true",
    ]  # fmt: skip
    records = []
    for name, more in (("one", []), ("two", TWO)):
        code, text = told(regrep("fit", "smoke", f"--out={tmp_path / name}", *words, *more))
        assert code == 0, text
        records.append(json.loads((tmp_path / name / "done.json").read_text()))
    for part in ("validation", "test"):
        assert records[1][part] == pytest.approx(records[0][part], rel=0.05)
        for name in ("rmse", "future", "domain"):
            if name in records[0][part]:
                assert records[1][part][name] == pytest.approx(records[0][part][name], rel=0.01)
    one, two = (rows_of(tmp_path / name) for name in ("one", "two"))
    assert [row["step"] for row in one] == [row["step"] for row in two]
    for name in ("train/total", "train/task"):
        for a, b in zip(one, two, strict=True):
            assert float(b[name]) == pytest.approx(float(a[name]), rel=0.05), name
