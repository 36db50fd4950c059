"""The lock of a folder where several processes make, take and remove it at the same moment."""

import os

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs import folder_lock
from regrep_paper.runs.folder_lock import FolderBusyError, FolderLock, busy
from regrep_paper.runs.records import RunFolder


def just_before(monkeypatch, name, action):
    """Do something once, just before the next call of a function of ``os``, as another process might."""
    real, left = getattr(os, name), [action]

    def patched(*args, **kwargs):
        if left:
            left.pop()()
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, patched)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(folder_lock, "PATIENCE", ())


def test_who_comes_second_leaves_the_folder_of_the_first(tmp_path, monkeypatch):
    """Both found no folder; the first takes the lock while the second is about to open it."""
    winner = []

    def win():
        winner.append(FolderLock(tmp_path / "run"))
        (tmp_path / "run" / "run.json").write_text("{}")

    just_before(monkeypatch, "open", win)
    with pytest.raises(FolderBusyError), RunFolder(tmp_path / "run").lock():
        pytest.fail("it is locked")
    assert winner[0].held
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["lock", "run.json"]


def test_a_lock_on_a_folder_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """The first one gives up and removes the folder after the second has opened its lock."""
    first = FolderLock(tmp_path / "run")
    real = folder_lock._lock

    def late(handle):
        monkeypatch.setattr(folder_lock, "_lock", real)
        first.discard()
        first.release()
        real(handle)

    monkeypatch.setattr(folder_lock, "_lock", late)
    second = FolderLock(tmp_path / "run")
    assert second.held
    assert busy(tmp_path / "run")
    with pytest.raises(FolderBusyError):
        FolderLock(tmp_path / "run")


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    just_before(monkeypatch, "open", folder.rmdir)
    assert FolderLock(folder).held


def test_discarding_spares_what_another_process_makes_at_that_moment(tmp_path, monkeypatch):
    """From the moment the lock's file is gone, another process may have its own."""
    first = FolderLock(tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("the first")
    (tmp_path / "run" / "checkpoints").mkdir()
    others = []

    def other():
        others.append(FolderLock(tmp_path / "run"))
        (tmp_path / "run" / "run.json").write_text("the other")

    real = folder_lock.Path.unlink

    def unlink(path, missing_ok=False):
        real(path, missing_ok)
        if path.name == "lock":
            other()

    monkeypatch.setattr(folder_lock.Path, "unlink", unlink)
    with pytest.raises(OSError, match="not empty"):
        first.discard()
    assert others[0].held
    assert (tmp_path / "run" / "run.json").read_text() == "the other"


def test_only_a_folder_of_ones_own_is_removed_after_a_failure(tmp_path):
    for made, names in ((True, []), (False, ["run"])):
        with pytest.raises(ZeroDivisionError), RunFolder(tmp_path / "run").lock():
            raise ZeroDivisionError
        assert [path.name for path in tmp_path.iterdir()] == names, made
        (tmp_path / "run").mkdir(exist_ok=True)


@pytest.mark.parametrize("removed", ["removed", "replaced"])
def test_nothing_is_written_into_a_folder_that_went_away(tmp_path, removed):
    run = RunFolder(tmp_path / "run")
    with run.lock():
        run.check_there()
        run.path.rename(tmp_path / "elsewhere")
        if removed == "replaced":
            FolderLock(run.path).release()
        with pytest.raises(RegrepError, match=r"run was removed or replaced while the run was going on; leave it"):
            run.finish({"status": "finished"})
    assert run.path.exists() == (removed == "replaced")
    assert not (run.path / "done.json").exists()


def test_a_busy_folder_is_tried_again_after_growing_pauses(tmp_path, monkeypatch):
    """A look at it holds its lock for a moment."""
    monkeypatch.undo()
    pauses, holder = [], FolderLock(tmp_path / "run")

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            holder.release()

    monkeypatch.setattr(folder_lock.time, "sleep", sleep)
    second = FolderLock(tmp_path / "run")
    assert second.held
    assert pauses == [0.02, 0.1]
    assert (holder.made, second.made) == (True, False)
    pauses[:] = [0, 0]
    with pytest.raises(FolderBusyError) as error:
        FolderLock(tmp_path / "run")
    assert str(error.value) == f"another process is using {tmp_path / 'run'}; wait for it, or choose another folder"
    assert pauses == [0, 0, 0.02, 0.1, 0.5]
    assert FolderBusyError.exit_code == 75  # EX_TEMPFAIL of sysexits.h


def test_a_folder_that_others_keep_removing_is_given_up(tmp_path, monkeypatch):
    tries = []
    monkeypatch.setattr(FolderLock, "_make", lambda lock: tries.append(1))  # it is gone before the lock is opened
    with pytest.raises(FolderBusyError, match="run is made and removed by other processes; wait for them, or choose"):
        FolderLock(tmp_path / "run")
    assert len(tries) == 100


def test_what_a_folder_links_to_is_spared(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kept").touch()
    lock = FolderLock(tmp_path / "run")
    (lock.path / "link").symlink_to(tmp_path / "data")
    (lock.path / "inner").mkdir()
    (lock.path / "inner" / "file").touch()
    lock.discard()
    assert not lock.path.exists()
    assert (tmp_path / "data" / "kept").exists()
    assert not lock.held


def test_a_lock_that_leads_elsewhere_is_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(tmp_path / "made")
    for use in (FolderLock, busy):
        with pytest.raises(RegrepError, match=r"the run folder .*run cannot be used \(.+\); choose another folder"):
            use(tmp_path / "run")
    assert not (tmp_path / "made").exists()
    assert busy(tmp_path / "none") is False
