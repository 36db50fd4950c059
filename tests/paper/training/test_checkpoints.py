"""A run that is stopped, moved, damaged or left without disk continues to the same weights, or says why not."""

import json
import shutil
import signal

import lightning
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from regrep.errors import RegrepError
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.runs import checksums, records
from regrep_paper.runs.records import RunFolder
from regrep_paper.runs.stopping import Stopped
from regrep_paper.tables.protocol import PROTOCOLS
from regrep_paper.training.run import TRAINER, prepare, train

EPOCHS = 4


class StopAfter(Callback):
    """Does something at the end of an epoch, after its checkpoints."""

    def __init__(self, epoch, action):
        self.epoch, self.action = epoch, action

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            self.action()


def stop():
    raise Stopped(signal.SIGTERM)


def fitted(folder, epoch=None, action=stop, protocol="published"):
    """A small run, with something happening before an epoch."""
    prepare()
    lightning.seed_everything(0, verbose=False)
    data = DoubleDigits("D1", classes=2, train_pairs=10, validation_pairs=5, test_pairs=5, batch_size=20)
    model = DDMNIST("D1", "cnn-augmented", 0.01, classes=2)
    callbacks = [] if epoch is None else [StopAfter(epoch, action)]
    trainer = Trainer(max_epochs=EPOCHS, accelerator="cpu", callbacks=callbacks, **TRAINER)
    run = RunFolder(folder)
    config = {**model.config(), "seed": 0, "epochs": EPOCHS}
    with run.lock():
        return train(run, trainer, model, data, config, ["test"], protocol=PROTOCOLS[protocol])


def stopped(folder, epoch, protocol="published"):
    with pytest.raises(Stopped):
        fitted(folder, epoch, protocol=protocol)
    return folder / "checkpoints" / "last.ckpt"


def result(folder):
    """Weights, rows without seconds, and the record without them."""
    weights = [
        torch.load(folder / "checkpoints" / f"{which}.ckpt", weights_only=True)["state_dict"]
        for which in ("best", "last")
    ]
    rows = [row.split(",") for row in (folder / "metrics.csv").read_text().splitlines()]
    done = json.loads((folder / "done.json").read_text())
    return weights, [row[:2] + row[3:] for row in rows], {key: done[key] for key in done if "seconds" not in key}


def assert_same(one, other):
    assert one[1:] == other[1:]
    for before, after in zip(one[0], other[0], strict=True):
        assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run under each protocol."""
    found = {}
    for protocol in ("published", "decaying"):
        folder = tmp_path_factory.mktemp(protocol) / "run"
        fitted(folder, protocol=protocol)
        found[protocol] = result(folder)
    return found


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """Makes copies of runs that were stopped before an epoch; each is trained once."""
    known = {}

    def copy(folder, epoch, protocol="published"):
        if (epoch, protocol) not in known:
            known[epoch, protocol] = tmp_path_factory.mktemp("stopped") / "run"
            stopped(known[epoch, protocol], epoch, protocol)
        shutil.copytree(known[epoch, protocol], folder)
        return folder / "checkpoints" / "last.ckpt"

    return copy


def test_the_best_epoch_is_not_the_last(whole):
    """So that the tests below can tell a forgotten score."""
    assert 0 < whole["published"][2]["best_epoch"] < EPOCHS - 1


def test_a_run_continues_wherever_its_folder_is(whole, tmp_path):
    best = whole["published"][2]["best_epoch"]
    stopped(tmp_path / "run", best + 1)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    fitted(tmp_path / "elsewhere")
    assert_same(result(tmp_path / "elsewhere"), whole["published"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("protocol", ["published", "decaying"])
@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "other"])
def test_a_damaged_last_checkpoint_is_replaced_by_the_best(whole, left, tmp_path, capsys, protocol, damage):
    last = left(tmp_path / "run", 3, protocol)
    data = bytearray(last.read_bytes())
    if damage == "cut":
        last.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        data[len(data) // 3] ^= 4
        last.write_bytes(data)
    elif damage == "other":
        torch.save({**torch.load(last, weights_only=True), "epoch": 0}, last)
    else:
        last.write_bytes(b"")
    fitted(tmp_path / "run", protocol=protocol)
    assert "last.ckpt is damaged or another file; the run goes on from best.ckpt, with epoch" in capsys.readouterr().out
    assert_same(result(tmp_path / "run"), whole[protocol])


def test_damage_to_all_is_told_and_nothing_changes(left, tmp_path):
    last = left(tmp_path / "run", 2)
    for path in (last, last.with_name("best.ckpt")):
        path.write_bytes(path.read_bytes()[:-1])
    record = (tmp_path / "run" / "run.json").read_text()
    with pytest.raises(RegrepError, match=r"no checkpoint in .* can be read, .* delete that folder"):
        fitted(tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_text() == record
    shutil.rmtree(last.parent)
    stopped(tmp_path / "run", 1)


def test_a_run_of_an_earlier_version_continues(whole, left, tmp_path):
    last = left(tmp_path / "run", 2)
    last.with_name(checksums.CHECKSUMS).unlink()
    fitted(tmp_path / "run")
    assert_same(result(tmp_path / "run"), whole["published"])


def test_a_checkpoint_of_something_else_is_told(left, tmp_path):
    last = left(tmp_path / "run", 2)
    last.with_name(checksums.CHECKSUMS).unlink()
    torch.save({"epoch": 1}, last)
    with pytest.raises(RegrepError, match=r"the run cannot continue from .*last\.ckpt, which is no checkpoint of it"):
        fitted(tmp_path / "run")


def test_a_full_disk_costs_an_epoch_at_most(whole, tmp_path, monkeypatch):
    real, full = records.write_atomic, [False]

    def write(path, data):
        if full[0]:
            raise RegrepError(f"{path} could not be written (No space left on device)")
        real(path, data)

    for module in ("runs.records", "runs.checksums", "training.callbacks"):
        monkeypatch.setattr(f"regrep_paper.{module}.write_atomic", write)

    def fill():
        full[0] = True

    with pytest.raises(RegrepError, match="No space left"):
        fitted(tmp_path / "run", 2, fill)
    full[0] = False
    fitted(tmp_path / "run")
    assert_same(result(tmp_path / "run"), whole["published"])


def test_a_folder_that_is_removed_ends_the_run(tmp_path):
    with pytest.raises(RegrepError, match="was removed or replaced while the run was going on"):
        fitted(tmp_path / "run", 2, lambda: shutil.rmtree(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_parts_of_a_killed_write_are_removed(left, tmp_path):
    last = left(tmp_path / "run", 2)
    for folder in (last.parent, tmp_path / "run"):
        (folder / ".last.ckpt.1-ab.part").write_bytes(b"half")
    stopped(tmp_path / "run", 3)
    assert list((tmp_path / "run").rglob(".*.part")) == []


def test_a_run_continues_with_the_threads_it_began_with(tmp_path):
    """Another number rounds sums in another order."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        stopped(tmp_path / "run", 1)
        torch.set_num_threads(1)
        stopped(tmp_path / "run", 2)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert [record["threads"], record["resumed"][0]["threads"]] == [2, 2]


def test_other_threads_in_the_record_than_in_the_checkpoint_are_told(left, tmp_path):
    left(tmp_path / "run", 2)
    path = tmp_path / "run" / "run.json"
    record = json.loads(path.read_text())
    before = torch.get_num_threads()
    path.write_text(json.dumps({**record, "threads": before + 2}))
    try:
        with pytest.raises(
            RegrepError, match=rf"last.ckpt was trained with {before} .*run.json says {before + 2}; res"
        ):
            fitted(tmp_path / "run")
    finally:
        torch.set_num_threads(before)
    path.write_text(json.dumps({name: value for name, value in record.items() if name != "threads"}))
    stopped(tmp_path / "run", 3)
