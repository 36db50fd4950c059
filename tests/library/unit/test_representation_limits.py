"""Names, ends and defaults of representations, each told by hand."""

import pytest
import torch
from torch import nn

import regrep
from regrep import LearnedRepresentation
from regrep.errors import RegrepError
from regrep.groups import LargeGroup, cyclic, description, dihedral, octahedral, product, quaternion, symmetric
from regrep.groups.description import in_closed_form
from regrep.nn import LatentSymmetry, MeanTeacher
from regrep.representations import (
    FeatureMap,
    MatrixRepresentation,
    SingularMatrixError,
    Tokens,
    irreducible,
    layouts,
    of_factor,
    point_sets,
    subsets,
    tuples,
)
from regrep.representations.large import LargePermutation
from regrep.representations.learned import orthogonal_matrices, parse_mixture
from tolerance import assert_near

C2, C4, D3, D4 = cyclic(2), cyclic(4), dihedral(3), dihedral(4)
ACT, CUBE = regrep.actions.RotateFlip2d(C4), regrep.actions.Rotate3d(octahedral())


@pytest.mark.parametrize(
    ("rho", "name"),
    [
        (regrep.regular(C4), "regular"),
        (regrep.trivial(C4), "trivial"),
        (regrep.trivial(C4, 2), "2 trivial"),
        (3 * regrep.regular(C4), "3 regular"),
        (regrep.regular(C4) + regrep.trivial(C4), "regular ⊕ trivial"),
        (2 * (regrep.regular(C4) + regrep.trivial(C4)), "2 (regular ⊕ trivial)"),
        (regrep.standard(D3) + regrep.standard(D3) + regrep.sign(D3), "2 standard ⊕ sign"),
        (2 * (regrep.standard(D3) + regrep.sign(D3)), "standard ⊕ sign ⊕ standard ⊕ sign"),
        (regrep.standard(D3) @ regrep.sign(D3), "(standard)⊗(sign)"),
        (regrep.regular(C4) @ regrep.trivial(C4), "(regular)⊗(trivial)"),
        (regrep.latent(C4, 4), "regular"),
        (regrep.latent(C4, 5), "regular ⊕ trivial"),
        (regrep.latent(C4, 10), "2 regular ⊕ 2 trivial"),
        (regrep.latent(C4, 10, copies=1), "regular ⊕ 6 trivial"),
        (regrep.restrict(regrep.regular(D4), C4, ["e", "r", "r2", "r3"]), "regular|C4"),
        (layouts.channels(C4, (5, 2, 2)), "(regular ⊕ trivial) x (4 trivial)"),
        (subsets(symmetric(4), 2), "2-subsets"),
        (tuples(symmetric(4), 2), "2-tuples"),
        (of_factor(product(symmetric(5), octahedral()), 0, regrep.standard(symmetric(5))), "standard of S5"),
    ],
    ids=str,
)
def test_names(rho, name):
    assert rho.name == name
    assert repr(rho) == f"<{name} of {rho.group.name}, dim {rho.dim}>"


def test_sums_are_flat_and_what_is_no_representation_is_not_added():
    standard, sign = regrep.standard(D3), regrep.sign(D3)
    assert ((standard + sign) + (sign + standard)).parts == (standard, sign, sign, standard)
    for wrong in (
        lambda: standard + 3,
        lambda: standard @ torch.eye(2),
        lambda: standard * 2.0,
        lambda: "2" * standard,
    ):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(RegrepError, match="number of copies is an integer from 1 to 1000000, got True"):
        _ = True * standard
    with pytest.raises(RegrepError, match=r"a list of representations, got \[3\]"):
        regrep.direct_sum([standard, 3])
    assert_near((standard + sign).character, torch.tensor([3.0, 0, 0, -1, -1, -1]).double())
    assert 0.0 in regrep.trivial(D3).multiplicities().values()
    assert str(regrep.trivial(D3).multiplicities()) == "{'A1': 1.0, 'A2': 0.0, 'E': 0.0}"


def test_matrices_act_along_the_last_dimension_of_floats():
    rho, g = regrep.standard(D3), torch.tensor([1, 4])
    z = torch.randn(2, 3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_near(rho(z, g), torch.einsum("bij,bpqj->bpqi", rho.stack()[g], z))
    both = rho(torch.complex(z, 2 * z), g)
    assert_near(both.imag, 2 * both.real)
    with pytest.raises(RegrepError, match="standard mixes coordinates, so it acts on floats, got int64; convert z"):
        rho(z.long(), g)
    for wrong in (torch.zeros(2), torch.zeros(2, 3)):
        with pytest.raises(RegrepError, match=r"standard acts on tensors \[B, ..., 2\], got \[2"):
            rho(wrong, g)
    with pytest.raises(RegrepError, match="matrices are one tensor, got a list; pass stack"):
        MatrixRepresentation(C2, [[[1.0]], [[-1.0]]], "list")
    with pytest.raises(RegrepError, match="matrices of C2 are real, got complex128"):
        MatrixRepresentation(C2, torch.ones(2, 1, 1, dtype=torch.complex128), "complex")
    for shape in ((2, 0, 0), (2, 1, 2), (1, 1, 1), (2, 1)):
        with pytest.raises(
            RegrepError, match="one square matrix for each of the 2 elements of C2 is needed, got shape"
        ):
            MatrixRepresentation(C2, torch.ones(shape), "wrong")


def test_widths_and_copies_of_latents():
    for dim, copies, most in ((4, 0, 1), (4, 2, 1), (11, 3, 2), (11, True, 2), (11, 1.0, 2)):
        with pytest.raises(RegrepError, match=rf"of width {dim} holds 1 to {most} copies .* of C4, got {copies}"):
            regrep.latent(C4, dim, copies)
    assert [regrep.latent(C4, 11, copies).invariant_dim for copies in (1, 2, None)] == [8, 5, 5]
    with pytest.raises(RegrepError, match=r"at least \|C4\| = 4 to hold one copy of the regular .*, got 3; widen"):
        regrep.latent(C4, 3)
    z = torch.tensor([[1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 6.0, 8.0, 9.0]])
    assert regrep.latent(C4, 9).orbit_means(z).tolist() == [[4.0] * 4 + [5.0] * 4 + [9.0]]


def test_maps_of_one_group_and_size():
    pixels, wide = ACT.pixels(2), regrep.latent(C4, 4)
    assert FeatureMap(wide, pixels, [2, 2]).shape == (4, 2, 2)
    for arguments, message in (
        ((wide, pixels, (2, 3)), "pixels of size 2 x 3 are 6, but the group moves 4; pass"),
        ((wide, pixels, 4), "a tuple of integers, got 4"),
        ((wide, pixels, (2.0, 2)), r"a tuple of integers, got \(2.0, 2\)"),
        ((wide, regrep.regular(C2), (2,)), "C4 acts on the channels, but C2 on the pixels; use one group"),
        ((regrep.irreps(C4)[0], pixels, (2, 2)), "channels are permuted by a PermutationRepresentation, got"),
        ((wide, regrep.irreps(C4)[0], (1,)), "pixels are permuted by a PermutationRepresentation, got"),
    ):
        with pytest.raises(RegrepError, match=message):
            FeatureMap(*arguments)
    with pytest.raises(RegrepError, match="channels are permuted by a PermutationRepresentation, got 4"):
        Tokens(pixels, 4)
    z = torch.arange(32.0).reshape(2, 4, 2, 2)
    g = torch.tensor([0, 1])
    for rho in (layouts.channels(C4, (4, 2, 2)), layouts.grid(pixels, (4, 2, 2)), layouts.both(pixels, (4, 2, 2), 1)):
        assert torch.equal(rho(z.expand(3, 2, 4, 2, 2).transpose(0, 1), g)[:, 2], rho(z, g))
        assert torch.equal(rho(z, g)[0], z[0])


@pytest.mark.parametrize(
    ("act", "count", "found"),
    [
        (ACT, 33, (5, 8)), (ACT, 34, None), (ACT, 36, (6, 0)), (ACT, 1, (1, 0)), (ACT, 3, (1, 2)), (ACT, 4, (2, 0)),
        (CUBE, 35, (3, 8)), (CUBE, 36, None), (CUBE, 64, (4, 0)),
    ],
)  # fmt: skip
def test_patches_and_tokens_before_them(act, count, found):
    """At most 8 tokens before the grid are read from the number of all."""
    if found is not None:
        assert layouts.patches(act, count) == found
        assert layouts.patches(act, count, found[1]) == found
        return
    kind = "square" if act is ACT else "cubic"
    with pytest.raises(RegrepError, match=f"a {kind} grid, but {count} tokens hold none with at most 8 before them"):
        layouts.patches(act, count)


def test_sets_that_can_be_listed(monkeypatch):
    monkeypatch.setattr(point_sets, "MOST", 10)
    assert subsets(symmetric(5), 2).dim == 10
    with pytest.raises(RegrepError, match="at most 10 coordinates, got 12 sets; choose"):
        tuples(symmetric(4), 2)
    assert [subsets(symmetric(4), size).dim for size in (1, 4)] == [4, 1]
    for size in (0, 5):
        with pytest.raises(RegrepError, match=f"the size of a set of points is an integer from 1 to 4, got {size}"):
            subsets(symmetric(4), size)
    monkeypatch.setattr(point_sets, "MOST", 100_000)
    assert subsets(symmetric(17), 15).dim == 136  # 17^15 is below 2^63, and 17^16 above
    with pytest.raises(RegrepError, match="sets of 16 of 17 points are too large to be numbered"):
        subsets(symmetric(17), 16)


def test_images_that_are_no_permutations_are_refused():
    S7 = symmetric(7)
    for images, dim in ((lambda g: g[:, :3], 7), (lambda g: 0 * g, 7), (lambda g: g, 6)):
        with pytest.raises(
            RegrepError, match=f"x permutes {dim} coordinates, but the images under the generators of S7"
        ):
            LargePermutation(S7, images, dim, "x")
    alone = LargeGroup("one", torch.zeros(0, 5, dtype=torch.int64))
    assert (alone.order, regrep.natural(alone).invariant_dim) == (1, 5)


def test_irreducible_matrices_do_not_depend_on_the_block(monkeypatch):
    expected = [rho.stack() for rho in regrep.irreps(D3)]
    monkeypatch.setattr(irreducible, "BLOCK", 7)
    for rho, stack in zip(regrep.irreps(D3), expected, strict=True):
        assert torch.equal(rho.stack(), stack)


def test_roots_are_written_for_every_squarefree_number():
    """Up to 23: those that no square but 1 divides."""
    free = [m for m in range(2, 24) if all(m % k**2 for k in range(2, 5))]
    assert list(description.SQUAREFREE) == free
    for m in free:
        assert in_closed_form(complex(m**0.5), 4 * m) == f"√{m}"
        assert in_closed_form(complex(-3 * m**0.5 + 2), 4 * m) == f"2-3√{m}"


def test_initial_matrices_by_hand():
    draw = lambda: torch.Generator().manual_seed(5)  # noqa: E731
    again = draw()
    turned, noise = orthogonal_matrices(2, 6, again).float(), torch.randn(2, 6, 6, generator=again)
    for options, size in (({}, 0.3), ({"noise": 2.0}, 2.0), ({"noise": 0}, 0)):
        learned = LearnedRepresentation(D3, 6, "orthogonal+noise", generator=draw(), **options)
        assert torch.equal(learned.matrices, turned + size * noise)
    learned = LearnedRepresentation(D3, 6, generator=draw())
    assert torch.equal(learned.matrices, turned)
    assert (learned.init, learned.regularizer, learned.weights) == ("orthogonal", 1.0, (1.0, 1.0, 1.0))
    assert repr(learned) == "LearnedRepresentation(<FiniteGroup D3 of order 6>, dim=6)"
    assert torch.equal(LearnedRepresentation(D3, 2, "identity").matrices, torch.eye(2).expand(2, 2, 2))
    uniform = LearnedRepresentation(D3, 6, "uniform", generator=draw()).matrices
    assert torch.equal(uniform, torch.rand(2, 6, 6, generator=draw()))


def test_orthogonal_matrices_are_uniform():
    """Entries of either sign in every place, and as many turns as mirrors: within five standard deviations."""
    found = orthogonal_matrices(4000, 3, torch.Generator().manual_seed(0))
    assert (found.mean(dim=0).abs() < 5 * (1 / 3 / 4000) ** 0.5).all()
    assert torch.linalg.det(found).mean().abs() < 5 / 4000**0.5
    assert_near(found @ found.mT, torch.eye(3).expand(4000, 3, 3).double())


def test_mixtures_are_read():
    assert parse_mixture(" A1 = 6 , E=12") == {"A1": 6, "E": 12}
    for text in ("A1=", "=3", "A1", "A1=-1", "A1=1.5", "A1=1,"):
        with pytest.raises(
            RegrepError, match="init is one of orthogonal, orthogonal.noise, uniform, identity, or a mix"
        ):
            parse_mixture(text)
    for init, said in (("A1=2,E=1", "A1=2,E=1"), ({"E": 2}, "E=2"), ({"A1": 0, "A2": 4}, "A1=0,A2=4")):
        learned = LearnedRepresentation(D3, 4, init)
        assert learned.init == said
        counts = parse_mixture(said)
        for name, value in learned.multiplicities().items():
            assert value == pytest.approx(counts.get(name, 0), abs=1e-5)
        product_ = learned.matrices @ learned.matrices.mT
        assert_near(product_, torch.eye(4).expand(2, 4, 4))
    with pytest.raises(RegrepError, match="which are A1, A2, E, got E=-1"):
        LearnedRepresentation(D3, 4, {"A1": 6, "E": -1})
    with pytest.raises(RegrepError, match="add up to the dimension 4, but these add up to 5"):
        LearnedRepresentation(D3, 4, {"A1": 1, "E": 2})
    assert LearnedRepresentation(C2, 1, torch.ones(1, 1, 1)).init == "given"


def test_matrices_without_an_inverse_are_relative_to_their_size():
    for scale in (1.0, 1e6):
        near = scale * torch.diag(torch.tensor([1.0, 2e-12], dtype=torch.float64))[None]
        LearnedRepresentation(C2, 2, near)
        with pytest.raises(SingularMatrixError, match="inverts the matrix of r, but its initial value is singular"):
            LearnedRepresentation(C2, 2, near * torch.tensor([1.0, 0.25]).double())


def test_a_redrawn_representation_has_the_settings_of_the_first():
    first = LearnedRepresentation(D3, 3, "orthogonal+noise", 0.7, {"s^2": 0.5}, 0.25)
    again = first.redrawn(torch.Generator().manual_seed(1))
    expected = LearnedRepresentation(
        D3, 3, "orthogonal+noise", 0.7, [1.0, 0.5, 1.0], 0.25, torch.Generator().manual_seed(1)
    )
    assert torch.equal(again.matrices, expected.matrices)
    assert (again.weights, again.regularizer) == ((1.0, 0.5, 1.0), 0.25)
    assert_near(again.algebra_loss(), expected.algebra_loss())
    for weights in (torch.tensor([0.0, 1.0, 2.0]), (0, 1, 2), {"r^3": 0, "(r s)^2": 2}):
        assert LearnedRepresentation(D3, 3, weights=weights).weights == (0.0, 1.0, 2.0)


def test_residuals_and_eigenvalues_by_hand():
    """r is twice the identity and s a diagonal of 1 and 3: r^3 is 8, s^2 is 1 and 9, (r s)^2 is 4 and 36."""
    given = torch.stack([2 * torch.eye(2), torch.diag(torch.tensor([1.0, 3.0]))]).double()
    learned = LearnedRepresentation(D3, 2, given, regularizer=0)
    found = {text: value.item() for text, value in learned.residuals().items()}
    assert found == pytest.approx({"r^3": 2 * 49 / 4, "s^2": 64 / 4, "(r s)^2": (9 + 35**2) / 4})
    assert learned.algebra_loss().item() == pytest.approx(sum(found.values()))
    assert sorted(learned.eigenvalues()[1].real.tolist()) == pytest.approx([1, 3])
    extra = LearnedRepresentation(D3, 2, given, regularizer=0.5).algebra_loss()  # r^2 - r^-1, and s - s^-1
    assert extra.item() == pytest.approx(sum(found.values()) + 0.5 * (2 * 3.5**2 + (3 - 1 / 3) ** 2) / 4)
    # Traces of e, r, r r, s, r s and s r: the last element has the word s r.
    assert learned.multiplicities()["A1"] == pytest.approx((2 + 4 + 8 + 4 + 8 + 8) / 6)
    assert (learned.stack().requires_grad, learned.snapshot().requires_grad) == (True, False)


@pytest.mark.parametrize(
    ("of_z", "of_rho", "found"),
    [(torch.float16, torch.float32, torch.float32), (torch.float32, torch.float64, torch.float64),
     (torch.float64, torch.float32, torch.float64)],
)  # fmt: skip
def test_learned_matrices_act_in_the_wider_type(of_z, of_rho, found):
    learned = LearnedRepresentation(quaternion(), 3).to(of_rho)
    z, g = torch.randn(9, 3).to(of_z), torch.tensor([7, 0, 7, 3, 3, 3, 1, 0, 5])
    moved = learned(z, g)
    assert moved.dtype == found
    expected = torch.einsum("bij,bj->bi", learned.snapshot()[g], z.double())
    assert_near(moved, expected.to(found))
    for wrong in (torch.zeros(9, 1, 3), torch.zeros(9, 4)):
        with pytest.raises(RegrepError, match=r"of dimension 3 acts on latents \[B, 3\], got \[9, "):
            learned(wrong, g)


def test_a_mean_teacher_moves_by_a_hundredth_unless_told():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    for options, share in (({}, 0.01), ({"decay": 0}, 1.0), ({"decay": 0.75}, 0.25)):
        teacher = MeanTeacher(net, **options)
        nn.init.constant_(net.weight, 8.0)
        teacher.update()
        assert float(teacher.average.weight) == pytest.approx(8 * share)
        assert not teacher(torch.ones(1, 1)).requires_grad
        assert not teacher.train().training
        nn.init.zeros_(net.weight)
    for decay in (-0.01, 1, 1.5, "0.9", True):
        with pytest.raises(RegrepError, match="decay is a number from 0 to below 1, got"):
            MeanTeacher(net, decay)
    assert list(teacher.state_dict()) == ["average.weight"]


def test_a_latent_symmetry_is_of_one_group():
    with pytest.raises(RegrepError, match="one group acts on inputs and latent, got C4 and D4; use"):
        LatentSymmetry(ACT, regrep.regular(D4))
    with pytest.raises(RegrepError, match="an action has a group, got 'C4'; see regrep.actions"):
        LatentSymmetry("C4", regrep.regular(C4))
    assert LatentSymmetry(ACT, regrep.regular(C4)).as_dict()["action"] == "RotateFlip2d(C4)"
