import copy
import math

import pytest
import torch

from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, product, quaternion, symmetric
from regrep.representations import irreps
from regrep_paper.steerable.likelihood import Likelihood, chain_regularizer, matrix_coefficients
from tolerance import assert_near

GROUPS = {
    "C3": cyclic(3),
    "C4": cyclic(4),
    "D1": dihedral(1),
    "D4": dihedral(4),
    "S3": symmetric(3),
    "Q8": quaternion(),
    "C3xS3": product(cyclic(3), symmetric(3)),  # an irrep of type C with two independent columns
    "C3xQ8": product(cyclic(3), quaternion()),
}
every_group = pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)


def drawn(group, seed=0, scale=1.0):
    likelihood = Likelihood(group)
    with torch.no_grad():
        likelihood.coefficients += scale * torch.randn(group.order, generator=torch.Generator().manual_seed(seed))
    return likelihood


def summed_divergence(one, other):
    """Σ p log p / q of two probability vectors, element by element."""
    return torch.stack([p * (p.log() - q.log()) for p, q in zip(one, other, strict=True)]).sum()


@every_group
def test_columns_of_the_irreps_give_as_many_independent_functions_as_elements(group):
    blocks = [matrix_coefficients(psi) for psi in irreps(group)]
    for psi, block in zip(irreps(group), blocks, strict=True):
        assert block.shape[1] == psi.dim**2 // psi.endomorphism_dimension
        assert_near(block[:, : psi.dim].T @ psi.stack()[:, :, 0], group.order / psi.dim**0.5 * torch.eye(psi.dim))
    functions = torch.cat(blocks, dim=1)
    assert_near(functions.T @ functions / group.order, torch.eye(group.order, dtype=torch.float64))


def test_type_c_of_dimension_4_takes_two_columns_that_its_complex_structure_does_not_exchange():
    psi = next(psi for psi in irreps(GROUPS["C3xS3"]) if psi.dim == 4)
    assert (psi.type, matrix_coefficients(psi).shape[1]) == ("C", 8)


@every_group
def test_uniform_when_new_and_of_mean_one_always(group):
    new, moved = Likelihood(group), drawn(group)
    assert_near(new.density(), torch.ones(group.order))
    assert moved.density().std() > 0.1
    assert_near(moved.density().mean(), torch.ones(()))
    assert_near(moved.log_density().exp(), moved.logarithm().softmax(0) * group.order)


@every_group
def test_divergences_are_those_summed_over_the_elements_and_have_gradients(group):
    one, other = drawn(group, 1), drawn(group, 2)
    for reference, closed in (
        (torch.full((group.order,), 1 / group.order), one.divergence()),
        (other.density() / group.order, one.divergence(other)),
    ):
        brute = summed_divergence(one.density() / group.order, reference.detach())
        assert_near(closed, brute)
        gradients = [torch.autograd.grad(value, one.coefficients, retain_graph=True)[0] for value in (closed, brute)]
        assert_near(*gradients)
        assert gradients[0].abs().max() > 1e-2
        assert gradients[0][0].abs() < 1e-5  # the trivial irrep cancels


def test_the_divergence_has_an_order_and_no_gradient_reaches_the_likelihood_compared_with():
    one, other = drawn(GROUPS["D4"], 1), drawn(GROUPS["D4"], 2)
    assert abs(one.divergence(other) - other.divergence(one)) > 0.1
    one.divergence(other).backward()
    assert other.coefficients.grad is None


@every_group
def test_alignment_is_the_lead_of_the_likeliest_element_over_the_identity(group):
    likelihood = drawn(group, 3)
    f = [float(v) for v in likelihood.logarithm().detach()]
    assert likelihood.alignment().item() == pytest.approx(max(f) - f[0], abs=1e-6)
    aligned = copy.deepcopy(likelihood)
    with torch.no_grad():
        aligned.coefficients += 10 * aligned.functions[0] / group.order  # a peak at the identity
    aligned.alignment().backward()
    assert aligned.alignment().item() == 0
    assert aligned.coefficients.grad.abs().max() == 0


def test_a_new_chain_stands_still_and_an_unaligned_one_moves():
    chain = [Likelihood(GROUPS["C4"]) for _ in range(3)]
    chain_regularizer(chain).backward()
    assert max(likelihood.coefficients.grad.abs().max() for likelihood in chain) < 1e-6
    chain = [drawn(GROUPS["C4"], seed) for seed in range(3)]
    chain_regularizer(chain).backward()
    assert min(likelihood.coefficients.grad.abs().max() for likelihood in chain) > 1e-2


def test_the_regularizer_sums_alignments_and_averages_divergences():
    chain = [drawn(GROUPS["D4"], seed) for seed in range(3)]
    alignments = sum(likelihood.alignment() for likelihood in chain)
    steps = chain[1].divergence(chain[0]) + chain[2].divergence(chain[1])
    expected = 7 * alignments + (2 * chain[0].divergence() + 5 * steps) / 3
    assert_near(chain_regularizer(chain, alignment=7, step=5, uniform=2), expected)


def test_likelihoods_on_two_groups_are_not_compared():
    with pytest.raises(RegrepError, match="on one group, got C4 and D4"):
        Likelihood(GROUPS["C4"]).divergence(Likelihood(GROUPS["D4"]))


def test_the_log_of_a_point_mass_stays_finite():
    likelihood = Likelihood(GROUPS["D4"])
    with torch.no_grad():
        likelihood.coefficients += 60 * likelihood.functions[0] / 8
    assert_near(likelihood.density(), 8 * torch.eye(8)[0])
    assert likelihood.divergence().item() == pytest.approx(math.log(8), abs=1e-5)


def test_an_empty_chain_is_refused():
    with pytest.raises(RegrepError, match="at least 1 likelihood"):
        chain_regularizer([])
