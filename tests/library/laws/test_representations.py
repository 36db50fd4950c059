"""Every representation obeys rho(g) rho(h) = rho(gh), checked over all pairs of elements."""

import pytest
import torch

import regrep
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral, product, quaternion, symmetric
from regrep.representations import MatrixRepresentation, PermutationRepresentation, Representation
from tolerance import assert_near

GROUPS = [
    cyclic(1),
    cyclic(4),
    dihedral(1),
    dihedral(3),
    dihedral(4),
    quaternion(),
    symmetric(4),
    octahedral(),
]


def representations_of(group):
    found = [
        regrep.regular(group),
        regrep.trivial(group, 3),
        regrep.latent(group, group.order + 3),
        2 * regrep.regular(group) + regrep.trivial(group),
        regrep.regular(group) @ regrep.trivial(group, 2),
    ]
    if group.points is not None:
        found += [regrep.natural(group), regrep.sign(group)]
        if group.points.shape[1] > 1:
            standard = regrep.standard(group)
            found += [standard, standard + regrep.regular(group), 2 * standard, standard @ regrep.sign(group)]
    return found


CASES = [(group, rho) for group in GROUPS for rho in representations_of(group)]
IDS = [f"{group.name}: {rho.name}" for group, rho in CASES]


def assert_representation(rho: Representation) -> None:
    group, stack = rho.group, rho.stack()
    assert stack.shape == (group.order, rho.dim, rho.dim)
    products = torch.einsum("gij,hjk->ghik", stack, stack)
    assert_near(products, stack[group.mul])
    assert_near(stack[0], torch.eye(rho.dim, dtype=torch.float64))


@pytest.mark.parametrize(("group", "rho"), CASES, ids=IDS)
def test_is_a_homomorphism(group, rho):
    assert_representation(rho)


@pytest.mark.parametrize(("group", "rho"), CASES, ids=IDS)
def test_applies_its_matrices(group, rho):
    z = torch.randn(group.order, 2, rho.dim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    g = torch.arange(group.order)
    assert_near(rho(z, g), torch.einsum("gij,gkj->gki", rho.stack(), z))


@pytest.mark.parametrize(("group", "rho"), CASES, ids=IDS)
def test_character_and_invariants(group, rho):
    assert_near(rho.character, torch.einsum("gii->g", rho.stack()))
    projector = rho.stack().mean(dim=0)
    assert rho.invariant_dim == int(torch.linalg.matrix_rank(projector, tol=1e-8))


def test_law_suite_rejects_a_wrong_stack():
    group = dihedral(4)

    class Transposed(type(regrep.regular(group))):
        def stack(self):
            return super().stack().transpose(1, 2)

    with pytest.raises(AssertionError):
        assert_representation(Transposed(group, regrep.regular(group).index, "wrong"))


def test_golden_regular_of_c4():
    r = torch.tensor([[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    rho = regrep.regular(cyclic(4))
    for k in range(4):
        assert torch.equal(rho.matrix(k).long(), torch.linalg.matrix_power(r, k))


def test_golden_regular_of_d4():
    """Columns k of R(r) and R(s): e_k goes to e_rk and to e_sk, written down from r s = s r^-1."""
    rho = regrep.regular(dihedral(4))
    to_r = [1, 2, 3, 0, 5, 6, 7, 4]  # r r^i = r^(i+1), r r^i s = r^(i+1) s
    to_s = [4, 7, 6, 5, 0, 3, 2, 1]  # s r^i = r^-i s, s r^i s = r^-i
    for name, image in (("r", to_r), ("s", to_s)):
        expected = torch.zeros(8, 8)
        expected[image, range(8)] = 1
        assert torch.equal(rho.matrix(name).float(), expected), name


def test_right_regular_is_another_matrix():
    """z[k g] passes every law on C4 and D4: only the golden matrices keep it out."""
    group = dihedral(4)
    right = PermutationRepresentation(group, group.mul.T.contiguous(), "right regular")
    assert_representation(right)
    assert not torch.equal(right.stack(), regrep.regular(group).stack())


def test_permutations_instead_of_their_inverses_are_refused():
    group = dihedral(4)
    with pytest.raises(RegrepError, match="no representation of D4"):
        PermutationRepresentation(group, group.mul, "wrong")


def test_matrices_that_do_not_multiply_are_refused():
    group = dihedral(4)
    stack = regrep.standard(group).stack()
    with pytest.raises(RegrepError, match=r"differs from rho\(gh\) by .* no representation of D4"):
        MatrixRepresentation(group, stack.flip(0), "wrong")
    with pytest.raises(RegrepError, match="one square matrix for each of the 8 elements"):
        MatrixRepresentation(group, stack[:3], "wrong")


def test_regular_multiplicities_are_the_degrees():
    for group, expected in (
        (symmetric(3), {"R": [1, 1, 2]}),
        (cyclic(4), {"R": [1, 1], "C": [1]}),
        (quaternion(), {"R": [1, 1, 1, 1], "H": [1]}),
    ):
        counts = regrep.regular(group).multiplicities()
        assert sorted(counts.values()) == sorted(n for values in expected.values() for n in values)


def test_latent_of_the_paper():
    group = product(dihedral(4), dihedral(4))
    rho = regrep.latent(group, 66)
    assert (rho.dim, rho.invariant_dim) == (66, 3)
    assert regrep.latent(product(dihedral(1), dihedral(1)), 66).invariant_dim == 18
    assert regrep.latent(product(cyclic(4), cyclic(4)), 66).invariant_dim == 6
    assert regrep.latent(octahedral(), 48).invariant_dim == 2
    assert regrep.latent(cyclic(4), 66, copies=3).invariant_dim == 3 + 54


def test_restriction():
    group, subgroup = dihedral(4), cyclic(4)
    for rho in (
        regrep.regular(group),
        regrep.standard(group),
        regrep.standard(group) + regrep.trivial(group),
    ):
        restricted = regrep.restrict(rho, subgroup, ["e", "r", "r2", "r3"])
        assert_representation(restricted)
        assert_near(restricted.stack(), rho.stack()[:4])
    with pytest.raises(RegrepError, match="do not multiply as those of C4"):
        regrep.restrict(regrep.regular(group), subgroup, ["e", "r", "s", "rs"])
    with pytest.raises(RegrepError, match="4 distinct elements of D4, got 2"):
        regrep.restrict(regrep.regular(group), subgroup, [0, 1, 1, 0])


def test_orbits():
    rho = regrep.latent(cyclic(3), 7)
    assert rho.orbits == ((0, 1, 2), (3, 4, 5), (6,))
    assert len(rho.orbits) == rho.invariant_dim


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regrep.trivial(dihedral(4), 2**23 + 1), f"of D4 has at most {2**23} coordinates, got {2**23 + 1}"),
        (lambda: regrep.trivial(dihedral(4), 10**30), f"of D4 has at most {2**23} coordinates"),
        (lambda: regrep.latent(dihedral(4), 2**23 + 1), f"of D4 has at most {2**23} coordinates"),
        (lambda: regrep.latent(dihedral(4), 10**9, copies=1), f"of D4 has at most {2**23} coordinates"),
        (lambda: regrep.trivial(dihedral(4), 10) * 10**6, f"of D4 has at most {2**23} coordinates, got 10000000"),
        (lambda: (regrep.standard(dihedral(4)) * 5) * 10**6, f"of D4 has at most {2**23} coordinates, got 15000000"),
        (lambda: regrep.trivial(dihedral(4), 2900) @ regrep.trivial(dihedral(4), 2900), f"at most {2**23} coordinates"),
        (lambda: regrep.standard(dihedral(4)) @ regrep.trivial(dihedral(4), 966), "at most 2896 coordinates, got 2898"),
        (lambda: regrep.trivial(symmetric(7), 2**20 + 1), f"of S7 has at most {2**20} coordinates"),
        (lambda: regrep.natural(symmetric(7)) * 10**6, f"of S7 has at most {2**20} coordinates, got 7000000"),
        (lambda: regrep.trivial(symmetric(7), 2**11) @ regrep.trivial(symmetric(7), 2**10), f"{2**20} coordinates"),
        (
            lambda: regrep.trivial(cyclic(1)) * (10**6 + 1),
            "number of copies is an integer from 1 to 1000000, got 1000001",
        ),
    ],
)
def test_too_wide_ones_are_refused_before_they_fill_the_memory(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: regrep.latent(dihedral(4), 6), r"at least \|D4\| = 8 .*, got 6; widen the layer"),
        (lambda: regrep.latent(dihedral(4), 17, copies=3), "holds 1 to 2 copies .* got 3"),
        (lambda: regrep.latent(dihedral(4), 16.0), "an integer of at least .* got 16.0"),
        (lambda: regrep.latent("D4", 16), "a group is a FiniteGroup, got 'D4'; make one of a name"),
        (lambda: regrep.regular("D4"), "a group is a FiniteGroup"),
        (lambda: regrep.irreps("D4"), "a group is a FiniteGroup"),
        (
            lambda: regrep.irreps(dihedral(4))[-1](torch.ones(1, 2, dtype=torch.int64), torch.tensor([1])),
            "acts on floats",
        ),
        (lambda: regrep.trivial(cyclic(2), 0), "dimension at least 1, got 0"),
        (lambda: 0 * regrep.regular(cyclic(2)), "number of copies is an integer from 1 to 1000000, got 0"),
        (lambda: regrep.regular(cyclic(2)) + regrep.regular(cyclic(3)), "same group, got C2 and C3"),
        (lambda: regrep.regular(cyclic(2)) @ regrep.regular(cyclic(3)), "same group, got C2 and C3"),
        (lambda: regrep.direct_sum([]), "at least one representation"),
        (lambda: regrep.natural(quaternion()), "Q8 has no natural points"),
        (lambda: regrep.standard(cyclic(1)), "at least 2 natural points"),
    ],
)
def test_wrong_constructions_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


@pytest.mark.parametrize(
    ("z", "g", "message"),
    [
        (torch.zeros(2, 5), torch.tensor([0, 1]), r"acts on tensors \[B, ..., 4\], got \[2, 5\]"),
        (torch.zeros(4), torch.tensor([0, 1, 2, 3]), r"acts on tensors \[B, ..., 4\], got \[4\]"),
        (torch.zeros(2, 4), torch.tensor([0, 4]), "index from 0 to 3, got 4"),
        (torch.zeros(2, 4), torch.tensor([-1, 0]), "index from 0 to 3, got -1"),
        (torch.zeros(2, 4), [0, 1], "group elements are one tensor, got a list"),
        ([[0.0] * 4] * 2, torch.tensor([0, 1]), "what they move are one tensor, got a list"),
        (torch.zeros(2, 4), torch.tensor([0]), "one group element per sample is needed, got 1"),
        (torch.zeros(2, 4), torch.tensor([0.0, 1.0]), r"int64 tensor \[B\].*got float32"),
        (torch.zeros(2, 4), torch.tensor([[0], [1]]), r"int64 tensor \[B\].*got int64 \[2, 1\]"),
    ],
)
def test_wrong_arguments_say_so(z, g, message):
    with pytest.raises(RegrepError, match=message):
        regrep.regular(cyclic(4))(z, g)


def test_an_empty_batch_stays_empty():
    g = torch.zeros(0, dtype=torch.int64)
    for rho in (regrep.irreps(dihedral(4))[-1], regrep.LearnedRepresentation(dihedral(4), 2)):
        assert rho(torch.zeros(0, 2), g).shape == (0, 2)


def test_acts_in_the_dtype_of_the_data():
    rho = regrep.regular(cyclic(4))
    for dtype in (torch.uint8, torch.int64, torch.bool, torch.float16, torch.bfloat16, torch.float64):
        z = torch.eye(4).to(dtype)
        moved = rho(z, torch.full((4,), 1))
        assert moved.dtype == dtype
        assert torch.equal(moved, z.roll(1, 1))
