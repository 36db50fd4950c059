"""DDMNIST: the settings of Table 9, and what is refused."""

import pytest
import torch
from batches_fixture import batch_of

from regrep.errors import RegrepError
from regrep.objectives import OUTPUT
from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.tables import config_command
from tolerance import assert_near


@pytest.fixture(scope="module")
def data():
    module = DoubleDigits(group="D4", train_pairs=3, validation_pairs=2, test_pairs=1)
    module.setup()
    return module


def test_settings_of_table_9():
    for group, rate, weight in (("C4", 1e-3, 2.0), ("D1", 1e-3, 1.0), ("D4", 5e-4, 1.0)):
        several = ("ours", "cnn-augmented", "cnn")
        ours, control, plain = (DDMNIST(group, method, protocol="published") for method in several)
        assert (ours.learning_rate, ours.objective.weight) == (rate, weight)
        assert (control.learning_rate, control.objective.weight) == (rate, 0.0)
        assert plain.learning_rate == (1e-3 if group == "D1" else 5e-4)
        assert plain.objective.fraction == 0
        assert DDMNIST(group, "ours-relative").objective.penalty == "relative"
        decaying = [DDMNIST(group, method).learning_rate for method in several]
        assert decaying == [0.002] * 3 != [DDMNIST(group, schedule="constant").learning_rate]
    assert DDMNIST(as_published=True).objective.shifted_weight == 0
    assert DDMNIST("D4", "ours").objective.latents[OUTPUT].invariant_dim == 3
    for classes in (3, 10):  # a class for each pair of digits
        assert DDMNIST(classes=classes).network.head[-1].out_features == classes * classes


@pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")
def test_control_and_ours_differ_by_the_penalty_alone(data):
    views = data.views(batch_of(data))
    gradients = []
    for method, weight in (("cnn-augmented", None), ("ours", 1e-12)):
        torch.manual_seed(0)
        model = DDMNIST("D4", method, weight=weight)
        torch.manual_seed(0)
        terms = model.objective(views.x, views.y, views.g)
        gradients.append(torch.autograd.grad(terms.task + terms.shifted_task, list(model.network.parameters())))
    for one, other in zip(*gradients, strict=True):
        assert_near(one, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DDMNIST(method="theirs"), "the methods are cnn, cnn-augmented, ours, ours-relative"),
        (lambda: DDMNIST(method="cnn", weight=1.0), "cnn has no penalty, got weight 1.0"),
        (lambda: DDMNIST(learning_rate=-1.0), "the learning rate is positive, got -1.0"),
        (lambda: DDMNIST(latent=63), "at least .* = 64 .* got 63"),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_configs_become_commands(tmp_path):
    config = {"experiment": "ddmnist", "method": "ours", "second_noise": True, "weight": None, "seed": 3}
    assert config_command(config, tmp_path, tmp_path / "data") == [
        "fit", "ddmnist", f"--out={tmp_path}", f"--data.data_dir={tmp_path / 'data'}", "--model.method=ours",
        "--data.second_noise=true", "--seed_everything=3",
    ]  # fmt: skip
