"""Group axioms and conventions, over all elements of every group of the catalogue."""

import numpy as np
import pytest
import torch

from regrep.errors import RegrepError
from regrep.groups import (
    FiniteGroup,
    alternating,
    cyclic,
    dihedral,
    evaluate,
    from_matrices,
    from_permutations,
    from_presentation,
    from_table,
    full_octahedral,
    octahedral,
    parse,
    product,
    quaternion,
    rotation_matrices,
    symmetric,
    tetrahedral,
)

CATALOGUE = [
    *(cyclic(n) for n in (1, 2, 3, 4, 12)),
    *(dihedral(n) for n in (1, 2, 3, 4, 6)),
    *(symmetric(n) for n in (1, 2, 3, 4)),
    *(alternating(n) for n in (1, 3, 4, 5)),
    quaternion(),
    quaternion(12),
    tetrahedral(),
    octahedral(),
    full_octahedral(),
    product(dihedral(4), dihedral(4)),
    product(product(cyclic(2), cyclic(3)), quaternion()),
]

each = pytest.mark.parametrize("group", CATALOGUE, ids=lambda group: group.name)


@each
def test_axioms(group):
    mul, every = group.mul, torch.arange(group.order)
    assert torch.equal(mul[0], every)
    assert torch.equal(mul[:, 0], every)
    assert torch.equal(mul[mul], mul[:, mul])  # (gh)k = g(hk) for all triples
    assert torch.equal(mul[every, group.inverse], torch.zeros_like(every))
    for g, order in enumerate(group.element_orders.tolist()):
        powers = [0]
        while (power := int(mul[powers[-1], g])) != 0:
            powers.append(power)
        assert len(powers) == order


@each
def test_points_are_acted_on_from_the_left(group):
    if group.points is not None:
        points = group.points
        for g in range(group.order):
            assert torch.equal(points[group.mul[g]], points[g][points])


@each
def test_presentation_defines_the_group(group):
    presentation = group.presentation
    assert len(presentation.names) == len(group.generators)
    assert all(evaluate(group, relator) == 0 for relator in presentation.relators)
    again = from_presentation(",".join(presentation.names), presentation.text)
    assert again.order == group.order


@each
def test_words(group):
    assert [evaluate(group, word) for word in group.words] == list(range(group.order))


@each
def test_classes_by_definition(group):
    mul, inverse = group.mul.numpy(), group.inverse.numpy()
    expected = {
        tuple(sorted({int(mul[mul[g, x], inverse[g]]) for g in range(group.order)})) for x in range(group.order)
    }
    assert set(group.conjugacy_classes) == expected


@each
def test_characters_are_orthogonal(group):
    table = group.character_table
    sizes = np.array([len(c) for c in table.classes])
    values = table.values.numpy()
    assert np.abs((values * sizes) @ values.conj().T / group.order - np.eye(len(sizes))).max() < 1e-12
    assert (values[0] == 1).all()
    assert list(table.degrees) == sorted(table.degrees)


def test_dihedral_convention():
    """Index n + i is r^i s: first the mirror, then the turn; s r = r^-1 s."""
    group = dihedral(5)
    r, s = group.index("r"), group.index("s")
    assert (r, s) == (1, 5)
    assert group.names[group.mul[r, s]] == "rs"
    assert group.names[group.mul[s, r]] == "r4s"


def test_product_convention():
    group = product(dihedral(3), cyclic(2))
    for g in range(6):
        for h in range(2):
            assert group.names[g * 2 + h] == f"({dihedral(3).names[g]}, {cyclic(2).names[h]})"


def test_octahedral_multiplies_as_its_matrices():
    matrices, group = rotation_matrices(), octahedral()
    products = np.einsum("gij,hjk->ghik", matrices, matrices)
    assert (matrices[group.mul.numpy()] == products).all()
    assert (np.linalg.det(matrices).round() == 1).all()


def test_known_isomorphism_types():
    def orders(group):
        return sorted(group.element_orders.tolist())

    assert orders(octahedral()) == orders(symmetric(4))
    assert orders(tetrahedral()) == orders(alternating(4))
    assert orders(full_octahedral()) == orders(product(symmetric(4), cyclic(2)))
    assert orders(from_permutations([[1, 2, 0], [1, 0, 2]])) == orders(dihedral(3))
    assert orders(from_matrices([[[0, 1], [-1, 0]], [[1, 0], [0, -1]]])) == orders(dihedral(4))


def test_parse():
    for text, order in (
        ("C4", 4), ("D4xD4", 64), ("D4 × C2", 16), ("(C2xC2)xS3", 24), ("A5", 60), ("Q8", 8), ("T", 12), ("O", 24),
        ("Oh", 48), ("<a,b | a^2, b^3, (a b)^5>", 60), ("<a | a = e>", 1), ("< | >", 1), ("<x | x^3 = x^-4>", 7),
    ):  # fmt: skip
        assert parse(text).order == order, text


@pytest.mark.parametrize("text", ["", "D", "X4", "D4x", "(D4", "D4)", "4D", "D4D4", "d4", "C4 C4", "<a>"])
def test_parse_refuses(text):
    with pytest.raises(RegrepError, match="names no group|is written <generators"):
        parse(text)


def test_equality_is_by_value():
    assert dihedral(4) == dihedral(4)
    assert hash(dihedral(4)) == hash(dihedral(4))
    assert dihedral(4) != cyclic(8)
    assert dihedral(4) != "D4"
    with pytest.raises(AttributeError):
        dihedral(4).name = "other"  # type: ignore[misc]


BROKEN = cyclic(5).mul.clone()
BROKEN[1, 1], BROKEN[1, 2] = BROKEN[1, 2].clone(), BROKEN[1, 1].clone()
# A Latin square with identity 0 that is not associative: a loop of order 5.
LOOP = [[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_table(BROKEN), "each element 0 .. n-1 exactly once"),
        (lambda: from_table(LOOP), "is associative, but in this table"),
        (lambda: from_table([[0, 1, 2]]), r"square and not empty, got shape \[1, 3\]"),
        (lambda: from_table(np.zeros((0, 0), dtype=int)), "not empty"),
        (lambda: from_table([[0.0]]), "holds integers, got float64"),
        (lambda: from_table([[1, 0, 2], [2, 1, 0], [0, 2, 1]]), "changes nothing, but this table has none"),
        (lambda: from_table([[0, 1], [1, 0]], names=["a"]), "needs 2 names, got 1"),
        (
            lambda: from_table([[0, 1], [1, 0]], names=["a", "a"]),
            "distinct element names, got 1 distinct of 2",
        ),
        (lambda: from_table(np.zeros((1001, 1001), dtype=int)), "up to order 1000, got 1001"),
        (lambda: from_permutations([]), "at least one permutation"),
        (lambda: from_permutations([[0, 0]]), r"lists each of 0 .. 1 once, got \[0, 0\]"),
        (lambda: from_matrices([[1, 0]]), r"stack \[k, d, d\]"),
        (lambda: from_matrices([[[0.0]]]), "determinant 1 or -1, but that of matrix 0 is 0;"),
        (
            lambda: from_matrices([[[1, 1], [0, 1]]]),
            "at most 5000 vectors, but these matrices generate more or an infinite",
        ),
        (lambda: from_matrices([[[1e9, 1], [1e9 - 1, 1]]]), "these matrices generate more"),
        (lambda: from_matrices([[[float("nan")]]]), "finite numbers"),
        (lambda: from_matrices([[[1j]]]), "real numbers, got complex128"),
        (lambda: from_matrices([[[1, 0], [0]]]), "have one length, got rows of several"),
        (lambda: from_table([[0, 1], [1]]), "have one length, got rows of several"),
        (lambda: from_permutations([[0, 1], [0]]), "have one length, got rows of several"),
        (lambda: from_permutations([0, 1]), r"image lists of one length, \[k, degree\], got shape \[2\]"),
        (lambda: from_presentation("a,b", "a^2"), r"finitely many elements, but <a, b \| a\^2> is infinite"),
        (lambda: from_presentation("a,b", "a^5, b^4, (a b)^2", coset_limit=5), "limit of 5 cosets"),
        (lambda: from_presentation("a", "a^2", coset_limit=0), "coset limit is at least 1, got 0"),
        (lambda: from_presentation("a", "a^1200"), "has order 1200"),
        (lambda: from_presentation("r,s", "x^2"), "names no generator x; the generators are r, s"),
        (lambda: from_presentation("r,r", "r^2"), "different names"),
        (lambda: from_presentation("2r", "r"), "a letter followed by letters and digits, got '2r'"),
        (lambda: from_presentation("r", "(r"), "leaves a parenthesis open"),
        (lambda: from_presentation("r", "r)"), "closes a parenthesis"),
        (lambda: from_presentation("r", "^2"), "an exponent without a base"),
        (lambda: from_presentation("r", "r^x"), "cannot be read at"),
        (lambda: cyclic(0), r"cyclic\(n\) takes an integer n from 1 to 1000, got 0"),
        (lambda: dihedral(2.5), "got 2.5"),
        (lambda: symmetric(401), "from 1 to 400, got 401"),
        (lambda: quaternion(10), "a multiple of 4 from 8"),
        (lambda: dihedral(4).index("t"), "D4 has no element 't'; its elements are e, r"),
        (lambda: dihedral(4).index(1.5), "index from 0 to 7, got 1.5"),
        (lambda: parse(4), "4 names no group"),
        (lambda: from_presentation("r", ["r^2"]), r"texts with commas.* got 'r' and \['r\^2'\]"),
        (lambda: dihedral(4).index(8), "index from 0 to 7, got 8"),
        (
            lambda: FiniteGroup("G", ("a", "b"), torch.tensor([[1, 0], [0, 1]])),
            "element 0 must be the identity",
        ),
        (
            lambda: FiniteGroup("G", ("a", "b"), cyclic(2).mul, generators=(0,)),
            "do not generate all 2 elements",
        ),
    ],
)
def test_wrong_input_says_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()


def test_random_presentations_of_known_groups():
    """Redundant, conjugated and inverted relators change nothing."""
    rng = np.random.default_rng(0)
    for base, names, relators in (
        (symmetric(4), ["a", "b"], ["a^4", "b^2", "(a b)^3"]),
        (quaternion(), ["a", "b"], ["a^4", "a^2 b^-2", "b^-1 a b a"]),
        (alternating(5), ["a", "b"], ["a^2", "b^3", "(a b)^5"]),
    ):
        for _ in range(5):
            words = []
            for relator in relators:
                letter = names[rng.integers(2)]
                words.append(f"{letter} ({relator})^{rng.choice([1, -1])} {letter}^-1")
            words.append(" ".join(f"({w})" for w in words[:2]))
            rng.shuffle(words)
            group = from_presentation(",".join(names), ", ".join(words))
            assert sorted(group.element_orders.tolist()) == sorted(base.element_orders.tolist())


@pytest.mark.parametrize(("group", "images"), [(octahedral(), rotation_matrices()), (full_octahedral(), None)])
def test_symmetries_of_the_cube_multiply_as_their_matrices(group, images):
    """The tables come from integers; the closure of the matrices in floating point is another way to them."""
    if images is None:
        images = np.concatenate([rotation_matrices(), -rotation_matrices()])
    closed = from_matrices(images, names=group.names)
    assert closed == group
    assert closed.generators == group.generators
    assert np.allclose(np.linalg.det(rotation_matrices()), 1)
