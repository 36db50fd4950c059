"""The simulator: published plumes, and how far it commutes with quarter turns."""

import numpy as np
import pytest
import torch

import regrep
from regrep.actions import VectorField2d
from regrep.errors import RegrepError
from regrep_paper.data import smoke_simulation
from regrep_paper.data.smoke_box import Box, Plume, turning_errors
from regrep_paper.data.smoke_files import centred
from regrep_paper.data.smoke_simulation import published_plume, simulate
from tolerance import assert_near


def test_the_published_sides_are_quarter_turns_of_one_another():
    turn = np.array([[0, -1], [1, 0]])
    for number in range(1, 36):
        one, next_ = published_plume(number), published_plume(number + 1)
        assert_near(torch.tensor(turn @ (np.array(one.centre) - 32) + 32), torch.tensor(next_.centre))
        direction, force = turn @ np.array(one.buoyancy), np.array(next_.buoyancy)
        assert_near(torch.tensor(direction @ force), torch.tensor(np.linalg.norm(direction) * np.linalg.norm(force)))
    assert published_plume(36, 32) == Plume((2.5, 16.0), 2.5, (0.18, 0.0))
    for number in (0, 37):
        with pytest.raises(RegrepError, match=f"from 1 to 36, got {number}"):
            published_plume(number)


def quarter_turn_error(velocity: np.ndarray, rows: str) -> float:
    """Of the four simulations of one plume turned by r: distance between turned fields and fields of turned plumes."""
    v = centred(torch.from_numpy(velocity)).flatten(1, 2)
    moved = VectorField2d(regrep.groups.cyclic(4), rows=rows)(v[:1].expand(4, *v.shape[1:]), torch.arange(4))
    return float((moved - v).norm() / v.norm())


@pytest.mark.slow
def test_the_simulator_commutes_with_quarter_turns():
    """The oracle of orientation: a centred plume under turned buoyancy; with the rows upside down it fails."""
    pytest.importorskip("phi")
    forces = [(0, 0.05), (-0.05, 0), (0, -0.05), (0.05, 0)]
    velocity, divergence, _ = simulate([Plume((8, 8), 2, force) for force in forces], size=16, frames=12)
    assert divergence.max() < 1e-10
    assert np.abs(velocity).max() > 0.5
    assert velocity[0, -1, 1, 8, 8] > 0.1  # buoyancy upwards makes vy, the second component, positive
    assert quarter_turn_error(velocity, "up") < 1e-5
    assert quarter_turn_error(velocity, "down") > 0.5


@pytest.mark.slow
def test_simulations_tell_their_asymmetry_in_the_middle():
    pytest.importorskip("phi")
    plumes = [published_plume(27, 8)]
    box = Box(plumes, 8)
    states = [box.rest()]
    for _ in range(5):
        states.append(box.advanced(states[-1]))
    found = simulate(plumes, 8, 4)
    assert np.array_equal(found.equivariance, turning_errors(box, states[2], states[3]))
    assert np.array_equal(found.velocity[0, 1], box.faces(states[3])[0].astype(np.float32))


def test_simulations_refuse_impossible_sizes():
    for size, frames in ((3, 1), (4, 0)):
        with pytest.raises(RegrepError, match=f"at least 4 points along a side and 1 frame, got {size} and {frames}"):
            simulate([published_plume(1)], size, frames)


class Counting:
    """Stands for a box: its state is the number of the step, and the divergence is largest in the first one."""

    def __init__(self, plumes, size):
        self.plumes, self.size = plumes, size

    def rest(self):
        return 0

    def advanced(self, state):
        return state + 1

    def divergence(self, state):
        return np.array([1.0 / state, float(state)])

    def faces(self, state):
        return np.full((2, 2, self.size, self.size), state + 0.25)


@pytest.mark.parametrize("frames", [1, 2, 5, 6])
def test_frames_are_kept_from_the_second_step_on(monkeypatch, frames):
    """The divergence is the largest of every step, the first included; equivariance is that of the middle step."""
    monkeypatch.setattr(smoke_simulation, "Box", Counting)
    monkeypatch.setattr(smoke_simulation, "turning_errors", lambda box, before, after: np.array([[before, after]]))
    told = []
    found = simulate([published_plume(27, 4), published_plume(33, 4)], 4, frames, told.append)
    assert found.velocity.shape == (2, frames, 2, 4, 4)
    assert found.velocity.dtype == np.float32
    assert (found.velocity == np.arange(2, frames + 2)[None, :, None, None, None] + 0.25).all()
    assert told == list(range(1, frames + 1))
    assert found.divergence.tolist() == [1.0, frames + 1.0]
    middle = (frames + 1) // 2
    assert found.equivariance.tolist() == [[middle, middle + 1]]
