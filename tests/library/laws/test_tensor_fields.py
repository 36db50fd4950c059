"""Fields of vectors and tensors in space, point by point against numpy, and what derivatives say about their signs."""

import numpy as np
import pytest
import torch

import regrep
from field_fixture import by_loop, distinct
from regrep.actions import Rotate3d, SignedPermute, TensorField3d, VectorField3d, check_law
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, full_octahedral, octahedral, point_group, rotation_matrices
from tolerance import assert_near

ALL = np.concatenate([rotation_matrices(), -rotation_matrices()])
OH = full_octahedral()
VOIGT = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]


def turned(value, matrix, kind):
    """One vector or tensor under a matrix, by einsum."""
    sign = round(np.linalg.det(matrix)) if kind.endswith("axial") else 1
    if kind.startswith("vector"):
        return sign * matrix @ value
    if kind.startswith("scalar"):
        return sign * value
    if kind.startswith("symmetric"):
        full = np.zeros((3, 3), dtype=value.dtype)
        for entry, (i, j) in zip(value, VOIGT, strict=True):
            full[i, j] = full[j, i] = entry
        return sign * np.array([(matrix @ full @ matrix.T)[pair] for pair in VOIGT])
    return sign * np.einsum("ik,jl,kl->ij", matrix, matrix, value.reshape(3, 3)).ravel()


KINDS = {
    "scalar": ({"rank": 0}, 1),
    "scalar axial": ({"rank": 0, "axial": True}, 1),
    "vector": ({"rank": 1}, 3),
    "vector axial": ({"rank": 1, "axial": True}, 3),
    "tensor": ({"rank": 2}, 9),
    "tensor axial": ({"rank": 2, "axial": True}, 9),
    "symmetric": ({"symmetric": True}, 6),
}


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yxz"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_48_symmetries_point_by_point(kind, axes):
    settings, width = KINDS[kind]
    if kind.startswith("vector"):
        act = VectorField3d(OH, axial=settings.get("axial", False), axes=axes)
    else:
        act = TensorField3d(OH, axes=axes, **settings)
    field = distinct(2 * width, 2, 2, 2)
    moved = act(field.expand(48, *field.shape[1:]), torch.arange(48)).numpy()
    frames = field[0].numpy().reshape(2, width, 2, 2, 2)
    for g in range(48):
        for frame in range(2):
            expected = by_loop(frames[frame], ALL[g], axes, lambda value, g=g: turned(value, ALL[g], kind))
            assert (moved[g].reshape(2, width, 2, 2, 2)[frame] == expected).all(), OH.names[g]


@pytest.mark.parametrize("kind", KINDS)
def test_the_law_for_all_pairs(kind):
    settings, width = KINDS[kind]
    check_law(TensorField3d(OH, **settings), distinct(width, 2, 2, 2))
    act = TensorField3d(dihedral(2), **settings)
    check_law(act, distinct(width, 2, 3, 4))


def difference(field, axis):
    """Central differences inside a volume, along an axis from the last."""
    middle = [slice(1, -1)] * 3
    ahead, behind = middle.copy(), middle.copy()
    ahead[axis], behind[axis] = slice(2, None), slice(None, -2)
    return (field[..., *ahead] - field[..., *behind]) / 2


def gradient(phi, axes):
    return torch.stack([difference(phi, axes.index(name) - 3) for name in "xyz"], dim=1)


def curl(v, axes):
    d = {name: difference(v, axes.index(name) - 3) for name in "xyz"}
    parts = [d["y"][:, 2] - d["z"][:, 1], d["z"][:, 0] - d["x"][:, 2], d["x"][:, 1] - d["y"][:, 0]]
    return torch.stack(parts, dim=1)


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yxz"])
def test_gradients_are_vectors_and_curls_are_axial(axes):
    generator = torch.Generator().manual_seed(0)
    g = torch.arange(48)
    phi = torch.randn(48, 5, 5, 5, dtype=torch.float64, generator=generator)
    v = torch.randn(48, 3, 5, 5, 5, dtype=torch.float64, generator=generator)
    scalar, polar, axial = Rotate3d(OH, axes=axes), VectorField3d(OH, axes=axes), VectorField3d(OH, True, axes=axes)
    assert_near(polar(gradient(phi, axes), g), gradient(scalar(phi, g), axes))
    assert_near(axial(curl(v, axes), g), curl(polar(v, g), axes))
    wrong = polar(curl(v, axes), g) - curl(polar(v, g), axes)
    assert wrong[:24].abs().max() < 1e-12  # rotations cannot tell
    assert wrong[24:].abs().amax(dim=(1, 2, 3, 4)).min() > 0.1
    other = VectorField3d(OH, axes={"zyx": "xyz", "xyz": "yxz", "yxz": "zyx"}[axes])
    assert (other(gradient(phi, axes), g) - polar(gradient(phi, axes), g)).abs().max() > 0.1


@pytest.mark.parametrize("act", [VectorField3d(cyclic(3)), TensorField3d(point_group("C3v"), axial=True)], ids=repr)
def test_other_groups_interpolate(act):
    """The points as Rotate3d moves them, and the entries by the matrices."""
    assert not act.exact
    n, width = act.group.order, act.width
    field = torch.randn(n, 2 * width, 5, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = act(field, torch.arange(n)).unflatten(1, (2, width))
    points = Rotate3d(act.group, act.spatial)(field, torch.arange(n)).unflatten(1, (2, width))
    kind = "vector" if width == 3 else "tensor axial"
    for g in range(n):
        values = points[g].movedim(1, -1).reshape(-1, width).numpy()
        expected = np.stack([turned(value, act.spatial[g].numpy(), kind) for value in values])
        assert_near(moved[g].movedim(1, -1).reshape(-1, width), torch.from_numpy(expected))
    errors = act.round_trip_error(field[:1])
    assert (errors[0] < 1e-12, bool(errors[1] > 0.01)) == (True, True)


def test_signed_permutations_are_the_product_with_their_matrices():
    group = octahedral()
    matrices = torch.from_numpy(rotation_matrices())
    act = SignedPermute.from_matrices(group, matrices, dim=1)
    x = torch.arange(1, 25).reshape(1, 3, 8).expand(24, 3, 8)
    assert torch.equal(act(x, torch.arange(24)), torch.einsum("gij,gjk->gik", matrices, x))
    for dim, shape in ((-1, (2, 3)), (2, (2, 3)), (-2, (3, 2))):
        check_law(SignedPermute.from_matrices(group, matrices, dim), distinct(*shape))
    given = SignedPermute(group, act.representation.index, matrices.sum(dim=2))
    assert torch.equal(given(x.transpose(1, 2), torch.arange(24)), act(x, torch.arange(24)).transpose(1, 2))


C2 = cyclic(2)
SWAP = torch.tensor([[0, 1], [1, 0]])
STAY = torch.tensor([[0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SignedPermute(C2, SWAP, torch.tensor([[1, 1], [1, -1]])), "product of the signs, .* for r of C2"),
        (lambda: SignedPermute(C2, STAY, torch.tensor([[-1, 1], [1, 1]])), "the signs of a product|negates nothing"),
        (lambda: SignedPermute(cyclic(1), STAY[:1], torch.tensor([[-1, 1]])), "identity of C1 negates nothing"),
        (lambda: SignedPermute(C2, STAY, torch.tensor([[1, 1], [0.5, 1]])), r"\[2, 2\] numbers 1 and -1"),
        (lambda: SignedPermute(C2, STAY, torch.tensor([[1, 1]])), r"\[2, 2\] numbers 1 and -1"),
        (lambda: SignedPermute(C2, STAY, STAY * 0 + 1, dim=0), r"other than the batch \(0\), got 0"),
        (
            lambda: SignedPermute(C2, STAY, STAY * 0 + 1)(torch.zeros(2, 3), torch.tensor([0, 1])),
            r"2 entries .* \[2, 3\]",
        ),
        (
            lambda: SignedPermute(C2, SWAP, torch.tensor([[1, 1], [-1, -1]]))(
                torch.zeros(1, 2, dtype=torch.uint8), torch.tensor([1])
            ),
            "uint8 has no signs",
        ),
        (lambda: TensorField3d(OH, rank=5), "from 0 to 4, got 5"),
        (lambda: TensorField3d(OH, rank=1, symmetric=True), "of rank 2, got rank 1"),
        (lambda: VectorField3d(regrep.groups.symmetric(3)), "not those of S3"),
        (
            lambda: VectorField3d(OH)(torch.zeros(1, 4, 2, 2, 2), torch.tensor([0])),
            r"VectorField3d .* 3 channels per frame",
        ),
        (lambda: VectorField3d(OH, axial=torch.ones(2)), r"axial is True or False, got a tensor of shape \[2\]"),
        (lambda: TensorField3d(OH, symmetric="no"), "symmetric is True or False, got 'no'"),
        (lambda: VectorField3d(OH)(torch.zeros(1, 3, 2, 2, 3), torch.tensor([0])), "got 2 x 2 x 3"),
        (lambda: VectorField3d(OH)(torch.zeros(1, 3, 2, 2, 2).byte(), torch.tensor([0])), "uint8 has none of"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(RegrepError, match=message):
        call()
