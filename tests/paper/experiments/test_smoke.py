"""Forecasts of smoke: the loss over frames, the methods, the settings of Table 6."""

import pytest
import torch
from smoke_fixture import objective_of
from torch import nn

import regrep
from regrep.actions import VectorField2d
from regrep.errors import RegrepError
from regrep.objectives import OUTPUT, RolloutObjective, advance, equivariance_loss, roll_out
from regrep_paper.data.smoke_windows import Smoke, action
from regrep_paper.experiments.smoke import SmokeForecast
from regrep_paper.tables import check_config, config_command
from tolerance import assert_near


@pytest.fixture
def batch(smoke_data):
    return smoke_data.views(next(iter(smoke_data.train_dataloader())))


def test_a_window_advances_by_whole_frames():
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert advance(x, torch.tensor([8.0, 9.0]).reshape(1, 2, 1, 1)).flatten().tolist() == [2, 3, 4, 5, 8, 9]
    assert roll_out(lambda x: x[:, -2:] + 1, x, 3)[0, :, :, 0, 0].tolist() == [[5, 6], [6, 7], [7, 8]]


def test_the_loss_is_the_weighted_sum_of_its_frames(batch):
    model = objective_of(weight=3.0).eval()
    terms = model.objective(batch.x, batch.y, batch.g)
    frames = roll_out(model, batch.x, 3)
    losses = [nn.functional.mse_loss(frames[:, t], batch.y[:, t]) for t in range(3)]
    act = action()
    moved = nn.functional.mse_loss(model(act(batch.x, batch.g)), act(batch.y[:, 0], batch.g))
    assert_near(terms.task, 0.5 * losses[0] + losses[1] + losses[2])
    assert_near(terms.shifted_task, 0.5 * moved)
    assert_near(terms.total, terms.task + terms.shifted_task + 3.0 * terms.equivariance)


def test_the_methods_differ_in_the_penalty_alone(batch):
    state = objective_of().state_dict()
    totals = {}
    for method in ("cnn", "cnn-augmented", "ours"):
        model = objective_of(method).eval()
        model.load_state_dict(state)
        totals[method] = model.objective(batch.x, batch.y, batch.g)
    assert_near(totals["ours"].total, totals["cnn-augmented"].total + 0.005 * totals["ours"].equivariance)
    assert totals["cnn"].shifted_task == 0
    assert totals["cnn"].equivariance == 0
    first = totals["cnn"].task - totals["cnn-augmented"].task
    assert first > 0  # half of the first frame's loss


def test_the_penalty_pairs_each_sample_with_its_own_view(batch):
    """An equivariant encoder has no penalty (D-SM1: the published pairing gives more); shuffled partners have one."""
    act = action()
    rho = VectorField2d(regrep.groups.cyclic(4), rows="up")
    objective = RolloutObjective(
        nn.Identity(), lambda z: z[:, -2:], nn.functional.mse_loss, act, rho, weight=1.0, output_action=act
    )
    g = torch.tensor([1, 2])
    assert objective(batch.x, batch.y, g).equivariance < 1e-10
    moved = act(batch.x, g)
    assert equivariance_loss(batch.x, moved.flip(0), g, rho) > 0.5


def test_gradients_flow_through_the_roll_out(batch):
    """Each later frame depends on the first prediction: without it, the gradient is another one."""
    model = objective_of("cnn").eval()
    model.objective(batch.x, batch.y, batch.g).total.backward()
    whole = model.network.head.weight.grad.clone()
    model.zero_grad()
    model.objective(batch.x, batch.y[:, :1], batch.g).total.backward()
    assert (whole - model.network.head.weight.grad).norm() > 1e-2 * whole.norm()


def test_the_objective_turns_latents_in_the_direction_of_the_data():
    model = SmokeForecast(method="ours", size=4)
    z, g = torch.arange(92 * 16.0).reshape(1, 92, 4, 4), torch.tensor([1])
    turned = model.objective.latents[OUTPUT](z, g)
    pairs = torch.stack([z[:, 0], torch.zeros(1, 4, 4)], dim=1)  # the first channel as vx becomes vy
    assert torch.equal(action()(pairs, g)[:, 1], turned[:, 0])


def test_cells_become_commands_and_mistakes_are_told(tmp_path):
    command = config_command(
        {"experiment": "smoke", "method": "ours", "layout": "both", "size": 64}, tmp_path, tmp_path
    )
    assert {"--model.layout=both", "--data.size=64", f"--data.data_dir={tmp_path}"} <= set(command)
    with pytest.raises(RegrepError, match="did you mean layout"):
        check_config({"experiment": "smoke", "layuot": "grid"})
    with pytest.raises(RegrepError, match="cnn has no penalty"):
        objective_of("cnn", weight=1.0)
    with pytest.raises(RegrepError, match="decay per epoch"):
        objective_of("cnn", decay=0.0)
    with pytest.raises(RegrepError, match='"centres" or at "faces"'):
        Smoke(sampling="corners")
    config = objective_of().config()
    assert (config["weight"], config["learning_rate"], config["weight_decay"]) == (0.005, 1e-3, 4e-4)
    assert objective_of("ours-relative").config()["weight"] == 0.1
