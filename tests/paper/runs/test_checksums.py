"""Checkpoints on disks that fill up, under kills at any moment, and with damage of any kind."""

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.checksums import CHECKSUMS, DamagedError, read_checked, write_checked


class Kill(BaseException):
    """As if the process ended here."""


def killed_at(monkeypatch, write, path, data):
    """A write that ends before the given renaming."""
    count, real = [0], Path.replace

    def replace(self, target):
        count[0] += 1
        if count[0] == write:
            raise Kill
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        with pytest.raises(Kill):
            write_checked(path, data)


def zipped(*texts: str) -> bytes:
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as file:
            for k, text in enumerate(texts):
                file.writestr(str(k), text)
        return buffer.getvalue()


@pytest.mark.parametrize("first", [b"one", None])
def test_a_kill_leaves_the_old_content_or_the_new_and_either_is_good(tmp_path, monkeypatch, first):
    path = tmp_path / "last.ckpt"
    if first:
        write_checked(path, first)
    else:
        path.write_bytes(first := zipped("an earlier version's"))
    for data in (b"two", b"three"):  # twice in a row: neither may make the kept one look damaged
        for write in (1, 2):
            killed_at(monkeypatch, write, path, data)
            assert read_checked(path) == first
    write_checked(path, b"four")
    assert read_checked(path) == b"four"
    assert sorted(one.name for one in tmp_path.iterdir()) == [CHECKSUMS, "last.ckpt"]


def test_checkpoints_have_checksums_of_their_own(tmp_path):
    for name in ("best.ckpt", "last.ckpt"):
        write_checked(tmp_path / name, name.encode())
    for name in ("best.ckpt", "last.ckpt"):
        assert read_checked(tmp_path / name) == name.encode()
    (tmp_path / "last.ckpt").replace(tmp_path / "best.ckpt")
    with pytest.raises(DamagedError, match=r"best\.ckpt cannot be read as a checkpoint: it is damaged or another file"):
        read_checked(tmp_path / "best.ckpt")


def test_damage_is_not_made_good_by_the_next_write(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    write_checked(path, b"good")
    path.write_bytes(b"damaged")
    killed_at(monkeypatch, 2, path, b"next")
    with pytest.raises(DamagedError):
        read_checked(path)


@pytest.mark.parametrize("checksums", [True, False])
def test_every_kind_of_damage_is_found(tmp_path, checksums):
    """Without checksums of ours, those of the parts of the zip file find what changes any of its content."""
    path, good = tmp_path / "last.ckpt", zipped("a" * 300, "b" * 50)
    write_checked(path, good)
    if not checksums:
        (tmp_path / CHECKSUMS).unlink()
    assert read_checked(path) == good
    draw = random.Random(0)
    content = range(len(good)) if checksums else [*range(40, 300), *range(360, 400)]
    damaged = [good[:k] for k in (0, 1, len(good) // 2, len(good) - 1)] + [b"PK", b"other", zipped("a") + b"x"]
    for _ in range(200):
        changed = bytearray(good)
        changed[draw.choice(content)] ^= 1 << draw.randrange(8)
        damaged.append(bytes(changed))
    found = 0
    for data in damaged:
        path.write_bytes(data)
        try:
            read_checked(path)
        except DamagedError:
            found += 1
    assert found == len(damaged) - (not checksums)  # a whole zip file of somebody else, with a byte behind it


@pytest.mark.parametrize("content", ["[]", "{", '{"sha256": 1}', '{"sha256": {"last.ckpt": "0"}}'])
def test_damaged_checksums_are_told_in_a_sentence(tmp_path, content):
    write_checked(tmp_path / "last.ckpt", b"good")
    (tmp_path / CHECKSUMS).write_text(content)
    with pytest.raises(RegrepError, match=r"checksums\.json .*; .*restore"):
        read_checked(tmp_path / "last.ckpt")


def test_a_checksum_that_is_gone_is_that_of_an_earlier_version(tmp_path):
    write_checked(tmp_path / "last.ckpt", zipped("good"))
    (tmp_path / CHECKSUMS).write_text(json.dumps({"format": 1, "sha256": {}}))
    assert read_checked(tmp_path / "last.ckpt") == zipped("good")
    with pytest.raises(RegrepError, match=r"best\.ckpt cannot be read as a checkpoint \(No such file"):
        read_checked(tmp_path / "best.ckpt")
