"""Homomorphisms, subgroups, quotients and pullbacks: all laws over all elements."""

import itertools

import pytest
import torch

import regrep
from regrep.errors import RegrepError
from regrep.groups import (
    Homomorphism,
    alternating,
    cyclic,
    dihedral,
    homomorphism,
    octahedral,
    parse,
    product,
    quaternion,
    quotient,
    subgroup,
    symmetric,
)
from regrep.representations import DirectSum, FeatureMap, PermutationRepresentation, Tokens, layouts

GROUPS = [cyclic(1), cyclic(6), dihedral(4), quaternion(), octahedral(), parse("D3h"), product(dihedral(3), cyclic(4))]
each = pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)


def assert_homomorphism(f):
    images = f.images.tolist()
    for g, h in itertools.product(range(f.source.order), repeat=2):
        assert images[f.source.mul[g, h]] == f.target.mul[images[g], images[h]]


def assert_representation(rho):
    stack = rho.stack()
    assert (torch.einsum("gij,hjk->ghik", stack, stack) - stack[rho.group.mul]).abs().max() < 1e-12


@each
def test_every_cyclic_subgroup_is_a_group_with_its_embedding(group):
    for g in range(group.order):
        part, inclusion = subgroup(group, [g])
        assert part.order == group.element_orders[g]
        assert inclusion.is_injective
        assert inclusion.image == group.subgroup([g])
        assert part.names == tuple(group.names[k] for k in inclusion.images.tolist())
        assert_homomorphism(inclusion)
        for kept in ("points", "matrices"):
            if (whole := getattr(group, kept)) is not None:
                assert torch.equal(getattr(part, kept), whole[inclusion.images])


def test_elements_do_as_well_as_generators():
    group = dihedral(4)
    rotations, _ = subgroup(group, ["e", "r", "r2", "r3"])
    assert rotations == cyclic(4)
    assert rotations.generators == (1,)
    assert rotations.name == "D4[r]"
    assert subgroup(group, range(8))[0] == group
    assert subgroup(group, [], name="one")[0].name == "one"
    assert subgroup(group, [])[0].order == 1
    with pytest.raises(RegrepError, match="D4 has no element 't'"):
        subgroup(group, ["t"])
    for wrong in ("r", 3, torch.tensor(3)):
        with pytest.raises(RegrepError, match="has a list of generators, got"):
            subgroup(group, wrong)


@each
def test_every_normal_subgroup_has_a_quotient_and_no_other_has(group):
    every = range(group.order)
    for elements in group.subgroups():
        normal = all(group.mul[group.mul[g, h], group.inverse[g]] in elements for g in every for h in elements)
        if not normal:
            with pytest.raises(RegrepError, match="a quotient is by a normal subgroup, but .* takes .* to"):
                quotient(group, elements)
            continue
        whole, projection = quotient(group, elements)
        assert whole.order * len(elements) == group.order
        assert projection.kernel == elements
        assert projection.image == tuple(range(whole.order))
        assert_homomorphism(projection)
        assert whole.names == tuple(group.names[projection.images.tolist().index(k)] for k in range(whole.order))


def test_known_quotients():
    klein = symmetric(4).subgroup(["(0 1)(2 3)", "(0 2)(1 3)"])
    assert sorted(quotient(symmetric(4), klein)[0].element_orders.tolist()) == [1, 2, 2, 2, 3, 3]  # S3
    assert sorted(quotient(quaternion(), ["-1"])[0].element_orders.tolist()) == [1, 2, 2, 2]
    assert quotient(dihedral(4), ["r2"], name="V")[0].name == "V"
    with pytest.raises(RegrepError, match="but r takes s to r2s, which is not in it; add generators"):
        quotient(dihedral(4), ["s"])


def test_homomorphisms_by_generators():
    f = homomorphism(dihedral(6), dihedral(3), {"r": "r", "s": "s"})
    assert f.kernel == (0, 3)
    assert_homomorphism(f)
    g = homomorphism(dihedral(3), cyclic(2), {"r": 0, "s": "r"})
    assert (g @ f).kernel == (0, 1, 2, 3, 4, 5)
    assert [(g @ f)(k) for k in range(12)] == [g(f(k)) for k in range(12)]
    assert f(torch.tensor([1, 7])).tolist() == [1, 4]
    assert repr(f) == "<Homomorphism D6 -> D3, kernel of order 2>"


THIRDS, D4C3 = product(cyclic(3), cyclic(2)).projections[0], parse("D4xC3")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: homomorphism(cyclic(4), cyclic(3), {"r": "r"}), "image of r times that of r3 is not the image of e"),
        (lambda: homomorphism(dihedral(4), cyclic(2), {"r": "r"}), "do not; map r, s"),
        (lambda: homomorphism(dihedral(4), cyclic(2), ["r"]), "are a dictionary by element"),
        (lambda: homomorphism(cyclic(4), cyclic(4), {"r": "r", 1: "e"}), "no homomorphism maps r to e and"),
        (lambda: homomorphism(cyclic(4), cyclic(4), {"r": "x"}), "C4 has no element 'x'"),
        (lambda: Homomorphism(cyclic(2), cyclic(2), torch.tensor([0, 2])), "elements 0 to 1 of C2, got 0 to 2"),
        (lambda: Homomorphism(cyclic(2), cyclic(2), torch.tensor([0])), r"int64 tensor \[2\]"),
        (lambda: Homomorphism(cyclic(2), cyclic(2), [0, 1]), r"int64 tensor \[2\]"),
        (lambda: Homomorphism(cyclic(1), cyclic(2), torch.tensor([1])), "maps products to products"),
        (lambda: Homomorphism("C2", cyclic(2), torch.tensor([0, 1])), "a group is a FiniteGroup"),
        (
            lambda: homomorphism(cyclic(2), cyclic(4), {"r": "r2"}) @ homomorphism(cyclic(2), cyclic(4), {"r": "r2"}),
            "f1 goes to C4 and f2 starts from C2",
        ),
        (
            lambda: regrep.pullback(regrep.regular(cyclic(2)), THIRDS),
            "got one to C3",
        ),
        (lambda: regrep.pullback(regrep.regular(cyclic(2)), "f"), "along a Homomorphism, got 'f'"),
        (
            lambda: regrep.pullback("rho", THIRDS),
            "a Representation is pulled back",
        ),
        (lambda: regrep.latent(dihedral(4), 66, layout="factor"), "D4 was not made as one; use"),
        (lambda: regrep.latent(dihedral(4), 66, layout="grid"), 'is "regular" or "factor", got \'grid\''),
        (
            lambda: regrep.latent(D4C3, 10, layout="factor"),
            r"at least \|D4\| \+ \|C3\| = 11 to hold .* got 10",
        ),
        (
            lambda: regrep.latent(D4C3, 23, 3, layout="factor"),
            "1 to 2 copies of the regular .* of each factor",
        ),
    ],
)
def test_wrong_input_says_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_each_generator_of_the_source_is_checked():
    group = dihedral(4)
    for g in range(1, 8):
        images = torch.arange(8)
        images[g] = 0
        with pytest.raises(RegrepError, match="maps products to products"):
            Homomorphism(group, group, images)


@each
def test_pullbacks_along_projections_and_embeddings(group):
    pair = product(group, cyclic(2))
    left = Homomorphism(pair, group, torch.arange(pair.order) // 2)
    for f in pair.projections:
        assert_homomorphism(f)
    if not group.factors:
        assert torch.equal(pair.projections[0].images, left.images)
    for rho in (regrep.regular(group), regrep.irreps(group)[-1], regrep.irreps(group)[-1] + regrep.regular(group)):
        pulled = regrep.pullback(rho, left)
        assert pulled.group is pair
        assert torch.equal(pulled.stack(), rho.stack().repeat_interleave(2, dim=0))
        assert_representation(pulled)
        assert isinstance(pulled, PermutationRepresentation) == isinstance(rho, PermutationRepresentation)
        part, inclusion = subgroup(pair, [pair.order - 1, pair.generators[0]])
        again = regrep.pullback(pulled, inclusion)
        assert torch.equal(again.stack(), pulled.stack()[inclusion.images])
        elements = [pair.names[k] for k in inclusion.images]
        assert torch.equal(regrep.restrict(pulled, part, elements).stack(), again.stack())


def test_pullbacks_keep_their_kind():
    group = dihedral(4)
    _, inclusion = subgroup(group, ["r"])
    lattice = regrep.actions.RotateFlip2d(group)
    maps = layouts.both(lattice.pixels(4), (8, 4, 4))
    pulled = regrep.pullback(maps, inclusion)
    assert isinstance(pulled, FeatureMap)
    z = torch.arange(4 * 8 * 16.0).reshape(4, 8, 4, 4)
    every = torch.arange(4)
    assert torch.equal(pulled(z, every), maps(z, inclusion(every)))
    tokens = layouts.tokens(lattice, (17, 8))
    assert isinstance(regrep.pullback(tokens, inclusion), Tokens)
    assert torch.equal(
        regrep.pullback(tokens, inclusion)(z.reshape(4, -1)[:, :128].reshape(4, 16, 8)[:, [0, *range(16)]], every),
        tokens(z.reshape(4, -1)[:, :128].reshape(4, 16, 8)[:, [0, *range(16)]], inclusion(every)),
    )
    both = regrep.irreps(group)[-1] + regrep.regular(group)
    assert isinstance(regrep.pullback(both, inclusion), DirectSum)
    assert regrep.pullback(regrep.regular(group), inclusion, "R").name == "R"
    assert regrep.pullback(regrep.irreps(group)[-1], inclusion).name == "E"


def test_the_factor_layout_by_hand():
    group = product(product(dihedral(3), cyclic(2)), cyclic(4))
    assert [factor.name for factor in group.factors] == ["D3", "C2", "C4"]
    assert [f.target.name for f in group.projections] == ["D3", "C2", "C4"]
    rho = regrep.latent(group, 30, layout="factor")
    assert repr(rho) == "<2 regular of each factor ⊕ 6 trivial of (D3xC2)xC4, dim 30>"
    assert_representation(rho)
    z = torch.arange(30)
    a, b, c = 4, 1, 3
    moved = rho(z[None], torch.tensor([(a * 2 + b) * 4 + c]))[0]
    expected, start = [], 0
    for factor, g in ((dihedral(3), a), (cyclic(2), b), (cyclic(4), c)):
        for _ in range(2):
            expected += (start + factor.mul[factor.inverse[g]]).tolist()
            start += factor.order
    assert moved.tolist() == [*expected, *range(24, 30)]
    one = [regrep.pullback(regrep.regular(f.target), f) for f in group.projections]
    assert torch.equal(regrep.latent(group, 12, layout="factor").index, (one[0] + one[1] + one[2]).index)


@pytest.mark.parametrize(("copies", "invariants"), [(4, 10), (3, 24), (1, 52), (None, 10)])
def test_invariants_of_the_factor_layout(copies, invariants):
    group = parse("D4xD4")
    assert regrep.latent(group, 66, copies, layout="factor").invariant_dim == invariants
    assert regrep.latent(group, 66).invariant_dim == 3


def test_factors_are_those_of_the_product_alone():
    assert dihedral(4).factors == dihedral(4).projections == ()
    assert subgroup(parse("D4xC2"), ["(r, e)"])[0].factors == ()
    with pytest.raises(RegrepError, match=r"factors of G multiply to 2, got \[3\]"):
        regrep.FiniteGroup("G", ("e", "r"), cyclic(2).mul, factors=(cyclic(3),))


def test_reflections():
    for name, expected in {
        "C4": False,
        "D4": False,
        "I": False,
        "-4": True,
        "Ci": True,
        "Cs": True,
        "Th": True,
    }.items():
        assert parse(name).has_reflections is expected, name
    assert symmetric(3).has_reflections
    assert not alternating(4).has_reflections
    with pytest.raises(RegrepError, match="neither matrices nor points"):
        _ = quaternion().has_reflections
