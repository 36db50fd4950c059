"""Windows of smoke: splits by frames, cutting, fields on pixels."""

import pytest
import torch
from smoke_fixture import SIZE, field

from regrep.actions import VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic
from regrep_paper.data.smoke_files import centred
from regrep_paper.data.smoke_windows import Smoke, spans
from tolerance import assert_near


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


@pytest.mark.parametrize("frames", [62, 68, 69, 90, 100, 251, 309, 1000])
def test_splits_divide_the_frames_without_a_gap(frames):
    """Each begins where the last window before it ends, and the last one with the last frame; 160 : 40 : 50 windows."""
    found = spans(frames)
    windows = {name: len(found[name]) for name in ("train", "validation", "future")}
    assert all(found[name].step == 1 for name in found)
    assert found["train"].start == found["domain"].start == 0
    assert found["validation"].start == found["train"].stop + 15
    assert found["future"].start == found["validation"].stop + 15
    assert found["future"].stop + 29 == frames
    for name, share in (("validation", 40), ("future", 50)):
        assert windows[name] == 1 or 250 * windows[name] <= share * sum(windows.values()) < 250 * (windows[name] + 1)
    assert min(windows.values()) > 0
    assert 309 * len(found["domain"]) <= 100 * frames < 309 * (len(found["domain"]) + 1)


def test_other_simulations_have_no_window_that_ends_too_late():
    assert spans(232, 1, 200)["domain"] == range(23)  # 10 frames and 200 to be forecast


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
    with pytest.raises(RegrepError, match="got 0 and 5"):
        spans(309, 0, 5)
    assert spans(281, as_published=True)["future"] == range(202, 252)
    assert spans(309, 1, 1)["train"].stop > spans(309, 1, 2)["train"].stop


def test_windows_are_cut_from_their_simulations(smoke_data):
    for loader, number in ((smoke_data.train_dataloader(), 33), (smoke_data.test_dataloader()[1], 6)):
        windows = loader.dataset
        last = len(windows) - 1
        batch = windows[(torch.tensor([last]), 0)]
        frames = torch.cat([batch.images, batch.labels], dim=1)[0]
        start = windows.starts[-1]
        assert torch.equal(frames, torch.from_numpy(field(number)[start : start + windows.length]))
    views = smoke_data.views(next(iter(smoke_data.train_dataloader())))
    assert views.x.shape == (2, 20, SIZE, SIZE)
    assert views.y.shape == (2, 3, 2, SIZE, SIZE)
    whole = Smoke(smoke_data.data_dir, size=SIZE, rollout=3, horizon=5, sampling="faces")
    whole.setup()
    batch = whole.val_dataloader().dataset[(torch.tensor([0]), 5)]
    assert torch.equal(whole.views(batch).x[0].unflatten(0, (10, 2)), batch.images[0])
    assert_near(smoke_data.views(batch).y, centred(batch.labels))
    assert torch.equal(smoke_data.views(batch).g, whole.views(batch).g)


def test_windows_are_as_long_as_their_split_asks(smoke_data):
    assert {split: one.length for split, one in smoke_data.splits.items()} == {
        "train": 13, "validation": 13, "future": 15, "domain": 15,
    }  # fmt: skip
    assert {split: one.split for split, one in smoke_data.splits.items()} == {one: one for one in smoke_data.splits}
    found = smoke_data.source()
    assert (found["name"], found["frames"]) == ("smoke-8", 52)
    assert found["simulations"] == {"trained": [27, 33], "held_out": [6]}
    assert smoke_data.turning_errors() is None


def test_without_a_folder_a_small_set_is_simulated_once(simulated, tmp_path, monkeypatch):
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path))
    for _ in range(2):
        module = Smoke(size=8)
        module.setup()
    assert simulated == [6]
    assert module.turning_errors().tolist() == [[k * turn for turn in (0.0, 1.0, 2.0, 1.0)] for k in range(6)]
    assert module.record()["sizes"] == {"train": 4 * 27, "validation": 4 * 6, "future": 4 * 8, "domain": 2 * 32}


@pytest.mark.parametrize("size", [0, -1])
def test_a_field_without_pixels_is_refused(size):
    with pytest.raises(RegrepError, match=f"at least 1 point along a side, got {size}"):
        VectorField2d(cyclic(4)).pixels(size)
