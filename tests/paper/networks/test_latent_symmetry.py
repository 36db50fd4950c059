"""The equivariance of a steerable network is measured under the representation that its latent carries."""

import json

import numpy as np
import pytest
import torch

pytest.importorskip("escnn")

from regrep.actions import RotateFlip2d
from regrep.diagnostics import equivariance_error
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral
from regrep.nn import LatentSymmetry
from regrep.objectives import whitened_error
from regrep.representations import latent, trivial
from regrep_paper.cli import main
from regrep_paper.data.samples import Views
from regrep_paper.data.smoke_windows import action
from regrep_paper.experiments.ddmnist import DDMNIST
from regrep_paper.experiments.smoke import SmokeForecast
from regrep_paper.networks.double_digit_cnn import DoubleDigitCNN
from regrep_paper.networks.e2cnn import E2CNN
from regrep_paper.networks.lift import Lift
from regrep_paper.networks.mlp import MLP
from regrep_paper.networks.projected_cnns import ProjectionDoubleDigitCNN, ProjectionSmokeCNN, ProjectionVolumeCNN
from regrep_paper.networks.pscnn import PSCNN, SmokePSCNN
from regrep_paper.networks.relaxed_group import RGroup
from regrep_paper.networks.relaxed_steerable import RSteer
from regrep_paper.networks.restriction import Restriction
from regrep_paper.networks.rpp import RPP
from regrep_paper.networks.scnn import SCNN
from regrep_paper.networks.smoke_cnn import SmokeCNN
from regrep_paper.networks.smoke_rpp import SmokeRPP
from regrep_paper.networks.volume_cnn import VolumeCNN
from regrep_paper.networks.volume_pscnn import VolumePSCNN
from regrep_paper.networks.volume_rpp import VolumeRPP
from regrep_paper.networks.volume_scnn import VolumeSCNN
from regrep_paper.report.elements import by_elements
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of

DIGITS, FRAMES, VOLUMES = (64, 1, 56, 56), (32, 20, 8, 8), (32, 1, 14, 14, 14)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def smoke(network, **options):
    return network(width=8, size=8, **options)


def errors(network, shape, act=None, rho=None):
    """Whitened error over the elements other than the identity, and the largest uncentred one of any element."""
    own = network.latent_symmetry()
    act, rho = act or own.action, rho or own.rho
    x = torch.randn(shape)
    g = 1 + torch.arange(len(x)) % (act.group.order - 1)
    network.eval()
    with torch.no_grad():
        whitened = whitened_error(network.encoder(x), network.encoder(act(x, g)), g, rho)
    return float(whitened), float(equivariance_error(network.encoder, x[:4], act, rho).uncentred.max())


def without_free_weights(network):
    """The network whose free pathways are 0."""
    for name, parameter in network.named_parameters():
        if ".free." in name:
            parameter.data.zero_()
    return network


@pytest.mark.parametrize("network", [SCNN, PSCNN])
@pytest.mark.parametrize("group", ["C4", "D1", "D4"])
def test_new_networks_on_pairs_of_digits_are_invariant_under_the_whole_canvas(network, group):
    net = network(group, 16, 3)
    own = net.latent_symmetry()
    assert own.action.group.name == group
    assert own.rho.invariant_dim == 16
    assert max(errors(net, DIGITS)) < 1e-4
    assert min(errors(net, DIGITS, rho=latent(own.action.group, 16))) > 0.3


@pytest.mark.parametrize("network", [E2CNN, SmokePSCNN])
def test_new_networks_on_fields_are_equivariant_under_quarter_turns(network):
    net = smoke(network)
    assert max(errors(net, FRAMES)) < 1e-4
    only_pixels = latent(cyclic(4), 8 * 4)
    assert errors(net, FRAMES, rho=lambda z, g: only_pixels(z.movedim(1, -1), g).movedim(-1, 1))[0] > 0.3


def test_rows_of_the_published_network_run_the_other_way():
    net = smoke(E2CNN, as_published=True)
    assert max(errors(net, FRAMES)) < 1e-4
    assert "rows downwards" in net.latent_symmetry().as_dict()["action"]
    assert errors(net, FRAMES, act=action(), rho=smoke(E2CNN).latent_symmetry().rho)[0] > 0.3


def test_relaxed_group_convolutions_take_vectors_for_scalars():
    net = smoke(RGroup)
    assert max(errors(net, FRAMES)) < 1e-4
    assert "channels as scalars" in net.latent_symmetry().as_dict()["action"]
    assert errors(net, FRAMES, act=action())[0] > 0.3


@pytest.mark.parametrize("network", [VolumeSCNN, pytest.param(VolumePSCNN, marks=pytest.mark.slow)])
@pytest.mark.parametrize("group", ["SO3", pytest.param("O3", marks=pytest.mark.slow)])
def test_new_networks_on_volumes_are_invariant_under_the_rotations_of_the_cube(network, group):
    net = network(group, classes=3, width=3, size=14)
    own = net.latent_symmetry()
    assert own.action.group.order == 24
    assert max(errors(net, VOLUMES)) < 1e-4
    assert min(errors(net, VOLUMES, rho=latent(own.action.group, 24))) > 0.3


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (lambda: RPP("C4", 16, 3), DIGITS),
        (lambda: smoke(SmokeRPP), FRAMES),
        pytest.param(lambda: VolumeRPP("SO3", 3, width=1, size=14), VOLUMES, marks=pytest.mark.slow),
    ],
)
def test_residual_pathways_have_the_symmetry_of_their_equivariant_one_where_the_free_one_is_zero(network, shape):
    net = network()
    assert errors(net, shape)[0] > 0.1
    assert max(errors(without_free_weights(net), shape)) < 1e-4


def test_a_lifted_code_breaks_the_symmetry_of_the_rest():
    net = smoke(Lift)
    assert errors(net, FRAMES)[0] > 0.05
    net.encoder.code[-1].weight.data.zero_()
    net.encoder.code[-1].bias.data.zero_()
    assert max(errors(net, FRAMES)) < 1e-4


def test_relaxed_steerable_convolutions_are_equivariant_where_weights_agree_over_the_kernel():
    net = smoke(RSteer)
    assert errors(net, FRAMES)[0] > 0.3
    for name, parameter in net.named_parameters():
        if name.endswith("weight"):
            parameter.data[:] = parameter.data.mean(dim=-1, keepdim=True)
        else:
            parameter.data.zero_()
    assert max(errors(net, FRAMES)) < 1e-4


def test_projections_are_measured_under_what_they_are_drawn_to():
    net = ProjectionSmokeCNN(10, 10, 8)
    assert errors(net, FRAMES)[0] > 0.3
    net.project_()
    for parameter in net.parameters():
        if parameter.dim() == 4:
            parameter.data *= 4  # projections are smaller, and a latent of zeros would be equivariant too
    assert max(errors(net, FRAMES)) < 1e-4
    digits, volumes = ProjectionDoubleDigitCNN("D4").latent_symmetry(), ProjectionVolumeCNN(3).latent_symmetry()
    assert digits.as_dict() == {
        "action": "RotateFlip2d(D4) on the whole canvas",
        "representation": "8 regular ⊕ 2 trivial",
    }
    assert volumes.as_dict() == {"action": "Rotate3d(O)", "representation": "2 regular"}


@pytest.mark.parametrize("network", [DoubleDigitCNN, lambda: VolumeCNN(3), lambda: smoke(SmokeCNN), lambda: smoke(MLP)])
def test_plain_networks_have_no_symmetry_and_nothing_to_say(network):
    net = network()
    assert net.latent_symmetry() is None
    assert net.latent_note is None


def test_restriction_says_why_it_has_none():
    net = Restriction("C4", 16, 3)
    assert net.latent_symmetry() is None
    assert "last two convolutions are free" in net.latent_note


def test_one_group_acts_on_inputs_and_latent():
    with pytest.raises(RegrepError, match="got C4 and D4"):
        LatentSymmetry(RotateFlip2d(cyclic(4)), trivial(dihedral(4)))
    assert LatentSymmetry(RotateFlip2d(cyclic(4)), lambda z, g: z).moved == ""


@pytest.mark.parametrize(
    ("model", "shape", "order"),
    [
        (lambda network: DDMNIST("C4", network=network, classes=2), DIGITS, 16),
        (lambda network: SmokeForecast(network=network, width=4, size=8), FRAMES, 4),
    ],
)
def test_logged_errors_are_those_of_the_own_symmetry(model, shape, order):
    x, g = torch.randn(shape), torch.arange(shape[0]) % order
    for network in ("scnn" if order == 16 else "e2cnn", "pscnn", "cnn"):
        module = model(network).eval()
        gx = module.objective.input_action(x, g)
        for moved in (None, gx):
            with torch.no_grad():
                z = module.network.encoder(x)
                found = module.latent_metrics("test", Views(x, torch.zeros(len(x), dtype=torch.long), g, moved), z)
            if network == "cnn":
                assert found["test/whitened_error"] > 0.3
            else:
                assert found["test/whitened_error"] < 1e-4
    assert set(found) == {f"test/{name}" for name in ("equivariance", "whitened_error", "moving_share", "latent_scale")}


SMALL = {
    "ddmnist": [
        *("--data.group=C4", "--data.classes=2", "--data.train_pairs=8", "--data.validation_pairs=6"),
        *("--data.test_pairs=6", "--data.batch_size=16", "--trainer.limit_train_batches=1"),
    ],
    "smoke": [
        *("--data.size=8", "--model.width=4", "--data.rollout=2", "--data.horizon=3", "--data.batch_size=8"),
        *("--data.data_dir={folder}", "--trainer.limit_train_batches=1"),
    ],
}


def record(folder, name, network, *options):
    """The record of a run of one step."""
    numbers = np.random.default_rng(0)
    (folder / "fields").mkdir(exist_ok=True)
    for k in (27, 6):
        field = numbers.normal(size=(52, 2, 8, 8)).astype(np.float32)
        torch.save(torch.from_numpy(field), folder / "fields" / f"raw_data_{k}_{(k - 1) % 4}.pt")
    settings = [option.format(folder=folder / "fields") for option in SMALL[name]]
    run = folder / "runs" / network
    trained = [f"--out={run}", "--trainer.max_epochs=1", "--trainer.precision=32-true", "--trainer.accelerator=cpu"]
    assert main(["fit", name, "--model.method=cnn", f"--model.network={network}", *trained, *settings, *options]) == 0
    return json.loads((run / "done.json").read_text())


SHORT = (
    "ignore::FutureWarning",
    "ignore:.*num_workers.*",
    "ignore:.*number of training batches.*",
)


@pytest.mark.filterwarnings(*SHORT)
def test_records_of_digits_say_under_which_symmetry_they_are_measured(tmp_path, capsys):
    done = {name: record(tmp_path, "ddmnist", name) for name in ("cnn", "scnn", "restriction")}
    assert done["scnn"]["equivariance_of"] == {
        "action": "RotateFlip2d(C4) on the whole canvas",
        "representation": "66 trivial",
    }
    assert len(done["scnn"]["equivariance"]["elements"]) == 4
    assert max(done["scnn"]["equivariance"]["whitened_error"]) < 1e-4
    assert done["scnn"]["validation"]["whitened_error"] < 1e-4
    assert done["scnn"]["test"]["moving_share"] < 1e-6
    assert "through_rho" not in done["scnn"]["test"]
    assert len(done["cnn"]["equivariance"]["elements"]) == 16
    assert done["cnn"]["equivariance_of"]["representation"] == "4 regular ⊕ 2 trivial"
    assert "through_rho" in done["cnn"]["test"]
    assert "last two convolutions are free" in done["restriction"]["equivariance_note"]
    assert not {"equivariance", "equivariance_of"} & set(done["restriction"])
    assert not {"whitened_error", "moving_share", "through_rho"} & set(done["restriction"]["test"])
    capsys.readouterr()
    assert main(["measure", str(tmp_path / "runs" / "restriction")]) == 1
    assert "has no equivariance error: the last two convolutions" in capsys.readouterr().err
    maps = by_elements(rows_of(read_runs(tmp_path / "runs")[0]))
    assert [[row.label for row, _ in shown] for shown in maps.values()] == [["cnn"], ["scnn"]]


@pytest.mark.filterwarnings(*SHORT)
def test_records_of_fields_say_under_which_symmetry_they_are_measured(tmp_path):
    done = {name: record(tmp_path, "smoke", name) for name in ("cnn", "e2cnn")}
    assert done["e2cnn"]["equivariance_of"]["representation"] == "(4 regular) x (lattice)"
    assert max(done["e2cnn"]["equivariance"]["whitened_error"]) < 1e-4
    assert done["cnn"]["equivariance_of"]["representation"] == "(4 trivial) x (lattice)"
    assert max(done["cnn"]["equivariance"]["whitened_error"]) > 0.1
