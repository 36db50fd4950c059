"""Two processes: the callback's step is that of one batch, and metrics and means are those of all samples."""

import json
import subprocess
import sys
from types import SimpleNamespace

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

import regrep
from regrep.integrations.lightning import EquivarianceMonitor, EquivariancePenalty

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
import lightning.pytorch as pl, torch, regrep
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from regrep.integrations import second_view
from regrep.integrations.lightning import EquivarianceMonitor, EquivariancePenalty
from regrep.integrations.torchmetrics import EquivarianceMetric

torch.set_num_threads(1)
G = regrep.groups.cyclic(4)
act, rho = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 4))
        self.error = EquivarianceMetric(rho)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def validation_step(self, batch, batch_idx):
        for k in range(4):
            g = torch.full((len(batch[0]),), k)
            self.error.update(self.model[:2](batch[0]), self.model[:2](act(batch[0], g)), g)
        self.log("metric", self.error)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)


processes = int(sys.argv[1])
x, y = torch.randn(32, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(32) % 4
loader = DataLoader(TensorDataset(x, y), 32 // processes)
fit = pl.Trainer(
    max_epochs=1, accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto", logger=False,
    enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    callbacks=[
        EquivariancePenalty(act, {"1": rho}, weight=3.0, penalty="mse", network="model"),
        EquivarianceMonitor(act, {"1": rho}, network="model"),
    ],
)


def move(self, x):
    # The element depends on the sample alone: samples are shuffled over processes.
    g = (100 * x.flatten(1).sum(dim=1)).round().long() % 4
    return g, act(x, g)


second_view.SecondView.move = move
module = Module()
fit.fit(module, loader, loader)
if fit.is_global_zero:
    weights = torch.cat([p.detach().flatten() for p in module.parameters()]).tolist()
    found = regrep.equivariance_error(module.model[:2], x, act, rho).mean_whitened_error
    logged = {name: float(value) for name, value in fit.callback_metrics.items()}
    print(json.dumps({"weights": weights, "found": found, "logged": logged}))
"""


@pytest.mark.slow
def test_two_processes_do_as_one(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    results = []
    for processes in (1, 2):
        run = subprocess.run(
            [sys.executable, str(program), str(processes)], capture_output=True, text=True, timeout=250, check=False
        )
        assert run.returncode == 0, run.stderr
        results.append(json.loads(run.stdout.strip().splitlines()[-1]))
    one, two = results
    assert two["weights"] == pytest.approx(one["weights"], rel=1e-4, abs=1e-6)
    assert two["logged"]["metric"] == pytest.approx(two["found"], rel=1e-6)
    assert two["logged"]["train/equivariance"] == pytest.approx(one["logged"]["train/equivariance"], rel=1e-4)
    assert set(one["logged"]) == set(two["logged"])


G = regrep.groups.cyclic(4)
ACT, RHO = regrep.actions.RotateFlip2d(G), regrep.latent(G, 8)


class Logs(pl.LightningModule):
    """A module that keeps what it would log."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.model, self.logged = nn.Sequential(nn.Flatten(), nn.Linear(16, 8)), []

    def training_step(self, batch, batch_idx):
        return self.model(batch).square().mean()

    def log_dict(self, values, batch_size, sync_dist, **options):
        assert sync_dist
        self.options = options
        self.logged.append((values, batch_size))

    def mean(self, name):
        """As Lightning takes it over two processes: sums are halved, and counts as whole numbers."""
        total = sum(float(values[name]) * size for values, size in self.logged) / 2
        return total / (sum(size for _, size in self.logged) // 2)


@pytest.fixture
def two(monkeypatch):
    """A module in one of two processes."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda group=None: 2)
    return Logs()


def images(count):
    return torch.randn(count, 1, 4, 4, generator=torch.Generator().manual_seed(1))


def test_processes_with_other_numbers_of_samples_count_by_these(two, monkeypatch):
    x, g = images(7), torch.tensor([1, 2, 3, 1, 2, 3, 2])
    callback = EquivariancePenalty(ACT, RHO, penalty="mse", network="model")
    callback.setup(None, two, "fit")
    for rows in (slice(4), slice(4, None)):
        monkeypatch.setattr(callback.view, "move", lambda x, rows=rows: (g[rows], ACT(x, g[rows])))
        two.training_step(x[rows], 0)
    assert two.options == {"on_step": False, "on_epoch": True}
    whole = regrep.equivariance_loss(two.model(x), two.model(ACT(x, g)), g, RHO)
    assert two.mean("train/equivariance") == pytest.approx(float(whole.detach()), rel=1e-5)


def test_a_monitor_weights_processes_by_their_samples(two):
    x = images(7)
    trainer = SimpleNamespace(sanity_checking=False, current_epoch=0, precision_plugin=pl.plugins.Precision())
    shares = []
    for part in (x[:4], x[4:]):
        monitor = EquivarianceMonitor(ACT, RHO, network="model")
        monitor.on_validation_epoch_start(trainer, two)
        monitor.on_validation_batch_end(trainer, two, None, (part, torch.zeros(len(part))), 0)
        monitor.on_validation_epoch_end(trainer, two)
        shares.append(regrep.equivariance_error(two.model, part, ACT, RHO).moving_share)
    expected = (4 * shares[0] + 3 * shares[1]) / 7
    assert two.mean("equivariance/output/moving_share") == pytest.approx(expected, rel=1e-5)
