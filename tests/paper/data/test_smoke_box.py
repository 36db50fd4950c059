"""Boxes of smoke: plumes as published, and how states are turned."""

import numpy as np
import pytest
import torch

from regrep.errors import RegrepError
from regrep_paper.data.smoke_box import TURNS, Box, turning_errors
from regrep_paper.data.smoke_files import centred
from regrep_paper.data.smoke_simulation import published_plume
from regrep_paper.data.smoke_windows import action
from tolerance import assert_near


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


def test_plumes_are_turned_as_published():
    for number in range(1, 5):
        one, next_ = published_plume(number), published_plume(number % 4 + 1)
        assert one.turned(1, 64).centre == next_.centre
        (ax, ay), (bx, by) = one.turned(1, 64).buoyancy, next_.buoyancy
        assert ax * by == ay * bx
        assert ax * bx + ay * by > 0
        assert one.turned(4, 64) == one


def test_a_box_has_at_least_four_points_along_a_side():
    with pytest.raises(RegrepError, match="at least 4 points along a side, got 3"):
        Box([published_plume(27, 4)], 3)
    assert Box([published_plume(27, 4)], 4).size == 4
