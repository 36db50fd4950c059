"""Groups of matrices keep their matrices, in their own order, whatever the order and precision given."""

import numpy as np
import pytest
import torch

import regrep
from regrep.errors import RegrepError
from regrep.groups import (
    FiniteGroup,
    cyclic,
    dihedral,
    from_matrices,
    from_permutations,
    from_table,
    full_octahedral,
    octahedral,
    quaternion,
    symmetric,
)
from regrep.groups.tolerances import defect, polished, tolerance
from regrep.representations import MatrixRepresentation


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def shuffled(stack, seed=0):
    """The same matrices in an order that does not begin with the identity."""
    order = np.random.default_rng(seed).permutation(len(stack))
    return stack[order if order[0] else np.roll(order, 1)]


def tilted(stack, seed=0):
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    return basis @ stack @ basis.T


CUBE = full_octahedral().matrices.numpy()
STACKS = {
    "Oh": shuffled(CUBE),
    "tilted O": shuffled(tilted(octahedral().matrices.numpy())),
    "C7": shuffled(np.stack([turn(2 * np.pi * k / 7) for k in range(7)])),
    "skew C6": shuffled(np.stack([np.linalg.matrix_power(np.array([[0, -1], [1, 1]]), k) for k in range(6)])),
}
LIMITS = {torch.float64: 1e-15, torch.float32: 1e-6}
each = pytest.mark.parametrize("given", STACKS.values(), ids=STACKS)


@each
@pytest.mark.parametrize("dtype", LIMITS)
def test_the_matrices_given_are_kept_and_form_a_representation(given, dtype):
    given = torch.from_numpy(given).to(dtype)
    group = from_matrices(given)
    assert group.order == len(given) == len(group.given_order.unique())
    assert group.matrices.dtype == torch.float64
    assert group.matrices[group.given_order].sub(given).abs().max() <= LIMITS[dtype]
    products = torch.einsum("gij,hjk->ghik", group.matrices, group.matrices)
    assert products.sub(group.matrices[group.mul]).abs().max() < 1e-12
    assert torch.equal(group.defining.stack(), group.matrices)
    for count in group.defining.multiplicities().values():
        assert count == round(count)
    in_order = given[group.given_order.argsort()]
    assert MatrixRepresentation(group, in_order, "again").stack().sub(group.matrices).abs().max() < 10 * LIMITS[dtype]


@each
def test_matrices_in_the_order_given_are_refused_with_the_repair(given):
    group = from_matrices(given)
    with pytest.raises(RegrepError, match=r"order in which they were given .*; pass matrices\[G.given_order.argsort"):
        MatrixRepresentation(group, torch.from_numpy(given), "given")
    with pytest.raises(RegrepError, match="no representation of G"):
        MatrixRepresentation(group, torch.from_numpy(shuffled(given, 5)), "other")


def test_exact_matrices_are_kept_bit_by_bit():
    given = shuffled(CUBE)
    assert torch.equal(from_matrices(given).matrices[from_matrices(given).given_order], torch.from_numpy(given))
    some = tilted(CUBE[[7, 29]])
    group = from_matrices(some)
    assert torch.equal(group.matrices[group.given_order], torch.from_numpy(some))


def test_given_order_of_generators_of_duplicates_and_of_other_builders():
    turns = np.stack([turn(np.pi / 2), np.eye(3), turn(np.pi / 2)])
    group = from_matrices(turns)
    assert group.given_order.tolist() == [1, 0, 1]
    images = torch.tensor([[1, 0, 2], [0, 1, 2], [1, 2, 0]])
    group = from_permutations(images)
    assert group.order == 6
    assert torch.equal(group.points[group.given_order], images)
    many = images.repeat(400, 1)
    assert torch.equal(from_permutations(many).points[from_permutations(many).given_order], many)
    table = [[1, 0], [0, 1]]
    assert from_table(table, names=["a", "b"]).given_order.tolist() == [1, 0]


@pytest.mark.parametrize("noise", [1e-13, 3e-8, 2e-7])
def test_rounded_matrices_become_exact(noise):
    """Matrices copied from a page with seven digits: accepted, and no longer rounded."""
    rng = np.random.default_rng(0)
    given = STACKS["tilted O"]
    group = from_matrices(given + rng.uniform(-noise, noise, given.shape))
    table, generators = group.mul.numpy(), group.generators
    assert defect(table, generators, group.matrices.numpy()) < (1e-10 if noise < 1e-10 else 3e-14)
    assert np.abs(group.matrices.numpy()[group.given_order] - given).max() < 4 * noise
    rough = group.matrices + torch.from_numpy(rng.uniform(-noise, noise, given.shape))
    assert MatrixRepresentation(group, rough, "rough").multiplicities() == group.defining.multiplicities()


def test_polishing_goes_to_a_representation_whatever_the_basis():
    group = dihedral(6)
    basis = np.array([[1.0, 2.0, 0.3, 0.0, 0.1], [0, 1, 0, 0, 1], [0, 0.5, 2, 0, 0], [1, 0, 0, 1, 0], [0, 0, 0, 1, 3]])
    exact = basis @ regrep.standard(group).stack().numpy() @ np.linalg.inv(basis)
    rough = exact + np.random.default_rng(0).uniform(-1e-4, 1e-4, exact.shape)
    found = polished(group.mul.numpy(), group.generators, rough)
    assert defect(group.mul.numpy(), group.generators, rough) > 1e-6
    assert defect(group.mul.numpy(), group.generators, found) < 3e-14
    assert np.abs(found - exact).max() < 3e-3
    assert polished(group.mul.numpy(), group.generators, exact) is exact


def test_one_tolerance_for_each_precision():
    assert tolerance(torch.float32) == tolerance(np.dtype("float32")) == tolerance(torch.bfloat16) == 1e-4
    assert tolerance(torch.float64) == tolerance(np.dtype("float64")) == tolerance(np.dtype("int64")) == 1e-6


def test_half_precision_is_too_coarse_for_sevenths_of_a_turn_and_says_so():
    with pytest.raises(RegrepError, match="generate more or an infinite group; check that they are exact"):
        from_matrices(torch.from_numpy(STACKS["C7"]).half())
    assert from_matrices(torch.from_numpy(STACKS["Oh"]).half()).order == 48


def test_matrices_of_a_group_are_checked():
    group = octahedral()
    parts = (group.name, group.names, group.mul)
    for wrong, message in (
        (group.matrices.float(), "float64 tensor on the CPU"),
        (group.matrices.numpy(), "float64 tensor on the CPU, got an array"),
        (group.matrices[:5], r"float64 tensor \[24, d, d\], got \[5, 3, 3\]"),
        (group.matrices.flip(0), "multiply as its elements, but these do not, by"),
    ):
        with pytest.raises(RegrepError, match=message):
            FiniteGroup(*parts, matrices=wrong)


def test_what_a_group_is_given_by():
    assert regrep.defining(symmetric(4)).name == "natural"
    assert regrep.defining(octahedral()).dim == 3
    with pytest.raises(RegrepError, match="Q8 has neither matrices nor points"):
        _ = quaternion().defining
    assert torch.equal(regrep.det(symmetric(4)).stack(), regrep.sign(symmetric(4)).stack())
    assert regrep.det(full_octahedral()).character.tolist() == [1.0] * 24 + [-1.0] * 24
    assert set(regrep.sign(full_octahedral()).character[:24].tolist()) == {-1.0, 1.0}


R, S = [[0, -1], [1, 0]], [[-1, 0], [0, 1]]


def test_representation_from_generators():
    group = dihedral(4)
    rho = regrep.representation_from(group, {"r": R, "s": torch.tensor(S)})
    expected = [np.linalg.matrix_power(R, k) @ np.linalg.matrix_power(S, p) for p in range(2) for k in range(4)]
    assert torch.equal(rho.stack(), torch.from_numpy(np.stack(expected)).double())
    other = regrep.representation_from(group, {"rs": np.array(R) @ S, group.index("s"): S})
    assert torch.equal(other.stack(), rho.stack())
    more = regrep.representation_from(group, {"r": R, "s": S, "r2": -np.eye(2)})
    assert torch.equal(more.stack(), rho.stack())
    thirds = torch.from_numpy(turn(2 * np.pi / 3)).float()
    single = regrep.representation_from(cyclic(3), {"r": thirds})
    assert single.multiplicities() == {"A": 1.0, "E": 1.0}
    swaps = {"s1": [[0, 1, 0], [1, 0, 0], [0, 0, 1]], "s2": [[1, 0, 0], [0, 0, 1], [0, 1, 0]]}
    assert (
        regrep.representation_from(symmetric(3), swaps).multiplicities()
        == regrep.natural(symmetric(3)).multiplicities()
    )


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ({"r": R, "s": [[1, 1], [0, -1]]}, r"the relator \(r s\)\^2 of D4 is the identity, but .* by 1.0e\+00"),
        ({"r": [[0, -1], [1, 0.001]], "s": S}, r"the relator r\^4 of D4"),
        ({"r": R}, "'r'.* do not; give those of r, s"),
        ({"r": R, "s": np.eye(3)}, "have one size"),
        ({"r": R, "t": S}, "no element 't'"),
        ({"r": R, "s": [[0, 0], [0, 0]]}, "finite and invertible"),
        ({"r": R, "s": [[1j, 0], [0, 1]]}, "real and square"),
        ({"r": R, "s": "S"}, "square"),
        ({"r": R, "s": S, "r2": np.eye(2)}, "the matrix of r2 is not the product"),
        ({"rs": R, "s": S}, "no representation of D4"),
        ({}, "a dictionary by element"),
        ([R, S], "a dictionary by element"),
    ],
)
def test_matrices_of_generators_are_checked(matrices, message):
    with pytest.raises(RegrepError, match=message):
        regrep.representation_from(dihedral(4), matrices)


def test_relators_with_inverses_of_each_generator():
    """The quaternion group by words in which either generator stands inverted."""
    i = np.kron([[0, -1], [1, 0]], [[1, 0], [0, -1]])
    j = np.kron(np.eye(2), [[0, -1], [1, 0]])
    for words in ("a^4, a^2 b^-2, b^-1 a b a", "b^4, b^2 a^-2, a^-1 b a b"):
        group = regrep.groups.from_presentation("a,b", words)
        rho = regrep.representation_from(group, {"a": i, "b": j})
        assert sorted(rho.multiplicities().values()) == pytest.approx([0, 0, 0, 0, 1], abs=1e-12)
        with pytest.raises(RegrepError, match="the relator"):
            regrep.representation_from(group, {"a": i, "b": np.eye(4)})


@pytest.mark.parametrize("shear", [1.0, 1e3])
def test_relators_of_large_matrices_are_checked_relative_to_their_size(shear):
    """Rounding of entries of a million leaves 1e-4 in a product; the same error of small matrices is one."""
    angle = 2 * np.pi / 3
    basis = np.array([[1.0, shear], [0.0, 1.0]])
    r, s = (basis @ m @ np.linalg.inv(basis) for m in (turn(angle)[:2, :2], np.diag([1.0, -1.0])))
    rho = regrep.representation_from(dihedral(3), {"r": r, "s": s})
    assert np.abs(rho.stack()[1].numpy() - r).max() <= 1e-9 * np.abs(r).max()
    if shear == 1:
        with pytest.raises(RegrepError, match=r"the relator r\^3 of D3"):
            regrep.representation_from(dihedral(3), {"r": r + 1e-4, "s": s})


@pytest.mark.parametrize(
    ("apart", "said"), [(0.5e-6, r"differs from rho\(gh\) by 5.0e-05"), (2e-6, "the relator r.100 of C100")]
)
def test_a_relator_may_be_wrong_by_its_length_and_a_product_by_one_letter(apart, said):
    """An angle that is wrong by so much is so after one step, and by a hundred times as much after a whole turn."""
    angle = 2 * np.pi / 100 + apart
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    with pytest.raises(RegrepError, match=said):
        regrep.representation_from(cyclic(100), {"r": turn})
