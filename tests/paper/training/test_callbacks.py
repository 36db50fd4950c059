"""What a training run writes and says after every epoch."""

import csv
import time
from types import SimpleNamespace

import pytest
import torch

from regrep_paper.training.callbacks import COLUMNS, MetricsFile, ProgressLines


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
        file.on_train_start(None, None)
        now[0] += 7
        file.on_train_epoch_end(trainer(), None)
        states.append(file.state_dict())
        spent.append(getattr(file, name))
        now[0] += 1000  # nothing runs
    assert spent == [7, 14, 21]
    if name == "seconds":
        assert [row["seconds"] for row in file.rows] == [7, 14, 21]
