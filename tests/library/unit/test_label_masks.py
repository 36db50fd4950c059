"""Masks of class labels under actions that interpolate: labels are moved, never mixed."""

import pytest
import torch

import regrep
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError

C8 = regrep.groups.cyclic(8)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float32])
def test_labels_are_moved_and_not_mixed(dtype):
    act = RotateFlip2d(C8, interpolation="nearest")
    mask = torch.tensor([0, 1, 7])[torch.randint(3, (4, 9, 9), generator=torch.Generator().manual_seed(0))].to(dtype)
    for k in range(8):
        moved = act(mask, torch.full((4,), k))
        assert moved.dtype == dtype
        assert set(moved.unique().tolist()) <= set(mask.unique().tolist())
        if k % 2 == 0:
            assert torch.equal(moved, torch.rot90(mask, k // 2, (-2, -1)))


def test_each_pixel_takes_the_pixel_at_the_place_it_comes_from():
    """A brute-force loop over pixels, coordinates with y upwards."""
    size, mask = 7, torch.arange(49).reshape(1, 7, 7)
    moved = RotateFlip2d(C8, interpolation="nearest", outside=-1)(mask, torch.tensor([1]))[0]
    turn = torch.tensor(45.0).deg2rad()
    for row in range(size):
        for column in range(size):
            x, y = column - 3, 3 - row
            back = turn.cos() * x + turn.sin() * y, -turn.sin() * x + turn.cos() * y
            i, j = round(3 - float(back[1])), round(float(back[0]) + 3)
            expected = mask[0, i, j] if 0 <= i < size and 0 <= j < size else -1
            assert moved[row, column] == expected


def test_bilinear_images_take_the_value_outside():
    x = torch.full((1, 1, 8, 8), 3.0)
    moved = RotateFlip2d(C8, outside=3.0)(x, torch.tensor([1]))
    assert torch.allclose(moved, x)


def test_mistakes_are_told():
    with pytest.raises(RegrepError, match='masks of labels with interpolation="nearest"'):
        RotateFlip2d(C8)(torch.zeros(1, 4, 4, dtype=torch.int64), torch.tensor([1]))
    with pytest.raises(RegrepError, match='"bilinear" or "nearest" .for labels., got \'cubic\''):
        RotateFlip2d(C8, interpolation="cubic")
