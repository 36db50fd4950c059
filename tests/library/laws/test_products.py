"""Which of two factors comes first, in every group and tensor product; a group and its opposite pass all other laws."""

import re

import numpy as np
import pytest
import torch

import regrep
from regrep import groups
from regrep.actions import Permute, Rotate3d, RotateFlip2d, SideBySide
from regrep.groups import (
    alternating,
    cyclic,
    dihedral,
    from_matrices,
    from_permutations,
    from_presentation,
    from_table,
    full_octahedral,
    octahedral,
    product,
    quaternion,
    symmetric,
    tetrahedral,
)
from regrep.representations import MatrixRepresentation, layouts
from tolerance import assert_near


def turn(n, k):
    angle = 2 * np.pi * k / n
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def plane(name, n):
    """The map of the plane with a name such as ``r2s``: the mirror of the x axis first, then the turn."""
    power = re.fullmatch(r"e|(r\d*)?(s)?", name)
    k = 0 if not power[1] else int(power[1][1:] or 1)
    return turn(n, k) @ (np.diag([-1.0, 1.0]) if power[2] else np.eye(2))


def hamilton(name):
    """Hamilton's units as matrices, with i j = k."""
    units = {
        "1": np.eye(2),
        "i": np.diag([1j, -1j]),
        "j": np.array([[0, 1], [-1, 0]]),
        "k": np.array([[0, 1j], [1j, 0]]),
    }
    return units[name[-1]] * (-1 if name[0] == "-" else 1)


def axes(name):
    """The matrix of a symmetry of the cube, from where it takes x, y, z."""
    matrix = np.zeros((3, 3))
    for column, (sign, axis) in enumerate(re.findall("(-?)([xyz])", "xyz" if name == "e" else name)):
        matrix["xyz".index(axis), column] = -1 if sign else 1
    return matrix


def cycles(name, n):
    """The permutation matrix of some cycles: e_k goes to e_p(k)."""
    image = list(range(n))
    for cycle in re.findall(r"\((.*?)\)", name):
        points = [int(k) for k in cycle.split()]
        for k, point in enumerate(points):
            image[point] = points[(k + 1) % len(points)]
    return np.eye(n)[image].T


def word(name, letters):
    """A word such as ``a^2 b`` as the product of matrices, read from left to right."""
    total = np.eye(len(next(iter(letters.values()))))
    for letter, power in re.findall(r"([a-z])(?:\^(-?\d+))?", "" if name == "e" else name):
        total = total @ np.linalg.matrix_power(letters[letter], int(power or 1))
    return total


def shuffled(group, seed=0):
    """The table of a group with its elements in another order, the identity not first."""
    order = np.random.default_rng(seed).permutation(group.order)
    place = np.argsort(order)
    table = [[place[int(group.mul[g, h])] for h in order] for g in order]
    assert order[0] != 0
    return from_table(table, names=[group.names[g] for g in order])


S3_LETTERS = {"a": cycles("(0 1 2)", 3), "b": cycles("(0 1)", 3)}

NAMED = [
    (dihedral(3), lambda name: plane(name, 3)),
    (dihedral(4), lambda name: plane(name, 4)),
    (dihedral(5), lambda name: plane(name, 5)),
    (quaternion(), hamilton),
    (symmetric(4), lambda name: cycles(name, 4)),
    (alternating(4), lambda name: cycles(name, 4)),
    (octahedral(), axes),
    (tetrahedral(), axes),
    (full_octahedral(), axes),
    (shuffled(dihedral(4)), lambda name: plane(name, 4)),
    (shuffled(quaternion(), 3), hamilton),
    (shuffled(octahedral()), axes),
    (from_permutations([[1, 2, 0, 3], [1, 0, 3, 2]]), lambda name: cycles(name, 4)),
    (from_presentation("a,b", "a^3, b^2, (a b)^2"), lambda name: word(name, S3_LETTERS)),
    (groups.parse("<a,b | a^3, b^2, (a b)^2>"), lambda name: word(name, S3_LETTERS)),
]


@pytest.mark.parametrize(("group", "matrix"), NAMED, ids=lambda value: getattr(value, "name", ""))
def test_elements_multiply_as_the_maps_they_name(group, matrix):
    """gh is first h, then g: the matrix of the name of gh is that of g times that of h."""
    assert not group.is_abelian
    for g, one in enumerate(group.names):
        for h, other in enumerate(group.names):
            expected = matrix(one) @ matrix(other)
            assert np.allclose(matrix(group.names[group.mul[g, h]]), expected), (one, other)


@pytest.mark.parametrize("group", [dihedral(4), quaternion(), quaternion(12), symmetric(4)], ids=lambda g: g.name)
def test_a_table_is_kept_as_it_is(group):
    """A table with the identity first gives the same group, not its opposite."""
    assert from_table(group.mul, names=group.names) == group
    assert from_table(group.mul.tolist(), names=group.names) == group
    assert from_table(group.mul.T, names=group.names) != group


def test_matrices_multiply_as_given():
    given = [plane(name, 4) for name in dihedral(4).names]
    assert torch.equal(from_matrices(given).mul, dihedral(4).mul)
    closed = from_matrices([given[1], given[4]])  # e, r, s, and what the closure adds
    found = {0: np.eye(2), 1: given[1], 2: given[4]}
    while len(found) < 8:
        for a in list(found):
            for b in (1, 2):
                found[int(closed.mul[a, b])] = found[a] @ found[b]
    for a in range(8):
        for b in range(8):
            assert np.allclose(found[int(closed.mul[a, b])], found[a] @ found[b])


def test_generalised_quaternions_obey_their_relations():
    group = quaternion(12)
    i, j = group.index("i"), group.index("j")
    assert group.names[group.mul[i, j]] == "ij"
    assert group.names[group.mul[j, i]] == "i5j"
    assert group.names[group.mul[j, j]] == "i3"


def test_factors_of_a_product_multiply_each_in_its_own_order():
    left, right = dihedral(3), quaternion()
    group = product(left, right)
    for g in range(group.order):
        for h in range(group.order):
            a, b = divmod(g, 8), divmod(h, 8)
            assert group.mul[g, h] == left.mul[a[0], b[0]] * 8 + right.mul[a[1], b[1]]
    points = product(dihedral(3), symmetric(4)).points
    for g in (1, 4):
        for h in (2, 9):
            expected = [*dihedral(3).points[g].tolist(), *(3 + symmetric(4).points[h]).tolist()]
            assert points[g * 24 + h].tolist() == expected


def test_points_are_moved_as_by_the_names():
    for group, n in ((symmetric(4), 4), (alternating(4), 4)):
        for g, name in enumerate(group.names):
            assert (cycles(name, n).argmax(axis=0) == group.points[g].numpy()).all()
    assert dihedral(4).points[dihedral(4).index("r")].tolist() == [1, 2, 3, 0]
    assert dihedral(4).points[dihedral(4).index("s")].tolist() == [0, 3, 2, 1]
    assert dihedral(4).points[dihedral(4).index("rs")].tolist() == [1, 0, 3, 2]  # first s, then r
    for group in (octahedral(), full_octahedral(), tetrahedral()):
        diagonals = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])
        for g, name in enumerate(group.names):
            for k, diagonal in enumerate(diagonals):
                assert abs(axes(name) @ diagonal @ diagonals[group.points[g, k]]) == 3


def two_of(group):
    """Representations of different sizes, permutations and matrices."""
    return [regrep.natural(group), regrep.standard(group), regrep.irreps(group)[-1], regrep.regular(group)]


@pytest.mark.parametrize("group", [dihedral(3), symmetric(4)], ids=lambda group: group.name)
@pytest.mark.parametrize("left", range(4))
@pytest.mark.parametrize("right", range(4))
def test_tensor_products_are_kronecker_products(group, left, right):
    """(x ⊗ y)[i d + k] = x[i] y[k]: the right factor runs fastest, and each is moved by its own matrix."""
    one, other = two_of(group)[left], two_of(group)[right]
    both = one @ other
    for g in range(group.order):
        assert np.allclose(both.matrix(g), np.kron(one.matrix(g).numpy(), other.matrix(g).numpy()))
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(2, rho.dim, dtype=torch.float64, generator=generator) for rho in (one, other))
    g = torch.tensor([1, group.order - 1])
    outer = (x[:, :, None] * y[:, None, :]).flatten(1).requires_grad_()
    moved = both(outer, g)
    assert_near(moved, (one(x, g)[:, :, None] * other(y, g)[:, None, :]).flatten(1))
    weight = torch.randn(moved.shape, dtype=torch.float64, generator=generator)
    (moved * weight).sum().backward()
    for k, element in enumerate(g.tolist()):
        kron = np.kron(one.matrix(element).numpy(), other.matrix(element).numpy())
        assert np.allclose(outer.grad[k], kron.T @ weight[k].numpy())
    assert_near(both.character, one.character * other.character)


def test_sums_keep_their_order():
    group = dihedral(4)
    for parts in ([regrep.natural(group), regrep.regular(group)], [regrep.standard(group), regrep.regular(group)]):
        for ordered in (parts, parts[::-1]):
            total = regrep.direct_sum(ordered)
            for g in range(group.order):
                blocks = [rho.matrix(g) for rho in ordered]
                assert torch.equal(total.matrix(g), torch.block_diag(*blocks))


def test_feature_maps_run_over_channels_then_pixels():
    group = dihedral(4)
    rho = layouts.both(RotateFlip2d(group).pixels(3), (8, 3, 3))
    pixels = RotateFlip2d(group).pixels(3)
    for g in range(group.order):
        assert np.allclose(rho.matrix(g), np.kron(regrep.regular(group).matrix(g), pixels.matrix(g)))
    z = torch.randn(8, 8, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    moved = rho(z, torch.arange(8))
    weight = torch.randn(moved.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (moved * weight).sum().backward()
    assert_near(moved.flatten(1), torch.einsum("gij,gj->gi", rho.stack(), z.flatten(1)))
    assert_near(z.grad.flatten(1), torch.einsum("gij,gi->gj", rho.stack(), weight.flatten(1)))


@pytest.mark.parametrize("group", [dihedral(3), quaternion(), symmetric(4)], ids=lambda group: group.name)
def test_gradients_are_those_of_the_transposed_matrices(group):
    """Not those of the inverses: the matrices of the skewed one are not orthogonal."""
    change = torch.randn(2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) + 2 * torch.eye(2)
    exact = [regrep.regular(group), regrep.irreps(group)[-1]]
    if exact[1].dim == 2:
        stack = change @ exact[1].stack() @ torch.linalg.inv(change)
        exact.append(MatrixRepresentation(group, stack, "skewed"))
    for rho in [*exact, exact[1] + exact[0]]:
        z = torch.randn(group.order, 3, rho.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        z.requires_grad_()
        weight = torch.randn(z.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        moved = rho(z, torch.arange(group.order))
        (moved * weight).sum().backward()
        for g in range(group.order):
            for k in range(3):
                assert_near(moved[g, k], rho.matrix(g) @ z[g, k])
                assert_near(z.grad[g, k], rho.matrix(g).T @ weight[g, k])


def test_two_digits_move_each_by_its_own_element():
    left, right = RotateFlip2d(dihedral(4)), RotateFlip2d(cyclic(4))
    act = SideBySide(left, right)
    canvas = torch.zeros(1, 8, 8, dtype=torch.int64)
    canvas[0, 2:6] = torch.arange(1, 33).reshape(4, 8)
    for g in range(8):
        for h in range(4):
            moved = act(canvas, torch.tensor([g * 4 + h]))[0, 2:6]
            assert torch.equal(moved[:, :4], left(canvas[:, 2:6, :4], torch.tensor([g]))[0])
            assert torch.equal(moved[:, 4:], right(canvas[:, 2:6, 4:], torch.tensor([h]))[0])


def test_volumes_turn_as_their_matrices():
    """The entry at p moves to g p, with x along the last axis, for every element and every entry."""
    group = octahedral()
    volume = torch.arange(27).reshape(1, 3, 3, 3)
    for g, name in enumerate(group.names):
        moved = Rotate3d(group)(volume, torch.tensor([g]))[0]
        for place in np.ndindex(3, 3, 3):
            z, y, x = (k - 1 for k in place)
            a, b, c = (int(k) + 1 for k in axes(name) @ np.array([x, y, z]))
            assert moved[c, b, a] == volume[0][place]


def test_permuted_entries_go_to_the_images_of_their_points():
    group = symmetric(4)
    act = Permute(group, group.points[group.inverse])
    x = torch.arange(4)[None]
    for g in range(group.order):
        moved = act(x, torch.tensor([g]))[0]
        for k in range(4):
            assert moved[group.points[g, k]] == k
