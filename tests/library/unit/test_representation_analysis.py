"""The analysis of approximate matrices: right on exact ones in any basis, and not fooled by random ones."""

import json
import math

import pytest
import torch

import regrep
from regrep import groups
from regrep.diagnostics import (
    Multiplicity,
    NullControl,
    analyse,
    control,
    nearest_representation,
    null_controls,
    random_orthogonal,
    shuffled,
)
from regrep.diagnostics.nearest import _average, _polar, defect, gauge
from regrep.errors import RegrepError
from tolerance import assert_near

GROUPS = [
    groups.cyclic(5),
    groups.product(groups.cyclic(3), groups.cyclic(4)),
    groups.quaternion(),
    groups.alternating(4),
    groups.from_presentation("a,b", "a^6, a^3 b^-2, b^-1 a b a", name="Dic3"),
    groups.from_presentation("a,b", "a^7, b^3, b a b^-1 a^-2", name="C7:C3"),
    groups.from_presentation("a,b", "a^3, b^3 (a b)^-2, b^3 (a b)^-2 a^3", name="presented"),
    groups.from_presentation("a,b", "(a b)^2 a^-3, a^3 b^-3", name="SL(2,3)"),
    groups.dihedral(12),
    groups.symmetric(4),
]
S4 = groups.symmetric(4)


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def noisy(exact, size, seed=0):
    """Independent noise of this Frobenius norm relative to that of an orthogonal matrix."""
    noise = torch.randn(exact.shape, generator=source(seed), dtype=exact.dtype)
    return exact + size / math.sqrt(exact.shape[1]) * noise


def skewed(exact, condition=4.0, seed=1):
    d = exact.shape[1]
    left, right = torch.linalg.qr(torch.randn(2, d, d, generator=source(seed), dtype=exact.dtype))[0]
    basis = left @ torch.diag(torch.linspace(1, condition, d, dtype=exact.dtype)) @ right
    return basis @ exact @ torch.linalg.inv(basis)


def values(found):
    return {name: m.value for name, m in found.multiplicities.items()}


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_two_regular_copies_in_a_skew_basis(group):
    found = analyse(group, skewed((2 * regrep.regular(group)).stack()))
    assert values(found) == pytest.approx((2 * regrep.regular(group)).multiplicities(), abs=1e-6)
    assert found.expected == pytest.approx(values(found), abs=1e-6)
    assert 1 < found.gauge_condition < 16.1
    assert found.defect < 1e-10
    assert max(found.relators.values()) < 1e-10
    assert found.converged
    assert found.moved < 1e-10
    assert found.nearest == {name: round(m) for name, m in values(found).items()}
    for chi in groups.real_characters(group):
        part = found.projectors[chi.name]
        assert part.rank == round(values(found)[chi.name] * chi.dim)
        assert part.gap == pytest.approx(1, abs=1e-6)
        assert part.residual < 1e-9
    for spectrum in found.generators.values():
        assert set(spectrum.roots) == {2 * group.order // spectrum.order}
        assert spectrum.root_distance < 1e-9
    assert found.distance_from_regular < 1e-6
    assert found.verdict().endswith("faithful, regular to within rounding")


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_irreducible_is_recognised_and_not_regular(group):
    for rho in regrep.irreps(group):
        found = analyse(group, skewed(rho.stack()) if rho.dim > 1 else rho.stack())
        assert values(found) == pytest.approx({**dict.fromkeys(values(found), 0), rho.name: 1}, abs=1e-6)
        assert found.distance_from_regular >= 1 - 1e-6
        assert "not regular" in found.verdict()
        trivially = [group.names[g] for g in range(1, group.order) if rho.character[g] > rho.dim - 0.01]
        assert list(found.kernel) == trivially
        assert ("not faithful" in found.verdict()) == bool(trivially)


def test_a_missing_irreducible_is_named():
    rho = [rho for rho in regrep.irreps(S4) for _ in range(rho.dim)]
    swapped = regrep.direct_sum([*rho[1:], rho[1]])  # the trivial one left out, the second one twice
    found = analyse(S4, noisy(swapped.stack(), 0.02))
    assert not found.rounds_to_regular
    assert "not regular: A1 0 instead of 1, A2 2 instead of 1" in found.verdict()
    assert found.distance_from_regular == pytest.approx(1, abs=0.02)


def test_one_percent_of_noise_is_seen_in_the_defect():
    exact = regrep.regular(S4).stack()
    assert analyse(S4, exact).defect < 1e-14
    found = analyse(S4, noisy(exact, 0.01))
    # Three independent errors of size 0.01 per product, over √2.
    assert found.defect == pytest.approx(0.01 * math.sqrt(3 / 2), rel=0.05)
    assert found.held_out_defect == pytest.approx(found.defect, rel=0.05)
    assert found.moved == pytest.approx(0.01 / math.sqrt(2), rel=0.1)
    assert found.confident
    assert found.nearest == {name: round(m) for name, m in values(found).items()}


def test_standard_errors_are_those_of_the_noise():
    for group in (S4, groups.cyclic(24), groups.product(groups.quaternion(), groups.cyclic(3))):
        exact = regrep.regular(group).stack()
        errors = []
        for seed in range(5):
            found = analyse(group, noisy(exact, 0.1, seed))
            errors += [(m.value - found.expected[name]) / m.standard_error for name, m in found.multiplicities.items()]
        assert 0.6 < torch.tensor(errors).square().mean().sqrt() < 1.5


def test_confidence_by_hand():
    assert Multiplicity(2.1, 0.1).confidence == pytest.approx(4)
    assert Multiplicity(2.5, 0.1).confidence == pytest.approx(0)
    assert Multiplicity(3.0, 0.0).confidence == math.inf


def test_undecided_where_the_noise_reaches_half_a_copy():
    """A multiple of 1 added to each matrix: they still multiply well, but the traces move by 4 or so."""
    group = groups.dihedral(4)
    exact = (10 * regrep.regular(group)).stack()
    shift = 0.05 * torch.randn(8, 1, 1, generator=source(2), dtype=exact.dtype)
    found = analyse(group, exact + shift * torch.eye(80, dtype=exact.dtype))
    assert found.defect < 0.1
    assert not found.confident
    assert "undecided whether regular" in found.verdict()


def test_random_orthogonal_matrices_round_to_regular_but_are_no_representation():
    null = control(S4, (random_orthogonal(S4, 24, source(seed)) for seed in range(12)))
    assert null.regular > 0.7
    assert null.defect > 0.8
    assert null.moved > 0.5
    found = analyse(S4, random_orthogonal(S4, 24, source(0)))
    assert found.rounds_to_regular
    assert found.verdict().startswith("no representation (defect")


def test_null_controls_tell_a_representation_from_its_shuffle():
    learned = noisy(regrep.regular(groups.quaternion()).stack(), 0.05)
    own = control(groups.quaternion(), [learned])
    nulls = null_controls(groups.quaternion(), learned, draws=5)
    assert set(nulls) == {"shuffled labels", "random orthogonal matrices"}
    for null in nulls.values():
        assert null.draws == 5
        assert null.defect > 5 * own.defect
        assert null.moved > 5 * own.moved
        assert json.loads(json.dumps(null.as_dict())) == null.as_dict()
    again = null_controls(groups.quaternion(), learned, draws=5, generator=source(0))
    assert again == nulls
    assert isinstance(own, NullControl)


def test_shuffling_keeps_the_identity_and_every_matrix():
    exact = regrep.regular(S4).stack()
    drawn = shuffled(S4, exact, source())
    assert torch.equal(drawn[0], exact[0])
    assert not torch.equal(drawn, exact)
    assert sorted(m.argmax(dim=0).tolist() for m in drawn) == sorted(m.argmax(dim=0).tolist() for m in exact)


def test_random_orthogonal_matrices_are_orthogonal_and_unbiased():
    drawn = random_orthogonal(S4, 3, source())
    eye = torch.eye(3, dtype=torch.float64)
    assert_near(drawn.mT @ drawn, eye.expand_as(drawn))
    assert torch.equal(drawn[0], eye)
    many = torch.cat([random_orthogonal(S4, 3, source(seed))[1:] for seed in range(50)])
    assert abs(torch.einsum("gii->g", many).mean()) < 0.1  # Haar measure: mean trace 0, variance 1
    assert torch.einsum("gii->g", many).var() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("group", [*GROUPS[:5], S4], ids=lambda group: group.name)
def test_averages_in_fourier_space_are_those_by_definition(group):
    rho = torch.randn(group.order, 3, 3, generator=source(), dtype=torch.float64)
    direct = torch.stack([(rho[group.mul[g]] @ rho.mT).mean(dim=0) for g in range(group.order)])
    assert_near(_average(regrep.irreps(group), rho), direct)


def test_polar_factors_of_large_small_and_singular_matrices():
    x = torch.randn(4, 5, 5, generator=source(), dtype=torch.float64)
    x[2] *= 1e-6
    x[3] = 0
    x[0] = 10 * torch.eye(5)
    factor = _polar(x)
    eye = torch.eye(5, dtype=torch.float64)
    assert_near(factor.mT @ factor, eye.expand_as(factor))
    for k in (0, 1, 2):
        symmetric = factor[k].T @ x[k]
        assert float((symmetric - symmetric.T).abs().max()) < 1e-8 * float(x[k].abs().max())
        assert bool((torch.linalg.eigvalsh(symmetric) > -1e-8).all())


def test_polar_factors_of_large_matrices_need_no_decomposition(monkeypatch):
    q = random_orthogonal(S4, 3, source())
    stretched = 3 * q @ torch.diag(torch.tensor([1.0, 0.9, 0.8], dtype=torch.float64))
    expected = torch.linalg.svd(stretched)
    monkeypatch.setattr(torch.linalg, "svd", None)
    assert_near(_polar(stretched), expected[0] @ expected[2])


def test_the_nearest_representation_of_noisy_matrices():
    exact = regrep.regular(S4).stack()
    found = nearest_representation(S4, gauge(S4, noisy(exact, 0.3))[0])
    assert found.converged
    assert defect(S4, found.matrices, S4.generators) == found.defects[-1] < 1e-12
    assert found.defects[0] > 0.2
    assert 0.1 < found.moved < 0.3
    assert_near(torch.einsum("gii->g", found.matrices), torch.einsum("gii->g", exact))


def test_an_unfinished_search_has_no_nearest_multiplicities():
    stacks = [random_orthogonal(S4, 3, source(seed)) for seed in range(10)]
    unfinished = [found for found in (analyse(S4, stack) for stack in stacks) if not found.converged]
    assert unfinished
    assert all(found.nearest is None for found in unfinished)
    assert "not found" in str(unfinished[0])


def test_generators_alone():
    rho = regrep.regular(S4)
    found = analyse(S4, rho.stack()[list(S4.generators)], generators=True)
    assert found.defect == 0
    assert values(found) == pytest.approx(rho.multiplicities())
    wrong = analyse(S4, noisy(rho.stack(), 0.1)[list(S4.generators)], generators=True)
    assert wrong.defect > 0.05
    assert max(wrong.relators.values()) > 0.05


def test_relators_vanish_in_a_quotient_which_the_kernel_shows():
    group = groups.quaternion()
    sign = next(rho for rho in regrep.irreps(group) if rho.name == "B1")
    found = analyse(group, sign.stack())
    assert set(found.relators.values()) == {0.0}
    assert found.faithfulness == 0
    assert group.names[2] in found.kernel
    assert "not faithful" in found.verdict()


def test_the_wrong_generator_violates_its_relator():
    group = groups.dihedral(4)
    swapped = regrep.regular(group).stack()
    swapped[[group.index("r"), group.index("s")]] = swapped[[group.index("s"), group.index("r")]]
    found = analyse(group, swapped)
    assert found.relators["s^2"] == pytest.approx(1)
    assert found.relators["r^4"] == 0
    assert found.generators["s"].root_distance > 0.5
    assert found.verdict().startswith("no representation")


def test_dtype_and_gauge_do_not_matter():
    rho = noisy(regrep.regular(S4).stack(), 0.05)
    found, single = analyse(S4, rho), analyse(S4, rho.float())
    assert values(single) == pytest.approx(values(found), abs=1e-5)
    assert single.defect == pytest.approx(found.defect, rel=1e-4)
    scaled = analyse(S4, 1.1 * rho)
    assert scaled.defect > 0.07, "a common factor is no change of basis"
    assert values(analyse(S4, skewed(rho))) == pytest.approx(values(found), abs=1e-9)


@pytest.mark.parametrize("dim", [1, 3])
def test_the_group_of_one_element(dim):
    group = groups.cyclic(1)
    found = analyse(group, torch.eye(dim)[None])
    assert values(found) == {"A": pytest.approx(dim)}
    assert (found.defect, found.held_out_defect, found.faithfulness, found.kernel) == (0, None, 1, ())
    assert found.verdict() == "representation (defect 0), faithful, regular to within rounding"
    assert analyse(group, 2 * torch.eye(dim)[None]).defect > 0.5
    assert analyse(group, torch.zeros(0, dim, dim), generators=True).converged


def test_one_dimension():
    group = groups.cyclic(4)
    found = analyse(group, torch.tensor([1.0, -1.0, 1.0, -1.0]).reshape(4, 1, 1))
    assert values(found) == pytest.approx({"A": 0, "B": 1, "E": 0})
    assert found.kernel == ("r2",)
    assert found.verdict() == (
        "representation (defect 0), not faithful (r2 acts as e), not regular: dimension 1 is below the order 4"
    )
    assert analyse(group, torch.tensor([1.0, 1.0, 1.0, -1.0]).reshape(4, 1, 1)).verdict().startswith("no repr")


def test_records_are_plain_json_and_the_table_names_everything():
    found = analyse(S4, noisy(regrep.regular(S4).stack(), 0.1))
    record = found.as_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["multiplicities"]["A1"]["expected"] == 1
    table = str(found)
    for name in [*found.multiplicities, *found.relators, "defect", "gauge", found.verdict()]:
        assert name in table
    exact = analyse(groups.cyclic(2), torch.tensor([1.0, 1.0]).reshape(2, 1, 1))
    assert json.dumps(exact.as_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("matrices", "text"),
    [
        (torch.eye(3).expand(5, 3, 3), "24 elements of S4"),
        (torch.zeros(24, 3, 2), "one square matrix"),
        (torch.zeros(24, 0, 0), "one square matrix"),
        (torch.full((24, 2, 2), math.nan), "finite"),
        (torch.diag(torch.tensor([1.0, 0.0])).expand(24, 2, 2), "restrict the matrices"),
        (torch.zeros(24, 2, 2), "invertible"),
    ],
)
def test_an_invalid_stack_of_matrices_raises_one_sentence(matrices, text):
    with pytest.raises(RegrepError, match=text):
        analyse(S4, matrices)
    with pytest.raises(RegrepError, match=text):
        null_controls(S4, matrices, draws=1)


@pytest.mark.parametrize(
    ("group", "matrices", "text"),
    [
        (S4, torch.zeros(5, 3, 3), "24 elements of S4"),
        (S4, torch.full((24, 2, 2), math.nan), "finite"),
        (S4, torch.eye(2, dtype=torch.complex64).expand(24, 2, 2), "are real, got complex64"),
        (S4, regrep.regular(S4), r"got a PermutationRepresentation; pass stack\(\)"),
        ("S4", torch.zeros(24, 2, 2), "a group is a FiniteGroup, got 'S4'"),
    ],
)
def test_the_search_and_the_analysis_refuse_the_same(group, matrices, text):
    for measure in (nearest_representation, analyse):
        with pytest.raises(RegrepError, match=text):
            measure(group, matrices)


def test_a_control_without_draws_is_refused():
    with pytest.raises(RegrepError, match="at least one"):
        control(S4, [])


def test_a_single_singular_matrix_leaves_a_relator_undefined():
    group = groups.quaternion()
    rho = regrep.regular(group).stack()
    rho[group.index("j")] = 0
    found = analyse(group, rho)
    assert any(math.isnan(value) for value in found.relators.values())
    assert json.dumps(found.as_dict(), allow_nan=False)
    assert found.verdict().startswith("no representation")
