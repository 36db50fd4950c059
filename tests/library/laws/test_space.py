"""Images, volumes and fields in space: the law for all pairs of elements, and a loop over points as the oracle."""

import itertools

import numpy as np
import pytest
import torch

import regrep
from field_fixture import by_loop, distinct
from regrep.actions import Rotate3d, RotateFlip2d, VectorField2d, check_law
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, full_octahedral, octahedral, point_group, rotation_matrices
from regrep.representations import layouts
from tolerance import assert_near

ROTATIONS = rotation_matrices()
ALL = np.concatenate([ROTATIONS, -ROTATIONS])
KEPT = np.array([np.diag(signs) for signs in itertools.product((1, -1), repeat=3)])  # mirrors and half turns: D2h


T_H = [m for m in ALL if (np.abs(m).argmax(axis=0) == np.roll(range(3), -np.abs(m)[:, 0].argmax())).all()]
T_D = [m for m in ALL if m[m != 0].prod() == 1]  # x y z stays what it is


SPACE = {
    **{name: (point_group(name), "z") for name in ("Oh", "O", "T", "Th", "Td", "D2h", "D2d", "C4h", "-4", "Cs", "Ci")},
    **{f"{name} about {axis}": (point_group(name), axis)
       for axis in "xyz" for name in ("C1", "C2", "C4", "C2v", "C4v", "D2", "D4")},
}  # fmt: skip


def action(name, **settings):
    group, axis = SPACE[name]
    return Rotate3d(group, axis=axis, **settings)


@pytest.mark.parametrize("name", SPACE)
def test_symmetries_of_the_cube_move_volumes_point_by_point(name):
    act = action(name)
    assert act.exact
    check_law(act, distinct(2, 2, 2))
    volume = distinct(1, 3, 3, 3)
    for g in range(act.group.order):
        moved = act(volume, torch.tensor([g]))[0].numpy()
        assert (moved == by_loop(volume[0].numpy(), act.spatial[g].numpy())).all(), act.group.names[g]


def test_the_groups_of_the_cube_are_those_of_the_textbook():
    found = {name: {tuple(m.ravel()) for m in action(name).spatial.long().numpy()} for name in SPACE}
    assert found["Oh"] == {tuple(m.ravel()) for m in ALL}
    assert found["O"] == {tuple(m.ravel()) for m in ROTATIONS}
    assert found["Th"] == {tuple(m.ravel()) for m in T_H}
    assert found["Td"] == {tuple(m.ravel()) for m in T_D}
    assert found["T"] == found["Th"] & found["Td"] == found["O"] & found["Td"]
    assert found["D2h"] == {tuple(m.ravel()) for m in KEPT}


@pytest.mark.parametrize("axis", "xyz")
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_turns_about_an_axis_are_right_handed(n, axis):
    """By the vector formula of Rodrigues; s of D_n reverses the axis, and the mirrors of C_nv keep it."""
    k = "xyz".index(axis)
    along = np.eye(3)[k]
    angle = 2 * np.pi / n
    cross = np.array([np.cross(along, e) for e in np.eye(3)]).T
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    for group, mirrors in ((dihedral(n), False), (point_group(f"C{n}v"), True)):
        act = Rotate3d(group, axis=axis)
        assert np.abs(act.spatial[1].numpy() - turn).max() < 1e-12
        s = act.spatial[n].numpy()
        assert (s @ along == (along if mirrors else -along)).all()
        assert np.linalg.det(s) == (-1 if mirrors else 1)
        assert (s @ np.eye(3)[(k + 1) % 3] == -np.eye(3)[(k + 1) % 3]).all()
        assert act.exact == (n in (2, 4))


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yxz", "zxy"])
def test_axes_of_the_data_have_names(axes):
    act, volume = Rotate3d(octahedral(), axes=axes), distinct(1, 3, 3, 3)
    for g in range(24):
        assert (act(volume, torch.tensor([g]))[0].numpy() == by_loop(volume[0].numpy(), ROTATIONS[g], axes)).all()


@pytest.mark.parametrize(
    ("act", "shape"),
    [
        *((RotateFlip2d(group), (2, 3, 4)) for group in (cyclic(1), cyclic(2), dihedral(1), dihedral(2))),
        *((VectorField2d(dihedral(2), rows), (4, 3, 5)) for rows in ("down", "up")),
        (Rotate3d(point_group("D2h")), (4, 3, 2)),
        (Rotate3d(dihedral(2)), (4, 3, 2)),
        (Rotate3d(point_group("C4v"), axis="x"), (3, 3, 2)),
    ],
    ids=repr,
)
def test_mirrors_and_half_turns_keep_other_shapes(act, shape):
    check_law(act, distinct(*shape))
    x = distinct(*shape).expand(act.group.order, *shape)
    moved = act(x, torch.arange(act.group.order))
    assert len({tuple(one.flatten().tolist()) for one in moved}) == act.group.order


def test_rectangles_by_flips():
    image, box, group = distinct(96, 128), distinct(16, 20, 12), dihedral(2)
    for name, dims in (("e", ()), ("r", (-1, -2)), ("s", (-1,)), ("rs", (-2,))):
        g = torch.tensor([group.index(name)])
        assert torch.equal(RotateFlip2d(group)(image, g), image.flip(dims))
        # About z, s is the half turn about y: it reverses x and z.
        turned = tuple({"r": (-1, -2), "s": (-1, -3), "rs": (-2, -3)}.get(name, ()))
        assert torch.equal(Rotate3d(group)(box, g), box.flip(turned))
    act = Rotate3d(point_group("D2h"))
    for g, matrix in enumerate(act.spatial.numpy()):
        flipped = [-1 - k for k in range(3) if matrix[k, k] < 0]
        assert torch.equal(act(box, torch.tensor([g])), box.flip(flipped))
    pixels = RotateFlip2d(group).pixels((96, 128))
    assert torch.equal(pixels(image.flatten(1), torch.tensor([1])), image.flip(-1, -2).flatten(1))
    maps, g = distinct(2, 3, 4).expand(4, 2, 3, 4), torch.arange(4)  # the latents of such images move alike
    assert torch.equal(
        layouts.grid(RotateFlip2d(group).pixels((3, 4)), (2, 3, 4))(maps, g), RotateFlip2d(group)(maps, g)
    )


@pytest.mark.parametrize(
    ("act", "shape", "message"),
    [
        (RotateFlip2d(dihedral(4)), (96, 128), r"square .*H, H\], got 96 x 128; .* 4 elements .*: e, r2, s, r2s"),
        (RotateFlip2d(dihedral(3)), (96, 128), "got 96 x 128; crop or pad them: only mirrors and half turns keep"),
        (Rotate3d(octahedral()), (16, 20, 12), "cubic .* 16 x 20 x 12; .* the 4 .*: e, x-y-z, -xy-z, -x-yz"),
        (Rotate3d(full_octahedral()), (16, 20, 20), "the 16 elements that keep this shape: .*, ...$"),
        (Rotate3d(cyclic(4)), (16, 20, 12), r"needs volumes \[B, ..., D, S, S\], got 16 x 20 x 12; .*: e, r2$"),
        (VectorField2d(cyclic(4)), (2, 4, 5), "VectorField2d needs square fields .* got 4 x 5; .*: e, r2$"),
    ],
)  # fmt: skip
def test_other_shapes_are_told_in_one_sentence(act, shape, message):
    with pytest.raises(RegrepError, match=message):
        act(torch.zeros(1, *shape), torch.tensor([0]))


def test_the_icosahedral_group_turns_volumes_by_interpolation():
    group = point_group("I")
    act = Rotate3d(group)
    assert (group.order, act.exact) == (60, False)
    axis = torch.linspace(-1, 1, 17, dtype=torch.float64)
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    points = torch.stack([x, y, z], dim=-1)

    def bump(centre):
        return torch.exp(-6 * (points - torch.as_tensor(centre)).square().sum(dim=-1))

    centre = np.array([0.3, -0.2, 0.1])
    volumes = bump(centre).expand(60, 17, 17, 17)
    moved = act(volumes, torch.arange(60))
    for g in range(60):  # the bump is where its centre goes
        assert (moved[g] - bump(act.spatial[g].numpy() @ centre)).abs().max() < 0.06, group.names[g]
    error = act.round_trip_error(volumes[:1])
    exact = error < 1e-12
    assert error[0] == error[exact][0]
    assert (int(exact.sum()), int(((error > 0.05) & (error < 0.07)).sum())) == (12, 48)  # T keeps the lattice
    inside = act.inside(volumes)
    assert (inside.sum(), inside[8, 8, 0], inside[0, 0, 0]) == (2109, 1, 0)


def test_interpolated_volumes_by_a_loop():
    """Trilinear, and the nearest point, at the place that each point comes from."""
    group = cyclic(8)
    volume = torch.randn(1, 5, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    linear, nearest = (Rotate3d(group, interpolation=how, outside=7.0) for how in ("trilinear", "nearest"))
    moved, labels = linear(volume, torch.tensor([1]))[0], nearest(volume, torch.tensor([1]))[0]
    back = linear.spatial[1].T.numpy()
    for index in itertools.product(range(5), repeat=3):
        z, y, x = (back @ (np.array(index)[::-1] - 2.0))[::-1] + 2
        expected = 0.0
        for corner in itertools.product((0, 1), repeat=3):
            i, j, k = (int(np.floor(place)) + step for place, step in zip((z, y, x), corner, strict=True))
            weight = np.prod([1 - abs(place - at) for place, at in zip((z, y, x), (i, j, k), strict=True)])
            known = all(0 <= at < 5 for at in (i, j, k))
            expected += weight * (float(volume[0, i, j, k]) if known else 7.0)
        assert abs(float(moved[index]) - expected) < 1e-9
        i, j, k = (int(np.rint(place)) for place in (z, y, x))
        assert labels[index] == (volume[0, i, j, k] if all(0 <= at < 5 for at in (i, j, k)) else 7.0)


def test_matrices_near_those_of_the_cube_are_exact():
    """As scipy's are, up to rounding."""
    rough = torch.from_numpy(ROTATIONS) + 1e-9 * torch.randn(24, 3, 3, generator=torch.Generator().manual_seed(0))
    act, volume = Rotate3d(octahedral(), rough), distinct(3, 3, 3)
    assert act.exact
    for g in range(24):
        assert torch.equal(act(volume, torch.tensor([g])), Rotate3d(octahedral())(volume, torch.tensor([g])))


def test_labels_in_volumes_are_moved_and_not_mixed():
    act = Rotate3d(cyclic(8), interpolation="nearest")
    mask = torch.randint(3, (8, 6, 6, 6), generator=torch.Generator().manual_seed(0)) * 5
    moved = act(mask, torch.arange(8))
    assert moved.dtype == torch.int64
    assert set(moved.unique().tolist()) <= {0, 5, 10}
    assert torch.equal(moved[2], torch.rot90(mask[2], -1, (-2, -1)))


def test_gradients_of_interpolated_volumes():
    act = Rotate3d(cyclic(3))
    x = torch.randn(3, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: act(x, torch.arange(3)), x)
    assert_near(act(x, torch.zeros(3, dtype=torch.int64)), x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Rotate3d(regrep.groups.symmetric(3)), "not those of S3; pass matrices="),
        (lambda: Rotate3d(cyclic(4), axis="w"), '"x", "y" or "z", got \'w\''),
        (lambda: Rotate3d(cyclic(4), axes="zy"), "axes name x, y and z once each.* got 'zy'"),
        (lambda: Rotate3d(cyclic(4), interpolation="cubic"), "got 'cubic'"),
        (lambda: Rotate3d(cyclic(4), outside=float("nan")), "outside is a finite number"),
        (lambda: Rotate3d(cyclic(2), torch.ones(2, 3, 3)), "2 elements of C2, got .* that are not orthogonal"),
        (lambda: Rotate3d(cyclic(2), torch.eye(3).expand(3, 3, 3)), r"2 elements of C2, got \[3, 3, 3\]; stack"),
        (lambda: Rotate3d(cyclic(2), torch.eye(2).expand(2, 2, 2)), r"matrices \[n, 3, 3\]"),
        (lambda: Rotate3d(cyclic(3), Rotate3d(cyclic(6)).spatial[:3]), "no representation of C3"),
        (lambda: Rotate3d(cyclic(3))(torch.zeros(1, 4, 4, 4).long(), torch.tensor([0])), "interpolation, which needs"),
        (
            lambda: Rotate3d(cyclic(3))(torch.zeros(1, 4, 4, 5), torch.tensor([0])),
            r"\[B, ..., S, S, S\], got 4 x 4 x 5",
        ),
        (lambda: Rotate3d(cyclic(3)).pixels(4), "C3 does not permute pixels, but interpolates"),
        (lambda: RotateFlip2d(dihedral(4)).pixels((3, 4)), "got 3 x 4; .*: e, r2, s, r2s"),
        (lambda: RotateFlip2d(dihedral(4)).pixels((4, 0)), r"at least 1 point along a side, got \(4, 0\)"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(RegrepError, match=message):
        call()
