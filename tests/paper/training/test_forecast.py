"""Forecasts are measured over all windows, by frame and by element."""

import json

import lightning
import numpy as np
import pytest
import torch
from smoke_fixture import SIZE, objective_of

from regrep.objectives import roll_out
from regrep_paper.data.smoke_windows import action
from regrep_paper.training.forecast import forecast_distances, per_element
from tolerance import assert_near


def trainer(epochs=1):
    return lightning.Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning", "ignore::FutureWarning")
def test_forecasts_are_measured_over_all_windows(smoke_data, tmp_path):
    """The logged numbers are roots of means over windows, whatever the batches; the record holds every frame."""
    torch.manual_seed(0)
    model = objective_of("cnn-augmented")
    runner = trainer()
    runner.fit(model, datamodule=smoke_data)
    model.eval()
    validation = smoke_data.val_dataloader().dataset
    views = smoke_data.views(validation[(torch.arange(len(validation)), 0)])
    with torch.no_grad():
        squares = (roll_out(model, views.x, 3) - views.y).square()
    assert_near(runner.callback_metrics["validation/rmse"], squares.mean().sqrt())
    assert_near(runner.callback_metrics["validation/rmse_vy"], squares[:, :, 1].mean().sqrt())
    rates = [group["lr"] for group in runner.optimizers[0].param_groups]
    assert rates == [1e-3 * 0.95]

    future, domain = runner.test(model, datamodule=smoke_data, verbose=False)
    found = {**future, **domain}
    windows = smoke_data.test_dataloader()[1].dataset
    views = smoke_data.views(windows[(torch.arange(len(windows)), 0)])
    model.eval()
    with torch.no_grad():
        squares = (roll_out(model, views.x, 5) - views.y).square()
    assert_near(torch.tensor(found["test/domain"]), squares.mean().sqrt())
    assert_near(torch.tensor(found["test/domain_short"]), squares[:, :3].mean().sqrt())
    assert found["test/rmse"] == found["test/future_short"]

    record = model.diagnose(smoke_data, tmp_path)
    assert_near(torch.tensor(record["horizon"]["domain"]["rmse"]), squares.mean(dim=(0, 2, 3, 4)).sqrt())
    assert_near(torch.tensor(record["horizon"]["domain"]["vx"]), squares[:, :, 0].mean(dim=(0, 2, 3)).sqrt())
    assert record["output_equivariance"]["total"][0] == 0
    assert len(record["transport"]) == len(record["equivariance"]["elements"]) == 4
    with np.load(tmp_path / "rollout.npz") as file:
        assert file["future_predicted"].shape == file["domain_true"].shape == (5, 2, SIZE, SIZE)
    assert record["forecast_equivariance"]["samples"] == len(validation)
    assert "data_equivariance" not in record  # published files tell nothing of the simulator
    smoke_data.simulations.equivariance.update({27: [0, 1.0, 2.0, 1.0], 33: [0, 2.0, 2.5, 2.0]})
    told = model.diagnose(smoke_data, tmp_path)["data_equivariance"]
    assert (told["mean"], told["largest"], told["samples"]) == ([0, 1.5, 2.25, 1.5], [0, 2, 2.5, 2], 2)
    json.dumps(record)


def test_forecasts_are_compared_with_those_of_moved_windows(smoke_data, tmp_path):
    """In parts of the true change: a drift upwards does not commute, a scaling does; without change there is none."""
    x, act = torch.randn(3, 20, SIZE, SIZE), action()
    up = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    distances = forecast_distances(lambda x: x[:, -2:] + up, x, act, act)
    assert_near(distances, SIZE * torch.tensor([0, 2**0.5, 2, 2**0.5]).expand(3, 4))
    assert forecast_distances(lambda x: 1.1 * x[:, -2:], x, act, act).max() < 1e-5
    assert per_element(act.group.names, distances / 0) == {}

    model = objective_of("cnn")
    windows = smoke_data.val_dataloader().dataset
    views = smoke_data.views(windows[(torch.arange(len(windows)), 0)])
    change = (views.y[:, 0] - views.x[:, -2:]).flatten(1).norm(dim=1)
    model.network.forward = lambda x: x[:, -2:] + up
    record = model.diagnose(smoke_data, tmp_path)
    assert_near(torch.tensor(record["forecast_equivariance"]["mean"][2]), (2 * SIZE / change).mean())
    assert_near(torch.tensor(record["forecast_equivariance_own_change"]["mean"][2]), torch.tensor(2.0))


@pytest.mark.parametrize(("rate", "weight_decay", "decay"), [(0.25, 0.5, 0.75), (1e-3, 4e-4, 0.95), (1e-3, 0.0, 1.0)])
def test_the_optimizer_is_that_of_the_config(rate, weight_decay, decay):
    model = objective_of("cnn", learning_rate=rate, weight_decay=weight_decay, decay=decay)
    made = model.configure_optimizers()
    (group,) = made["optimizer"].param_groups
    assert type(made["optimizer"]) is torch.optim.Adam
    assert (group["lr"], group["weight_decay"], made["lr_scheduler"].gamma) == (rate, weight_decay, decay)
    assert set(map(id, group["params"])) == set(map(id, model.parameters()))


def test_weight_decay_draws_weights_to_zero():
    """A step without a gradient of the loss moves every weight, unless the decay is 0."""
    for weight_decay in (0.0, 0.1):
        model = objective_of("cnn", weight_decay=weight_decay)
        weight = model.network.head.weight
        before, adam = weight.detach().clone(), model.configure_optimizers()["optimizer"]
        (0 * sum(p.sum() for p in model.parameters())).backward()
        adam.step()
        if weight_decay:
            assert bool((weight.abs() < before.abs()).all())
        else:
            assert torch.equal(weight, before)
