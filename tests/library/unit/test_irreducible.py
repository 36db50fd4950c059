"""Irreducible matrices over the real numbers: laws, types and commutants."""

import numpy as np
import pytest
import torch

import regrep
from regrep.groups import cyclic, dihedral, parse, product, quaternion, symmetric
from regrep.representations import irreducible

GROUPS = [
    cyclic(1), cyclic(2), cyclic(7), dihedral(1), dihedral(5), symmetric(4), quaternion(), quaternion(12),
    product(cyclic(3), quaternion()), product(dihedral(4), dihedral(4)), parse("A5"), parse("T"),
    parse("<a,b | a^3 = b^5, b^5 = (a b)^2>"),
]  # fmt: skip

each = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


@each
def test_matrices_are_orthogonal_and_have_the_exact_character(group):
    for rho in regrep.irreps(group):
        stack = rho.stack()
        assert (stack[group.mul] - torch.einsum("gij,hjk->ghik", stack, stack)).abs().max() < 1e-12
        assert (stack.transpose(1, 2) @ stack - torch.eye(rho.dim)).abs().max() < 1e-12
        assert (rho.character - rho.real_character.values).abs().max() < 1e-12


@each
def test_commutants_have_the_dimension_of_the_type(group):
    """dim {X : X rho(s) = rho(s) X}, by the rank of a linear system: 1, 2 or 4, so that nothing is reducible."""
    for rho in regrep.irreps(group):
        one = torch.eye(rho.dim, dtype=torch.float64)
        system = torch.cat(
            [torch.kron(one, m) - torch.kron(m.T.contiguous(), one) for m in rho.stack()[list(group.generators) or [0]]]
        )
        assert rho.dim**2 - int(torch.linalg.matrix_rank(system, atol=1e-9)) == rho.endomorphism_dimension


@each
def test_multiplicities_in_the_regular_representation(group):
    found = regrep.regular(group).multiplicities()
    assert found == {rho.name: rho.dim / rho.endomorphism_dimension for rho in regrep.irreps(group)}


def test_a_basis_that_the_machine_turned_is_turned_back():
    """Any orthonormal basis of an eigenspace gives the same matrices."""
    rng = np.random.default_rng(0)
    space = np.linalg.qr(rng.normal(size=(24, 5)))[0]
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    one, other = irreducible.standard_basis(space), irreducible.standard_basis(space @ turn)
    assert np.abs(one - other).max() < 1e-12
    assert np.abs(one.T @ one - np.eye(5)).max() < 1e-12
    assert np.abs(one @ one.T - space @ space.T).max() < 1e-12


def test_a_draw_that_does_not_split_is_repeated():
    class Constant:
        def normal(self, size):
            return np.ones(size)

    group = symmetric(3)
    assert irreducible._split(group, regrep.groups.real_characters(group), Constant()) is None


def test_sizes_at_order_1000():
    group = dihedral(120)
    found = regrep.irreps(group)
    assert sum(rho.dim**2 // rho.endomorphism_dimension for rho in found) == 240
    assert len(found) == 4 + 59
