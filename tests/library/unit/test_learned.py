"""Learned representations: exact where the matrices are, noticed where they are not."""

import pytest
import torch

import regrep
from regrep import LearnedRepresentation, RegrepError
from regrep.groups import cyclic, dihedral, from_presentation, from_table, parse, quaternion
from regrep.representations import SingularMatrixError
from tolerance import assert_near

UNSEEN = {
    "dicyclic of order 12": ("a,b", "a^6, b^2 a^-3, b^-1 a b a"),
    "Frobenius of order 20": ("a,b", "a^5, b^4, b a b^-1 a^-2"),
    "SL(2,3)": ("x,y", "x^3 = y^3, (x y)^2 = x^3, x^6"),
    "C2 x A4": ("u,v,w", "u^2, v^3, w^3, (v w)^2, u v = v u, u w = w u"),
}
"""Presentations that no catalogue holds, up to order 24."""


def skew(rho, seed=0, condition=4.0):
    """Matrices of a representation's generators in a basis of the given condition number, float64."""
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(rho.dim, rho.dim, generator=generator, dtype=torch.float64)
    u, _, v = torch.linalg.svd(draw)
    basis = u @ torch.diag(torch.logspace(0, 1, rho.dim, base=condition, dtype=torch.float64)) @ v
    return basis @ rho.stack()[list(rho.group.generators)] @ torch.linalg.inv(basis)


@pytest.mark.parametrize("name", UNSEEN)
def test_exact_matrices_in_a_skew_basis(name):
    group = from_presentation(*UNSEEN[name])
    rho = 2 * regrep.regular(group)
    learned = LearnedRepresentation(group, rho.dim, init=skew(rho))
    assert learned.algebra_loss().item() < 1e-15
    expected = rho.multiplicities()
    for irrep, value in learned.multiplicities().items():
        assert abs(value - expected[irrep]) < 1e-6


@pytest.mark.parametrize("name", UNSEEN)
def test_one_percent_of_noise_is_noticed(name):
    group = from_presentation(*UNSEEN[name])
    rho = 2 * regrep.regular(group)
    exact = skew(rho)
    noise = 0.01 * torch.randn(exact.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    learned = LearnedRepresentation(group, rho.dim, init=exact + noise)
    loss = learned.algebra_loss()
    loss.backward()
    assert loss.item() > 1e-6
    assert float(learned.matrices.grad.norm()) > 1e-4


@pytest.mark.parametrize("group", [cyclic(5), dihedral(4), quaternion(), parse("C2xS3"), from_table(dihedral(3).mul)])
def test_matrices_follow_the_words(group):
    learned = LearnedRepresentation(group, 7, generator=torch.Generator().manual_seed(2)).double()
    stack = learned.stack()
    for element, word in enumerate(group.words):
        product = torch.eye(7, dtype=torch.float64)
        for letter in word:
            product = product @ learned.matrices[letter - 1]
        assert_near(stack[element], product)
        assert_near(learned.matrix(element), product)
    z, g = torch.randn(20, 7, dtype=torch.float64), torch.randint(group.order, (20,))
    assert_near(learned(z, g), torch.einsum("bij,bj->bi", stack[g], z))


def test_agrees_with_the_exact_representation():
    group = dihedral(4)
    rho = regrep.regular(group)
    learned = LearnedRepresentation(group, 8, init=rho.stack()[list(group.generators)])
    z, g = torch.randn(30, 8), torch.randint(8, (30,))
    assert_near(learned(z, g), rho(z.double(), g))
    assert_near(learned.snapshot(), rho.stack())
    assert_near(learned.character, rho.character)


def test_gradient_of_action_and_loss():
    group = quaternion()
    start = LearnedRepresentation(group, 4).double().matrices.detach()
    z, g = torch.randn(6, 4, dtype=torch.float64), torch.tensor([0, 3, 3, 7, 1, 5])

    def action(matrices, z):
        learned = LearnedRepresentation(group, 4, init=start)
        del learned.matrices
        learned.matrices = matrices
        return learned(z, g).square().sum() + learned.algebra_loss()

    assert torch.autograd.gradcheck(action, (start.requires_grad_(), z.requires_grad_()))


def test_losses_of_the_paper():
    w = torch.randn(1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    one = torch.eye(6, dtype=torch.float64)

    def mse(a, b):
        return (a - b).square().mean()

    for n in (2, 4):  # Eqs. (6) and (8)
        expected = mse(torch.linalg.matrix_power(w[0], n), one)
        expected = expected + mse(torch.linalg.matrix_power(w[0], n - 1), torch.linalg.inv(w[0]))
        assert_near(LearnedRepresentation(cyclic(n), 6, init=w).algebra_loss(), expected)
    pair = torch.randn(2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    r, s = pair
    weights = {"r^3": 0.5, "s^2": 0.5, "(r s)^2": 0.1}
    learned = LearnedRepresentation(dihedral(3), 6, init=pair, weights=weights, regularizer=0.0)
    expected = (mse(r @ r @ r, one) + mse(s @ s, one)) / 2 + 0.1 * mse(r @ s @ r @ s, one)  # Eqs. (4) and (7)
    assert_near(learned.algebra_loss(), expected)


def test_same_keys_in_every_mode():
    group = dihedral(3)
    starts = ["orthogonal", "orthogonal+noise", "uniform", "identity", {"E": 3}, "A1=6", torch.rand(2, 6, 6)]
    keys = {tuple(LearnedRepresentation(group, 6, init=init).state_dict()) for init in starts}
    assert keys == {("matrices",)}


def test_starts():
    group = dihedral(3)
    orthogonal = LearnedRepresentation(group, 6).matrices
    assert_near(orthogonal @ orthogonal.transpose(1, 2), torch.eye(6).expand(2, 6, 6))
    assert LearnedRepresentation(group, 6, init="identity").multiplicities()["A1"] == 6
    mixture = LearnedRepresentation(group, 6, init={"A1": 2, "E": 2}).double()
    assert mixture.algebra_loss().item() < 1e-10
    assert abs(mixture.multiplicities()["E"] - 2) < 1e-5
    uniform = LearnedRepresentation(group, 6, init="uniform").matrices
    assert 0 <= uniform.min().item() < uniform.max().item() < 1
    first, second = (
        LearnedRepresentation(group, 6, generator=torch.Generator().manual_seed(5)).matrices for _ in range(2)
    )
    assert torch.equal(first, second)


def test_the_trivial_group():
    learned = LearnedRepresentation(cyclic(1), 3)
    z = torch.randn(2, 3)
    assert torch.equal(learned(z, torch.zeros(2, dtype=torch.int64)), z)


def test_half_precision_is_kept_from_the_products():
    group = cyclic(4)
    learned = LearnedRepresentation(group, 8)
    z, g = torch.randn(5, 8), torch.tensor([0, 1, 2, 3, 1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = learned(z, g)
        assert learned(z.bfloat16(), g).dtype == torch.float32
        loss = learned.algebra_loss()
    assert_near(rounded, learned(z, g))
    assert_near(loss, learned.algebra_loss())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "from 1 to 16384, got 0"),
        ({"dim": 6.0}, "the dimension of a learned representation is an integer from 1 to 16384, got 6.0"),
        ({"dim": 6, "noise": -1.0}, "noise is a finite number"),
        ({"dim": 6, "init": None}, "got a NoneType"),
        ({"dim": 6, "init": "A1=²"}, "init is one of"),
        ({"dim": 6, "init": {"A1": 6.0}}, "irreducibles of"),
        ({"dim": 6, "init": torch.eye(6).half().repeat(2, 1, 1)}, "float32 or float64"),
        ({"dim": 6, "weights": 1.0}, "got weights 1.0; list one for each"),
        ({"dim": 6, "init": "orthogonl"}, "init is one of"),
        ({"dim": 6, "init": {"B": 6}}, "irreducibles of"),
        ({"dim": 6, "init": {"A1": 5}}, "add up to the dimension 6"),
        ({"dim": 6, "init": torch.rand(1, 6, 6)}, "2 generators"),
        ({"dim": 6, "init": torch.full((2, 6, 6), float("nan"))}, "finite"),
        ({"dim": 6, "weights": [1.0]}, "3 relators"),
        ({"dim": 6, "weights": {"r^5": 1.0}}, "a weight for"),
        ({"dim": 6, "weights": [1.0, -1.0, 1.0]}, "at least 0"),
        ({"dim": 6, "regularizer": -1.0}, "at least 0"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(RegrepError, match=message) as error:
        LearnedRepresentation(dihedral(3), **options)
    assert str(error.value).count("\n") == 0


def test_wrong_calls():
    learned = LearnedRepresentation(cyclic(4), 6)
    with pytest.raises(RegrepError, match=r"acts on latents \[B, 6\]"):
        learned(torch.randn(2, 5), torch.tensor([0, 1]))
    with pytest.raises(RegrepError, match="index from 0 to 3"):
        learned(torch.randn(2, 6), torch.tensor([0, 4]))


def test_singular_matrices():
    with pytest.raises(SingularMatrixError, match="matrix of r"):
        LearnedRepresentation(cyclic(4), 3, init=torch.ones(1, 3, 3))
    LearnedRepresentation(cyclic(4), 3, init=torch.ones(1, 3, 3), regularizer=0.0)  # no inverse is needed
    learned = LearnedRepresentation(cyclic(4), 3)
    with torch.no_grad():
        learned.matrices.zero_()
    with pytest.raises(SingularMatrixError, match="has become singular"):
        learned.algebra_loss()


def test_the_old_spelling_is_accepted_with_a_warning():
    with pytest.warns(DeprecationWarning, match="regulariser is an old name; use regularizer"):
        learned = LearnedRepresentation(cyclic(4), 3, regulariser=0.25)
    assert learned.regularizer == 0.25
