"""A frame of smoke against one computed by hand: inflow, force, projection, transport; and how turns are judged."""

from contextlib import nullcontext

import numpy as np
import pytest

from regrep_paper.data import smoke_box
from regrep_paper.data.smoke_box import Box, Plume, State, turning_errors

SIDE = 8
PLUMES = (Plume((2.0, 5.0), 1.6, (0.3, -0.2)), Plume((5.5, 3.0), 1.2, (-0.1, 0.4)))


@pytest.fixture(scope="module")
def box():
    pytest.importorskip("phi")
    return Box(PLUMES, SIDE)


@pytest.fixture(scope="module")
def first(box):
    """One frame after rest."""
    return box.advanced(box.rest())


def state_of(smoke, across, up):
    """A state from smoke [boxes, x, y] and both components at the faces between cells."""
    with smoke_box._double() as flow:
        form = {"x": SIDE, "y": SIDE, "bounds": flow.Box(x=SIDE, y=SIDE)}
        cells, *faces = (
            flow.math.tensor(values, flow.batch("simulation"), flow.spatial("x,y")) for values in (smoke, across, up)
        )
        both = flow.math.stack(faces, flow.dual(vector="x,y"))
        return State(
            flow.CenteredGrid(cells, flow.extrapolation.BOUNDARY, **form),
            flow.StaggeredGrid(both, flow.extrapolation.ZERO, **form),
        )


def smoke_of(state):
    """[boxes, x, y]."""
    return state.smoke.values.numpy(["simulation", "x", "y"])


def spread(across, up):
    """Net flow out of each cell [x, y] of a closed box."""
    return np.diff(np.pad(across, ((1, 1), (0, 0))), axis=0) + np.diff(np.pad(up, ((0, 0), (1, 1))), axis=1)


def projected(across, up):
    """The nearest flow without divergence, by least squares over the pressures of the cells."""
    shapes = across.shape, up.shape

    def gradient(pressure):
        return np.concatenate([np.diff(pressure, axis=0).ravel(), np.diff(pressure, axis=1).ravel()])

    columns = np.stack([gradient(one.reshape(SIDE, SIDE)) for one in np.eye(SIDE * SIDE)], axis=1)
    flat = np.concatenate([across.ravel(), up.ravel()])
    flat = flat - columns @ np.linalg.lstsq(columns, flat, rcond=None)[0]
    return flat[: across.size].reshape(shapes[0]), flat[across.size :].reshape(shapes[1])


def test_the_first_frame_is_the_inflow_and_its_projected_force(first):
    """Smoke in the cells whose centre lies in the inflow; its force on a face is the mean of both cells beside it."""
    middle = np.arange(SIDE) + 0.5
    for plume, smoke, *found in zip(PLUMES, smoke_of(first), *smoke_box._components(first.velocity), strict=True):
        x, y = plume.centre
        inflow = (np.hypot(middle[:, None] - x, middle - y) <= plume.radius).astype(float)
        assert inflow.sum() > 3
        np.testing.assert_allclose(smoke, inflow, atol=1e-12)
        force = (
            plume.buoyancy[0] * (inflow[1:] + inflow[:-1]) / 2,
            plume.buoyancy[1] * (inflow[:, 1:] + inflow[:, :-1]) / 2,
        )
        for one, other in zip(found, projected(*force), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


def test_faces_and_divergence_are_those_of_the_components(box, first):
    """Of a flow with sources and sinks, too: the largest of either sign, box by box."""
    assert box.divergence(first).max() < 1e-12
    draw = np.random.default_rng(0)
    across, up = draw.normal(size=(2, SIDE - 1, SIDE)), draw.normal(size=(2, SIDE, SIDE - 1)) * [[[1.0]], [[3.0]]]
    for sign in (1, -1):
        state = state_of(np.zeros((2, SIDE, SIDE)), sign * across, sign * up)
        expected = [np.abs(spread(a, b)).max() for a, b in zip(across, up, strict=True)]
        np.testing.assert_allclose(box.divergence(state), expected)
        faces = box.faces(state)
        assert faces.shape == (2, 2, SIDE, SIDE)
        assert not faces[:, 0, :, 0].any()
        assert not faces[:, 1, 0].any()
        np.testing.assert_array_equal(faces[:, 0, :, 1:], sign * across.swapaxes(1, 2))
        np.testing.assert_array_equal(faces[:, 1, 1:], sign * up.swapaxes(1, 2))


def test_a_frame_carries_smoke_and_velocity_for_one_unit_of_time():
    """Where both are linear in place: smoke to second order (MacCormack), velocity to first; pressure has no curl."""
    pytest.importorskip("phi")
    box = Box([Plume((0.0, 0.0), 0.1, (0.0, 0.0))], SIDE)
    change = np.array([[0.1, 0.02], [0.05, -0.03]])  # of the velocity, from the middle outwards
    slope = np.array([0.7, -0.4])
    middle, edge = np.arange(SIDE) + 0.5 - SIDE / 2, np.arange(1.0, SIDE) - SIDE / 2
    cells = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1)
    across = np.stack(np.meshgrid(edge, middle, indexing="ij"), axis=-1) @ change[0]
    up = np.stack(np.meshgrid(middle, edge, indexing="ij"), axis=-1) @ change[1]
    after = box.advanced(state_of((cells @ slope)[None], across[None], up[None]))
    inside = (slice(2, -2), slice(2, -2))
    expected = cells @ (np.eye(2) - change + change @ change / 2).T @ slope
    np.testing.assert_allclose(smoke_of(after)[0][inside], expected[inside], atol=1e-9)
    x, y = (values[0] for values in smoke_box._components(after.velocity))
    curl = np.diff(y, axis=0) - np.diff(x, axis=1)
    carried = change - change @ change
    np.testing.assert_allclose(curl[inside], carried[1, 0] - carried[0, 1], atol=1e-9)


class Drift:
    """Stands for a box: a frame adds a fixed flow, which a turned plume turns along."""

    made = ()

    def __init__(self, plumes, size):
        self.plumes, self.size = tuple(plumes), size
        Drift.made = (*Drift.made, self.plumes)

    def advanced(self, state):
        sides = [(np.full((3, 4), plume.buoyancy[0]), np.full((4, 3), plume.buoyancy[1])) for plume in self.plumes]
        return State(
            None,
            tuple(one + np.stack(more) for one, more in zip(state.velocity, zip(*sides, strict=True), strict=True)),
        )

    def turned(self, state, turns):
        x, y = state.velocity
        for _ in range(turns % 4):
            x, y = -np.rot90(y, 1, (1, 2)), np.rot90(x, 1, (1, 2))
        return State(None, (x, y))


def test_errors_of_turns_are_distances_in_parts_of_the_change_of_a_frame(monkeypatch):
    """With a flow that keeps its direction: |g⁻¹b − b| / |change|, of each box; none where it turns along."""
    monkeypatch.setattr(smoke_box, "Box", Drift)
    monkeypatch.setattr(smoke_box, "_components", lambda velocity: velocity)
    monkeypatch.setattr(smoke_box, "_double", nullcontext)
    box = Drift(PLUMES, 4)
    draw = np.random.default_rng(0)
    state = State(None, (draw.normal(size=(2, 3, 4)), draw.normal(size=(2, 4, 3))))
    after = State(None, tuple(values + 1.0 for values in box.advanced(state).velocity))
    # ``after`` need not be a frame of the box: 24 faces, each further off by 1
    found = turning_errors(box, state, after)
    for plume, errors in zip(PLUMES, found, strict=True):
        force = np.array(plume.buoyancy)
        whole = np.sqrt(12 * ((force + 1) ** 2).sum())
        turn = np.array([[0, 1], [-1, 0]])  # back by a quarter
        expected = [0.0]
        for k in (1, 2, 3):
            gap = np.linalg.matrix_power(turn, k) @ force - force - 1
            expected.append(np.sqrt(12 * (gap**2).sum()) / whole)
        np.testing.assert_allclose(errors, expected)
    Drift.made = ()
    assert turning_errors(box, state, box.advanced(state), with_plume=True).max() < 1e-12
    assert Drift.made == tuple(tuple(plume.turned(k, 4) for plume in PLUMES) for k in (1, 2, 3))
