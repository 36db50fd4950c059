"""Two processes: the callback's step is that of one batch, and metrics are those of all samples."""

import json
import subprocess
import sys

import pytest

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
