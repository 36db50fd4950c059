"""Files of MNIST: mirrors, checksums, and what is refused."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from idx_fixture import idx

pytest.importorskip("pooch")

from regrep.errors import RegrepError
from regrep_paper.data.downloads import MNIST, Release, mnist
from regrep_paper.data.idx import read_idx

FILES = list(MNIST.md5)


TEST_PAIR = FILES[2:]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for file, count in zip(FILES, (5, 5, 3, 3), strict=True):
        shape = (count, 28, 28) if "images" in file else (count,)
        (folder / file).write_bytes(idx(generator.integers(0, 10, shape)))
    return folder


@pytest.fixture
def mirror(served, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=served)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def release(served, *mirrors: str) -> Release:
    return Release("mnist", {file: hashlib.md5((served / file).read_bytes()).hexdigest() for file in FILES}, mirrors)


def test_downloads_and_reads(tmp_path, served, mirror):
    parts, files = mnist(tmp_path / "data", release(served, mirror))
    assert {part: x.shape for part, (x, _) in parts.items()} == {"train": (5, 28, 28), "test": (3, 28, 28)}
    np.testing.assert_array_equal(parts["test"][1], read_idx(served / TEST_PAIR[1]))
    assert sorted(files) == sorted(FILES)
    assert files[FILES[0]] == {"md5": release(served).md5[FILES[0]]}


def test_a_second_time_needs_no_mirror(tmp_path, served, mirror):
    mnist(tmp_path / "data", release(served, mirror))
    parts, _ = mnist(tmp_path / "data", release(served))
    assert set(parts) == {"train", "test"}


def test_the_next_mirror_is_tried(tmp_path, served, mirror):
    parts, _ = mnist(tmp_path / "data", release(served, mirror + "moved/", mirror))
    assert len(parts["train"][1]) == 5


@pytest.mark.parametrize("harm", ["truncated", "altered"])
def test_a_bad_download_is_refused_and_removed(tmp_path, served, mirror, harm):
    good = release(served, mirror)
    path = served / FILES[0]
    content = path.read_bytes()
    path.write_bytes(content[:-20] if harm == "truncated" else content[:-1] + bytes([content[-1] ^ 1]))
    found = hashlib.md5(path.read_bytes()).hexdigest()
    with pytest.raises(RegrepError, match=f"{FILES[0]}.*truncated or altered") as error:
        mnist(tmp_path / "data", good)
    for part in (good.md5[FILES[0]], found, str(tmp_path / "data")):
        assert part in str(error.value)
    assert not (tmp_path / "data").exists()


def test_a_bad_file_of_the_user_is_refused_and_kept(served):
    good = release(served)
    path = served / FILES[1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RegrepError, match=f"{FILES[1]} in {served} is truncated or altered.*delete it") as error:
        mnist(served, good)
    assert good.md5[FILES[1]] in str(error.value)
    assert hashlib.md5(path.read_bytes()).hexdigest() in str(error.value)
    assert path.exists()


def test_without_a_network_the_error_tells_where_to_put_the_file(tmp_path, served):
    good = release(served, "http://127.0.0.1:9/")
    with pytest.raises(RegrepError, match=f"{FILES[0]} of mnist could not be downloaded.*ConnectionError") as error:
        mnist(tmp_path / "data", good)
    assert f"md5 checksum {good.md5[FILES[0]]} into {tmp_path / 'data'}" in str(error.value)


def test_the_test_files_alone_suffice(served):
    for file in FILES[:2]:
        (served / file).unlink()
    parts, files = mnist(served, Release("mnist", release_of_pair(served), ()))
    assert list(parts) == ["test"]
    assert sorted(files) == sorted(TEST_PAIR)


def release_of_pair(served) -> dict[str, str]:
    known = {file: hashlib.md5((served / file).read_bytes()).hexdigest() for file in TEST_PAIR}
    return {file: known.get(file, "0" * 32) for file in FILES}


def test_half_a_pair_is_completed(tmp_path, served, mirror):
    good = release(served, mirror)
    mnist(tmp_path / "data", good)
    (tmp_path / "data" / FILES[0]).unlink()
    assert set(mnist(tmp_path / "data", good)[0]) == {"train", "test"}
