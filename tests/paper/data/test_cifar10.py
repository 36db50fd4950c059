"""CIFAR10: its three forms agree, and damaged or hostile files are refused, on files of seven images."""

import gzip
import hashlib
import io
import pickle
import struct
import tarfile

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep_paper.data.cifar10 import CIFAR10, FORMS, Counts, cifar10
from regrep_paper.data.cifar10_pickle import LARGEST, images_and_labels
from regrep_paper.data.downloads import Release

BINARY, PYTHON = FORMS
COUNTS = Counts(train=5, test=2)
NOWHERE = Release("cifar10", CIFAR10.md5, ())


@pytest.fixture
def content():
    """Images and labels of each file, smooth so that JPEG keeps them."""
    generator = np.random.default_rng(0)
    names = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
    grid = np.linspace(0, 1, 32)
    files = {}
    for name in names:
        n = 2 if name == "test_batch" else 1
        slopes = generator.uniform(20, 120, (2, n, 3, 1, 1))
        images = (slopes[0] * grid[:, None] + slopes[1] * grid).astype(np.uint8)
        files[name] = images.reshape(n, -1), generator.integers(0, 10, n)
    return files


def records(images, labels) -> bytes:
    return np.hstack([labels[:, None].astype(np.uint8), images]).tobytes()


def python2(images, labels) -> bytes:
    """The opcodes with which Python 2 wrote the official files: byte strings throughout, old names of numpy."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    def small(value: int) -> bytes:
        return b"M" + struct.pack("<H", value)

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + small(0) + b"t" + text(b"b") + b"tR"
        b"(" + small(1) + b"(" + small(len(images)) + small(3072) + b"t"
        b"cnumpy\ndtype\n(" + text(b"u1") + small(0) + small(1) + b"tR"
        b"(" + small(3) + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff" + small(0) + b"tb"
        b"I00\nT" + struct.pack("<i", images.size) + images.tobytes() + b"tb"
    )
    numbers = b"](" + b"".join(small(label) for label in labels.tolist()) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + numbers + b"u."


def folder_of(form, content, tmp_path):
    folder = tmp_path / form.folder
    folder.mkdir()
    encode, end = (records, ".bin") if form is BINARY else (python2, "")
    for name, (images, labels) in content.items():
        (folder / (name + end)).write_bytes(encode(images, labels))
    return folder


def archive_of(form, content, tmp_path):
    """The folder packed, and a release that knows its checksum."""
    folder = folder_of(form, content, tmp_path)
    with tarfile.open(tmp_path / form.archive, "w:gz") as archive:
        archive.add(folder, form.folder)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    return Release("cifar10", {form.archive: hashlib.md5((tmp_path / form.archive).read_bytes()).hexdigest()}, ())


def jpeg_of(content, path, **changes):
    image = pytest.importorskip("PIL.Image")
    files, labels, is_train = [], [], []
    for name, (images, classes) in content.items():
        for pixels, label in zip(images.reshape(-1, 3, 32, 32), classes, strict=True):
            with io.BytesIO() as buffer:
                image.fromarray(pixels.transpose(1, 2, 0)).save(buffer, "JPEG", quality=95)
                files.append(buffer.getvalue())
            labels.append(label)
            is_train.append(name != "test_batch")
    arrays = {
        "jpeg": np.frombuffer(b"".join(files), np.uint8),
        "offsets": np.cumsum([0, *map(len, files)]),
        "label": np.array(labels, dtype=np.uint8),
        "is_train": np.array(is_train),
    }
    for key, change in changes.items():
        arrays[key] = change(arrays[key])
    np.savez(path / "cifar10_jpeg.npz", **arrays)


def assert_read(data, content):
    train = np.concatenate([images for images, _ in content.values()])[:5]
    np.testing.assert_array_equal(data.train.flatten(1).numpy(), train)
    np.testing.assert_array_equal(data.test.flatten(1).numpy(), content["test_batch"][0])
    np.testing.assert_array_equal(data.test_labels.numpy(), content["test_batch"][1])
    assert data.train_labels.tolist() == [int(content[f"data_batch_{k}"][1][0]) for k in range(1, 6)]
    assert data.train.shape == (5, 3, 32, 32)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.folder)
def test_folders_are_read(tmp_path, content, form):
    folder = folder_of(form, content, tmp_path)
    data = cifar10(tmp_path, NOWHERE, COUNTS)
    assert_read(data, content)
    assert (data.name, data.remark) == ("cifar10", "")
    file = folder / form.test
    assert data.files[f"{form.folder}/{form.test}"] == {"md5": hashlib.md5(file.read_bytes()).hexdigest()}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.archive)
def test_archives_are_read_and_not_unpacked(tmp_path, content, form):
    release = archive_of(form, content, tmp_path)
    data = cifar10(tmp_path, release, COUNTS)
    assert_read(data, content)
    assert data.files == {form.archive: {"md5": release.md5[form.archive]}}
    assert [file.name for file in tmp_path.iterdir()] == [form.archive]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.archive)
def test_altered_archives_are_refused(tmp_path, content, form):
    archive_of(form, content, tmp_path)
    with pytest.raises(RegrepError, match=f"{form.archive} in .* is truncated or altered"):
        cifar10(tmp_path, NOWHERE, COUNTS)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    path = tmp_path / BINARY.archive
    path.write_bytes(gzip.compress(b"x" * 2000))
    release = Release("cifar10", {BINARY.archive: hashlib.md5(path.read_bytes()).hexdigest()}, ())
    with pytest.raises(RegrepError, match="is not a complete tar.gz archive"):
        cifar10(tmp_path, release, COUNTS)


def test_the_jpeg_copy_is_read_and_says_what_it_is(tmp_path, content):
    jpeg_of(content, tmp_path)
    data = cifar10(tmp_path, NOWHERE, COUNTS)
    assert (data.name, data.remark.split(";")[0]) == ("cifar10-jpeg", "JPEG-compressed copy")
    for images, labels, part in ((data.test, data.test_labels, "test_batch"), (data.train[:1], None, "data_batch_1")):
        difference = images.flatten(1).numpy().astype(int) - content[part][0]
        assert 0 < abs(difference).max() < 30
        assert labels is None or labels.tolist() == content[part][1].tolist()


def test_the_published_form_is_preferred(tmp_path, content):
    pytest.importorskip("PIL")
    jpeg_of(content, tmp_path)
    folder_of(BINARY, content, tmp_path)
    assert cifar10(tmp_path, NOWHERE, COUNTS).name == "cifar10"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offsets": lambda a: a[:-1]}, "should divide its bytes"),
        ({"offsets": lambda a: a + 1}, "should divide its bytes"),
        ({"offsets": lambda a: a[::-1]}, "should divide its bytes"),
        ({"is_train": lambda a: a[1:]}, "should divide its bytes"),
        ({"is_train": lambda a: ~a}, "5 training and 2 test images, but cifar10_jpeg.npz hold 2 and 5"),
        ({"label": lambda a: a + 10}, "labels of CIFAR10 range from 0 to 9"),
        ({"label": lambda a: np.arange(len(a)) - 1}, "labels of CIFAR10 range from 0 to 9, but .* hold -1 to 5"),
        ({"jpeg": lambda a: a * 0}, "image 0 in .* is not a complete JPEG"),
        ({"label": lambda a: a.astype(object)}, "not an npz file with the arrays"),
    ],
)
def test_a_wrong_jpeg_copy_is_refused(tmp_path, content, changes, message):
    jpeg_of(content, tmp_path, **changes)
    with pytest.raises(RegrepError, match=message):
        cifar10(tmp_path, NOWHERE, COUNTS)


def test_a_cut_jpeg_copy_is_refused(tmp_path):
    (tmp_path / "cifar10_jpeg.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(RegrepError, match="not an npz file with the arrays"):
        cifar10(tmp_path, NOWHERE, COUNTS)


class Hostile:
    """A pickle of this runs a function of its choice; here a harmless one that leaves a trace."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return open, (str(self.trace), "w")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_in_a_pickle_is_run(tmp_path, content, protocol):
    folder, trace = folder_of(PYTHON, content, tmp_path), tmp_path / "trace"
    hostile = pickle.dumps({b"data": Hostile(trace), b"labels": []}, protocol=protocol)
    (folder / "data_batch_3").write_bytes(hostile)
    with pytest.raises(RegrepError, match="data_batch_3 .* is a pickle of arrays and plain values only") as error:
        cifar10(tmp_path, NOWHERE, COUNTS)
    assert "it names " in str(error.value)
    assert not trace.exists()
    pickle.loads(hostile)[b"data"].close()
    assert trace.exists(), "the pickle would have done it"


@pytest.mark.parametrize(
    "name", ["numpy\nload", "builtins\neval", "__builtin__\ngetattr", "numpy.core.multiarray\nfrombuffer"]
)
def test_other_names_are_refused_even_of_numpy(tmp_path, content, name):
    (folder_of(PYTHON, content, tmp_path) / "test_batch").write_bytes(b"\x80\x02c" + name.encode() + b"\n.")
    with pytest.raises(RegrepError, match="it names " + name.replace("\n", r"\.")):
        cifar10(tmp_path, NOWHERE, COUNTS)


def test_wrong_pickles_are_refused(tmp_path, content):
    file = folder_of(PYTHON, content, tmp_path) / "test_batch"
    good = file.read_bytes()
    file.write_bytes(good[:-100])
    with pytest.raises(RegrepError, match="a pickle of arrays and plain values only"):
        cifar10(tmp_path, NOWHERE, COUNTS)
    images, labels = content["test_batch"]
    for wrong in (
        {},
        [],
        {b"data": images, b"labels": labels.tolist()[1:]},
        {b"data": images.astype(float), b"labels": labels.tolist()},
        {b"data": images, b"labels": ["a", "b"]},
    ):
        file.write_bytes(pickle.dumps(wrong, protocol=3))
        with pytest.raises(RegrepError, match="test_batch of CIFAR10 holds data, uint8"):
            cifar10(tmp_path, NOWHERE, COUNTS)


def test_wrong_binary_files_are_refused(tmp_path, content):
    file = folder_of(BINARY, content, tmp_path) / BINARY.test
    good = file.read_bytes()
    for wrong, message in [
        (good[:-1], "records of 3073 bytes, got 6145 bytes"),
        (b"", "records of 3073 bytes, got 0 bytes"),
        (good[:3073], "5 training and 2 test images, but .* hold 5 and 1"),
        (b"\x0a" + good[1:], "labels of CIFAR10 range from 0 to 9"),
    ]:
        file.write_bytes(wrong)
        with pytest.raises(RegrepError, match=message):
            cifar10(tmp_path, NOWHERE, COUNTS)
    file.unlink()
    with pytest.raises(RegrepError, match="cifar-10-batches-bin of CIFAR10 lacks test_batch.bin"):
        cifar10(tmp_path, NOWHERE, COUNTS)


def test_an_empty_folder_asks_for_the_binary_archive(tmp_path):
    pytest.importorskip("pooch")
    with pytest.raises(RegrepError, match="cifar-10-binary.tar.gz of cifar10 could not be downloaded"):
        cifar10(tmp_path, NOWHERE, COUNTS)


def official(images, labels) -> bytes:
    """The order and the memory of the official files, by protocol 2."""
    batch = {"batch_label": "training batch 1 of 5", "labels": labels.tolist(), "data": 200, "filenames": ["a.png"]}
    start = pickle.dumps(batch, protocol=2)
    array = python2(images, labels)
    inner = array[array.index(b"cnumpy.core") : array.index(b"U\x06labels")]
    words = start.replace(b"X\x04\0\0\0data", b"U\x04data").replace(b"X\x06\0\0\0labels", b"U\x06labels")
    assert words.count(b"K\xc8") == 1
    return words.replace(b"K\xc8", inner)


def test_a_pickle_with_memory_is_read(tmp_path, content):
    folder = folder_of(PYTHON, content, tmp_path)
    images, labels = content["test_batch"]
    (folder / "test_batch").write_bytes(official(images, labels))
    assert_read(cifar10(tmp_path, NOWHERE, COUNTS), content)


@pytest.mark.parametrize("protocol", [3, 4])
def test_pickles_of_this_version_of_numpy_are_read(protocol):
    images = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    read, labels = images_and_labels(pickle.dumps({b"data": images, b"labels": [3, 9]}, protocol), "a", 3072)
    np.testing.assert_array_equal(read, images)
    assert labels.tolist() == [3, 9]


def test_sizes_are_those_of_the_bytes():
    """numpy's own reader takes the shape and the kind of an array from the pickle, and reads or writes beyond it."""
    good = python2(np.zeros((1, 3072), np.uint8), np.zeros(1, int))
    shape = b"(M\x01\0M\0\x0ct"
    assert shape in good
    negative, huge = b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f"
    for wrong in (b"(M\xff\xffM\0\x0ct", b"(" + 2 * negative + b"t", b"(" + 2 * huge + b"t", b"N"):
        with pytest.raises(RegrepError, match="a pickle of arrays and plain values only"):
            images_and_labels(good.replace(shape, wrong), "a", 3072)
    for kind in (b"O8", b"V9", b"f8", b"i1"):
        with pytest.raises(RegrepError, match="holds data, uint8"):
            images_and_labels(good.replace(b"U\x02u1", b"U\x02" + kind), "a", 3072)


def test_a_file_larger_than_any_is_not_read(tmp_path, content):
    folder = folder_of(PYTHON, content, tmp_path)
    with (folder / "test_batch").open("r+b") as file:
        file.truncate(LARGEST + 1)  # a sparse file
    with pytest.raises(RegrepError, match="has at most"):
        cifar10(tmp_path, NOWHERE, COUNTS)


def test_what_grows_by_itself_is_refused_at_once():
    """Lists of lists of one list, and keys that take for ever to be hashed."""
    nested = b"\x80\x02)q\0" + b"".join(b"h\0h\0\x86q\0" for _ in range(200))
    with pytest.raises(RegrepError, match="holds data"):
        images_and_labels(nested + b".", "a", 3072)
    with pytest.raises(RegrepError, match="a key is not a string"):
        images_and_labels(nested + b"}h\0K\x01s.", "a", 3072)


def test_mutations_are_read_or_refused_and_nothing_else():
    """Thousands of damaged copies of valid files: the images, or one sentence."""
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (2, 12), dtype=np.uint8), np.array([3, 9])
    old = python2(images, labels).replace(struct.pack("<H", 3072), struct.pack("<H", 12))
    seeds = [old, *(pickle.dumps({b"data": images, b"labels": [3, 9]}, protocol) for protocol in (2, 3, 4, 5))]
    names = b"()]}e.uabRcNtIJKMTUqrhjp\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x93\x94\x95\x96\x97\x98dlg0123CBXVSFGiotPQ"
    names = b"()]}e.uabRcNtIJKMTUqrhjp\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x93\x94\x95\x96\x97\x98dlg0123CBXVSFGiotPQ"
    opcodes = np.frombuffer(names, np.uint8)
    read = 0
    for k in range(6000):
        damaged = np.frombuffer(seeds[k % len(seeds)], np.uint8).copy()
        for _ in range(draw.integers(1, 5)):
            at = draw.integers(len(damaged))
            match draw.integers(5):
                case 0:
                    damaged[at] = draw.integers(256)
                case 1:
                    damaged[at] = draw.choice(opcodes)
                case 2:
                    damaged = np.delete(damaged, at)
                case 3:
                    damaged = np.insert(damaged, at, draw.choice(opcodes))
                case 4:
                    other = draw.integers(len(damaged))
                    damaged = np.concatenate([damaged[:at], damaged[other:]])
            if not len(damaged):
                break
        try:
            found, classes = images_and_labels(damaged.tobytes(), "a", 12)
        except RegrepError:
            continue
        assert found.dtype == np.uint8
        assert found.shape == (len(classes), 12)
        read += 1
    assert 100 < read < 4000
