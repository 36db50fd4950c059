import itertools

import pytest
import torch

from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, symmetric
from regrep.representations import direct_sum, irreps, regular, trivial
from regrep_paper.steerable.averaged_convolution import AveragedConv2d, fixed_vectors
from regrep_paper.steerable.polar import polar_functions, polar_representation
from tolerance import assert_near

GROUPS = {"C4": cyclic(4), "D1": dihedral(1), "D4": dihedral(4)}
every_group = pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)


def drawn(layer, scale=1.0):
    with torch.no_grad():
        layer.likelihood.coefficients += scale * torch.randn(layer.likelihood.group.order)
    return layer


def peaked(layer):
    """A point mass at the identity."""
    with torch.no_grad():
        functions = layer.likelihood.functions
        layer.likelihood.coefficients += 100 * functions[0] / len(functions)
    return layer


def free_kernel(layer):
    copies_out, copies_in, _ = layer.weight.shape
    weights = layer.weight.view(copies_out, copies_in, layer.field_out.dim, layer.field_in.dim, -1)
    return torch.einsum("oipqb,bx->opiqx", weights, layer.samples).reshape(layer.kernel().shape)


def moved_kernel(layer, kernel, element):
    """σ(g) κ(g^-1 x) rho(g)^T, pixel by pixel."""
    copies_out, copies_in, _ = layer.weight.shape
    action = RotateFlip2d(layer.likelihood.group)
    turned = action(kernel.flatten(0, 1), torch.full((kernel.shape[0] * kernel.shape[1],), element))
    blocks = turned.view(copies_out, layer.field_out.dim, copies_in, layer.field_in.dim, *kernel.shape[2:])
    left, right = (rho.matrix(element).float() for rho in (layer.field_out, layer.field_in))
    return torch.einsum("pr,qs,oriskl->opiqkl", left, right, blocks).reshape(kernel.shape)


def span(layer, density):
    """Kernels of all unit weights of one pair of fields, as columns."""
    p, q = layer.field_out.dim, layer.field_in.dim
    average = layer.average(density.to(layer.weight)).view(p, q, len(layer.samples), -1)
    return torch.einsum("pqbw,bx->pqxw", average, layer.samples).flatten(0, 2)


@every_group
@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_polar_functions_move_as_their_representation_says(group, size):
    functions, rho = polar_functions(size), polar_representation(group, size)
    assert torch.linalg.matrix_rank(functions.flatten(1)) == len(functions)
    for g in range(group.order):
        moved = RotateFlip2d(group)(functions, torch.full((len(functions),), g))
        assert_near(moved, torch.einsum("ml,mxy->lxy", rho.matrix(g), functions))
    if size > 1:
        upside_down = polar_functions(size, "up")
        assert_near(upside_down.flip(1), functions)
        assert (upside_down - functions).abs().max() > 0.1


@every_group
def test_the_kernel_is_the_weighted_average_of_the_moved_free_kernel(group):
    torch.manual_seed(0)
    layer = drawn(AveragedConv2d(direct_sum(irreps(group)), 2, regular(group), 3, 5))
    density, free = layer.likelihood.density(), free_kernel(layer)
    average = sum(density[g] * moved_kernel(layer, free, g) for g in range(group.order)) / group.order
    assert_near(layer.kernel(), average)
    assert (layer.kernel() - free).abs().max() > 1e-2


@every_group
def test_a_uniform_likelihood_makes_kernels_equivariant_for_every_pair_of_irreps(group):
    torch.manual_seed(0)
    for rho, sigma in itertools.product(irreps(group), repeat=2):
        layer = AveragedConv2d(rho, 2, sigma, 3, 5)
        for g in range(group.order):
            assert_near(moved_kernel(layer, layer.kernel(), g), layer.kernel())
        kernel = drawn(layer).kernel()
        assert max((moved_kernel(layer, kernel, g) - kernel).abs().max() for g in range(group.order)) > 1e-2


@every_group
def test_a_point_mass_at_the_identity_leaves_the_free_kernel(group):
    layer = peaked(AveragedConv2d(direct_sum(irreps(group)), 2, regular(group), 1, 3))
    assert_near(layer.kernel(), free_kernel(layer))


@pytest.mark.parametrize(("name", "equivariant", "every"), [("C4", 44, 176), ("D4", 51, 396), ("D1", 22, 44)])
def test_ranks_of_the_kernels_between_fields_of_all_irreps(name, equivariant, every):
    group = GROUPS[name]
    field = direct_sum(irreps(group))
    layer = AveragedConv2d(field, 1, field, 1, 5).double()
    generator = torch.Generator().manual_seed(0)
    uniform = torch.ones(group.order)
    generic = torch.rand(group.order, generator=generator) * uniform
    alone = span(layer, uniform)
    assert layer.weight.numel() == every
    assert torch.linalg.matrix_rank(alone, rtol=1e-5) == equivariant
    for density in (generic, torch.eye(group.order)[0]):
        rest = span(layer, density / density.mean())
        assert torch.linalg.matrix_rank(rest, rtol=1e-5) == every
        assert torch.linalg.matrix_rank(torch.cat([alone, rest], dim=1), rtol=1e-5) == every


@every_group
def test_the_layer_commutes_with_the_group_when_new_and_its_bias_always(group):
    torch.manual_seed(0)
    layer = AveragedConv2d(regular(group), 2, regular(group), 3, 3, padding=1)
    x, act = torch.randn(1, 2, group.order, 7, 7), RotateFlip2d(group)

    def difference():
        y = layer(x.flatten(1, 2)).unflatten(1, (3, -1))
        return max(
            (
                layer(act(_turn(layer.field_in, x, g), torch.tensor([g])).flatten(1, 2)).unflatten(1, (3, -1))
                - act(_turn(layer.field_out, y, g), torch.tensor([g]))
            )
            .abs()
            .max()
            for g in range(group.order)
        )

    torch.nn.init.normal_(layer.bias)
    assert difference() < 1e-5
    drawn(layer)
    assert difference() > 1e-2
    torch.nn.init.zeros_(layer.weight)
    assert difference() < 1e-5


def _turn(rho, fields, g):
    return torch.einsum("pq,bnqxy->bnpxy", rho.matrix(g).float(), fields)


def test_biases_are_those_of_trivial_irreps():
    group = GROUPS["D4"]
    field = trivial(group, 2) + irreps(group)[-1] + irreps(group)[0]
    assert_near(fixed_vectors(field), torch.eye(5, dtype=torch.float64)[:, [0, 1, 4]])
    assert_near(fixed_vectors(regular(group)), torch.full((8, 1), 8**-0.5, dtype=torch.float64))
    assert AveragedConv2d(field, 1, field, 3, 3).bias.shape == (3, 3)
    assert AveragedConv2d(field, 1, irreps(group)[-1], 3, 3).bias is None
    assert AveragedConv2d(field, 1, field, 3, 3, bias=False).bias is None


@every_group
@pytest.mark.parametrize("size", [1, 3, 7])
def test_outputs_of_white_noise_start_with_variance_one_where_a_kernel_exists(group, size):
    torch.manual_seed(0)
    layer = AveragedConv2d(regular(group), 30, regular(group), 300, size)
    assert abs(layer.kernel().square().sum(dim=(1, 2, 3)).mean() - 1) < 0.05
    layer = AveragedConv2d(irreps(group)[0], 1, direct_sum(irreps(group)), 300, 1)
    assert abs(layer.kernel()[:: layer.field_out.dim].square().mean() - 1) < 0.3
    assert layer.weight.unflatten(2, (layer.field_out.dim, -1)).std(dim=(0, 1, 3)).min() > 0.1


def test_likelihood_and_weights_both_learn_from_the_output():
    torch.manual_seed(0)
    layer = AveragedConv2d(regular(GROUPS["C4"]), 1, regular(GROUPS["C4"]), 1, 3)
    layer(torch.randn(2, 4, 5, 5)).square().mean().backward()
    assert layer.likelihood.coefficients.grad.abs().max() > 1e-4
    assert layer.weight.grad.abs().max() > 1e-4
    assert set(layer.state_dict()) == {"weight", "bias", "likelihood.coefficients"}


def test_what_cannot_be_averaged_is_refused():
    with pytest.raises(RegrepError, match="odd, got 4"):
        AveragedConv2d(regular(GROUPS["C4"]), 1, regular(GROUPS["C4"]), 1, 4)
    with pytest.raises(RegrepError, match="cyclic\\(n\\) or dihedral\\(n\\)"):
        AveragedConv2d(regular(symmetric(3)), 1, regular(symmetric(3)), 1, 3)
    with pytest.raises(RegrepError, match="one group|same group"):
        AveragedConv2d(regular(GROUPS["C4"]), 1, regular(GROUPS["D4"]), 1, 3)


def test_wrong_rows_and_numbers_of_fields_are_refused():
    rho = regular(cyclic(4))
    with pytest.raises(RegrepError, match='rows run "down".*got .left.'):
        AveragedConv2d(rho, 1, rho, 1, size=3, rows="left")
    for before, after in ((0, 1), (1, -1)):
        with pytest.raises(RegrepError, match=f"at least 1 field on each side, got {before} and {after}"):
            AveragedConv2d(rho, before, rho, after, size=3)
