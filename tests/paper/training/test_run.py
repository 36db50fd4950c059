"""Training under a protocol: schedule of the rate, statistics, whole batches, whose weights count, hits."""

from dataclasses import replace

import lightning
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

from regrep.objectives import OUTPUT
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.runs.hits import Hits
from regrep_paper.runs.records import RunFolder
from regrep_paper.tables.protocol import PROTOCOLS, Protocol
from regrep_paper.training.run import TRAINER, prepare, train

RATE, EPOCHS = 0.01, 3


class Rates(Callback):
    """The learning rate of every step."""

    def __init__(self):
        self.found = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.found.append(trainer.optimizers[0].param_groups[0]["lr"])


def fitted(folder, protocol: Protocol, epochs: int = EPOCHS):
    """A small run: its folder, rates, model, data and record."""
    prepare()
    lightning.seed_everything(0, verbose=False)
    data = DoubleDigits("D1", classes=2, train_pairs=5, validation_pairs=5, test_pairs=5, batch_size=8)
    model = DDMNIST("D1", "cnn-augmented", RATE, classes=2)
    rates = Rates()
    trainer = Trainer(max_epochs=epochs, accelerator="cpu", callbacks=[rates], **TRAINER)
    run = RunFolder(folder)
    config = {**model.config(), "seed": 0, "epochs": epochs}
    with run.lock():
        record = train(run, trainer, model, data, config, ["test"], protocol=protocol)
    return run, rates.found, model, data, record


def weights(run, which):
    return torch.load(run.checkpoint(which), weights_only=True)["state_dict"]


def test_one_cycle_rises_to_the_rate_and_decays_to_nothing(tmp_path):
    _, rates, *_ = fitted(tmp_path, PROTOCOLS["decaying"], epochs=10)
    assert len(rates) == 10 * 2  # 20 pairs: two whole batches of 8
    assert max(rates) == pytest.approx(RATE)
    assert rates.index(max(rates)) == 1  # a tenth of the steps
    assert rates[0] < RATE / 10
    assert rates[-1] < RATE / 100


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_short_runs_have_a_cycle_too(tmp_path, epochs):
    _, rates, *_ = fitted(tmp_path, PROTOCOLS["decaying"], epochs)
    assert max(rates) == pytest.approx(RATE)
    assert len(rates) == 2 * epochs


def test_the_published_rate_is_constant_and_batches_need_not_be_whole(tmp_path):
    _, rates, *_ = fitted(tmp_path, PROTOCOLS["published"])
    assert rates == [RATE] * EPOCHS * 3  # two batches of 8 pairs, and one of 4


def test_the_last_weights_are_tested_or_the_best(tmp_path):
    last, *_, record = fitted(tmp_path / "last", PROTOCOLS["decaying"])
    assert record["best_epoch"] == EPOCHS - 1
    assert all(torch.equal(value, weights(last, "last")[name]) for name, value in weights(last, "best").items())
    best, *_, record = fitted(tmp_path / "best", replace(PROTOCOLS["published"], selection="best"), epochs=6)
    rows = (best.path / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("validation/accuracy")
    accuracies = [float(row.split(",")[column]) for row in rows[1:]]
    assert record["best_epoch"] == accuracies.index(max(accuracies))


@pytest.mark.parametrize("recalibrate", [True, False])
def test_statistics_are_those_of_training_batches_under_the_last_weights(tmp_path, recalibrate):
    run, _, model, data, _ = fitted(tmp_path, replace(PROTOCOLS["decaying"], recalibrate=recalibrate))
    model.load_state_dict(weights(run, "best"))
    inputs = [data.views(batch).x for batch in data.calibration_dataloader()]
    first, norm, _ = model.network.encoder[1]
    with torch.no_grad():
        seen = [first(model.network.encoder[0](x)).mean(dim=(0, 2, 3)) for x in inputs]
    expected = torch.stack(seen).mean(dim=0)
    assert torch.allclose(norm.running_mean, expected, rtol=1e-3, atol=1e-5) == recalibrate


def test_a_record_holds_which_test_samples_were_right(tmp_path):
    """Both digits of a pair are told, and the share of right ones is the accuracy."""
    _, _, _, data, record = fitted(tmp_path, PROTOCOLS["published"], epochs=2)
    hits = Hits.from_dict(record["hits"])
    assert hits.correct.mean() == pytest.approx(record["test"]["accuracy"])
    assert 0 < hits.correct.sum() < len(hits.correct)
    assert hits.units.tolist() == data.splits["test"].index.tolist()
    labels = data.digits.labels["test"][torch.from_numpy(hits.units.astype("int64"))]
    assert (2 * labels[:, 0] + labels[:, 1]).tolist() == data.splits["test"].labels.tolist()


def test_through_rho_is_the_accuracy_on_transformed_latents(tmp_path):
    run, _, model, data, record = fitted(tmp_path, PROTOCOLS["published"], epochs=2)
    model.load_state_dict(weights(run, "best"))
    model.eval()
    rho = model.objective.latents[OUTPUT]
    right = count = 0
    with torch.no_grad():
        for batch in data.test_dataloader()[0]:
            views = data.views(batch)
            for z, y, g in zip(model.network.encoder(views.x), views.y, views.g, strict=True):
                if g != 0:
                    right += int(model.network.head(rho(z[None], g[None])).argmax() == y)
                    count += 1
    assert record["test"]["through_rho"] == pytest.approx(right / count)
