"""What is said of a group in text, tables and plain values: a whole page by hand, and where lists end."""

import pytest

from regrep.groups import (
    alternating,
    cyclic,
    description,
    dihedral,
    from_permutations,
    from_table,
    large_description,
    octahedral,
    parse,
    product,
    symmetric,
)
from regrep.groups.description import describe, describe_json

D3 = """\
D3: order 6, exponent 6, not abelian
point group  D3 (Schoenflies), 32 (Hermann-Mauguin); vectors (x, y, z) are A2 + E

presentation <r, s | r^3, s^2, (r s)^2>
generators   r, s

elements
  index  name  order  inverse
  0      e     1      e
  1      r     3      r2
  2      r2    3      r
  3      s     2      s
  4      rs    2      rs
  5      r2s   2      r2s

multiplication table (row g, column h: first h, then g)
  gh   e    r    r2   s    rs   r2s
  e    e    r    r2   s    rs   r2s
  r    r    r2   e    rs   r2s  s
  r2   r2   e    r    r2s  s    rs
  s    s    r2s  rs   e    r2   r
  rs   rs   s    r2s  r    e    r2
  r2s  r2s  rs   s    r2   r    e

conjugacy classes (3)
  size  order  elements
  1     1      e
  2     3      r, r2
  3     2      s, rs, r2s

complex irreducible characters (a column per class)
      e  r   s   indicator
  χ1  1  1   1   +1
  χ2  1  1   -1  +1
  χ3  2  -1  0   +1

irreducible representations over the real numbers (3)
  name  dimension  type  in regular  made of
  A1    1          R     1           χ1
  A2    1          R     1           χ2
  E     2          R     2           χ3"""
"""Of the triangle: in the plane s is a mirror and r a third of a turn, and s r = r2 s."""


def test_the_page_of_the_triangle():
    assert describe(dihedral(3)) == D3


def test_complex_and_quaternionic_characters_come_in_pairs():
    """Of C3 with ω, whose second and third character are conjugate; of Q8, whose last one is taken twice."""
    third = describe(cyclic(3)).split("\n\n")
    assert third[0].endswith("vectors (x, y, z) are A + E")
    title, _, *rows = third[-2].splitlines()
    assert title == "complex irreducible characters (a column per class; ω = exp(2πi/3))"
    assert [row.split() for row in rows] == [
        ["χ1", "1", "1", "1", "+1"], ["χ2", "1", "ω", "ω²", "0"], ["χ3", "1", "ω²", "ω", "0"]
    ] or [row.split() for row in rows] == [
        ["χ1", "1", "1", "1", "+1"], ["χ2", "1", "ω²", "ω", "0"], ["χ3", "1", "ω", "ω²", "0"]
    ]  # fmt: skip
    assert third[-1].splitlines()[-1].split() == ["E", "2", "C", "1", "χ2", "+", "χ3"]
    eight = describe(parse("Q8")).split("\n\n")
    assert "point group" not in eight[0]
    assert eight[-2].splitlines()[-1].split() == ["χ5", "2", "0", "-2", "0", "0", "-1"]
    assert eight[-1].splitlines()[-1].split() == ["G", "4", "H", "1", "χ5", "+", "χ5"]
    one = describe(cyclic(1))
    assert "generators   none" in one
    assert "vectors (x, y, z) are 3 A\n" in one
    assert "ζ5 = exp(2πi/5)" in describe(cyclic(5))
    assert "ω = exp(2πi/3), ζ9 = exp(2πi/9))" in describe(cyclic(9))


def test_plain_values_by_hand():
    """Of the mirror z -> -z, of which A' and A'' are the usual labels."""
    assert describe_json(parse("Cs")) == {
        "name": "Cs", "order": 2, "exponent": 2, "is_abelian": True,
        "point_group": {"schoenflies": "Cs", "hermann_mauguin": "m"},
        "matrices": [[[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 0], [0, 0, -1]]],
        "elements": ["e", "h"], "element_orders": [1, 2], "inverse": [0, 1], "table": [[0, 1], [1, 0]],
        "generators": [1], "presentation": {"generators": ["h"], "relators": "h^2"}, "conjugacy_classes": [[0], [1]],
        "character_table": {
            "values": [[[1, 0], [1, 0]], [[1, 0], [-1, 0]]], "degrees": [1, 1], "frobenius_schur": [1, 1]
        },
        "real_irreps": [
            {"name": "A'", "dimension": 1, "type": "R", "endomorphism_dimension": 1, "constituents": [0],
             "character": [1, 1]},
            {"name": "A''", "dimension": 1, "type": "R", "endomorphism_dimension": 1, "constituents": [1],
             "character": [1, -1]},
        ],
    }  # fmt: skip
    plain = describe_json(from_table(cyclic(3).mul))
    assert (plain["point_group"], plain["matrices"], plain["is_abelian"]) == (None, None, True)
    second = plain["character_table"]["values"][1]
    assert second[0] == [1, 0]
    assert second[1] == pytest.approx([-0.5, second[1][1]])
    assert abs(second[1][1]) == pytest.approx(0.75**0.5)
    assert describe_json(dihedral(4))["real_irreps"][-1]["character"] == [2, 0, -2, 0, 0]


def test_where_tables_and_lists_end(monkeypatch):
    assert "multiplication table (row g" in describe(octahedral())  # order 24
    assert "multiplication table: 25 x 25, in the output of --json" in describe(cyclic(25))
    assert "complex irreducible characters (a column" in describe(cyclic(20))
    assert "complex irreducible characters: 21, in the output of --json" in describe(cyclic(21))
    monkeypatch.setattr(description, "LONGEST_LIST", 4)
    whole, cut = describe(cyclic(4)), describe(cyclic(5))
    assert "..." not in whole
    assert [line for line in cut.splitlines() if "..." in line] == ["  ..."] * 2
    elements, classes = (cut.split("\n\n")[k].splitlines() for k in (2, 4))
    assert [line.split()[1] for line in elements[2:-1]] == ["e", "r", "r2", "r3"]
    assert [line.split()[2] for line in classes[2:-1]] == ["e", "r", "r2", "r3"]
    seven, nine = (describe(cyclic(n)).split("\n\n")[-1].splitlines() for n in (7, 9))
    assert [line.split()[0] for line in seven] == ["irreducible", "name", "A", "E1", "E2", "E3"]
    assert [line.split()[0] for line in nine] == ["irreducible", "name", "A", "E1", "E2", "E3", "..."]


def test_long_classes_are_shortened():
    """A5 has classes of 1, 15, 20, 12 and 12 elements."""
    classes = describe(alternating(5)).split("\n\n")[4].splitlines()[2:]
    found = {(int(line.split()[0]), line.count("("), line.endswith(" in all)")) for line in classes}
    assert {size for size, _, _ in found} == {1, 12, 15, 20}
    assert all(cut == (size > 12) for size, _, cut in found)
    assert any("... (15 in all)" in line for line in classes)


def test_large_groups_by_hand():
    assert describe(product(symmetric(7), cyclic(3))) == (
        "S7xC3: order 15120, not abelian, on 10 points\n\nstabiliser chain\n  base     0, 1, 2, 3, 4, 5, 7\n"
        "  orbits   7, 6, 5, 4, 3, 2, 3\n\ngenerators\n  (0 1)\n  (1 2)\n  (2 3)\n  (3 4)\n  (4 5)\n  (5 6)\n  (7 8 9)"
    )
    assert describe_json(symmetric(7)) == {
        "name": "S7", "order": 5040, "is_abelian": False, "degree": 7, "base": [0, 1, 2, 3, 4, 5],
        "orbits": [7, 6, 5, 4, 3, 2],
        "generators": [[*range(k), k + 1, k, *range(k + 2, 7)] for k in range(6)],
    }  # fmt: skip
    assert "..." not in describe(symmetric(13))  # 12 generators, and as many base points
    assert describe(symmetric(14)).splitlines()[3].endswith("9, 10, 11, ...")
    assert describe(symmetric(14)).endswith("(11 12)\n  ...")
    turn = from_permutations([[*range(1, 1009), 0]], name="C1009")
    assert describe(turn).startswith("C1009: order 1009, abelian, on 1009 points\n")


def test_generators_on_many_points_are_counted(monkeypatch):
    monkeypatch.setattr(large_description, "NAMED_POINTS", 12 * 7)
    assert describe(symmetric(7)).endswith("(5 6)")
    assert describe(symmetric(8)).endswith("generators\n  7 permutations of 8 points")
