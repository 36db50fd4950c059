"""Every check of a homomorphism refuses one wrong element, product or generator, and lets rounding pass."""

import math
from dataclasses import replace

import pytest
import torch

import regrep
from regrep.actions import Permute, Rotate3d
from regrep.errors import RegrepError
from regrep.groups import (
    FiniteGroup,
    Presentation,
    cyclic,
    dihedral,
    from_table,
    octahedral,
    quaternion,
    symmetric,
)
from regrep.groups.catalogue import rotation_matrices
from regrep.representations import MatrixRepresentation, PermutationRepresentation
from regrep.representations.representation import check_homomorphism

GROUPS = [dihedral(4), quaternion(), symmetric(4)]
each = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


def faithful(group):
    """Matrices of an irreducible representation in a skew basis."""
    rho = max(regrep.irreps(group), key=lambda rho: rho.dim)
    d = rho.dim
    basis = torch.eye(d, dtype=torch.float64) + torch.triu(torch.full((d, d), 0.5, dtype=torch.float64), 1)
    return basis @ rho.stack() @ torch.linalg.inv(basis)


def refused(group, matrices):
    with pytest.raises(RegrepError, match=f"no representation of {group.name}"):
        MatrixRepresentation(group, matrices, "wrong")


@each
def test_one_wrong_matrix_is_refused(group):
    for g in range(group.order):
        wrong = faithful(group)
        wrong[g] = wrong[g] + 1e-4
        refused(group, wrong)


@each
def test_the_opposite_order_is_refused(group):
    """rho(g^-1) multiplies in the wrong order; the identity and every power are right."""
    stack = faithful(group)
    refused(group, stack[group.inverse])
    refused(group, stack.mT)
    MatrixRepresentation(group, stack[group.inverse].mT, "dual")


@each
def test_matrices_that_multiply_but_forget_the_identity_are_refused(group):
    """rho(g) P with a projector P that commutes multiplies as it should; rho(e) is P."""
    stack = faithful(group)
    d = stack.shape[1]
    wide = torch.zeros(group.order, d + 1, d + 1, dtype=torch.float64)
    wide[:, :d, :d] = stack
    assert torch.allclose(wide[:, None] @ wide, wide[group.mul])
    refused(group, wide)
    wide[:, d, d] = 1
    MatrixRepresentation(group, wide, "right")


def test_each_generator_is_checked():
    group = dihedral(4)
    for signs in ([1, -1, 1, -1, 1, -1, 1, -1], [1, 1, 1, 1, -1, -1, -1, -1]):
        right = torch.tensor(signs, dtype=torch.float64).reshape(8, 1, 1)
        MatrixRepresentation(group, right, "sign")
        for s in range(1, 8):
            wrong = right.clone()
            wrong[s] = -wrong[s]
            refused(group, wrong)
    for kept in (0, 1):
        s, free = group.generators[kept], group.generators[1 - kept]
        stack = torch.ones(8, 1, 1, dtype=torch.float64)  # with s = 1, any value is right on another coset of <s>
        for element in group.subgroup([s]):
            stack[group.mul[element, free]] = 2
        assert torch.equal(stack[s] * stack, stack[group.mul[s]])
        refused(group, stack)
        index = torch.arange(3).repeat(8, 1)
        index[stack.flatten() == 2] = torch.tensor([1, 2, 0])  # of order 3, so right for s alone
        assert torch.equal(index[group.mul[s]], index[:, index[s]])
        with pytest.raises(RegrepError, match="no representation of D4"):
            PermutationRepresentation(group, index, "wrong")
        with pytest.raises(RegrepError, match="permutes the points"):
            replace(group, points=index)


@each
def test_rounding_is_no_error_and_ten_times_the_limit_is(group):
    stack = faithful(group)
    noise = torch.randn(stack.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for size in (1e-10, 1e-8):
        taken = MatrixRepresentation(group, stack + size * noise, "rounded").stack()
        assert (taken[group.mul] - taken[:, None] @ taken).abs().max() < 3e-10
        assert (taken - stack).abs().max() < 10 * size * noise.abs().max()
    refused(group, stack + 1e-5 * noise)
    MatrixRepresentation(group, (stack + 1e-6 * noise).float(), "single")
    refused(group, (stack + 1e-3 * noise).float())


def test_large_entries_have_larger_rounding_errors():
    basis = torch.diag(torch.tensor([1.0, 1e4])).double()
    swap = torch.stack([torch.eye(2), torch.tensor([[0.0, 1.0], [1.0, 0.0]])]).double()
    scaled = basis @ swap @ torch.linalg.inv(basis)
    MatrixRepresentation(cyclic(2), scaled + 1e-5, "entries up to 1e4")
    refused(cyclic(2), swap + 1e-5)
    refused(cyclic(2), scaled + 1e-1)


@each
def test_matrices_that_are_no_numbers_are_refused(group):
    for value in (math.nan, math.inf):
        wrong = faithful(group)
        wrong[-1, 0, 0] = value
        with pytest.raises(RegrepError, match="of wrong hold finite numbers, got 1 entries that are not; check"):
            MatrixRepresentation(group, wrong, "wrong")


def test_the_checked_matrices_are_a_copy():
    group = dihedral(4)
    given = regrep.standard(group).stack().clone().requires_grad_()
    checked = check_homomorphism(group, given, "copy")
    assert not checked.requires_grad
    assert checked.dtype == torch.float64
    with torch.no_grad():
        given[1] = 0
    assert float(checked[1].abs().max()) > 0.5


@each
def test_wrong_permutations_are_refused(group):
    right = regrep.regular(group).index
    PermutationRepresentation(group, right, "right")
    wrong = [group.mul, right.roll(1, 0), right[:, right[1]], right.clamp(max=group.order - 2)]
    for g in range(1, group.order):
        one = right.clone()
        one[g] = one[g].roll(1)
        wrong.append(one)
    wrong.append(0 * right)  # constant maps multiply as they should, but e changes something
    for index in [*wrong, right + 1, right - 1, right[:, :0]]:
        with pytest.raises(RegrepError, match=f"no representation of {group.name}"):
            PermutationRepresentation(group, index, "wrong")
    for index in (right[:-1], right.int(), right[0]):
        with pytest.raises(RegrepError, match="is an int64 tensor"):
            PermutationRepresentation(group, index, "wrong")


def test_a_restriction_is_refused_in_the_wrong_order():
    group = dihedral(4)
    sub = from_table([[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]])
    right = regrep.restrict(regrep.standard(group), sub, ["e", "r2", "s", "r2s"])
    assert torch.equal(right.matrix(2), regrep.standard(group).matrix("s"))
    for elements in (["e", "r", "s", "rs"], ["r2", "e", "s", "r2s"], ["e", "s", "rs", "r"]):
        with pytest.raises(RegrepError, match="do not multiply as those of"):
            regrep.restrict(regrep.standard(group), sub, elements)
    # an anti-isomorphism of the whole group is no embedding
    with pytest.raises(RegrepError, match="do not multiply"):
        regrep.restrict(regrep.regular(group), group, group.inverse.tolist())
    twisted = ["e", "r3", "r2", "r", "s", "r3s", "r2s", "rs"]  # an automorphism is one
    assert torch.equal(
        regrep.restrict(regrep.regular(group), group, twisted).matrix("r"), regrep.regular(group).matrix("r3")
    )


@each
def test_points_presentations_and_tables_of_a_group_are_checked(group):
    if group.points is not None:
        for points in (group.points[group.inverse], group.points.roll(1, 0), group.points.flip(1), 0 * group.points):
            with pytest.raises(RegrepError, match="permutes the points"):
                replace(group, points=points)
        with pytest.raises(RegrepError, match="are an int64 tensor"):
            replace(group, points=group.points[1:])
    names = ",".join(group.presentation.names)
    wrong = Presentation.parse(names, f"{group.presentation.names[-1]}^3")
    with pytest.raises(RegrepError, match="every relator equals the identity, but"):
        replace(group, presentation_given=wrong)
    with pytest.raises(RegrepError, match="a presentation names each of"):
        replace(group, presentation_given=Presentation.parse(f"{names},more", "more"))
    for generators in ((0,), group.generators[:1], (group.order,), (-1, *group.generators)):
        with pytest.raises(RegrepError, match="do not generate all"):
            replace(group, generators=generators, presentation_given=None)


def test_a_loop_that_is_associative_for_one_generator_is_refused():
    """The order-5 loop, times a group: the associative generator comes first."""
    loop = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]])
    table = (5 * cyclic(2).mul[:, None, :, None] + loop[None, :, None, :]).reshape(10, 10)
    with pytest.raises(RegrepError, match="is associative"):
        FiniteGroup("no group", tuple("abcdefghij"), table, generators=(5, 1, 2))


def test_actions_check_their_matrices_and_permutations():
    group = octahedral()
    matrices = torch.from_numpy(rotation_matrices())
    Rotate3d(group, matrices)
    for wrong in (matrices.mT, matrices[group.inverse], matrices.roll(1, 0), -matrices):
        with pytest.raises(RegrepError, match="do not multiply as the elements of O"):
            Rotate3d(group, wrong)
    points = symmetric(4).points
    with pytest.raises(RegrepError, match="no representation of S4"):
        Permute(symmetric(4), points)
