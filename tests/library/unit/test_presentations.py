"""Words, presentations as text, coset enumeration and presentations derived from tables."""

import itertools
import math

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep.groups import (
    CosetLimitError,
    FiniteGroup,
    Presentation,
    cyclic,
    dihedral,
    evaluate,
    from_matrices,
    from_permutations,
    from_presentation,
    from_table,
    parse,
    product,
    quaternion,
    symmetric,
)
from regrep.groups.cosets import enumerate_cosets
from regrep.groups.words import presentation_of


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("r s", (1, 2)),
        ("r*s·r", (1, 2, 1)),
        ("r^-2", (-1, -1)),
        ("(r s)^2", (1, 2, 1, 2)),
        ("(r s)^-2", (-2, -1, -2, -1)),
        ("((r s)^2 r)^-1", (-1, -2, -1, -2, -1)),
        ("(r^2)^3", (1,) * 6),
        ("r^4 = e", (1,) * 4),
        ("r s = s r", (1, 2, -1, -2)),
        ("r r^-1 s", (2,)),
        ("r^0 s", (2,)),
    ],
)
def test_words_are_read(text, word):
    assert Presentation.parse("r, s", text).relators == (word,)


def test_chains_of_equations_and_empty_relators():
    assert Presentation.parse("a,b", "a^2 = b^3 = e").relators == ((1, 1, -2, -2, -2), (1, 1))
    assert Presentation.parse("a", "e, a a^-1, , a^0").relators == ()
    assert Presentation.parse("", "") == Presentation((), ())


@pytest.mark.parametrize("text", ["D4", "A5", "Q12", "D4xD4", "S4", "<e, f | e^2, f^3, (e f)^2>", "C1"])
def test_text_and_repr_are_read_back(text):
    presentation = parse(text).presentation
    assert Presentation.parse(",".join(presentation.names), presentation.text) == presentation
    assert eval(repr(presentation)) == presentation
    assert parse(str(presentation)).order == parse(text).order


def test_a_generator_may_be_called_e():
    """The Fibonacci group F(2, 5) is cyclic of order 11; the identity then has the name 1."""
    group = from_presentation("a,b,c,d,e", "a b = c, b c = d, c d = e, d e = a, e a = b")
    assert group.order == 11
    assert group.names[0] == "1"
    assert "e" in group.names


def test_product_renames_only_what_collides():
    r = Presentation.parse("r", "r^2")
    assert r.product(Presentation.parse("s", "s^3")).names == ("r", "s")
    assert r.product(r).names == ("r1", "r2")
    crossed = Presentation.parse("r,r2", "r^2, r2^2, (r r2)^2").product(Presentation.parse("r", "r^2"))
    assert len(set(crossed.names)) == 3
    assert from_presentation(",".join(crossed.names), crossed.text).order == 8


KNOWN = [
    ("a,b", "a^2, b^3, (a b)^7, (a b a^-1 b^-1)^4", 168),  # PSL(2, 7)
    ("a,b", "a^11, b^2, (a b)^3, (a^4 b a^6 b)^2", 660),  # PSL(2, 11)
    ("a,b", "a^3 = b^5, b^5 = (a b)^2", 120),  # SL(2, 5)
    ("a,b", "a^3 = b^4, b^4 = (a b)^2", 48),  # binary octahedral
    ("a,b", "a^3, b^3, (a b)^3, (a b^-1)^3", 27),  # Burnside B(2, 3)
    ("a,b", "a^7, b^3, b^-1 a b = a^2", 21),
    ("a,b", "a^16, b^2, b a b = a^7", 32),  # semidihedral
    # the trivial group in disguise, after Higman and Neumann: all cosets collapse
    ("a,b,c", "a b a^-1 = b^2, b c b^-1 = c^2, c a c^-1 = a^2", 1),
    ("r,s,t", "t^-1 r t = r^2, r^-1 s r = s^2, s^-1 t s = t^2", 1),
    ("a,b", "a, b", 1),
]


@pytest.mark.parametrize(("names", "relators", "order"), KNOWN, ids=[relators for _, relators, _ in KNOWN])
def test_orders_from_the_literature(names, relators, order):
    assert from_presentation(names, relators).order == order


def test_two_powers_leave_their_greatest_common_divisor():
    """The second relator makes cosets equal that the first one told apart, whichever is longer."""
    for m, n in itertools.product(range(1, 9), repeat=2):
        found = enumerate_cosets(Presentation.parse("a", f"a^{m}, a^{n}"))
        assert found.tolist() == [np.roll(np.arange(math.gcd(m, n)), -1).tolist()]
        both = enumerate_cosets(Presentation.parse("a,b", f"a^{m}, b^{n}, a = b"))
        assert both.shape == (2, math.gcd(m, n))


@pytest.mark.parametrize(("names", "relators", "order"), KNOWN[:5], ids=[relators for _, relators, _ in KNOWN[:5]])
def test_a_small_limit_is_refused_or_right(names, relators, order):
    """Whatever the limit, there is the right order or an error: the table is emptied and filled up on the way."""
    presentation, answers = Presentation.parse(names, relators), []
    for limit in (1, order - 1, order, order + 7, 2 * order, 4 * order, 100 * order):
        try:
            answers.append(enumerate_cosets(presentation, limit).shape[1])
        except CosetLimitError:
            answers.append(0)
    assert set(answers) == {0, order}
    assert answers[:2] == [0, 0]
    assert answers[-1] == order


def test_a_full_table_is_emptied_and_the_enumeration_goes_on():
    relators = "a b = c, b c = d, c d = f, d f = g, f g = h, g h = a, h a = b"
    assert from_presentation("a,b,c,d,f,g,h", relators, coset_limit=100_000).order == 29  # Fibonacci F(2, 7)


@pytest.mark.parametrize("relators", ["a^2, b^2", "a^2, b^3, (a b)^7"])
def test_infinite_groups_reach_the_limit(relators):
    with pytest.raises(CosetLimitError, match=r"its limit of 3000 cosets .* may be infinite, or pass a larger"):
        from_presentation("a,b", relators, coset_limit=3000)


DERIVED = [
    symmetric(5), product(dihedral(4), dihedral(4)), quaternion(16), dihedral(250), cyclic(1), cyclic(997),
    parse("C10x(C10xC10)"), parse("OhxT"), parse("(C2xC2)x(C2xC2)"), parse("<a,b | a^7, b^3, b^-1 a b = a^2>"),
]  # fmt: skip


@pytest.mark.parametrize("group", DERIVED, ids=lambda group: group.name)
def test_derived_presentations(group):
    """Relabelled at random, so that the generators are no textbook ones."""
    order = np.random.default_rng(0).permutation(group.order)
    place = np.argsort(order)
    table = from_table(place[group.mul.numpy()[np.ix_(order, order)]])
    presentation = presentation_of(table)
    assert all(evaluate(table, relator) == 0 for relator in presentation.relators)
    assert from_presentation(",".join(presentation.names), presentation.text).order == group.order


def test_derived_presentations_are_short():
    """Coxeter's relators come out for a symmetric group, and nothing for the trivial one."""
    assert str(presentation_of(symmetric(4))) == "<a, b, c | a^2, b^2, c^2, (a c)^2, (a b)^3, (b c)^3>"
    assert str(presentation_of(dihedral(9))) == "<a, b | a^9, b^2, (a b)^2>"
    assert str(presentation_of(cyclic(1))) == "< | >"
    # Two relators on two generators define the quaternions; the orders of these follow.
    assert str(presentation_of(from_table(quaternion().mul))) == "<a, b | a^2 b^2, a^-1 b a b>"
    assert str(presentation_of(from_table(quaternion(12).mul))) == "<a, b | a b^-1 a b, a^3 b^2>"


def test_many_generators_have_names_too():
    group = cyclic(30)
    every = FiniteGroup("C30", group.names, group.mul, generators=tuple(range(1, 30)))
    presentation = every.presentation
    assert presentation.names[:2] == ("x0", "x1")
    assert from_presentation(",".join(presentation.names), presentation.text).order == 30


def test_superfluous_generators_are_left_out():
    assert len(from_table(symmetric(3).mul).generators) == 2
    assert len(from_permutations([[1, 0, 2, 3], [1, 2, 3, 0], [1, 2, 0, 3]]).generators) == 2


def test_words_are_shortest():
    """Checked by brute force: no shorter word of generators reaches the element."""
    group = symmetric(4)
    lengths, reached = {0: 0}, {0}
    for length in range(1, group.order):
        reached = {int(group.mul[g, s]) for g in reached for s in group.generators}
        lengths = {g: length for g in reached} | lengths
    assert [len(word) for word in group.words] == [lengths[g] for g in range(group.order)]
    assert [evaluate(group, word) for word in group.words] == list(range(group.order))


def test_matrices_may_be_inexact():
    """Single precision, and decimals rounded to seven digits, close to the right groups."""
    for n in (3, 5, 7, 12, 100):
        angle = 2 * np.pi / n
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert from_matrices([turn, np.diag([1.0, -1.0])]).order == 2 * n
        assert from_matrices(np.stack([turn, np.diag([1.0, -1.0])]).astype(np.float32)).order == 2 * n
    assert from_matrices([[[-0.5, -0.8660254], [0.8660254, -0.5]]]).order == 3


def test_given_points_and_relators_are_checked():
    group = cyclic(3)
    for points, message in (
        (group.points[:, [0, 0, 0]], "permutes the points"),
        (group.points[[0, 1, 1]], "permutes the points"),
        (group.points[:2], r"int64 tensor \[3, degree\], got \[2, 3\]"),
    ):
        with pytest.raises(RegrepError, match=message):
            FiniteGroup("C3", group.names, group.mul, generators=(1,), points=points)
    for names, relators, message in (
        ("r", "r^2", r"every relator equals the identity, but r\^2 is r2 in C3"),
        ("r,s", "r^3", "each of the 1 generators of C3, got 2 names"),
    ):
        with pytest.raises(RegrepError, match=message):
            FiniteGroup("C3", group.names, group.mul, (1,), Presentation.parse(names, relators))
    with pytest.raises(RegrepError, match="int64 tensor on the CPU, got float32"):
        FiniteGroup("C3", group.names, group.mul.float())


@pytest.mark.parametrize(
    "text", ["D4", "C2xD3", "(C2xC2)xS3", "C2x(C2xC2)", "<a | a^3>xC2", "Q8x(TxC2)", "<x | x^2>x<x | x^3>"]
)
def test_names_of_products_are_read_back(text):
    group = parse(text)
    assert parse(group.name) == group
