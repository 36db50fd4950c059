"""Files of smoke: selections, generation, reading, and what is refused."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from smoke_fixture import SIZE, field, published_files

from regrep import __version__
from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.data import smoke_files as sets
from regrep_paper.data.smoke_files import DOMAIN, TRAIN, centred, generate, load, selection
from regrep_paper.data.smoke_simulation import Simulated, published_plume
from regrep_paper.data.smoke_windows import Smoke
from tolerance import assert_near


def test_smaller_sets_lie_in_larger_ones():
    for count in range(2, 36):
        assert set(selection(count)) <= set(selection(count + 1))
        assert len(set(selection(count))) == count
    assert not set(TRAIN) & set(DOMAIN)
    assert set(selection(36)) == set(range(1, 37))
    held = {count: sum(number in DOMAIN for number in selection(count)) for count in range(2, 37)}
    assert {count: held[count] for count in (2, 5, 6, 8, 9, 14, 34, 35, 36)} == {
        2: 1, 5: 1, 6: 2, 8: 2, 9: 3, 14: 4, 34: 10, 35: 10, 36: 10,
    }  # fmt: skip
    for count in (1, 37):
        with pytest.raises(RegrepError, match=f"from 2 to 36 simulations, got {count}"):
            selection(count)


@pytest.fixture
def tiny(monkeypatch):
    """Simulations of one number, whatever was asked for; what was asked for, and what was told."""
    asked, told = [], []

    def fake(plumes, size, frames, tell):
        asked.append((len(plumes), size, frames))
        for frame in range(1, frames + 1):
            tell(frame)
        shape = (len(plumes), 1, 2, 1, 1)
        strength = np.array([max(map(abs, plume.buoyancy)) for plume in plumes])
        velocity = np.broadcast_to(strength.astype(np.float32)[:, None, None, None, None], shape)
        return Simulated(velocity, 1e-3 * strength, np.outer(strength, [0.0, 1.0, 2.0, 3.0]))

    monkeypatch.setattr(sets, "simulate", fake)
    monkeypatch.setattr(sets.metadata, "version", lambda name: f"{name} 1")
    return asked, told


def test_by_default_the_published_set_is_simulated(tmp_path, tiny):
    """36 simulations of 309 frames of 64 x 64 (Wang et al.), four together."""
    (asked, told), out = tiny, tmp_path / "set"
    out.mkdir()
    (out / ".simulation_27.npy.part").touch()
    assert generate(out, progress=told.append) == out
    assert asked == [(4, 64, 309)] * 9
    assert [line for line in told if "are in" in line] == [
        f"{4 * k} of 36 simulations are in {out}" for k in range(1, 10)
    ]
    assert not (out / ".simulation_27.npy.part").exists()
    text = (out / "smoke.json").read_text()
    assert text.endswith("\n}\n")
    assert '\n  "size": 64,\n' in text  # to be read by people
    index = json.loads(text)
    assert (index["size"], index["frames"]) == (64, 309)
    assert index["versions"] == {"regrep": __version__, "phiflow": "phiflow 1", "phiml": "phiml 1"}
    assert sorted(map(int, index["simulations"])) == list(range(1, 37))
    for number, entry in index["simulations"].items():
        strength = 0.01 * int(number) * (1.1 if int(number) % 4 == 3 else 1)
        assert entry["file"] == f"simulation_{int(number):02}.npy"
        assert entry["md5"] == hashlib.md5((out / entry["file"]).read_bytes()).hexdigest()
        assert entry["largest_divergence"] == pytest.approx(1e-3 * strength)
        assert entry["equivariance"] == pytest.approx([0, strength, 2 * strength, 3 * strength])


@pytest.mark.parametrize(
    ("size", "jobs", "sizes"),
    [(32, 1, [7]), (32, 2, [4, 3]), (32, 7, [1] * 7), (64, 1, [4, 3]), (96, 1, [1] * 7), (200, 1, [1] * 7)],
)
def test_simulations_are_shared_out_in_parts(tmp_path, tiny, monkeypatch, size, jobs, sizes):
    """As many together as 4 of 64 x 64 have cells, and no job is left without a part."""
    monkeypatch.setattr(sets, "_results", lambda parts, work, jobs: ((part, work(part)) for part in parts))
    generate(tmp_path / "set", size, 2, 7, jobs, progress=list)
    assert tiny[0] == [(count, size, 2) for count in sizes]


def test_progress_tells_the_time_that_is_left(tmp_path, tiny, monkeypatch):
    """Ten times in a simulation, from how long its frames took so far; the record has the seconds of one of them."""
    clock = iter([100.0, *(100.0 + 3 * k for k in range(1, 13)), 150.0, 150.0])
    monkeypatch.setattr(sets, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    told = tiny[1]
    generate(tmp_path / "set", 64, 25, 2, progress=told.append)
    assert told[0] == "simulations 27, 6: frame 2 of 25, about 34 s left"  # 3 s (25 / 2 - 1)
    assert told[4] == "simulations 27, 6: frame 10 of 25, about 22 s left"
    assert [int(line.split()[4]) for line in told[:-1]] == list(range(2, 25, 2))
    index = json.loads((tmp_path / "set" / "smoke.json").read_text())
    assert [entry["seconds"] for entry in index["simulations"].values()] == [25.0, 25.0]


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
    del index["md5"], index["simulations"]["27"]["equivariance"]  # of an older version
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


@pytest.mark.parametrize(
    "change",
    [
        lambda index: index.update(rows="-y"),
        lambda index: index.update(md5="0" * 32),
        lambda index: index.update(mt5=index.pop("md5")),
    ],
)
def test_an_altered_index_is_told(tmp_path, simulated, change):
    folder = generate(tmp_path / "set", frames=3, simulations=2, progress=list)
    index = json.loads((folder / "smoke.json").read_text())
    load(folder)
    change(index)
    (folder / "smoke.json").write_text(json.dumps(index))
    for read in (load, lambda folder: generate(folder, frames=3, simulations=2)):
        with pytest.raises(RegrepError, match="smoke.json is altered.* delete it and make the set again"):
            read(folder)


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
        (torch.zeros(5, 2, 4), "[5, 2, 4]"),
        (torch.zeros(5, 2, 4, 4, dtype=torch.float64), "torch.float64"),
        ([1, 2], "holds list"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, told):
    torch.save(content, tmp_path / "raw_data_27_2.pt")
    with pytest.raises(RegrepError) as error:
        load(tmp_path)
    assert told in str(error.value)


def test_folders_without_what_is_needed_are_refused(tmp_path, smoke_folder):
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
        Smoke(smoke_folder, size=16).setup()
    published_files(tmp_path, (6,), frames=9)
    with pytest.raises(RegrepError, match="have the same shape"):
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


def test_simulations_are_mapped_and_files_stay_as_they_are(tmp_path):
    for number in (27, 6):
        np.save(tmp_path / f"raw_data_{number}_1.npy", field(number))
    velocity = load(tmp_path).velocity[27]
    velocity += 1
    assert np.array_equal(np.load(tmp_path / "raw_data_27_1.npy"), field(27))


def test_what_was_read_says_its_size_and_its_files(tmp_path):
    published_files(tmp_path, (27, 6, 33), frames=9)
    (tmp_path / "raw_data_3_1.pt.part").write_bytes(b"no simulation")
    found = load(tmp_path)
    assert (found.size, found.frames, found.equivariance) == (SIZE, 9, {})
    assert found.numbers(TRAIN) == [27, 33]
    assert found.numbers([6, 1, 27]) == [6, 27]
    assert list(found.velocity) == [6, 27, 33]
    paths = [tmp_path / f"raw_data_{number}_{(number - 1) % 4}.pt" for number in (6, 27, 33)]
    assert found.files == {path.name: {"md5": hashlib.md5(path.read_bytes()).hexdigest()} for path in paths}
