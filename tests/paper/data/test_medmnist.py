"""The official files of MedMNIST3D: format, checksums, download, and what is refused."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from volumes_fixture import arrays_of, write

from regrep.errors import RegrepError
from regrep_paper.data import medmnist
from regrep_paper.data.medmnist import SETS, file_of, medmnist3d
from regrep_paper.tables.table5 import classes_of


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
    """The counts of the paper's three sets and of MedMNIST's others; checksums as MedMNIST's list begins them."""
    assert [tuple(SETS[name].counts.values()) for name in ("nodule", "synapse", "organ")] == [
        (1158, 165, 310), (1230, 177, 352), (971, 161, 610),
    ]  # fmt: skip
    assert [classes_of(name) for name in SETS] == [11, 2, 2, 3, 2, 2]
    assert [tuple(SETS[name].counts.values()) for name in ("adrenal", "fracture", "vessel")] == [
        (1188, 98, 298), (1027, 103, 240), (1335, 191, 382),
    ]  # fmt: skip
    assert {name: (known.md5[28][:8], known.md5[64][:8]) for name, known in SETS.items()} == {
        "organ": ("a0c5a1ff", "58a2205a"), "nodule": ("8755a7e9", "c47c5b7d"), "adrenal": ("bbd3c5a5", "17721acc"),
        "fracture": ("6aa7b014", "f01d7e63"), "vessel": ("b41fd4f7", "6bb274a8"), "synapse": ("1235b78a", "43bd14eb"),
    }  # fmt: skip
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
        (
            {"val_labels": np.array([[-1], [0], [1], [0]], np.int8)},
            "val_labels in .* from 0 to 1, got -1 to 1; replace",
        ),
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: medmnist3d("liver"), "the sets of MedMNIST3D are organ, .* got 'liver'"),
        (lambda: medmnist3d("organ", 32), "have the size 28 or 64, got 32"),
        (
            lambda: medmnist3d("organ", 28, "/nowhere", any_file=True),
            "/nowhere has no organmnist3d.npz; put it there",
        ),
    ],
)
def test_wrong_settings_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()
