"""Limits of groups to the last number: what is just small enough is built, and one more is refused."""

import numpy as np
import pytest
import torch

from regrep.errors import RegrepError
from regrep.groups import (
    CosetLimitError,
    FiniteGroup,
    LargeGroup,
    Presentation,
    alternating,
    builders,
    catalogue,
    cosets,
    cyclic,
    dihedral,
    evaluate,
    from_matrices,
    from_permutations,
    from_presentation,
    from_table,
    matrices,
    multiplication,
    parse,
    point_group,
    point_groups,
    presentations,
    product,
    quaternion,
    spelling,
    symmetric,
    words,
)
from regrep.groups.abelian import abelian_order
from regrep.groups.builders import cycle_name
from regrep.groups.cosets import enumerate_cosets
from regrep.groups.limits import check_numbers, check_width
from regrep.groups.multiplication import check_table, closure, greedy_generators, without_superfluous
from regrep.groups.tolerances import defect, polished
from regrep.groups.words import presentation_of, table_and_words


def one_more(build, most, message):
    """Build at the limit, and be refused beyond it."""
    found = build(most)
    with pytest.raises(RegrepError, match=message):
        build(most + 1)
    return found


def test_letters_of_presentations(monkeypatch):
    """With at most 4 letters, and 40 written on the way: each (a a^-1) writes 1 + 2 + 2, and nothing is left of it."""
    monkeypatch.setattr(presentations, "LETTERS", 4)
    assert one_more(lambda n: Presentation.parse("a", f"a^{n}"), 4, "'a.5' is longer than 4 letters").relators == (
        (1,) * 4,
    )
    assert one_more(lambda n: Presentation.parse("a", f"a^-{n}"), 4, "longer than 4 letters").relators == ((-1,) * 4,)
    one_more(lambda n: Presentation.parse("a", "a " * n), 4, "longer than 4 letters")
    one_more(lambda n: Presentation.parse("a", f"a^2 = a^{n}"), 2, "longer than 4 letters")
    one_more(lambda n: Presentation.parse("a,b", f"a^2, b^{n}"), 2, "at most 4 letters in all, got 5")
    assert one_more(lambda n: Presentation.parse("a", ", ".join(["(a a^-1)"] * n)), 8, "longer than 4").relators == ()
    assert Presentation.parse("a", f"a^0 ({'a' * 0})^{10**9}").relators == ()


def test_texts_and_generators_of_presentations(monkeypatch):
    monkeypatch.setattr(presentations, "TEXT", 8)
    one_more(lambda n: Presentation.parse("a", "a" + " " * (n - 2)), 8, "at most 8 characters, got 9; use exponents")
    one_more(lambda n: Presentation(tuple(f"x{k}" for k in range(n)), ()), 100, "at most 100 generators, got 101")
    with pytest.raises(RegrepError, match="the relators of a presentation are a tuple, got"):
        Presentation(("a",), [])
    with pytest.raises(RegrepError, match="a generator's name is a text, got 3"):
        Presentation((3,), ())
    for word in ((0,), (2,), (-2,), [1], (1.5,)):
        with pytest.raises(RegrepError, match=r"letters 1 \.\. 1 and their negatives, got"):
            Presentation(("a",), (word,))
    assert Presentation(("a",), ((1, -1),)).relators == ((1, -1),)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ((1, 1, 1), "a^3"), ((-1,), "a^-1"), ((-1, -1), "a^-2"), ((1, 2, 1, 2), "(a b)^2"), ((1, 2, 1), "a b a"),
        ((1, -2, 1, -2, 1, -2), "(a b^-1)^3"), ((1, 1, 2, 1, 1, 2), "(a^2 b)^2"), ((1, 2, 1, 2, 1), "a b a b a"),
        ((), "e"), ((1, 2, 2), "a b^2"), ((2, 2, 2, 2), "b^4"),
    ],
)  # fmt: skip
def test_words_are_written_short_and_read_back(word, text):
    presentation = Presentation.parse("a,b", "")
    assert presentation.word_text(word) == text
    assert Presentation.parse("a,b", text).relators == ((word,) if word else ())
    assert Presentation.parse("a,e", "").word_text(()) == "1"


def test_equations_of_relators():
    assert Presentation.parse("a,b", "a = b = a^2").relators == ((1, -2), (-1,))
    assert Presentation.parse("a,b", "a·b * a = 1").relators == ((1, 2, 1),)
    assert Presentation.parse("a,b", "(a b)^-2").relators == ((-2, -1, -2, -1),)
    assert Presentation.parse("a", " , a^2 ,").relators == ((1, 1),)
    for relators, message in (
        ("a)", "'a.' closes a parenthesis that it never opened"),
        ("(a", "'.a' leaves a parenthesis open"),
        ("()^2", None),
        ("(^2)", "an exponent without a base"),
        ("a ! b", "cannot be read at '! b'"),
        ("c", "names no generator c; the generators are a, b"),
    ):
        if message is None:
            assert Presentation.parse("a,b", relators).relators == ()
            continue
        with pytest.raises(RegrepError, match=message):
            Presentation.parse("a,b", relators)
    with pytest.raises(RegrepError, match="names no generator a; the generators are none"):
        Presentation.parse("", "a")


def test_names_of_derived_generators(monkeypatch):
    """Letters without e for up to 25 of them, numbered ones beyond."""
    monkeypatch.setattr(words, "PRUNED_ORDER", 0)
    for count, last in ((1, "a"), (4, "d"), (5, "f"), (25, "z"), (26, "x25")):
        names = presentation_of(FiniteGroup("C2", ("e", "r"), cyclic(2).mul, generators=(1,) * count)).names
        assert (len(set(names)), names[-1]) == (count, last)


def test_cosets_that_are_allowed():
    relators = Presentation.parse("a", "a^7")
    with pytest.raises(CosetLimitError, match="its limit of 6 cosets"):
        enumerate_cosets(relators, 6)
    assert enumerate_cosets(relators, 7).tolist() == [[1, 2, 3, 4, 5, 6, 0]]
    for limit in (0, cosets.COSETS + 1, 2.0):
        with pytest.raises(
            RegrepError, match=f"the coset limit is at least 1, got {limit}; pass an integer up to 10000000"
        ):
            enumerate_cosets(relators, limit)
    assert enumerate_cosets(Presentation.parse("", "")).shape == (0, 1)
    assert enumerate_cosets(Presentation.parse("a", "a")).tolist() == [[0]]


def test_definitions_of_cosets_are_counted():
    """Seven cosets of C7 along its relator, the first one given: as many definitions as rows, none of them dropped."""
    work = cosets._Enumeration(2, 10, "C7", 7)
    left = work.left
    work.fill(0, [[0] * 7])
    assert (work.defined, len(work.table), work.left) == (7, 7, left - 7)
    assert [row[0] for row in work.table] == [1, 2, 3, 4, 5, 6, 0]
    assert [row[1] for row in work.table] == [6, 0, 1, 2, 3, 4, 5]
    work.coincide(0, 1)
    work.drop_dead()
    assert (work.defined, work.table) == (7, [[0, 0]])


def test_entries_of_the_table_of_cosets(monkeypatch):
    """Two letters a generator: 14 entries hold 7 cosets."""
    monkeypatch.setattr(cosets, "ENTRIES", 14)
    assert enumerate_cosets(Presentation.parse("a", "a^7")).shape == (1, 7)
    monkeypatch.setattr(cosets, "ENTRIES", 13)
    with pytest.raises(CosetLimitError, match="its limit of 6 cosets"):
        enumerate_cosets(Presentation.parse("a", "a^7"))


@pytest.mark.parametrize(
    ("symbol", "larger"),
    [
        ("C20v", "C21v"), ("C20h", "C21h"), ("D10h", "D11h"), ("D10d", "D12d"), ("D9d", "D11d"), ("-40", "-44"),
        ("-19", "-21"),
    ],
)  # fmt: skip
def test_orders_of_point_groups(monkeypatch, symbol, larger):
    monkeypatch.setattr(point_groups, "MAX_ORDER", 40)
    group = point_group(symbol)
    assert group.order in (36, 38, 40)
    order = {"C21v": 42, "C21h": 42, "-21": 42, "D12d": 48}.get(larger, 44)
    with pytest.raises(RegrepError, match=f"up to order 40, but .* has order {order}; choose a smaller n"):
        point_group(larger)


def test_sizes_of_named_groups(monkeypatch):
    """With tables up to order 12; the largest orders themselves are 1000, 500 and 1000."""
    monkeypatch.setattr(catalogue, "MAX_ORDER", 12)
    assert one_more(cyclic, 12, "from 1 to 12, got 13").order == 12
    assert one_more(dihedral, 6, "from 1 to 6, got 7").order == 12
    assert one_more(lambda n: quaternion(4 * n), 3, "a multiple of 4 from 8 to 12, got 16").order == 12
    for order in (4, 0, -8, 10, 8.0):
        with pytest.raises(RegrepError, match="a multiple of 4 from 8 to 12, got"):
            quaternion(order)
    for make, order in ((symmetric, 720), (alternating, 360)):
        assert (type(make(6)), make(6).order) == (FiniteGroup, order)
        assert (type(make(7)), make(7).order) == (LargeGroup, 7 * order)
    assert product(cyclic(4), cyclic(3)).names[-1] == "(r3, r2)"
    assert product(cyclic(2), cyclic(7)).degree == 9  # of order 14 on the points of both


def test_names_of_products_have_ends(monkeypatch):
    assert one_more(lambda n: parse("x".join(["C1"] * n)), 50, "at most 50 factors").order == 1
    assert one_more(lambda n: parse("(" * n + "C1" + ")" * n), 50, "at most 50 factors and as many pairs").order == 1
    monkeypatch.setattr(spelling, "NAME", 6)
    one_more(lambda n: parse("C2" + " " * (n - 2)), 6, "at most 6 characters, in presentations 100000, got 7")
    assert parse("C2x<a | a^2>").order == 4  # presentations do not count
    for text in ("C2)", "(C2", "C2x", "xC2", "C2 C2", "()", "(C2)C2", "<a>"):
        with pytest.raises(RegrepError, match="names no group|is written <generators"):
            parse(text)


def test_elements_of_groups_of_permutations_hold_so_many_numbers(monkeypatch):
    """The 24 permutations of 4 points hold 96 numbers."""
    steps = symmetric(4).points[list(symmetric(4).generators)].numpy()
    monkeypatch.setattr(builders, "NUMBERS", 96)
    assert from_permutations(steps).order == 24
    monkeypatch.setattr(builders, "NUMBERS", 95)
    group = from_permutations(steps)
    assert (type(group).__name__, group.order) == ("LargeGroup", 24)
    for count, each in ((2**13, 2**13), (1, 2**26)):
        check_numbers(count, each, "x")
        with pytest.raises(RegrepError, match=f"at most 67108864 numbers in all, got {count + 1} x; let"):
            check_numbers(count + 1, each, "x")


def test_coordinates_of_representations():
    """2^26 numbers for the elements of a table, 64 elements at a time of other groups, and matrices by the square."""
    for order, as_matrices, most in (
        (8, False, 2**23),
        (1000, False, 67108),
        (1001, False, 2**20),
        (4, True, 2**12),
        (5, True, 3663),
    ):
        check_width("G", order, most, as_matrices)
        with pytest.raises(RegrepError, match=f"a representation of G has at most {most} coordinates, got {most + 1}"):
            check_width("G", order, most + 1, as_matrices)


def test_what_a_closure_adds_comes_in_the_order_of_its_words():
    """From e by r and then by s, level by level; of the square, given by a turn and a mirror."""
    r, s = np.array([1, 2, 3, 0]), np.array([3, 2, 1, 0])
    group = from_permutations([r, s])
    expected = [np.arange(4), r, s, r[r], r[r[r]], r[s], s[r], r[r[s]]]
    assert group.points.tolist() == np.stack(expected).tolist()
    assert group.generators == (1, 2)
    assert from_permutations([r[r], r, s]).generators == (2, 3)  # r r came first, and generates less


def test_names_by_cycles_have_an_end(monkeypatch):
    monkeypatch.setattr(builders, "NAMED_POINTS", 12)
    assert from_permutations([[1, 0, 3, 2, 5, 4]]).names == ("e", "(0 1)(2 3)(4 5)")
    monkeypatch.setattr(builders, "NAMED_POINTS", 11)
    assert from_permutations([[1, 0, 3, 2, 5, 4]]).names == ("e", "g1")
    assert from_permutations([[1, 0, 3, 2, 5, 4]], names=["one", "swap"]).names == ("one", "swap")
    assert cycle_name(np.array([0, 2, 1, 3])) == "(1 2)"


def test_draws_of_large_groups_have_ends():
    with pytest.raises(RegrepError, match="from 0 to 14285714, got 14285715"):  # of seven numbers each
        symmetric(7).sample(10**8 // 7 + 1)
    assert symmetric(7).sample(0).shape == (0, 7)


def test_what_words_and_tables_are_made_of():
    for wrong in ("C4", None, symmetric):
        with pytest.raises(RegrepError, match="a group is a FiniteGroup, got"):
            evaluate(wrong, (1,))
    for word in ((2,), (0,), 3, ("r",)):
        with pytest.raises(RegrepError, match=r"letters 1 \.\. 1 and their negatives, got"):
            evaluate(cyclic(4), word)
    assert [evaluate(cyclic(4), word) for word in ((), (1,), (-1,), (1, 1, 1, -1))] == [0, 1, 3, 2]
    table, spelled = table_and_words(np.array([[3, 2, 1, 0], [1, 0, 3, 2]]), 4)  # C2 x C2
    assert spelled == ((), (2,), (1, 2), (1,))
    assert table.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]


def test_tables_to_the_last_order(monkeypatch):
    tables = {n: cyclic(n).mul.numpy() for n in (6, 7)}
    monkeypatch.setattr(multiplication, "MAX_ORDER", 6)
    assert check_table(tables[6]) is tables[6]
    with pytest.raises(RegrepError, match="up to order 6, got 7; choose a subgroup or a quotient"):
        check_table(tables[7])
    monkeypatch.undo()
    monkeypatch.setattr(builders, "MAX_ORDER", 6)
    for kind in (np.asarray, np.ndarray.tolist):  # lists are not even read
        assert from_table(kind(tables[6])).order == 6
        with pytest.raises(RegrepError, match="up to order 6, got 7; choose a subgroup or a quotient"):
            from_table(kind(tables[7]))
    for wrong in ([[0, 1], [0, 1]], [[0, 0], [1, 1]]):  # of columns, and of rows
        with pytest.raises(RegrepError, match=r"each element 0 \.\. n-1 exactly once"):
            from_table(wrong)
    left = [[0, 1, 2], [2, 0, 1], [1, 2, 0]]  # 0 x = x, but x 0 is another
    with pytest.raises(RegrepError, match="changes nothing, but this table has none"):
        from_table(left)


def test_generators_are_few():
    table = product(cyclic(2), cyclic(6)).mul.numpy()
    assert closure(table, []) == [0]
    assert closure(table, [2]) == [0, 2, 4]
    assert without_superfluous(table, [2, 3, 1, 6]) == (1, 6)  # from the first on: r2 and r3 go before r
    assert without_superfluous(table, [1, 6, 2]) == (1, 6)
    assert len(closure(table, greedy_generators(table))) == 12
    assert greedy_generators(cyclic(1).mul.numpy()) == ()
    assert greedy_generators(dihedral(4).mul.numpy()) == (1, 4)


def test_orders_that_an_abelian_quotient_shows(monkeypatch):
    relators = Presentation.parse("a,b", "a^2, b^3, a^5 b^5")
    assert abelian_order(relators, 1) == 1
    assert abelian_order(relators, 6) == 6  # two relators show 6, which is enough
    assert abelian_order(Presentation.parse("a,b", "a^4, b^6, a^2 b^3"), 1) == 12
    monkeypatch.setattr(builders, "MAX_ORDER", 10)
    with pytest.raises(RegrepError, match="up to order 10, but .* has order 15 or more, as its largest abelian"):
        from_presentation("a,b", "a^3, b^5, a b = b a")
    with pytest.raises(RegrepError, match=r"up to order 10, but <a, b . a.2, b.3, .a b..4> has order 24; add"):
        from_presentation("a,b", "a^2, b^3, (a b)^4")
    assert from_presentation("a", "a^10").order == 10
    assert from_presentation("a,b", "a^5, b^2, (a b)^2").order == 10


def test_matrices_that_are_groups():
    for shape in ((0, 2, 2), (1, 2, 3), (1, 0, 0), (2, 2)):
        with pytest.raises(RegrepError, match=r"matrices are a stack \[k, d, d\], got shape"):
            from_matrices(np.zeros(shape))
    with pytest.raises(RegrepError, match="but that of matrix 1 is -0.25;"):  # further from 1 and -1 than the others
        from_matrices([np.eye(2), np.diag([1.0, -0.25]), np.diag([1.0, 1.5])])
    assert from_matrices([np.diag([1.0, -1.0])], names=["one", "mirror"]).names == ("one", "mirror")
    assert from_matrices([[[0, -1], [1, 0]]]).names == ("e", "g1", "g2", "g3")
    near = np.array([[1.0, 9e-7], [0.0, 1.0]])
    assert from_matrices([near]).order == 1
    assert from_matrices(np.array([[[1.0, 9e-5], [0.0, 1.0]]], dtype=np.float32)).order == 1


def test_halves_among_the_cosines_are_exact():
    """Of turns by 30 degrees; the others are those of numpy to the last bit."""
    matrices = catalogue.turns(12)
    cosines, sines = matrices[:, 0, 0], matrices[:, 1, 0]
    assert cosines[[0, 2, 3, 4, 6, 8, 9, 10]].tolist() == [1, 0.5, 0, -0.5, -1, -0.5, 0, 0.5]
    assert sines[[0, 1, 3, 5, 6, 7, 9, 11]].tolist() == [0, 0.5, 1, 0.5, 0, -0.5, -1, -0.5]
    assert cosines[[1, 5]].tolist() == np.cos(2 * np.pi * np.array([1, 5]) / 12).tolist()
    assert (matrices[:, 0, 1] == -sines).all()
    assert (matrices[:, 2] == [0, 0, 1]).all()
    assert not np.signbit(matrices[0]).any()


def test_matrices_of_the_largest_order(monkeypatch):
    monkeypatch.setattr(builders, "MAX_ORDER", 6)
    monkeypatch.setattr(matrices, "MAX_ORDER", 6)
    turns = [cyclic(n).matrices[:, :2, :2] for n in (6, 7)]
    assert type(from_matrices(turns[0])) is type(from_matrices(turns[0][1:2])) is FiniteGroup
    for given in (turns[1], turns[1][1:2]):
        group = from_matrices(given)
        assert (type(group), group.order) == (LargeGroup, 7)
    with pytest.raises(RegrepError, match="at most 6 rows, got 7; let the group act on fewer"):
        from_matrices([np.eye(7)])
    assert from_matrices([-np.eye(6)]).order == 2


def test_how_far_matrices_are_from_a_representation():
    """By hand: of C2, 1 and -1.5, whose square is off by 1.25 relative to 2.25; of a wrong identity, the distance."""
    mul = cyclic(2).mul.numpy()
    assert defect(mul, (1,), np.array([[[1.0]], [[-1.5]]])) == pytest.approx(1.25 / 2.25)
    assert defect(mul, (), np.array([[[0.25]], [[0.5]]])) == pytest.approx(0.75)
    assert defect(mul, (1,), np.array([[[1.0]], [[0.5]]])) == pytest.approx(0.75)
    assert defect(mul, (1,), np.array([[[2.0]], [[2.0]]])) == pytest.approx(2 / 4)
    exact = np.array([[[1.0]], [[-1.0 - 1e-12]]])
    assert polished(mul, (1,), exact) is exact
    assert polished(mul, (1,), np.array([[[1.0]], [[-1.0 - 1e-8]]])).ravel().tolist() == [1.0, -1.0]


def test_what_a_group_is_made_of():
    C2 = cyclic(2)
    for given, message in (
        ({"points": C2.points.int()}, "int64 tensor on the CPU, got torch.int32 on cpu"),
        ({"points": [[0, 1], [1, 0]]}, r"int64 tensor on the CPU, got \[\[0, 1\], \[1, 0\]\]"),
        ({"points": torch.tensor([0, 1])}, r"int64 tensor \[2, degree\], got \[2\]"),
        ({"points": torch.tensor([[1, 0], [0, 1]])}, "permutes the points"),
        ({"points": torch.tensor([[0, 1], [1, 1]])}, "permutes the points"),
        ({"matrices": torch.ones(2, 1, 2).double()}, r"float64 tensor \[2, d, d\], got \[2, 1, 2\]"),
        ({"matrices": torch.ones(2, 0, 0).double()}, r"got \[2, 0, 0\]"),
        ({"matrices": torch.tensor([[[1.0]], [[-1.1]]]).double()}, r"but these do not, by 1\.7e-01"),
        ({"generators": (2,)}, r"the generators \[2\] do not generate all 2 elements"),
        ({"generators": (-1,)}, r"the generators \[-1\] do not generate all 2 elements"),
        ({"generators": (1.0,)}, r"generators are indices of elements, got \(1.0,\)"),
        ({"presentation_given": "r"}, "a presentation is a Presentation, got 'r'"),
        ({"factors": (cyclic(2), cyclic(2))}, r"factors of G multiply to 2, got \[2, 2\]"),
    ):
        with pytest.raises(RegrepError, match=message):
            FiniteGroup("G", ("e", "r"), C2.mul, **given)
    assert FiniteGroup("G", ("e", "r"), C2.mul, matrices=torch.tensor([[[1.0]], [[-1.0]]]).double()).order == 2
    for names in (("e",), ("e", "r", "s"), ("e", "e")):
        with pytest.raises(RegrepError, match="a group of order 2 needs as many distinct element names, got"):
            FiniteGroup("G", names, C2.mul)
    for mul in (C2.mul.int(), C2.mul.to("meta"), C2.mul.to_sparse()):
        with pytest.raises(RegrepError, match=r"int64 tensor on the CPU, got int(32|64) on (cpu|meta); use"):
            FiniteGroup("G", ("e", "r"), mul)
    with pytest.raises(RegrepError, match="has no element 'x'; its elements are e, r, .*, r11, ...$"):
        cyclic(13).index("x")
    with pytest.raises(RegrepError, match="has no element 'x'; its elements are e, r, .*, r11$"):
        cyclic(12).index("x")
    listed = FiniteGroup("G", ["e", "r"], C2.mul, [torch.tensor(1)])
    assert (listed.names, listed.generators) == (("e", "r"), (1,))
    assert [cyclic(n).exponent for n in (1, 4)] == [1, 4]
    assert (dihedral(3).exponent, symmetric(4).exponent) == (6, 12)
