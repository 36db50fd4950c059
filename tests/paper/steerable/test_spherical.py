import math

import pytest
import torch

pytest.importorskip("escnn")

from spherical_fixture import GROUPS, elements, moved, quick_grid

from regrep.errors import RegrepError
from regrep_paper.steerable import spherical
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.fields import space
from regrep_paper.steerable.likelihood import chain_regularizer
from regrep_paper.steerable.spherical import SphericalLikelihood, quaternion_rotations
from tolerance import assert_near

every_group = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture(autouse=True)
def _quick_grid(monkeypatch):
    monkeypatch.setattr(spherical, "rotation_grid", quick_grid)


@pytest.mark.slow
@every_group
def test_the_grid_has_the_published_size_spreads_out_and_is_kept(group, monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("REGREP_DATA_DIR", str(tmp_path))
    spherical.rotation_grid.cache_clear()
    likelihood = SphericalLikelihood(group)
    assert likelihood.functions.shape == {"SO3": (71, 35), "O3": (141, 70)}[group]
    grid = spherical.rotation_grid()
    assert_near(grid @ grid.mT, torch.eye(3).double().expand(70, 3, 3))
    traces = torch.einsum("nij,mij->nm", grid, grid).fill_diagonal_(-1)
    assert traces.max() < 1 + 2 * math.cos(math.radians(40))
    assert len([*tmp_path.rglob("rotations-*.npz")]) == 1
    monkeypatch.setattr(steerable_library().group.SO3, "grid", None)
    spherical.rotation_grid.cache_clear()
    assert torch.equal(spherical.rotation_grid(), grid)


@every_group
def test_it_has_the_published_coefficients_and_starts_uniform(group):
    likelihood = SphericalLikelihood(group)
    assert likelihood.coefficients.shape == {"SO3": (35,), "O3": (70,)}[group]
    assert_near(likelihood.density(), torch.ones(len(likelihood.functions)))
    first, *rest = likelihood.moments()
    assert_near(first, torch.ones(1, 1))
    assert max(moment.abs().max() for moment in rest) < 1e-6


@every_group
def test_matrix_coefficients_are_those_of_escnn(group):
    likelihood, fibre = SphericalLikelihood(group), space(group).fibergroup
    for _ in range(4):
        g = fibre.sample()
        matrix = torch.from_numpy(fibre.standard_representation()(g))
        rotation, inverted = matrix * matrix.det().sign(), bool(matrix.det() < 0)
        expected = [
            size**0.5 * torch.from_numpy(fibre.irrep(*psi)(g)).flatten()
            for psi, size in zip(likelihood.irreps, likelihood.sizes, strict=True)
        ]
        assert_near(likelihood.matrix_coefficients(rotation[None], inverted)[0], torch.cat(expected))
        assert not torch.allclose(likelihood.matrix_coefficients(rotation.mT[None], inverted)[0], torch.cat(expected))


@every_group
def test_functions_are_orthonormal_and_moments_are_means_of_the_irreps(group):
    likelihood = moved(group)
    gram, mean = 0, 0
    for rotations, inverted, weights in elements(group, 4):
        functions = likelihood.matrix_coefficients(rotations, inverted)
        gram = gram + functions.T @ (weights[:, None] * functions)
        mean = mean + (weights * (functions @ likelihood.truncated())) @ functions
    assert_near(gram, torch.eye(len(gram)).double())
    parts = [size**0.5 * moment.flatten() for moment, size in zip(likelihood.moments(), likelihood.sizes, strict=True)]
    assert_near(torch.cat(parts), mean)
    assert (mean[1:] > 0.1).any()


def integrals(likelihood, *others):
    """Weights of the group's elements, and the log densities there, normalised by the integral."""
    everywhere = elements(likelihood.group, 16)
    weights = torch.cat([w for _, _, w in everywhere])
    for one in (likelihood, *others):
        f = torch.cat([one.matrix_coefficients(r, inverted) for r, inverted, _ in everywhere]) @ one.coefficients
        yield f - (weights * f.exp()).sum().log(), weights


@every_group
def test_divergences_are_those_of_the_integral_for_mild_likelihoods(group):
    one, two = moved(group, 0.05), moved(group, 0.05, seed=1)
    (p, weights), (q, _) = integrals(one, two)
    for value, log in ((one.divergence(), p), (one.divergence(two), p - q)):
        expected = (weights * p.exp() * log).sum().item()
        assert value.item() == pytest.approx(expected, rel=0.1)
    assert one.divergence(two).item() != pytest.approx(one.divergence().item(), rel=0.1)


@every_group
def test_only_as_published_a_uniform_likelihood_is_no_minimum_of_the_divergence(group):
    for as_published in (False, True):
        likelihood = SphericalLikelihood(group, as_published=as_published).double()
        likelihood.divergence().backward()
        assert (likelihood.coefficients.grad[1:].abs().max() > 1e-3) == as_published
    likelihood.load_state_dict(moved(group).state_dict())
    expected = 0
    for rotations, inverted, weights in elements(group, 8):
        functions = likelihood.matrix_coefficients(rotations, inverted)
        density, f = functions @ likelihood.truncated(), functions @ likelihood.coefficients
        expected = expected + (weights * density * f).sum()
    assert_near(likelihood.divergence(), expected - likelihood.log_mean())


@every_group
def test_the_divergence_has_the_gradient_of_finite_differences_and_none_to_the_other(group):
    one, two = moved(group), moved(group, seed=1)

    def divergence(coefficients):
        return torch.func.functional_call(Divergence(one, two), {"one.coefficients": coefficients}, ())

    assert torch.autograd.gradcheck(divergence, (one.coefficients.detach().requires_grad_(),))
    one.divergence(two).backward()
    assert one.coefficients.grad.abs().max() > 1e-2
    assert two.coefficients.grad is None
    assert abs(two.divergence(two).item()) < 1e-12


class Divergence(torch.nn.Module):
    def __init__(self, one, two):
        super().__init__()
        self.one, self.two = one, two

    def forward(self):
        return self.one.divergence(self.two)


@every_group
def test_alignment_is_zero_at_the_identity_and_pulls_other_modes_there(group):
    likelihood = SphericalLikelihood(group)
    peak = likelihood.functions[0]  # f is largest where the functions are as they are at the identity
    for mode, aligned in ((peak, True), (-peak, False)):
        with torch.no_grad():
            likelihood.coefficients.copy_(mode)
        assert (likelihood.alignment().item() == 0) == aligned
    before = likelihood.alignment()
    before.backward()
    with torch.no_grad():
        likelihood.coefficients -= 1e-3 * likelihood.coefficients.grad
    assert likelihood.alignment() < before


def test_alignment_looks_between_the_points_of_the_grid():
    likelihood = SphericalLikelihood("SO3")
    near = quaternion_rotations(torch.tensor([[1.0, 0.08, 0.0, 0.0]]))
    with torch.no_grad():
        likelihood.coefficients.copy_(likelihood.matrix_coefficients(near)[0])
    f = likelihood.logarithm()
    assert f.argmax() == 0
    assert likelihood.alignment() > 0


def test_a_chain_of_new_likelihoods_costs_nothing_and_of_moved_ones_what_the_weights_say():
    new = [SphericalLikelihood("SO3") for _ in range(3)]
    assert abs(chain_regularizer(new, step=1.0, uniform=1.0).item()) < 1e-6
    one, two = moved("SO3"), moved("SO3", seed=1)
    with torch.no_grad():
        for likelihood in (one, two):
            likelihood.coefficients.copy_(likelihood.functions[0] * 0.3 * (1 if likelihood is one else 2))
    expected = (one.divergence() + two.divergence(one)) / 2
    assert expected > 0.1
    assert_near(chain_regularizer([one, two], step=1.0, uniform=1.0), expected)


def test_other_groups_and_likelihoods_of_two_groups_are_refused():
    with pytest.raises(RegrepError, match="support SO3 and O3, not the group 'C4'"):
        SphericalLikelihood("C4")
    with pytest.raises(RegrepError, match="compared on one group, got SO3 and O3"):
        SphericalLikelihood("SO3").divergence(SphericalLikelihood("O3"))
