"""Sizes that no builder can serve are refused in one sentence, before the work is done."""

import numpy as np
import pytest
import torch

from regrep.arguments import brief, is_real, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import (
    CosetLimitError,
    Presentation,
    builders,
    cosets,
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
from regrep.groups.abelian import abelian_order
from regrep.groups.cosets import enumerate_cosets
from regrep.groups.limits import permutation_order

DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: from_presentation("a", "a^20000"), r"up to order 1000, but <a \| a\^20000> has order 20000 or more"),
        (lambda: from_presentation("a", "a^100000"), "has order 100000 or more"),
        (lambda: from_presentation("a,b", "a b = b a"), "is infinite, as its largest abelian quotient shows"),
        (lambda: from_presentation("a", "a^100001"), "longer than 100000 letters; use smaller exponents"),
        (lambda: from_presentation("a", "a^" + DIGITS), r"relator 'a\^9+\.\.\.' is longer than 100000 letters"),
        (lambda: from_presentation("a", "a^-" + DIGITS), "longer than 100000 letters"),
        (lambda: from_presentation("a", "(" * 30 + "a" + ")^9" * 30), "longer than 100000 letters"),
        (lambda: from_presentation("a", "a^90000" + "^-1" * 30000), "longer than 100000 letters"),
        (lambda: from_presentation("a", "a^60000, a^60000"), "at most 100000 letters in all, got 120000"),
        (lambda: from_presentation("a", "a^50000" + " = a" * 20000), "longer than 100000 letters"),
        (lambda: from_presentation("a", "a" * 100_001), "at most 100000 characters, got 100002"),
        (lambda: from_presentation(",".join(f"x{k}" for k in range(101)), ""), "at most 100 generators, got 101"),
        (
            lambda: from_presentation("a", "a^2", coset_limit=10**9),
            "coset limit is at least 1, got 1000000000; pass an",
        ),
        (lambda: from_presentation("a", "a^2", coset_limit="9"), "coset limit is at least 1, got '9'"),
        (lambda: from_presentation("a", "a^2", coset_limit=True), "coset limit is at least 1, got True"),
        (lambda: Presentation(("a",), ((2,),)), r"letters 1 \.\. 1 and their negatives, got \(2,\)"),
        (lambda: Presentation(["a"], ()), "names of a presentation are a tuple"),
        (lambda: evaluate(cyclic(4), (9,)), r"letters 1 \.\. 1 and their negatives, got \(9,\)"),
        (
            lambda: from_permutations(np.roll(np.arange(200_000), 1)[None]),
            "at most 33554432 numbers, but on 200000 points this one needs more",
        ),
        (
            lambda: from_permutations(np.broadcast_to(np.arange(9), (10**7, 9))),
            r"at most 67108864 numbers in all, got 10000000",
        ),
        (lambda: from_permutations([list(range(10**5))[::-1]] * 3 + [[0.5] * 10**5]), "hold integers, got float64"),
        (lambda: from_matrices(-np.eye(2000)[None]), "at most 1000 rows, got 2000"),
        (lambda: from_table(np.empty((20_000, 20_000), dtype=np.int8)), "up to order 1000, got 20000"),
        (lambda: from_table([[0]] * 5000), "up to order 1000, got 5000"),
        (lambda: from_table([[0]], names=7), "names of elements are a sequence of texts, got 7"),
        (lambda: from_table([[0]], names=[7]), r"sequence of texts, got \[7\]"),
        (lambda: from_table([[0]], name=7), "name of a group is a text, got 7"),
        (lambda: from_table(torch.eye(2).to_sparse()), "can be read as an array, got a tensor"),
        (lambda: from_permutations(torch.zeros(1, 2, device="meta")), "can be read as an array, got a tensor"),
        (lambda: dihedral(10**9), "from 1 to 500, got 1000000000"),
        (lambda: dihedral(10**5000), "from 1 to 500, got an integer of 16610 bits"),
        (lambda: cyclic(True), "from 1 to 1000, got True"),
        (lambda: symmetric(500), "from 1 to 400, got 500"),
        (lambda: quaternion("4"), "multiple of 4 from 8 to 1000, got '4'"),
        (lambda: quaternion(10**5000), "got an integer of 16610 bits"),
        (lambda: product(cyclic(2), None), "a group is a FiniteGroup, got None"),
        (lambda: parse("C" * 10**6), "at most 1000 characters, in presentations 100000, got 1000000"),
        (lambda: parse("C1x" * 60 + "C1"), "at most 50 factors"),
        (lambda: parse("S400xS400"), "at most 33554432 numbers, but on 800 points this one needs more"),
        (lambda: parse("(" * 300 + "C1" + ")" * 300), "at most 50 factors and as many pairs of parentheses"),
        (lambda: parse("C" + "9" * 900), "from 1 to 1000, got an integer of"),
        (lambda: parse("<a|a^20000>"), "has order 20000 or more"),
        (lambda: cyclic(4).subgroup("r"), "a subgroup has a list of generators, got 'r'"),
        (lambda: cyclic(4).index(True), "index from 0 to 3, got True"),
    ],
)
def test_what_is_too_large_or_of_the_wrong_kind_says_so(build, message):
    with pytest.raises(RegrepError, match=message) as caught:
        build()
    assert len(str(caught.value)) < 400
    assert ". " not in str(caught.value).replace(" .. ", " ")  # one sentence


def test_what_an_abelian_quotient_decides_needs_no_cosets(monkeypatch):
    monkeypatch.setattr(builders, "enumerate_cosets", lambda *_: pytest.fail("cosets were enumerated"))
    with pytest.raises(RegrepError, match="has order 1001 or more"):
        from_presentation("a", "a^1001")
    with pytest.raises(CosetLimitError, match="is infinite"):
        from_presentation("a,b", "a^2")


@pytest.mark.parametrize(
    ("names", "relators", "order"),
    [("a", "a^6, a^4", 2), ("a,b", "a^2 b^4, a^6 b^2", 20), ("a,b", "a b", 0), ("a,b", "a^0, a b = b a, b^3", 0),
     ("a,b,c", "a b a^-1 = b^2, b c b^-1 = c^2, c a c^-1 = a^2", 1), ("", "", 1)],
)  # fmt: skip
def test_orders_of_abelian_quotients(names, relators, order):
    """By hand: determinants of the exponents, 0 where they are dependent."""
    assert abelian_order(Presentation.parse(names, relators), 1) == order


def test_reading_of_relators_is_bounded_by_the_limit(monkeypatch):
    presentation = Presentation.parse("a,b", "a^2, b^2, (a b)^500")
    assert enumerate_cosets(presentation, 20_000).shape[1] == 1000
    monkeypatch.setattr(cosets, "LEAST_READ", 100_000)
    with pytest.raises(CosetLimitError, match="read too many letters without closing, with .* pass a larger"):
        from_presentation("a,b", "a^2, b^2, (a b)^5000", coset_limit=900)


def test_large_but_small_enough_groups_are_built():
    assert from_presentation("a", "a^" + "0" * 5000 + "3").order == 3
    swap = np.arange(400_000)
    swap[:2] = 1, 0
    group = from_permutations([swap, np.roll(np.arange(400_000).reshape(-1, 2), 1, axis=1).ravel()])
    assert group.order == 4
    assert group.names == ("e", "g1", "g2", "g3")  # cycles would be megabytes long
    assert parse("x".join(["C1"] * 50)).order == 1


def test_orders_of_permutations():
    assert permutation_order(np.array([1, 2, 0, 4, 3])) == 6
    assert permutation_order(np.arange(5)) == 1
    assert permutation_order(np.roll(np.arange(1023), 5)) == 1023
    assert permutation_order(np.zeros(0, dtype=int)) == 1


class Rude:
    def __repr__(self):
        raise RuntimeError("no")


def test_any_value_can_be_shown():
    values = [
        Rude(),
        [Rude()],
        10**5000,
        [10**5000],
        "a" * 10**6,
        list(range(10**5)),
        torch.zeros(99, 99),
        None,
        b"x" * 999,
    ]
    texts = [shown(value) for value in values]
    assert all(len(text) <= 100 for text in texts)
    assert texts[0].startswith("<Rude instance at")
    assert brief("a" * 10**6).endswith("...")


def test_integers_and_numbers():
    assert [is_whole(v) for v in (3, np.int64(3), torch.tensor(3), True, np.True_, 3.0, "3", torch.zeros(2), None)] == [
        True, True, True, False, False, False, False, False, False
    ]  # fmt: skip
    numbers = (
        0.5,
        2,
        np.float32(1),
        torch.tensor(0.5),
        True,
        "1",
        float("nan"),
        float("inf"),
        1j,
        10**400,
        torch.ones(2),
    )
    assert [is_real(v) for v in numbers] == [True] * 4 + [False] * 7
