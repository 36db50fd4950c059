"""What a training run writes and says after every epoch."""

import csv
import io
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from regrep.errors import RegrepError
from regrep_paper.runs.records import RunFolder
from regrep_paper.training.callbacks import (
    COLUMNS,
    FiniteLoss,
    FolderStays,
    MetricsFile,
    ProgressLines,
    Recalibration,
    metrics_of_epoch,
)


def trainer(**metrics):
    values = {name.replace("__", "/"): torch.tensor(value) for name, value in metrics.items()}
    return SimpleNamespace(
        current_epoch=0,
        global_step=7,
        max_epochs=3,
        check_val_every_n_epoch=1,
        is_global_zero=True,
        callback_metrics=values,
    )


def test_the_file_starts_with_the_headline_errors(tmp_path):
    assert {
        "train/whitened_error",
        "train/moving_share",
        "validation/whitened_error",
        "validation/moving_share",
    } <= set(COLUMNS)
    assert not any("relative_error" in name for name in COLUMNS)
    file = MetricsFile(tmp_path / "metrics.csv")
    file.on_train_epoch_end(trainer(validation__whitened_error=0.5, validation__zebra=2.0), None)
    row = next(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert list(row) == [*COLUMNS, "validation/zebra"]
    assert (row["validation/whitened_error"], row["validation/moving_share"], row["step"]) == ("0.5", "", "7")


def test_a_line_names_the_whitened_error_and_the_moving_share(capsys):
    found = trainer(
        train__total=1.5, validation__accuracy=0.75, validation__whitened_error=0.5, validation__moving_share=0.9
    )
    ProgressLines().on_train_epoch_end(found, None)
    line = "epoch 1/3: training loss 1.5, validation accuracy 0.75, whitened error 0.5, moving share 0.9"
    assert capsys.readouterr().out == line + "\n"


@pytest.mark.parametrize(("clock", "name"), [("perf_counter", "seconds"), ("process_time", "cpu_seconds")])
def test_time_is_counted_over_all_resumptions(tmp_path, monkeypatch, clock, name):
    """The clock runs from the start of the training, and a checkpoint takes along what was spent before it."""
    now = [100.0]
    monkeypatch.setattr(time, clock, lambda: now[0])
    spent, states = [], []
    for _ in range(3):
        file = MetricsFile(tmp_path / "metrics.csv")
        if states:
            file.load_state_dict(states[-1])
        now[0] += 50  # of reading data, which is no training
        assert file.started is False
        file.on_train_start(None, None)
        assert file.started is True
        now[0] += 7
        file.on_train_epoch_end(trainer(), None)
        states.append(file.state_dict())
        spent.append(getattr(file, name))
        now[0] += 1000  # nothing runs
    assert spent == [7, 14, 21]
    if name == "seconds":
        assert [row["seconds"] for row in file.rows] == [7, 14, 21]


def test_rows_are_kept_from_epoch_to_epoch_and_over_resumptions(tmp_path, monkeypatch):
    """A resumed run goes on from the checkpoint; further columns are sorted, and every row has all of them."""
    path, found = tmp_path / "metrics.csv", trainer(train__total=1.0, validation__zebra=2.0, train__apple=3.0)
    first = MetricsFile(path)
    monkeypatch.setattr(time, "process_time", lambda: 8.0)
    monkeypatch.setattr(time, "perf_counter", lambda: first._start + 1.23456)
    first.on_train_epoch_end(found, None)
    assert first.rows[0]["seconds"] == 1.235
    monkeypatch.setattr(time, "perf_counter", lambda: 8.0)
    state = first.state_dict()
    found.current_epoch = 1
    first.on_train_epoch_end(found, None)  # lost: the process is killed before the checkpoint of this epoch
    second = MetricsFile(path)
    second.load_state_dict({"rows": state["rows"][:1], "seconds": 5.0})  # of an older version, without processor time
    found.callback_metrics = {"train/total": torch.tensor(0.25)}
    second.on_train_epoch_end(found, None)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert list(rows[0]) == [*COLUMNS, "train/apple", "validation/zebra"]
    assert [(row["epoch"], row["train/total"], row["train/apple"]) for row in rows] == [
        ("0", "1.0", "3.0"), ("1", "0.25", ""),
    ]  # fmt: skip
    assert [row["epoch"] for row in state["rows"]] == [0, 1]  # the list of the run that was killed is its own
    assert state["threads"] == torch.get_num_threads()
    assert (second.seconds, second.cpu_seconds) == (5.0, 0.0)
    assert b"\r" not in path.read_bytes()
    found.is_global_zero = False
    path.unlink()
    second.on_train_epoch_end(found, None)
    assert len(second.rows) == 3
    assert not path.exists()


def test_values_of_an_earlier_epoch_are_not_told_again():
    found = trainer(train__total=1.0, validation__accuracy=0.5, learning_rate=2.0)
    for every, epoch, evaluated in (
        (1, 0, True), (3, 0, False), (3, 1, False), (3, 2, True), (3, 3, False), (None, 4, True),
    ):  # fmt: skip
        found.check_val_every_n_epoch, found.current_epoch = every, epoch
        names = ["train/total", *(["validation/accuracy"] if evaluated else []), "learning_rate"]
        assert list(metrics_of_epoch(found)) == names


class Stream(io.StringIO):
    """Notes what was there at each flush."""

    def __init__(self):
        super().__init__()
        self.flushed = ""

    def flush(self):
        self.flushed = self.getvalue()


def test_a_line_is_seen_at_once_and_told_by_the_first_process_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream := Stream())
    found = trainer(validation__rmse=0.123456, validation__through_rho=0.5, validation__latent_scale=3.0, train__x=1.0)
    found.current_epoch = 1
    ProgressLines().on_train_epoch_end(found, None)
    assert stream.flushed == "epoch 2/3: validation RMSE 0.1235, through rho 0.5, latent scale 3\n"
    found.is_global_zero = False
    ProgressLines().on_train_epoch_end(found, None)
    assert stream.getvalue() == stream.flushed


def test_a_folder_that_went_away_is_noticed_before_anything_is_written(tmp_path):
    run = RunFolder(tmp_path / "run")
    with run.lock():
        FolderStays(run).on_train_epoch_end(None, None)
        run.path.rename(tmp_path / "elsewhere")
        with pytest.raises(RegrepError, match="was removed or replaced"):
            FolderStays(run).on_train_epoch_end(None, None)


class OnDevice:
    """A flag that says where it is: waiting for a GPU is what its look at the value stands for."""

    def __init__(self, finite, device, looks):
        self.finite, self.device, self.looks = finite, torch.device(device), looks

    def __and__(self, other):
        return OnDevice(self.finite and other.finite, self.device, self.looks)

    def __bool__(self):
        self.looks.append(self.finite)
        return self.finite


@pytest.mark.parametrize(("device", "looked"), [("cpu", list(range(45))), ("cuda", [0, 20, 40])])
def test_a_gpu_is_waited_for_every_twentieth_step_and_at_the_end(tmp_path, monkeypatch, device, looked):
    looks, seen = [], []
    monkeypatch.setattr(
        torch, "isfinite", lambda loss: SimpleNamespace(all=lambda: OnDevice(bool(loss < 100), device, looks))
    )
    found = trainer()
    found.strategy = SimpleNamespace(reduce_boolean_decision=lambda finite: finite)
    guard = FiniteLoss(tmp_path / "last.ckpt")
    guard.on_train_epoch_end(found, None)  # of an epoch without steps
    assert looks == []
    for index in range(45):
        before = len(looks)
        guard.on_train_batch_end(found, None, {"loss": torch.tensor(1.0)}, None, index)
        seen += [index] if len(looks) > before else []
    assert seen == looked
    guard.on_train_epoch_end(found, None)
    assert len(looks) == len(looked) + 1
    if device == "cuda":  # one loss between two looks is enough
        for index, loss in ((1, 1000.0), (2, 1.0)):
            guard.on_train_batch_end(found, None, {"loss": torch.tensor(loss)}, None, index)
        with pytest.raises(RegrepError):
            guard.on_train_epoch_end(found, None)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_told_with_its_step(tmp_path, there, value):
    checkpoint = tmp_path / "last.ckpt"
    if there:
        checkpoint.touch()
    found, answers = trainer(), []
    found.strategy = SimpleNamespace(reduce_boolean_decision=lambda finite: answers.append(finite) or finite)
    guard = FiniteLoss(checkpoint)
    guard.on_train_batch_end(found, None, {"loss": torch.tensor(1.0, requires_grad=True)}, None, 1)
    with pytest.raises(RegrepError) as error:
        guard.on_train_batch_end(found, None, {"loss": torch.tensor(value)}, None, 2)
    assert answers == [True, False]
    kept = f"the last good checkpoint is {checkpoint}" if there else "no epoch was completed"
    told = f"the loss is not finite in epoch 1, step 7; {kept}; lower the learning rate or the penalty weight"
    assert str(error.value) == told


def test_processes_stop_together(tmp_path):
    """Another one's loss is not finite."""
    found = trainer()
    found.strategy = SimpleNamespace(reduce_boolean_decision=lambda finite: False)
    with pytest.raises(RegrepError, match="the loss is not finite"):
        FiniteLoss(tmp_path / "a").on_train_batch_end(found, None, {"loss": torch.tensor(1.0)}, None, 0)


@pytest.mark.parametrize(
    ("every", "epoch", "most", "checking", "expected"),
    [
        (True, 0, 3, False, True), (True, 0, 3, True, False), (False, 0, 3, False, False), (False, 1, 3, False, False),
        (False, 2, 3, False, True), (False, 3, 3, False, True), (False, 0, None, False, False),
        (True, 0, None, False, True), (False, 2, 3, True, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("batches", [2, None])
def test_statistics_are_estimated_from_the_first_training_batches(every, epoch, most, checking, expected, batches):
    """Plain means over the batches, which the loader gives as they are in training; 32 of them if not told."""
    parts = [torch.randn(5, 3, generator=torch.Generator().manual_seed(k)) + k for k in range(40)]
    network, places = nn.Sequential(nn.BatchNorm1d(3)), []

    @contextmanager
    def precise():
        places.append("in")
        yield
        places.append("out")

    data = SimpleNamespace(
        calibration_dataloader=lambda: parts,
        transfer_batch_to_device=lambda part, device, index: places.append((device, index)) or part,
        moved=lambda part, index: SimpleNamespace(x=(2 + index) * part),
    )
    found = SimpleNamespace(
        current_epoch=epoch, max_epochs=most, sanity_checking=checking, datamodule=data,
        precision_plugin=SimpleNamespace(forward_context=precise),
    )  # fmt: skip
    callback = Recalibration(every) if batches is None else Recalibration(every, batches)
    here, count, before = torch.device("cpu"), batches or 32, network[0].running_mean.clone()
    callback.on_validation_start(found, SimpleNamespace(device=here, network=network))
    if not expected:
        assert torch.equal(network[0].running_mean, before)
        assert places == []
        return
    torch.testing.assert_close(network[0].running_mean, torch.stack([2 * p.mean(0) for p in parts[:count]]).mean(0))
    assert places == ["in", *[(here, 0)] * count, "out"]
