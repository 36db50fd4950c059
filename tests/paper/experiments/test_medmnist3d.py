"""MedMNIST3D: the settings of Table 10, the loss, and what is refused."""

import pytest
import torch
from batches_fixture import batch_of

from regrep.errors import RegrepError
from regrep.objectives import OUTPUT
from regrep_paper.experiments.medmnist3d import MedMNIST3D
from regrep_paper.tables import config_command, definition_of
from tolerance import assert_near

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def test_settings_of_table_10():
    for source, rate, weight in (
        ("nodule", 5e-5, 1.0),
        ("synapse", 1e-4, 1.0),
        ("organ", 1e-4, 2.0),
        ("vessel", 1e-4, 1.0),
    ):
        several = ("ours", "cnn-augmented", "cnn")
        ours, control, plain = (MedMNIST3D(source, method, protocol="published") for method in several)
        assert ours.learning_rate == control.learning_rate == plain.learning_rate == rate
        assert (ours.objective.weight, control.objective.weight, plain.objective.weight) == (weight, 0, 0)
        assert (ours.objective.fraction, plain.objective.fraction) == (1, 0)
        assert {MedMNIST3D(source, method).learning_rate for method in several} == {0.001}
    assert MedMNIST3D("organ", "ours-relative").objective.penalty == "relative"
    rho = MedMNIST3D(width=7).objective.latents[OUTPUT]
    assert (rho.dim, rho.invariant_dim) == (56, 2 + 8)
    assert MedMNIST3D().monitor[0] == "validation/accuracy"
    assert MedMNIST3D(select="upright").monitor[0] == "validation/accuracy_upright"


def test_the_task_loss_is_the_mean_of_both_views(volumes):
    views = volumes.views(batch_of(volumes))
    losses = {}
    for method in ("cnn", "cnn-augmented", "ours"):
        torch.manual_seed(0)
        model = MedMNIST3D(method=method, size=10)
        losses[method] = model.objective(views.x, views.y, views.g)
    plain, control, ours = losses.values()
    assert_near(plain.total, plain.task)
    assert_near(control.total, (control.task + control.shifted_task) / 2)
    assert_near(ours.total, control.total + ours.equivariance)
    assert ours.equivariance > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MedMNIST3D(width=2), "at least .* = 24 .* got 16"),
        (lambda: MedMNIST3D(select="both"), "moved or upright volumes, got 'both'"),
        (lambda: MedMNIST3D(method="cnn", weight=1.0), "cnn has no penalty"),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_cells_become_commands(tmp_path):
    config = {"experiment": "medmnist3d", "data": "organ", "size": 64, "any_file": True, "width": 7, "patience": 20}
    assert config_command(config, tmp_path, tmp_path) == [
        "fit", "medmnist3d", f"--out={tmp_path}", f"--data.data_dir={tmp_path}", "--data.source=organ",
        "--data.size=64", "--data.any_file=true", "--model.width=7", "--patience=20",
    ]  # fmt: skip
    assert definition_of("medmnist3d").defaults["epochs"] == 150
