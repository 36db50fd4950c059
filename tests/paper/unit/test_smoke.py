"""SMOKE: simulations, windows, roll-out, network, forecasts, and the settings of Table 6."""

import json

import lightning
import numpy as np
import pytest
import torch
from torch import nn

import regrep
from regrep.actions import VectorField2d
from regrep.errors import MissingExtraError, RegrepError
from regrep.groups import cyclic
from regrep.objectives import OUTPUT, RolloutObjective, advance, equivariance_loss, roll_out
from regrep_paper.data import smoke_files as sets
from regrep_paper.data.smoke_box import TURNS, Box, Plume, turning_errors
from regrep_paper.data.smoke_dynamics import transport_error, transport_errors
from regrep_paper.data.smoke_files import DOMAIN, TRAIN, centred, generate, load, selection
from regrep_paper.data.smoke_simulation import Simulated, published_plume, simulate
from regrep_paper.data.smoke_windows import Smoke, action, spans
from regrep_paper.experiments.smoke import SmokeForecast
from regrep_paper.networks.smoke_cnn import SmokeCNN, latent_representation
from regrep_paper.tables import check_config, config_command
from regrep_paper.training.forecast import forecast_distances, per_element
from tolerance import assert_near

SIZE, FRAMES = 8, 52


def field(number: int, frames: int = FRAMES, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(number).normal(size=(frames, 2, size, size)).astype(np.float32)


def published_files(folder, numbers=(27, 33, 6), **shape):
    folder.mkdir(exist_ok=True)
    for number in numbers:
        torch.save(torch.from_numpy(field(number, **shape)), folder / f"raw_data_{number}_{(number - 1) % 4}.pt")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return published_files(tmp_path_factory.mktemp("smoke"))


@pytest.fixture
def data(folder):
    module = Smoke(folder, size=SIZE, batch_size=2, rollout=3, horizon=5)
    module.setup()
    return module


@pytest.fixture
def simulated(monkeypatch):
    """Generation without PhiFlow: fields that tell which plume they belong to."""
    calls = []

    def fake(plumes, size, frames, told):
        calls.append(len(plumes))
        values = np.array([sum(p.buoyancy) for p in plumes], dtype=np.float32)
        velocity = np.broadcast_to(values[:, None, None, None, None], (len(plumes), frames, 2, size, size))
        return Simulated(velocity, 0 * values, np.outer(np.arange(len(plumes)), [0.0, 1.0, 2.0, 1.0]))

    monkeypatch.setattr(sets, "simulate", fake)
    monkeypatch.setattr(sets.metadata, "version", lambda name: "1.0")
    return calls


def test_the_published_sides_are_quarter_turns_of_one_another():
    turn = np.array([[0, -1], [1, 0]])
    for number in range(1, 36):
        one, next_ = published_plume(number), published_plume(number + 1)
        assert_near(torch.tensor(turn @ (np.array(one.centre) - 32) + 32), torch.tensor(next_.centre))
        direction, force = turn @ np.array(one.buoyancy), np.array(next_.buoyancy)
        assert_near(torch.tensor(direction @ force), torch.tensor(np.linalg.norm(direction) * np.linalg.norm(force)))
    with pytest.raises(RegrepError, match="from 1 to 36, got 37"):
        published_plume(37)


def quarter_turn_error(velocity: np.ndarray, rows: str) -> float:
    """Of the four simulations of one plume turned by r: distance between turned fields and fields of turned plumes."""
    v = centred(torch.from_numpy(velocity)).flatten(1, 2)
    moved = VectorField2d(regrep.groups.cyclic(4), rows=rows)(v[:1].expand(4, *v.shape[1:]), torch.arange(4))
    return float((moved - v).norm() / v.norm())


@pytest.mark.slow
def test_the_simulator_commutes_with_quarter_turns():
    """The oracle of orientation: a centred plume under turned buoyancy; with the rows upside down it fails."""
    pytest.importorskip("phi")
    forces = [(0, 0.05), (-0.05, 0), (0, -0.05), (0.05, 0)]
    velocity, divergence, _ = simulate([Plume((8, 8), 2, force) for force in forces], size=16, frames=12)
    assert divergence.max() < 1e-10
    assert np.abs(velocity).max() > 0.5
    assert velocity[0, -1, 1, 8, 8] > 0.1  # buoyancy upwards makes vy, the second component, positive
    assert quarter_turn_error(velocity, "up") < 1e-5
    assert quarter_turn_error(velocity, "down") > 0.5


@pytest.fixture(scope="module")
def moving():
    """Three published plumes in boxes of 8 x 8, in motion, and the same a frame later."""
    pytest.importorskip("phi")
    box = Box([published_plume(number, 8) for number in (27, 33, 6)], 8)
    state = box.rest()
    for _ in range(5):
        before, state = state, box.advanced(state)
    return box, before, state


@pytest.mark.slow
def test_all_of_the_simulators_asymmetry_is_its_plume(moving):
    """The oracle: with inflow and buoyancy turned too the error is rounding; a state turned wrongly has another."""
    box, before, after = moving
    errors = turning_errors(box, before, after)
    assert errors.shape == (3, len(TURNS))
    assert (errors[:, 0] == 0).all()
    assert errors[:, 1:].min() > 0.3
    assert turning_errors(box, before, after, with_plume=True).max() < 1e-12
    clockwise = Box(box.plumes, box.size)
    clockwise.turned = lambda state, turns: box.turned(state, -turns)
    assert turning_errors(clockwise, before, after, with_plume=True)[:, [1, 3]].min() > 0.3


def test_states_are_turned_as_fields_are(moving):
    box, before, _ = moving
    there = box.turned(before, 1)
    v, w = (centred(torch.from_numpy(box.faces(state).copy())) for state in (before, there))
    assert_near(action()(v, torch.ones(3, dtype=torch.long)), w)
    back = box.turned(there, -1)
    assert np.array_equal(box.faces(back), box.faces(before))
    assert not np.array_equal(box.faces(there), box.faces(before))


@pytest.mark.slow
def test_simulations_tell_their_asymmetry_in_the_middle():
    pytest.importorskip("phi")
    plumes = [published_plume(27, 8)]
    box = Box(plumes, 8)
    states = [box.rest()]
    for _ in range(5):
        states.append(box.advanced(states[-1]))
    found = simulate(plumes, 8, 4)
    assert np.array_equal(found.equivariance, turning_errors(box, states[2], states[3]))
    assert np.array_equal(found.velocity[0, 1], box.faces(states[3])[0].astype(np.float32))


def test_plumes_are_turned_as_published():
    for number in range(1, 5):
        one, next_ = published_plume(number), published_plume(number % 4 + 1)
        assert one.turned(1, 64).centre == next_.centre
        (ax, ay), (bx, by) = one.turned(1, 64).buoyancy, next_.buoyancy
        assert ax * by == ay * bx
        assert ax * bx + ay * by > 0
        assert one.turned(4, 64) == one


def test_simulations_refuse_impossible_sizes():
    with pytest.raises(RegrepError, match="at least 4 points"):
        simulate([published_plume(1)], size=2, frames=1)


def test_smaller_sets_lie_in_larger_ones():
    for count in range(2, 36):
        assert set(selection(count)) <= set(selection(count + 1))
        assert len(set(selection(count))) == count
    assert not set(TRAIN) & set(DOMAIN)
    assert set(selection(36)) == set(range(1, 37))
    with pytest.raises(RegrepError, match="from 2 to 36 simulations, got 1"):
        selection(1)


def test_generation_resumes_and_verifies(tmp_path, simulated):
    def make(count, **changed):
        return generate(tmp_path / "set", **{"size": 64, "frames": 3, "simulations": count, **changed}, progress=list)

    make(4)
    assert simulated == [4]
    make(4)
    assert simulated == [4]  # complete: left alone
    index = json.loads((tmp_path / "set" / "smoke.json").read_text())
    assert index["rows"] == "+y"
    assert index["simulations"]["27"]["plume"]["centre"] == [32, 59]
    assert index["simulations"]["3"]["equivariance"] == [0, 2, 4, 2]
    (tmp_path / "set" / "simulation_33.npy").unlink()
    del index["simulations"]["6"]  # killed between the array and the index
    del index["simulations"]["27"]["equivariance"]  # of an older version
    (tmp_path / "set" / "smoke.json").write_text(json.dumps(index))
    make(7)
    assert simulated == [4, 4, 1]  # 33 and 6 anew, and three more
    found = load(tmp_path / "set")
    assert sorted(found.velocity) == sorted(selection(7))
    assert sorted(found.equivariance) == sorted(set(selection(7)) - {27})
    for number, velocity in found.velocity.items():
        assert_near(velocity[0, 0, 0, 0].double(), torch.tensor(sum(published_plume(number).buoyancy)).double())
    with pytest.raises(RegrepError, match="not 3 of 32 x 32; choose another folder"):
        make(4, size=32)
    path = tmp_path / "set" / "simulation_27.npy"
    path.write_bytes(path.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(RegrepError, match="simulation_27.npy is truncated or altered"):
        load(tmp_path / "set")


def test_generation_names_its_extra(tmp_path, monkeypatch):
    def absent(name):
        raise sets.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(sets.metadata, "version", absent)
    with pytest.raises(MissingExtraError, match=r"\[sim\]"):
        generate(tmp_path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (torch.zeros(5, 2, 4, 6), "on a square, but holds torch.float32 [5, 2, 4, 6]"),
        (torch.zeros(5, 3, 4, 4), "[5, 3, 4, 4]"),
        (torch.zeros(5, 2, 4, 4, dtype=torch.float64), "torch.float64"),
        ([1, 2], "holds list"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, told):
    torch.save(content, tmp_path / "raw_data_27_2.pt")
    with pytest.raises(RegrepError) as error:
        load(tmp_path)
    assert told in str(error.value)


def test_folders_without_what_is_needed_are_refused(tmp_path, folder):
    with pytest.raises(RegrepError, match="holds no simulations"):
        load(tmp_path)
    (tmp_path / "raw_data_27_2.pt").write_bytes(b"no tensor")
    with pytest.raises(RegrepError, match="raw_data_27_2.pt cannot be read"):
        load(tmp_path)
    np.save(tmp_path / "raw_data_33_0.npy", field(33))
    (tmp_path / "raw_data_27_2.pt").unlink()
    with pytest.raises(RegrepError, match="1 of the simulations for training and 0 of those held out"):
        Smoke(tmp_path, size=SIZE).setup()
    with pytest.raises(RegrepError, match=r"are 8 x 8, but the size is 16; pass --data.size=8"):
        Smoke(folder, size=16).setup()
    published_files(tmp_path, (6,), frames=9)
    with pytest.raises(RegrepError, match="have one shape"):
        load(tmp_path)
    with pytest.raises(RegrepError, match="run regrep data smoke --size 64"):
        Smoke(size=64)


def test_centres_are_means_of_faces():
    faces = torch.randn(3, 2, 5, 5)
    v = centred(faces)
    assert_near(v[:, 0, 1, 2], (faces[:, 0, 1, 2] + faces[:, 0, 1, 3]) / 2)
    assert_near(v[:, 1, 1, 2], (faces[:, 1, 1, 2] + faces[:, 1, 2, 2]) / 2)
    assert_near(v[:, 0, 1, 4], faces[:, 0, 1, 4] / 2)
    assert_near(v[:, 1, 4, 2], faces[:, 1, 4, 2] / 2)


def used(frames, rollout, horizon, **more):
    """Frames of the training simulations that each split sees."""
    found = spans(frames, rollout, horizon, **more)
    reach = {"train": rollout, "validation": rollout, "future": horizon}
    return [set(range(found[s].start, found[s].stop + 9 + more_)) for s, more_ in reach.items()]


@pytest.mark.parametrize("frames", [62, 63, 100, 309])
def test_splits_share_no_frame(frames):
    train, validation, future = used(frames, 6, 20)
    assert not train & validation
    assert not validation & future
    assert max(future) < frames
    assert spans(frames)["domain"].stop - 1 + 30 <= frames


def test_the_published_splits_do_share_frames():
    train, validation, _ = used(309, 6, 20, as_published=True)
    assert len(train & validation) == 15


def test_too_few_frames_are_refused():
    with pytest.raises(RegrepError, match="at least 62 frames, got 61"):
        spans(61)
    with pytest.raises(RegrepError, match="at least 281 frames, got 280"):
        spans(280, as_published=True)
    with pytest.raises(RegrepError, match="the horizon at least as many, got 6 and 5"):
        spans(309, 6, 5)


def test_windows_are_cut_from_their_simulations(data):
    for loader, number in ((data.train_dataloader(), 33), (data.test_dataloader()[1], 6)):
        windows = loader.dataset
        last = len(windows) - 1
        batch = windows[(torch.tensor([last]), 0)]
        frames = torch.cat([batch.images, batch.labels], dim=1)[0]
        start = windows.starts[-1]
        assert torch.equal(frames, torch.from_numpy(field(number)[start : start + windows.length]))
    views = data.views(next(iter(data.train_dataloader())))
    assert views.x.shape == (2, 20, SIZE, SIZE)
    assert views.y.shape == (2, 3, 2, SIZE, SIZE)
    whole = Smoke(data.data_dir, size=SIZE, rollout=3, horizon=5, sampling="faces")
    whole.setup()
    batch = whole.val_dataloader().dataset[(torch.tensor([0]), 5)]
    assert torch.equal(whole.views(batch).x[0].unflatten(0, (10, 2)), batch.images[0])
    assert_near(data.views(batch).y, centred(batch.labels))
    assert torch.equal(data.views(batch).g, whole.views(batch).g)


def test_simulations_are_mapped_and_files_stay_as_they_are(tmp_path):
    for number in (27, 6):
        np.save(tmp_path / f"raw_data_{number}_1.npy", field(number))
    velocity = load(tmp_path).velocity[27]
    velocity += 1
    assert np.array_equal(np.load(tmp_path / "raw_data_27_1.npy"), field(27))


def test_a_window_advances_by_whole_frames():
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert advance(x, torch.tensor([8.0, 9.0]).reshape(1, 2, 1, 1)).flatten().tolist() == [2, 3, 4, 5, 8, 9]
    assert roll_out(lambda x: x[:, -2:] + 1, x, 3)[0, :, :, 0, 0].tolist() == [[5, 6], [6, 7], [7, 8]]


def objective_of(method="ours", **options):
    return SmokeForecast(method=method, width=4, size=SIZE, **options)


@pytest.fixture
def batch(data):
    return data.views(next(iter(data.train_dataloader())))


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


def test_network_and_layouts():
    network = SmokeCNN()
    assert sum(p.numel() for p in network.parameters()) == 247_850  # 0.25 million in Table 6
    x = torch.randn(2, 20, SIZE, SIZE)
    assert network.encoder(x).shape == (2, 92, SIZE, SIZE)
    assert (network.encoder(x) >= 0).all()
    assert network(x).shape == (2, 2, SIZE, SIZE)
    act = action()
    for layout in ("grid", "channels", "both"):
        rho = latent_representation(act, layout, (8, 4, 4))
        assert rho.shape == (8, 4, 4)
    with pytest.raises(RegrepError, match=r"odd grid \(5 x 5\)"):
        latent_representation(act, "grid", (4, 5, 5))
    assert latent_representation(act, "channels", (4, 5, 5)).shape == (4, 5, 5)
    with pytest.raises(RegrepError, match='"grid", "channels" and "both"'):
        latent_representation(act, "pixels", (4, 4, 4))


@pytest.mark.parametrize("rows", ["up", "down"])
def test_pixels_of_the_latent_turn_as_those_of_the_data(rows):
    """The layout grid belongs to scalars made by kernels that do not change under quarter turns."""
    act = VectorField2d(regrep.groups.cyclic(4), rows)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    rho = latent_representation(act, "grid", (4, 6, 6))
    x, g = torch.randn(4, 6, 6, 6), torch.arange(4)

    def penalty(rho=rho):
        z, z_g = (conv(field.unflatten(1, (3, 2)).square().sum(2)) for field in (x, act(x, g)))
        return equivariance_loss(z, z_g, g, rho)

    assert penalty() > 1e-3
    with torch.no_grad():
        conv.weight.copy_(torch.stack([torch.rot90(conv.weight, k, (2, 3)) for k in range(4)]).mean(0))
    assert penalty() < 1e-10
    other = VectorField2d(act.group, "down" if rows == "up" else "up")
    assert penalty(latent_representation(other, "grid", (4, 6, 6))) > 1e-3


def test_the_objective_turns_latents_in_the_direction_of_the_data():
    model = SmokeForecast(method="ours", size=4)
    z, g = torch.arange(92 * 16.0).reshape(1, 92, 4, 4), torch.tensor([1])
    turned = model.objective.latents[OUTPUT](z, g)
    pairs = torch.stack([z[:, 0], torch.zeros(1, 4, 4)], dim=1)  # the first channel as vx becomes vy
    assert torch.equal(action()(pairs, g)[:, 1], turned[:, 0])


def vortex() -> torch.Tensor:
    """A patch of vorticity carried along by a uniform wind of (0.4, 0.1) cells per frame: an exact flow."""
    t, y, x = torch.meshgrid(torch.arange(10.0), torch.arange(24.0), torch.arange(24.0), indexing="ij")
    dx, dy = x - 8 - 0.4 * t, y - 11 - 0.1 * t
    spin = 0.1 * torch.exp(-(dx**2 + dy**2) / 12)
    return torch.stack([0.4 - spin * dy, 0.1 + spin * dx], dim=1)[None]


def test_turned_flows_are_flows_and_wrongly_turned_ones_are_not():
    frames = vortex()
    assert transport_error(frames) < 0.3
    right = transport_errors(frames, action())
    assert_near(torch.tensor(right), torch.full((4,), right[0]))
    wrong = transport_errors(frames, VectorField2d(regrep.groups.cyclic(4), rows="down"))
    assert wrong[1] > 1.0
    assert_near(torch.tensor(wrong[2]), torch.tensor(right[0]))


def trainer(epochs=1):
    return lightning.Trainer(
        accelerator="cpu", max_epochs=epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::lightning.fabric.utilities.warnings.PossibleUserWarning", "ignore::FutureWarning")
def test_forecasts_are_measured_over_all_windows(data, tmp_path):
    """The logged numbers are roots of means over windows, whatever the batches; the record holds every frame."""
    torch.manual_seed(0)
    model = objective_of("cnn-augmented")
    runner = trainer()
    runner.fit(model, datamodule=data)
    model.eval()
    validation = data.val_dataloader().dataset
    views = data.views(validation[(torch.arange(len(validation)), 0)])
    with torch.no_grad():
        squares = (roll_out(model, views.x, 3) - views.y).square()
    assert_near(runner.callback_metrics["validation/rmse"], squares.mean().sqrt())
    assert_near(runner.callback_metrics["validation/rmse_vy"], squares[:, :, 1].mean().sqrt())
    rates = [group["lr"] for group in runner.optimizers[0].param_groups]
    assert rates == [1e-3 * 0.95]

    future, domain = runner.test(model, datamodule=data, verbose=False)
    found = {**future, **domain}
    windows = data.test_dataloader()[1].dataset
    views = data.views(windows[(torch.arange(len(windows)), 0)])
    model.eval()
    with torch.no_grad():
        squares = (roll_out(model, views.x, 5) - views.y).square()
    assert_near(torch.tensor(found["test/domain"]), squares.mean().sqrt())
    assert_near(torch.tensor(found["test/domain_short"]), squares[:, :3].mean().sqrt())
    assert found["test/rmse"] == found["test/future_short"]

    record = model.diagnose(data, tmp_path)
    assert_near(torch.tensor(record["horizon"]["domain"]["rmse"]), squares.mean(dim=(0, 2, 3, 4)).sqrt())
    assert_near(torch.tensor(record["horizon"]["domain"]["vx"]), squares[:, :, 0].mean(dim=(0, 2, 3)).sqrt())
    assert record["output_equivariance"]["total"][0] == 0
    assert len(record["transport"]) == len(record["equivariance"]["elements"]) == 4
    with np.load(tmp_path / "rollout.npz") as file:
        assert file["future_predicted"].shape == file["domain_true"].shape == (5, 2, SIZE, SIZE)
    assert record["forecast_equivariance"]["samples"] == len(validation)
    assert "data_equivariance" not in record  # published files tell nothing of the simulator
    data.simulations.equivariance.update({27: [0, 1.0, 2.0, 1.0], 33: [0, 2.0, 2.5, 2.0]})
    told = model.diagnose(data, tmp_path)["data_equivariance"]
    assert (told["mean"], told["largest"], told["samples"]) == ([0, 1.5, 2.25, 1.5], [0, 2, 2.5, 2], 2)
    json.dumps(record)


def test_forecasts_are_compared_with_those_of_moved_windows(data, tmp_path):
    """In parts of the true change: a drift upwards does not commute, a scaling does; without change there is none."""
    x, act = torch.randn(3, 20, SIZE, SIZE), action()
    up = torch.tensor([0.0, 1.0]).reshape(2, 1, 1)
    distances = forecast_distances(lambda x: x[:, -2:] + up, x, act, act)
    assert_near(distances, SIZE * torch.tensor([0, 2**0.5, 2, 2**0.5]).expand(3, 4))
    assert forecast_distances(lambda x: 1.1 * x[:, -2:], x, act, act).max() < 1e-5
    assert per_element(act.group.names, distances / 0) == {}

    model = objective_of("cnn")
    windows = data.val_dataloader().dataset
    views = data.views(windows[(torch.arange(len(windows)), 0)])
    change = (views.y[:, 0] - views.x[:, -2:]).flatten(1).norm(dim=1)
    model.network.forward = lambda x: x[:, -2:] + up
    record = model.diagnose(data, tmp_path)
    assert_near(torch.tensor(record["forecast_equivariance"]["mean"][2]), (2 * SIZE / change).mean())
    assert_near(torch.tensor(record["forecast_equivariance_own_change"]["mean"][2]), torch.tensor(2.0))


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


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore:.*num_workers.*", "ignore:.*number of training batches.*")
def test_fit_leaves_a_record_that_the_report_reads(folder, tmp_path):
    from regrep_paper.experiments.fit import fit, measure

    out = tmp_path / "run"
    options = [f"--data.data_dir={folder}", f"--data.size={SIZE}", "--data.horizon=7", "--model.width=4"]
    done = fit("smoke", [*options, "--trainer.max_epochs=2", "--trainer.accelerator=cpu", f"--out={out}"])
    assert {"rmse", "future", "domain", "future_short", "domain_short"} <= set(done["test"])
    assert len(done["horizon"]["future"]["rmse"]) == 7
    config = json.loads((out / "run.json").read_text())["config"]
    assert (config["size"], config["horizon"], config["splits_as_published"], config["width"]) == (SIZE, 7, False, 4)
    rows = (out / "metrics.csv").read_text().splitlines()
    column = rows[0].split(",").index("validation/rmse")
    values = [float(row.split(",")[column]) for row in rows[1:]]
    assert done["validation"]["rmse"] == pytest.approx(min(values))  # the best weights, not the last
    assert measure(out, 4, {"data_dir": folder}).error.elements == ("e", "r", "r2", "r3")


def test_without_a_folder_a_small_set_is_simulated_once(simulated, tmp_path, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path))
    for _ in range(2):
        module = Smoke(size=8)
        module.setup()
    assert simulated == [6]
    assert module.record()["sizes"] == {"train": 4 * 27, "validation": 4 * 6, "future": 4 * 8, "domain": 2 * 32}


def test_the_command_simulates_and_verifies(simulated, tmp_path, capsys):
    from regrep_paper.cli import main

    words = ["data", "smoke", "--size", "8", "--frames", "2", "--simulations", "3", "--out", str(tmp_path / "set")]
    assert main(words) == 0
    assert "verified: 3 simulations of 2 frames of 8 x 8" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["data", "smoke", "--size", "8"])
    assert "--out" in capsys.readouterr().err


@pytest.mark.parametrize("size", [0, -1])
def test_a_field_without_pixels_is_refused(size):
    with pytest.raises(RegrepError, match=f"at least 1 point along a side, got {size}"):
        VectorField2d(cyclic(4)).pixels(size)


def test_a_latent_of_another_shape_is_refused():
    with pytest.raises(RegrepError, match=r"got shape \[4, 4\]"):
        latent_representation(VectorField2d(cyclic(4), rows="up"), "grid", (4, 4))
