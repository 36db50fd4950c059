"""The simulator: published plumes, and how far it commutes with quarter turns."""

import numpy as np
import pytest
import torch

import regrep
from regrep.actions import VectorField2d
from regrep.errors import RegrepError
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
    with pytest.raises(RegrepError, match="from 1 to 36, got 37"):
        published_plume(37)


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
    with pytest.raises(RegrepError, match="at least 4 points"):
        simulate([published_plume(1)], size=2, frames=1)
