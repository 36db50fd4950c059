"""The numbers of an analysis from their definitions, with loops over matrices, on groups of all three types."""

import cmath
import math
from dataclasses import replace

import pytest
import torch

import regrep
from regrep import groups
from regrep.diagnostics import Multiplicity, analyse
from regrep.diagnostics.analysis import _stack
from regrep.diagnostics.nearest import gauge
from regrep.diagnostics.spectra import generator_spectrum, projector

# Types R, C and H; A4 and C7:C3 have irreducibles of type C beside such of type R.
GROUPS = [
    groups.dihedral(4),
    groups.quaternion(),
    groups.alternating(4),
    groups.cyclic(5),
    groups.from_presentation("a,b", "a^7, b^3, b a b^-1 a^-2", name="C7:C3"),
    replace(groups.cyclic(5), name="C5 of r2", generators=(2,), presentation_given=None),
]
each = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


def noisy(group, size=0.1, copies=1, seed=0):
    exact = (copies * regrep.regular(group)).stack()
    noise = torch.randn(exact.shape, generator=torch.Generator().manual_seed(seed), dtype=exact.dtype)
    return exact + size / math.sqrt(exact.shape[1]) * noise


@each
def test_matrices_of_generators_are_multiplied_along_words(group):
    exact = regrep.regular(group).stack()
    assert torch.equal(_stack(group, exact[list(group.generators)], generators=True), exact)
    assert torch.equal(_stack(group, exact, generators=False), exact)


def frobenius(matrix):
    return math.sqrt(sum(float(value) ** 2 for value in matrix.flatten()))


def rms(matrices):
    d = len(matrices[0])
    return math.sqrt(sum(frobenius(matrix) ** 2 for matrix in matrices) / len(matrices) / (2 * d))


@each
def test_every_number_by_its_definition(group):
    given = noisy(group, copies=2)
    found, n, d = analyse(group, given), group.order, 2 * group.order
    mean = sum(matrix.T @ matrix for matrix in given) / n
    values, vectors = torch.linalg.eigh(mean)
    root = vectors @ torch.diag(values.sqrt()) @ vectors.T
    rho = [root @ matrix @ torch.linalg.inv(root) for matrix in given]
    assert found.gauge_condition == pytest.approx(float(values[-1] / values[0]))
    traces = [float(matrix.trace()) for matrix in rho]

    def products(elements):
        return [rho[s] @ rho[g] - rho[int(group.mul[s, g])] for s in elements for g in range(n)]

    assert found.defect == pytest.approx(rms(products(group.generators)))
    others = [g for g in range(1, n) if g not in group.generators]
    if len(others) <= 8:
        assert found.held_out_defect == pytest.approx(rms(products(others)))
    eye = torch.eye(d, dtype=torch.float64)
    for word in group.presentation.relators:
        product = eye
        for letter in word:
            step = rho[group.generators[abs(letter) - 1]]
            product = product @ (step if letter > 0 else torch.linalg.inv(step))
        assert found.relators[group.presentation.word_text(word)] == pytest.approx(rms([product - eye]))
    assert found.faithfulness == pytest.approx(min(1 - trace / d for trace in traces[1:]))

    if group.is_abelian:
        exact = regrep.regular(group).character * 2  # near enough: the search ends there
        spread = math.sqrt(sum((a - float(b)) ** 2 for a, b in zip(traces, exact, strict=True)) / n)
    else:
        squares = 0.0
        for members in group.conjugacy_classes:
            middle = sum(traces[g] for g in members) / len(members)
            squares += sum((traces[g] - middle) ** 2 for g in members)
        spread = math.sqrt(squares / (n - len(group.conjugacy_classes)))
    for chi in groups.real_characters(group):
        size, m = {"R": 1, "C": 2, "H": 4}[chi.type], found.multiplicities[chi.name]
        inner = sum(float(chi.values[group.inverse[g]]) * traces[g] for g in range(n)) / n
        assert m.value == pytest.approx(inner / size)
        assert m.standard_error == pytest.approx(spread / math.sqrt(n * size), rel=0.02 if group.is_abelian else 1e-6)
        assert found.expected[chi.name] == pytest.approx(2 * chi.dim / size)
        p = sum(float(chi.values[g]) * rho[g] for g in range(n)) * (chi.dim / (size * n))
        real = [value.real for value in torch.linalg.eigvals(p).tolist()]
        part = found.projectors[chi.name]
        assert part.rank == sum(value > 0.5 for value in real) == 2 * chi.dim**2 // size
        assert part.gap == pytest.approx(2 * min(abs(value - 0.5) for value in real))
        assert part.residual == pytest.approx(frobenius(p @ p - p) / math.sqrt(d))
    worst = max(abs(m.value - found.expected[name]) / found.expected[name] for name, m in found.multiplicities.items())
    assert found.distance_from_regular == pytest.approx(worst)


@each
def test_projectors_of_each_irreducible_are_the_identity_or_nothing(group):
    for rho in regrep.irreps(group):
        for chi in groups.real_characters(group):
            part = projector(chi, rho.stack())
            assert part.rank == (rho.dim if chi.name == rho.name else 0)
            assert part.gap == pytest.approx(1)
            assert part.residual < 1e-10


def test_rank_gap_and_residual_between_nothing_and_a_projector():
    """P = diag(a, b) from the mean of e and r of C2, for which chi is 1 and 1: eigenvalues (1 + x) / 2."""
    trivial = groups.real_characters(groups.cyclic(2))[0]
    for x, y, rank in ((1.0, 0.2, 2), (0.2, -0.2, 1), (-0.2, -1.0, 0), (0.0, 1.0, 1)):
        part = projector(trivial, torch.stack([torch.eye(2), torch.diag(torch.tensor([x, y]))]).double())
        assert part.rank == rank
        assert part.gap == pytest.approx(min(abs(x), abs(y)), abs=1e-7)
        values = [(1 + x) / 2, (1 + y) / 2]
        assert part.residual == pytest.approx(math.sqrt(sum((v * v - v) ** 2 for v in values) / 2), abs=1e-7)


def test_eigenvalues_are_counted_at_the_nearest_roots_of_unity():
    group = groups.cyclic(4)
    angles = [0.1, 0.3, math.pi / 2 - 0.2, math.pi / 2 + 0.4, -math.pi / 2 + 0.1, 3.0]
    blocks = [
        torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]], dtype=torch.float64) for a in angles
    ]
    found = generator_spectrum(group, 1, torch.block_diag(*blocks))
    values = [cmath.exp(1j * sign * a) for a in angles for sign in (1, -1)]
    assert found.order == 4
    assert found.roots == (4, 3, 2, 3)
    turned = sorted(values, key=lambda z: cmath.phase(z) % (2 * math.pi))
    assert list(found.eigenvalues) == pytest.approx(turned)
    distances = [min(abs(z - 1j**k) for k in range(4)) for z in values]
    assert found.root_distance == pytest.approx(math.sqrt(sum(v * v for v in distances) / len(values)))
    half = generator_spectrum(group, 2, torch.diag(torch.tensor([1.0, -1.0, -1.0])).double())
    assert (half.order, half.roots, half.root_distance) == (2, (1, 2), pytest.approx(0))


def with_counts(values, error=0.1, dim=8, **changes):
    """An analysis of D4 with these multiplicities, one regular copy expected."""
    found = analyse(groups.dihedral(4), regrep.regular(groups.dihedral(4)).stack())
    names = list(found.multiplicities)
    counts = {name: Multiplicity(value, error) for name, value in zip(names, values, strict=True)}
    return replace(found, multiplicities=counts, dim=dim, **changes)


def test_a_multiplicity_fits_if_rounded_it_is_within_one_half():
    assert with_counts([1.4, 0.6, 1, 1, 2]).rounds_to_regular
    assert not with_counts([1.6, 1, 1, 1, 2]).rounds_to_regular
    assert not with_counts([0.4, 1, 1, 1, 2]).rounds_to_regular
    assert not with_counts([1, 1, 1, 1, 1.4]).rounds_to_regular
    # 12 dimensions are one and a half copies: 1 and 2, and 2, 3 and 4 of the last, are within one half or not
    expected = {name: 1.5 * value for name, value in with_counts([1, 1, 1, 1, 2]).expected.items()}
    assert with_counts([1, 2, 1, 2, 3], expected=expected).rounds_to_regular
    assert not with_counts([1, 2, 1, 2, 2], expected=expected).rounds_to_regular
    assert not with_counts([1, 2, 1, 3, 3], expected=expected).rounds_to_regular


def test_verdicts_need_three_standard_errors():
    assert with_counts([1.19, 1, 1, 1, 2], 0.1).confident
    assert not with_counts([1.21, 1, 1, 1, 2], 0.1).confident
    assert with_counts([1.25, 1, 1, 1, 2], 1 / 12).confident  # 3.0 exactly
    assert not with_counts([1.25, 1, 1, 1, 2], 1 / 11).confident
    assert with_counts([1, 1, 1, 1, 2]).verdict().endswith("regular to within rounding")
    names = list(with_counts([1, 1, 1, 1, 2]).multiplicities)
    undecided = with_counts([1.4, 1, 0.6, 1, 2]).verdict()
    assert undecided.endswith(f"undecided whether regular: {names[0]}, {names[2]}")
    wrong = with_counts([0, 1.4, 1, 1, 3]).verdict()
    assert wrong.endswith(f"not regular: {names[0]} 0 instead of 1, {names[4]} 3 instead of 2")
    assert with_counts([1, 1, 1, 1, 2], dim=7).verdict().endswith("not regular: dimension 7 is below the order 8")
    assert with_counts([1, 1, 1, 1, 2], defect=0.21).verdict() == "no representation (defect 0.21)"
    assert with_counts([1, 1, 1, 1, 2], defect=0.2).verdict().startswith("representation (defect 0.2), faithful")
    assert with_counts([1, 1, 1, 1, 2], defect=math.nan).verdict().startswith("no representation")
    kernel = tuple("abcdefg")
    assert "not faithful (a, b, c, d, e, f, ... acts as e)" in with_counts([1, 1, 1, 1, 2], kernel=kernel).verdict()
    assert "not faithful (a, b, c, d, e, f acts as e)" in with_counts([1, 1, 1, 1, 2], kernel=kernel[:6]).verdict()


def test_an_element_acts_trivially_below_five_percent():
    group = groups.cyclic(2)
    for trace, inside in ((0.96, True), (0.94, False)):
        # 100 dimensions of eigenvalue ±1, so that the gauge changes nothing
        signs = torch.ones(100, dtype=torch.float64)
        signs[: round(50 * (1 - trace))] = -1
        found = analyse(group, torch.stack([torch.eye(100, dtype=torch.float64), torch.diag(signs)]))
        assert found.faithfulness == pytest.approx(1 - trace)
        assert found.kernel == (("r",) if inside else ())


@each
def test_the_gauge_makes_a_skew_representation_orthogonal(group):
    exact = regrep.regular(group).stack()
    d = group.order
    basis = torch.eye(d, dtype=torch.float64) + torch.triu(torch.full((d, d), 0.3, dtype=torch.float64), 1)
    orthogonal, condition = gauge(group, basis @ exact @ torch.linalg.inv(basis))
    for g in range(d):
        assert torch.allclose(orthogonal[g].T @ orthogonal[g], torch.eye(d, dtype=torch.float64))
        for h in range(d):
            assert torch.allclose(orthogonal[g] @ orthogonal[h], orthogonal[group.mul[g, h]])
    invariant = torch.linalg.eigvalsh(
        sum((basis @ m @ torch.linalg.inv(basis)).T @ (basis @ m @ torch.linalg.inv(basis)) for m in exact)
    )
    assert condition == pytest.approx(float(invariant[-1] / invariant[0]))
