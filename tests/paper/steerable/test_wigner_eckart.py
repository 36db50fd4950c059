import copy

import pytest
import torch

pytest.importorskip("escnn")

from spherical_fixture import GROUPS, elements, moved, quick_grid

from regrep.groups import octahedral
from regrep_paper.steerable import spherical
from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.convolution import kernel_basis
from regrep_paper.steerable.fields import Fields, irreps_up_to, scalars, space
from regrep_paper.steerable.spherical import SphericalLikelihood
from regrep_paper.steerable.wigner_eckart import SphericalConvolution
from tolerance import assert_near

every_group = pytest.mark.parametrize("group", GROUPS)


@pytest.fixture(autouse=True)
def _quick_grid(monkeypatch):
    monkeypatch.setattr(spherical, "rotation_grid", quick_grid)


def layer(group, scale=0.0, kernel=3, frequency=1, copies=1):
    """A convolution in double precision with gates in its output."""
    torch.manual_seed(0)
    fields = irreps_up_to(group, frequency, copies)
    return SphericalConvolution(moved(group, scale), fields, fields.gated, kernel, padding=kernel // 2).double()


def representation(fields: Fields, rotations, inverted):
    """Matrices [n, C, C] of one field at rotations, times the inversion where asked, by escnn."""
    fibre = space(fields.group).fibergroup
    rho, side = fields.representation(), int(inverted)
    name = (lambda r: (side, r)) if fields.group == "O3" else (lambda r: r)
    return torch.stack([torch.from_numpy(rho(fibre.element(name(r.numpy()), "MAT"))) for r in rotations])


def harmonics(kernel, points):
    """The functions of escnn's shells at points [n, 3], float64 [n, B]."""
    library = steerable_library()
    keep, rings, widths, highest = library.nn.modules.conv.r3convolution.compute_basis_params(kernel)
    profile = library.kernels.GaussianRadialProfile(rings, widths)
    return library.kernels.SphericalShellsBasis(highest, profile, keep).double().sample(points)[:, :, 0, 0]


def grid(kernel):
    return torch.from_numpy(steerable_library().nn.modules.conv.rd_convolution.get_grid_coords(3, kernel))


class Expansion(torch.nn.Module):
    """The kernel of a convolution as the output of a module, averaged with given moments of the likelihood."""

    def __init__(self, convolution, moments=None):
        super().__init__()
        self.convolution, self.moments = convolution, moments

    def forward(self):
        if self.moments is None:
            return self.convolution.kernel()
        return self.convolution.harmonics(self.moments)


def elements_of_basis(convolution, moments=None):
    """The kernels [n, ...] that the weights stand for, one by one."""
    module = Expansion(convolution, moments)

    def expand(weights):
        return torch.func.functional_call(module, {"convolution.weights": weights}, ()).flatten()

    columns = torch.func.jacfwd(expand)(convolution.weights.detach())
    return columns.flatten(1).T


def outside(vectors, span):
    """Largest part of the unit vectors of the one span that is outside the other."""
    _, values, basis = torch.linalg.svd(span, full_matrices=False)
    basis = basis[values > 1e-5 * values[0]]
    vectors = vectors[vectors.norm(dim=1) > 1e-3]
    vectors = vectors / vectors.norm(dim=1, keepdim=True)
    return (vectors - vectors @ basis.T @ basis).norm(dim=1).max().item()


@every_group
def test_the_kernel_is_the_average_over_the_group_weighted_by_the_likelihood(group):
    convolution, likelihood = layer(group, 0.3), moved(group)
    out, source = convolution.kernel().shape[:2]
    free = convolution.harmonics([torch.eye(size).double() for size in likelihood.sizes]).detach()
    fields = irreps_up_to(group, 1, 1)
    averages = {False: 0, True: 0}
    for rotations, inverted, weights in elements(group, 6):
        functions = likelihood.matrix_coefficients(rotations, inverted)
        left, right = (representation(f, rotations, inverted) for f in (fields.gated, fields))
        for mirrored in averages:  # the density of the inverse elements must not do
            density = functions @ likelihood.truncated().detach()
            if mirrored:
                density = likelihood.matrix_coefficients(rotations.mT, inverted) @ likelihood.truncated().detach()
            for h, weight, a, b in zip(rotations, weights * density, left, right, strict=True):
                # Points are rows: row x times h is h^-1 x; the inversion takes x to -x.
                y = harmonics(3, grid(3) @ h * (-1 if inverted else 1))
                averages[mirrored] = averages[mirrored] + weight * torch.einsum("ab,bcz,xz,dc->adx", a, free, y, b)
    assert averages[False].shape == (out, source, 27)
    assert_near(convolution.kernel().flatten(2).float(), averages[False].float())
    with pytest.raises(AssertionError):
        assert_near(convolution.kernel().flatten(2).float(), averages[True].float())


@pytest.mark.parametrize(("group", "kernel"), [("SO3", 1), ("SO3", 3), ("SO3", 5), ("O3", 1), ("O3", 3)])
def test_under_a_uniform_likelihood_the_kernels_are_those_of_escnn(group, kernel):
    fields = irreps_up_to(group, 1, 1)
    known = kernel_basis(fields, fields.gated, kernel)[0].flatten(1).double()
    kernels = elements_of_basis(layer(group, kernel=kernel))
    assert outside(known, kernels) < 1e-5
    assert outside(kernels, known) < 1e-5
    assert outside(elements_of_basis(layer(group, 0.3, kernel)), known) > 0.1


@every_group
def test_a_uniform_likelihood_gives_kernels_that_all_turns_of_the_cube_keep_and_another_does_not(group):
    fields, points = irreps_up_to(group, 2, 1), grid(5)
    turns = octahedral_matrices()
    left, right = (representation(f, turns, False) for f in (fields.gated, fields))
    for scale, kept in ((0.0, True), (0.3, False)):
        kernel = layer(group, scale, 5, frequency=2).kernel().detach().flatten(2).float()
        error = 0.0
        for turn, a, b in zip(turns, left.float(), right.float(), strict=True):
            moved_to = torch.cdist(points @ turn.mT, points).argmin(dim=1)
            error = max(error, (kernel[:, :, moved_to] - torch.einsum("ab,bcx,dc->adx", a, kernel, b)).abs().max())
        assert (error < 1e-5 * kernel.abs().max()) == kept


def octahedral_matrices():
    """The 24 rotations that keep the cube, [24, 3, 3]."""
    signed = [
        torch.eye(3, dtype=torch.float64)[list(p)] * torch.tensor(s, dtype=torch.float64)[:, None]
        for p in [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
        for s in [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    ]
    found = torch.stack([matrix for matrix in signed if matrix.det() > 0])
    assert len(found) == octahedral().order
    return found


@every_group
def test_weights_of_equivariant_kernels_start_as_those_of_escnn_and_outputs_with_variance_one(group):
    fields = irreps_up_to(group, 1, 1)
    _, deviation = kernel_basis(fields, fields.gated, 3)
    convolution = layer(group)
    first = sum(convolution.widths[0])
    assert_near(convolution._deviation()[:first].sort().values, deviation.sort().values)
    wide = layer(group, copies=32)
    variance = wide.kernel().detach().square().sum(dim=(1, 2, 3, 4))
    assert 0.8 < variance.mean() < 1.2


@every_group
def test_weights_are_independent(group):
    convolution = layer(group)
    identities = [torch.eye(size).double() for size in convolution.likelihood.sizes]
    kernels = elements_of_basis(convolution, identities)
    assert torch.linalg.matrix_rank(kernels) == len(kernels) == convolution.weights.numel()


def test_weights_of_so3_occur_as_often_as_published_in_the_count_of_duplicates():
    for group, last, times in (("SO3", (1,), 3), ("SO3", (2,), 5), ("O3", (1, 1), 1)):
        fields = Fields(group, (last,), 2)
        convolution = SphericalConvolution(moved(group), fields, fields, 3)
        assert convolution.duplicates == (times - 1) * convolution.weights.numel()


@every_group
def test_gradients_reach_weights_and_likelihood_from_the_start(group):
    convolution = layer(group)
    convolution(
        torch.randn(2, convolution.weights.shape[2] * irreps_up_to(group, 1, 1).size, 4, 4, 4).double()
    ).square().sum().backward()
    assert convolution.weights.grad.abs().max() > 0
    assert convolution.likelihood.coefficients.grad[1:].abs().max() > 0


def test_evaluation_copies_and_states_give_the_same_function():
    convolution, other = layer("SO3", 0.3), layer("SO3")
    x = torch.randn(1, 4, 4, 4, 4).double()
    expected = convolution(x).detach()
    assert not torch.allclose(other(x), expected)
    keys = list(convolution.state_dict())
    other.load_state_dict(convolution.eval().state_dict())
    assert list(convolution.state_dict()) == keys
    for one in (convolution, other, copy.deepcopy(convolution)):
        assert torch.equal(one(x), expected)


def test_convolutions_may_share_a_likelihood():
    likelihood = SphericalLikelihood("SO3")
    pair = torch.nn.ModuleList(SphericalConvolution(likelihood, scalars("SO3", 1), scalars("SO3", 1), 3) for _ in "ab")
    shared = copy.deepcopy(pair)
    assert shared[0].likelihood is shared[1].likelihood is not likelihood


def test_tables_that_fields_give_are_in_no_checkpoint():
    names = set(layer("SO3").state_dict())
    assert not [name for name in names if name.startswith(("coupling", "samples"))]
