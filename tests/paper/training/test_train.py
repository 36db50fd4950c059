"""How a run is set up and ends, with a stand-in for Lightning's trainer."""

import json
import logging
import os
import signal
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelSummary, RichProgressBar
from torch import nn

from regrep import CapacityWarning
from regrep.errors import RegrepError
from regrep_paper.runs.records import RunFolder
from regrep_paper.runs.stopping import Stopped
from regrep_paper.tables.protocol import PROTOCOLS
from regrep_paper.training import run
from regrep_paper.training.callbacks import FiniteLoss, FolderStays, MetricsFile, ProgressLines, Recalibration
from regrep_paper.training.checkpoints import Checkpoint, CheckpointFiles
from regrep_paper.training.run import TRAINER, check_run, keep_threads, noted, train, try_out

CONFIG = {"experiment": "trial", "seed": 3}


class Standin:
    """A trainer that notes what it is asked for, and ends as it is told to."""

    def __init__(self, end=None, owner=True):
        self.end, self.is_global_zero = end, owner
        self.log_every_n_steps, self.check_val_every_n_epoch, self.current_epoch = 5, 2, 4
        self.callbacks, self.precision, self.received_sigterm = [], "64-true", False
        self.strategy = SimpleNamespace(root_device=torch.device("cpu"))
        self.asked = []

    def fit(self, model, datamodule, **options):
        self.asked.append(("fit", model, datamodule, options))
        if self.end is not None:
            self.end(self)

    def test(self, model, datamodule, **options):
        self.asked.append(("test", model, datamodule, options))
        return [{"test/rmse": 0.25}, {"test/upright": 0.5}]


class Model(nn.Linear):
    def __init__(self, monitor=("validation/rmse", "min")):
        super().__init__(2, 3)
        self.monitor = monitor


def data():
    return SimpleNamespace(setup=lambda: None, record=lambda: {"name": "digits"})


@pytest.fixture
def evaluated(monkeypatch):
    record = {"status": "finished", "best_epoch": 1, "test": {"rmse": 0.25}, "validation": {"rmse": 0.5}}
    monkeypatch.setattr(run, "_evaluate", lambda *given: dict(record))
    return record


def trained(folder, trainer, model=None, protocol="decaying", **options):
    one = RunFolder(folder / "run")
    with one.lock():
        words = (one, trainer, model or Model(), data(), CONFIG, ["regrep", "fit"])
        return train(*words, protocol=PROTOCOLS[protocol], **options)


@pytest.mark.parametrize("patience", [None, 7])
@pytest.mark.parametrize("protocol", ["decaying", "published"])
@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("monitor", [("validation/rmse", "min"), ("validation/accuracy", "max")])
def test_callbacks_of_a_run(tmp_path, monkeypatch, evaluated, capsys, patience, protocol, terminal, monitor):
    for part in ("validation", "test"):
        evaluated[part]["accuracy"] = evaluated[part]["rmse"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    trainer, model, mine = Standin(), Model(monitor), Callback()
    trainer.callbacks.append(mine)
    trained(tmp_path, trainer, model, protocol, patience=patience)
    *others, best, last = trainer.callbacks  # checkpoints hold the state of all others
    kinds = [Callback, FolderStays, MetricsFile, FiniteLoss]
    kinds += [Recalibration] * (protocol == "decaying") + [EarlyStopping] * (patience is not None)
    assert [type(one) for one in others] == [*kinds, RichProgressBar if terminal else ProgressLines]
    assert others[1].folder.path == tmp_path / "run"
    assert others[2].path == tmp_path / "run" / "metrics.csv"
    assert others[3].checkpoint == tmp_path / "run" / "checkpoints" / "last.ckpt"
    for one in others:
        if isinstance(one, Recalibration):  # statistics count wherever an epoch is chosen
            assert (one.every, one.batches) == (patience is not None, 32)
        if isinstance(one, EarlyStopping):
            assert (one.monitor, one.mode, one.patience) == (*monitor, 7)
    assert {type(one) for one in (best, last)} == {Checkpoint}
    assert (best.filename, last.filename) == ("best", "last")
    assert best.monitor == (monitor[0] if protocol == "published" else None)
    assert last.monitor is None
    assert best.state_key != last.state_key
    if best.monitor:
        assert best.mode == monitor[1]
    for one in (best, last):
        assert one.dirpath == str(tmp_path / "run" / "checkpoints")
        assert (one._every_n_epochs, one._enable_version_counter, one._save_on_train_epoch_end) == (2, False, True)
    assert isinstance(trainer.strategy.checkpoint_io, CheckpointFiles)
    assert (model.schedule, model.log_steps) == (PROTOCOLS[protocol].schedule, 5)
    ((_, fitted, given, options),) = trainer.asked
    assert (fitted, given.whole_batches) == (model, protocol == "decaying")
    assert options == {"ckpt_path": None, "weights_only": True}
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert {key: record[key] for key in ("config", "command", "seed", "data", "parameters", "device", "precision")} == {
        "config": CONFIG, "command": ["regrep", "fit"], "seed": 3, "data": {"name": "digits"}, "parameters": 9,
        "device": "cpu", "precision": "64-true",
    }  # fmt: skip
    assert record["threads"] == torch.get_num_threads()
    name = monitor[0].removeprefix("validation/")
    told = f"test {name} 0.2500 (validation 0.5000, epoch 2); record: {tmp_path / 'run'}\n"
    assert capsys.readouterr().out == told


def test_a_run_logs_in_the_first_step_where_the_trainer_logs_never(tmp_path, evaluated):
    trainer, model = Standin(), Model()
    trainer.log_every_n_steps = 0
    trained(tmp_path, trainer, model)
    assert model.log_steps == 1


def test_warnings_of_little_room_are_notes_of_the_record(tmp_path, evaluated):
    def warn(trainer):
        for text in ("little room", "less room", "little room"):
            warnings.warn(text, CapacityWarning, stacklevel=1)

    assert trained(tmp_path, Standin(warn)) == {**evaluated, "notes": ["little room", "less room"]}
    assert json.loads((tmp_path / "run" / "done.json").read_text())["notes"] == ["little room", "less room"]
    assert trained(tmp_path / "other", Standin()) == evaluated


def test_other_processes_write_and_say_nothing(tmp_path, evaluated, capsys):
    folder = RunFolder(tmp_path / "run")
    found = train(folder, Standin(owner=False), Model(), data(), CONFIG, ["x"])
    assert found == {}
    assert not folder.path.exists()
    assert capsys.readouterr().out == ""

    def fail(trainer):
        raise RegrepError("the loss is not finite")

    with pytest.raises(RegrepError, match="not finite"):
        train(folder, Standin(fail, owner=False), Model(), data(), CONFIG, ["x"])
    assert not folder.path.exists()


def test_an_error_of_ours_ends_the_record_and_another_does_not(tmp_path):
    def fail(trainer):
        raise RegrepError("the loss is not finite")

    with pytest.raises(RegrepError, match="^the loss is not finite$"):
        trained(tmp_path, Standin(fail))
    done = json.loads((tmp_path / "run" / "done.json").read_text())
    assert done == {"format": 1, "status": "failed", "message": "the loss is not finite", "epochs": 4}
    with pytest.raises(ZeroDivisionError):
        trained(tmp_path / "other", Standin(lambda trainer: 1 / 0))
    assert not (tmp_path / "other" / "run" / "done.json").exists()


@pytest.mark.parametrize(("terminated", "signum"), [(True, signal.SIGTERM), (False, signal.SIGINT)])
def test_lightnings_own_end_is_that_of_the_signal(tmp_path, terminated, signum):
    def leave(trainer):
        trainer.received_sigterm = terminated
        sys.exit(1)

    with pytest.raises(Stopped) as stop:
        trained(tmp_path, Standin(leave))
    assert stop.value.signum == signum


@pytest.mark.parametrize("begun", [False, True])
def test_a_checkpoint_that_the_trainer_refuses_is_told(tmp_path, monkeypatch, begun):
    """Once training has begun, an error is one of the training."""
    start = tmp_path / "run" / "checkpoints" / "last.ckpt"

    def fail(trainer):
        next(one for one in trainer.callbacks if isinstance(one, MetricsFile)).started = begun
        raise KeyError("no\n  such " + "key" * 100)

    monkeypatch.setattr(run, "resumable", lambda folder: start)
    monkeypatch.setattr(run, "keep_threads", lambda *given: None)
    trainer = Standin(fail)
    with pytest.raises(KeyError if begun else RegrepError) as error:
        trained(tmp_path, trainer)
    assert trainer.asked[0][-1]["ckpt_path"] == str(start)
    if not begun:
        told = f"the run cannot continue from {start}, which is no checkpoint of it ("
        assert str(error.value).startswith(told)
        assert str(error.value).endswith("); restore a copy, or train the run again")
        cause = str(error.value).removeprefix(told).partition(")")[0]
        assert len(cause) == 200


@pytest.mark.parametrize("owner", [True, False])
def test_trying_out_leaves_a_word(capsys, owner):
    trainer, model = Standin(owner=owner), Model()
    try_out(trainer, model, "data")
    assert trainer.asked == [("fit", model, "data", {}), ("test", model, "data", {"verbose": False})]
    told = "training, validation and test have been tried out; nothing was recorded\n"
    assert capsys.readouterr().out == (told if owner else "")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((None, None, 0), "a run has at least 1 epoch, got None; choose how many it trains"),
        ((0, None, 0), "a run has at least 1 epoch, got 0; choose how many it trains"),
        ((4, None, 0, None), "check_val_every_n_epoch divides the 4 epochs, the last of which is evaluated, got None"),
        ((4, None, 0, 0), "check_val_every_n_epoch divides the 4 epochs, the last of which is evaluated, got 0"),
        ((4, None, 0, 3), "check_val_every_n_epoch divides the 4 epochs, the last of which is evaluated, got 3"),
        ((4, -1, 0), "patience counts epochs, got -1; leave it out to train all of them"),
        ((4, None, -1), "a seed is an integer from 0 to 4294967295, got -1"),
        ((4, None, 2**32), "a seed is an integer from 0 to 4294967295, got 4294967296"),
    ],
)
def test_impossible_runs_are_refused(given, told):
    with pytest.raises(RegrepError) as error:
        check_run(*given)
    assert str(error.value) == told
    for possible in ((1, None, 0), (1, 0, 2**32 - 1), (4, 3, 0, 2), (4, None, 1, 4), (4, None, 1, 1)):
        check_run(*possible)


def test_lightning_is_silent_and_its_processes_import_nothing_from_here(monkeypatch):
    monkeypatch.setattr(run, "tune_allocator", lambda: tuned.append(1))
    for safe in (False, True):
        tuned = []
        monkeypatch.setattr(run, "sys", SimpleNamespace(flags=SimpleNamespace(safe_path=safe)))
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        with warnings.catch_warnings():
            run.prepare()
            kept = warnings.filters[0]
        assert (kept[0], kept[3].match("lightning.pytorch") is not None) == ("ignore", True)
        assert os.environ.get("PYTHONSAFEPATH") == ("1" if safe else None)
        assert tuned == [1]
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed", "lightning.pytorch"):
        assert logging.getLogger(name).level == logging.WARNING


def test_warnings_of_another_kind_are_shown_as_before():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with noted(DeprecationWarning) as notes:
            warnings.warn("old", DeprecationWarning, stacklevel=1)
            warnings.warn("other", UserWarning, stacklevel=1)
    assert notes == ["old"]
    assert [str(one.message) for one in shown] == ["other"]


@pytest.mark.parametrize(
    ("threads", "taken"), [(1, True), (1024, True), (0, False), (1025, False), (True, False), ("2", False)]
)
def test_a_number_of_threads_is_taken_from_a_record_if_it_is_one(tmp_path, monkeypatch, threads, taken):
    found = []
    monkeypatch.setattr(torch, "set_num_threads", found.append)
    folder = RunFolder(tmp_path)
    keep_threads(folder, None)
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "threads": threads}))
    keep_threads(folder, None)
    assert found == ([threads] if taken else [])


@pytest.mark.parametrize("owner", [True, False])
def test_the_record_is_that_of_the_chosen_epoch(monkeypatch, owner):
    """Clocks are read before the test, and the first process alone looks closer."""
    order, rows = [], [{"epoch": k, "train/total": 9.0, "validation/rmse": 0.1 * k} for k in range(3)]
    clocks = SimpleNamespace(rows=rows, seconds=1.26, cpu_seconds=7.04)

    def load_best(folder, model):
        order.append((folder, model))
        clocks.seconds = clocks.cpu_seconds = 100.0
        return 2

    monkeypatch.setattr(run, "load_best", load_best)
    trainer = Standin(owner=owner)
    model = SimpleNamespace(diagnose=lambda *given: {"diagnosed": given})
    record = run._evaluate(SimpleNamespace(path="folder"), trainer, model, "data", clocks)
    assert [given for _, given in order] == [model]
    assert trainer.asked == [("test", model, "data", {"verbose": False})]
    assert record == {
        "status": "finished", "best_epoch": 2, "epochs": 4, "seconds": 1.3, "cpu_seconds": 7.0,
        "validation": {"rmse": 0.2}, "test": {"rmse": 0.25, "upright": 0.5},
        **({"diagnosed": ("data", "folder")} if owner else {}),
    }  # fmt: skip


def test_lightning_leaves_records_to_the_run_folder_and_batches_to_the_data():
    trainer = Trainer(accelerator="cpu", **TRAINER)
    assert trainer.loggers == []
    assert trainer.checkpoint_callback is trainer.progress_bar_callback is None
    assert not any(isinstance(one, ModelSummary) for one in trainer.callbacks)
    assert (trainer.num_sanity_val_steps, trainer.num_devices, trainer.log_every_n_steps) == (0, 1, 10)
    assert not trainer._accelerator_connector.use_distributed_sampler
