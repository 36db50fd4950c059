"""Subgroups up to conjugacy: against GAP's numbers, against known ones, and by brute force in small groups."""

import itertools

import pytest

from regrep.errors import RegrepError
from regrep.groups import conjugate_subgroups, dihedral, from_table, parse

from .test_groups import RECORDS

COUNTS = {
    "SmallGroup(1,1)": (1, 1, 1), "SmallGroup(21,1)": (4, 10, 3), "D4": (8, 10, 6), "S4": (11, 30, 4),
    "A5": (9, 59, 2), "Q8": (6, 6, 6), "C4xC4": (15, 15, 15), "O": (11, 30, 4), "Oh": (33, 98, 9),
    "SL(2,3)": (7, 15, 4), "C7:C3": (4, 10, 3), "SmallGroup(8,3)": (8, 10, 6), "SmallGroup(24,8)": (16, 30, 9),
    "S3": (4, 6, 3), "D8": (11, 19, 7), "D3": (4, 6, 3), "SmallGroup(6,1)": (4, 6, 3), "SmallGroup(14,2)": (4, 4, 4),
    "SmallGroup(8,2)": (8, 8, 8), "SmallGroup(23,1)": (2, 2, 2), "D12": (16, 34, 9), "SmallGroup(20,1)": (6, 10, 5),
    "SmallGroup(22,2)": (4, 4, 4), "SmallGroup(24,14)": (32, 54, 21), "SmallGroup(16,13)": (20, 23, 17),
    "SmallGroup(11,1)": (2, 2, 2), "SmallGroup(8,1)": (4, 4, 4), "D5": (4, 8, 3), "SmallGroup(3,1)": (2, 2, 2),
    "C4": (3, 3, 3), "SmallGroup(18,4)": (12, 28, 7),
}  # fmt: skip
"""GAP's numbers: classes of subgroups, subgroups, normal subgroups."""

SMALL = [record for record in RECORDS if record["name"] in COUNTS]
KNOWN = {"S4": 11, "D4": 8, "Oh": 33, "A5": 9, "Q8": 6, "D6": 10, "A4": 5, "C12": 6, "D3": 4, "C2xC2xC2": 16, "I": 9}
"""Classes of subgroups, as in the tables of Pfeiffer (1997) and textbooks."""


@pytest.mark.parametrize("record", SMALL, ids=[record["name"] for record in SMALL])
def test_numbers_of_subgroups(record):
    group = from_table(record["table"])
    found = group.subgroups()
    classes = [conjugate_subgroups(group, elements) for elements in found]
    assert len(set(itertools.chain(*classes))) == sum(map(len, classes))
    normal = sum(len(members) == 1 for members in classes)
    assert (len(found), sum(map(len, classes)), normal) == COUNTS[record["name"]]
    for elements, members in zip(found, classes, strict=True):
        assert elements in members
        assert group.subgroup(elements) == elements


@pytest.mark.parametrize(("name", "count"), KNOWN.items())
def test_known_numbers(name, count):
    assert len(parse(name).subgroups()) == count


@pytest.mark.parametrize("name", ["D4", "Q8", "C2xC2xC2", "A4"])
def test_by_brute_force(name):
    """Every subset that is closed."""
    group = parse(name)
    table = group.mul.tolist()
    closed = set()
    for chosen in itertools.product((False, True), repeat=group.order - 1):
        elements = (0, *(k + 1 for k, taken in enumerate(chosen) if taken))
        if group.order % len(elements) == 0:
            inside = set(elements)
            if all(table[g][h] in inside for g in elements for h in elements):
                closed.add(elements)
    found = [conjugate_subgroups(group, elements) for elements in group.subgroups()]
    assert set(itertools.chain(*found)) == closed
    orders = [len(elements) for elements in group.subgroups()]
    assert orders == sorted(orders)


def test_the_limit_says_so():
    assert len(dihedral(50).subgroups()) == 15
    with pytest.raises(RegrepError, match="up to order 100, but D51 has order 102"):
        dihedral(51).subgroups()


@pytest.mark.slow
def test_the_group_with_the_most_subgroups():
    assert len(parse("C2xC2xC2xC2xC2xC2").subgroups()) == 2825
