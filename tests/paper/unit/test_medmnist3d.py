"""MedMNIST3D: the official file format, views of volumes, the network of appendix C.2, the settings of Table 10."""

import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from torch import nn

from regrep.errors import RegrepError
from regrep.objectives import OUTPUT
from regrep_paper.cli import main
from regrep_paper.data import medmnist
from regrep_paper.data.medmnist import SETS, file_of, medmnist3d
from regrep_paper.data.polycubes import classes
from regrep_paper.data.volumes import MovedVolumes
from regrep_paper.experiments.medmnist3d import MedMNIST3D
from regrep_paper.networks.volume_cnn import VolumeCNN
from regrep_paper.tables import config_command, definition_of
from regrep_paper.tables.table5 import classes_of
from tolerance import assert_near

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


def arrays_of(size=28, counts=(6, 4, 4), labels=2, **changes):
    """Arrays as in an official file; class 1 is bright in one corner."""
    generator = np.random.default_rng(0)
    arrays = {}
    for key, count in zip(("train", "val", "test"), counts, strict=True):
        y = np.arange(count, dtype=np.uint8)[:, None] % labels
        x = generator.integers(0, 100, (count, size, size, size), dtype=np.uint8)
        x[y[:, 0] == 1, :9, :9, :9] += 150
        arrays |= {f"{key}_images": x, f"{key}_labels": y}
    return arrays | changes


def write(folder, name="nodule", size=28, **changes):
    folder.mkdir(exist_ok=True)
    np.savez_compressed(folder / file_of(name, size), **arrays_of(size, **changes))
    return folder


@pytest.fixture
def published(monkeypatch):
    """Makes a file count as the published one."""

    def publish(folder, name="nodule", size=28, counts=(6, 4, 4)):
        md5 = hashlib.md5((folder / file_of(name, size)).read_bytes()).hexdigest()
        sizes = dict(zip(("train", "validation", "test"), counts, strict=True))
        known = medmnist.VolumeSet({**SETS[name].md5, size: md5}, sizes, SETS[name].labels)
        monkeypatch.setitem(SETS, name, known)

    return publish


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


def test_reads_the_official_format(tmp_path, published):
    folder = write(tmp_path / "data")
    published(folder)
    found = medmnist3d("nodule", 28, folder)
    arrays = arrays_of()
    assert found.name == "nodulemnist3d"
    for split, key in (("train", "train"), ("validation", "val"), ("test", "test")):
        assert np.array_equal(found.images[split], arrays[f"{key}_images"])
        assert np.array_equal(found.labels[split], arrays[f"{key}_labels"][:, 0])
    assert found.labels["train"].dtype == torch.int64


def test_downloads_once(tmp_path, published, monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setenv("NO_PROXY", "*")
    served = write(tmp_path / "mirror")
    published(served)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        mirrors = (f"http://127.0.0.1:{server.server_port}/",)
        found = medmnist3d("nodule", 28, tmp_path / "data", mirrors=mirrors)
        server.shutdown()
        thread.join()
    again = medmnist3d("nodule", 28, tmp_path / "data", mirrors=())
    assert torch.equal(found.images["test"], again.images["test"])


def test_a_file_of_ones_own_needs_to_be_asked_for(tmp_path):
    folder = write(tmp_path / "data", size=64, counts=(2, 2, 2))
    with pytest.raises(RegrepError, match="truncated or altered: its md5 checksum should be c47c5b"):
        medmnist3d("nodule", 64, folder)
    found = medmnist3d("nodule", 64, folder, any_file=True)
    assert found.name == "nodulemnist3d-unverified"
    assert found.images["test"].shape == (2, 64, 64, 64)


def test_published_sets():
    """The counts of the paper's three sets; every checksum is one of its own."""
    assert [tuple(SETS[name].counts.values()) for name in ("nodule", "synapse", "organ")] == [
        (1158, 165, 310), (1230, 177, 352), (971, 161, 610),
    ]  # fmt: skip
    assert [classes_of(name) for name in SETS] == [11, 2, 2, 3, 2, 2]
    sums = [md5 for known in SETS.values() for md5 in known.md5.values()]
    assert len(set(sums)) == 12
    assert {len(md5) for md5 in sums} == {32}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": np.zeros((6, 28, 28, 28))}, "train_images in .* should be uint8, got float64; scale"),
        ({"val_images": np.zeros((4, 28, 28, 27), np.uint8)}, r"shape \[n, 28, 28, 28\] .* got \[4, 28, 28, 27\]"),
        ({"val_images": np.zeros((0, 28, 28, 28), np.uint8)}, r"with n > 0, got \[0, 28, 28, 28\]"),
        ({"test_labels": np.zeros((3, 1), np.uint8)}, r"test_labels in .* integers \[4, 1\], .* got uint8 \[3, 1\]"),
        ({"test_labels": np.zeros((4, 1))}, r"integers \[4, 1\], one for each volume, got float64 \[4, 1\]"),
        ({"train_labels": np.full((6, 1), 2, np.uint8)}, "train_labels in .* from 0 to 1, got 2 to 2; replace"),
        ({"val_labels": np.array([None] * 4)}, "is not an npz file with the arrays .*Object arrays"),
    ],
)
def test_a_file_of_another_format_is_refused(tmp_path, changes, message):
    folder = write(tmp_path / "data", **changes)
    with pytest.raises(RegrepError, match=message):
        medmnist3d("nodule", 28, folder, any_file=True)


def test_a_missing_array_and_other_split_sizes_are_refused(tmp_path, published):
    folder = write(tmp_path / "data")
    published(folder, counts=(6, 4, 5))
    with pytest.raises(RegrepError, match="should hold 6 / 4 / 5 volumes, got 6 / 4 / 4; download it again"):
        medmnist3d("nodule", 28, folder)
    arrays = arrays_of()
    del arrays["val_labels"]
    np.savez(folder / file_of("nodule", 28), **arrays)
    with pytest.raises(RegrepError, match="is not an npz file with the arrays .*val_labels"):
        medmnist3d("nodule", 28, folder, any_file=True)
    (folder / file_of("nodule", 28)).write_bytes(b"PK\3\4 broken")
    with pytest.raises(RegrepError, match="is not an npz file"):
        medmnist3d("nodule", 28, folder, any_file=True)


def test_counts_by_hand():
    """Weights and biases of seven convolutions and three skips, two numbers per normalised channel, the head."""

    def by_hand(c, classes):
        convolutions = [
            (1, c, 7), (c, 2 * c, 5), (1, 2 * c, 7),
            (2 * c, 4 * c, 3), (4 * c, 6 * c, 3), (2 * c, 6 * c, 3),
            (6 * c, 6 * c, 3), (6 * c, 8 * c, 1), (6 * c, 8 * c, 3),
        ]  # fmt: skip
        weights = sum(i * o * k**3 + o for i, o, k in convolutions)
        return weights + 2 * (c + 2 * c + 4 * c + 6 * c + 6 * c + 8 * c) + 8 * c * classes + classes

    for c, count in ((6, 141_998), (7, 191_942)):
        assert sum(p.numel() for p in VolumeCNN(2, c).parameters()) == count == by_hand(c, 2)
        assert sum(p.numel() for p in VolumeCNN(11, c, size=14).parameters()) == by_hand(c, 11)


@pytest.mark.parametrize("size", [8, 14, 20, 28, 64])
def test_the_latent_has_eight_channels_per_width(size):
    network = VolumeCNN(3, 3, size).eval()
    assert network.encoder(torch.zeros(2, 1, size, size, size)).shape == (2, 24)
    assert network(torch.zeros(2, 1, size, size, size)).shape == (2, 3)


def test_the_penalised_latent_is_not_normalised():
    """It is the sum of two convolutions: affine in what comes before."""
    last = VolumeCNN(2).encoder[4].eval()
    assert isinstance(last.block[-1], nn.Conv3d)
    assert isinstance(last.skip, nn.Conv3d)
    assert [type(layer) for layer in VolumeCNN(2).head] == [nn.BatchNorm1d, nn.ELU, nn.Linear]


@pytest.fixture(scope="module")
def data():
    module = MovedVolumes(size=10, per_class=4)
    module.setup()
    return module


def batch_of(module):
    loader = module.train_dataloader()
    loader.sampler.set_epoch(0)
    return next(iter(loader))


def test_views_are_turned_volumes_between_minus_one_and_one(data):
    batch = batch_of(data)
    upright, views = data.views(batch, upright=True), data.views(batch)
    assert_near(upright.x[:, 0], batch.images.float() / 255 * 2 - 1)
    assert torch.equal(upright.g, views.g)
    assert torch.equal(data.views(batch).x, views.x)
    all_turned = torch.stack([data.action(upright.x, torch.full((len(views.x),), k)) for k in range(24)])
    equal = (all_turned == views.x).flatten(2).all(dim=2)
    assert (equal.sum(dim=0) >= 1).all()
    assert len(equal.int().argmax(dim=0).unique()) > 8  # many elements are drawn
    assert views.gx is None


def test_pictures_show_three_sides(data):
    x = torch.full((1, 1, 4, 4, 4), -1.0)
    x[0, 0, 0, 1, 2] = 1.0  # z = 0, y = 1, x = 2
    assert data.pictures(x)[0].nonzero().tolist() == [[1, 2], [1, 4], [4, 2]]


@pytest.mark.parametrize(("method", "upright"), [("cnn", True), ("cnn-augmented", False), ("ours", False)])
def test_only_the_plain_cnn_trains_upright(data, method, upright):
    module = MovedVolumes(size=10, per_class=4, method=method)
    module.setup()
    module.trainer = type("Trainer", (), {"training": True})()
    batch = batch_of(module)
    x = module.on_after_batch_transfer(batch, 0).x
    assert torch.equal(x, module.views(batch, upright=upright).x)
    module.trainer.training = False
    moved, fixed = (module.on_after_batch_transfer(batch, k).x for k in (0, 1))
    assert torch.equal(moved, data.views(batch).x)
    assert torch.equal(fixed, data.views(batch, upright=True).x)


def test_splits_of_polycubes_differ_and_do_not_depend_on_the_seed(data):
    other = MovedVolumes(size=10, per_class=4, seed=5)
    other.setup()
    assert data.record() == {"name": "polycubes", "files": {}, "sizes": {"train": 48, "validation": 12, "test": 24}}
    volumes = [samples.images for samples in data.splits.values()]
    assert not torch.equal(volumes[0][:12], volumes[1])
    assert not torch.equal(volumes[1], volumes[2][:12])
    for split, samples in data.splits.items():
        assert torch.equal(samples.images, other.splits[split].images)
        assert len(samples.labels.bincount().unique()) == 1
        assert len(samples.labels.unique()) == len(classes())


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


def test_the_task_loss_is_the_mean_of_both_views(data):
    views = data.views(batch_of(data))
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
        (lambda: medmnist3d("liver"), "the sets of MedMNIST3D are organ, .* got 'liver'"),
        (lambda: medmnist3d("organ", 32), "have the size 28 or 64, got 32"),
        (
            lambda: medmnist3d("organ", 28, "/nowhere", any_file=True),
            "/nowhere holds no organmnist3d.npz; put it there",
        ),
        (lambda: MovedVolumes("chest"), "volumes come from polycubes, organ, .* got 'chest'"),
        (lambda: MovedVolumes(size=4), "from 8 to 64, got 4"),
        (lambda: MovedVolumes(per_class=3), "per_class is at least 4, .* got 3"),
        (lambda: MovedVolumes("organ", per_class=9), "per_class is a setting of polycubes, and organ"),
        (lambda: MovedVolumes(any_file=True), "polycubes have none; leave it out"),
        (lambda: MovedVolumes(batch_size=0), "batch_size is at least 1, got 0"),
        (lambda: MovedVolumes(method="theirs"), "the methods are cnn, .* got 'theirs'"),
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


def test_a_file_of_ones_own_runs_from_the_command_line(tmp_path, capsys):
    folder, out = write(tmp_path / "data"), tmp_path / "run"
    args = [
        "--data.source=nodule", f"--data.data_dir={folder}", "--model.width=3", f"--out={out}", "--data.batch_size=4",
        "--trainer.max_epochs=1", "--trainer.accelerator=cpu",
    ]  # fmt: skip
    assert main(["fit", "medmnist3d", *args]) == 1
    assert "nodulemnist3d.npz" in capsys.readouterr().err
    assert main(["fit", "medmnist3d", *args, "--data.any_file=true"]) == 0
    done, record = (json.loads((out / name).read_text()) for name in ("done.json", "run.json"))
    assert {"accuracy", "accuracy_upright", "auc", "auc_upright", "whitened_error", "moving_share"} <= set(done["test"])
    assert record["config"] | {"data": "nodule", "any_file": True, "width": 3, "group": "O"} == record["config"]
    assert record["data"]["name"] == "nodulemnist3d-unverified"
    with np.load(out / "examples.npz") as pictures:
        assert pictures["x"].shape == (6, 56, 56)
        assert pictures["gx"].dtype == np.uint8


def test_the_table_counts_the_classes_of_its_sources():
    from regrep_paper.data import medmnist, polycubes
    from regrep_paper.tables.table5 import CLASSES

    assert {name: len(release.labels) for name, release in medmnist.SETS.items()} == {
        name: count for name, count in CLASSES.items() if name != "polycubes"
    }
    assert CLASSES["polycubes"] == len(polycubes.classes())
