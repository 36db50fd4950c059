"""What notebooks show: well-formed tables with the numbers of the text, and nothing unescaped."""

import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch import nn

import regrep
from regrep.html import LONGEST_TABLE, table

G = regrep.groups.dihedral(4)
ACT = regrep.actions.RotateFlip2d(G)
X = torch.randn(40, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU())


def accuracy(scores, y):
    return float((scores.argmax(dim=1) == y).float().mean())


def through():
    return regrep.through_rho(model(), nn.Linear(8, 2), X, torch.arange(40) % 2, ACT, regrep.regular(G), accuracy)


SHOWN = {
    "group": lambda: G,
    "large group": lambda: regrep.groups.symmetric(5),
    "characters": lambda: G.character_table,
    "many characters": lambda: regrep.groups.cyclic(30).character_table,
    "error": lambda: regrep.equivariance_error(model(), X, ACT, regrep.regular(G)),
    "through": through,
    "profile": lambda: regrep.profile(model(), X, ACT, regrep.regular(G)),
    "layers": lambda: regrep.profile_layers(model(), X, ACT),
}


def cells(value):
    """The rows of the table, and the text below it."""
    tree = ElementTree.fromstring(f"<div>{value._repr_html_()}</div>")
    rows = [[cell.text or "" for cell in row] for row in tree.iter("tr")]
    return rows, [line.text for line in tree.iter("p")]


@pytest.mark.parametrize("name", SHOWN)
def test_tables_are_well_formed(name):
    rows, _ = cells(SHOWN[name]())
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}


@pytest.mark.parametrize("name", ["error", "through", "profile"])
def test_tables_hold_the_numbers_of_the_text(name):
    value = SHOWN[name]()
    rows, notes = cells(value)
    text = str(value)
    assert all(cell in text for row in rows[1:] for cell in row)
    assert all(note in text for note in notes)


def test_the_table_of_a_group_is_its_multiplication():
    rows, _ = cells(G)
    r, s = rows[0].index("r"), rows[0].index("s")
    assert rows[r][s] == G.names[G.mul[G.index("r"), G.index("s")]]
    assert len(cells(regrep.groups.symmetric(5))[0]) == 121


def test_tables_of_groups_end_at_24_elements_and_those_of_characters_at_20_classes():
    widths = {n: len(cells(regrep.groups.cyclic(n))[0][0]) for n in (24, 25)}
    assert widths == {24: 25, 25: 3}
    rows, notes = cells(regrep.groups.cyclic(25))
    assert (rows[0], rows[3], notes) == (["element", "index", "order"], ["r2", "2", "25"], [])
    rows, notes = cells(G)
    assert (rows[0][0], notes) == ("gh", ["row g, column h: first h, then g"])
    widths = {n: len(cells(regrep.groups.cyclic(n).character_table)[0][0]) for n in (20, 21)}
    assert widths == {20: 22, 21: 3}
    rows, _ = cells(regrep.groups.cyclic(21).character_table)
    assert (rows[0], rows[1], len(rows)) == (["", "degree", "indicator"], ["χ1", "1", "1"], 22)
    assert "D4: order 8, not abelian" in G._repr_html_()
    assert "C2: order 2, abelian" in regrep.groups.cyclic(2)._repr_html_()
    assert regrep.groups.symmetric(7)._repr_html_() == "<p>S7: order 5040, on 7 points</p>"


def test_the_characters_of_the_triangle_by_hand():
    table = regrep.groups.dihedral(3).character_table
    assert "3 irreducible characters of a group of order 6" in table._repr_html_()
    assert cells(table)[0] == [
        ["", "element 0 (1 in its class)", "element 1 (2 in its class)", "element 3 (3 in its class)", "indicator"],
        ["χ1", "1", "1", "1", "1"],
        ["χ2", "1", "1", "-1", "1"],
        ["χ3", "2", "-1", "0", "1"],
    ]


def test_characters_are_in_closed_form():
    rows, _ = cells(regrep.groups.cyclic(3).character_table)
    assert rows[2][1:] == ["1", "ω", "ω²", "0"] or rows[2][1:] == ["1", "ω²", "ω", "0"]


def test_names_are_escaped():
    swap = torch.tensor([[0, 1], [1, 0]])
    group = regrep.groups.FiniteGroup("<b>C2</b>", ("e", "<script>"), swap)
    error = regrep.equivariance_error(lambda x: x, torch.randn(9, 2), regrep.regular(group), regrep.regular(group))
    for value in (group, error):
        assert "&lt;script&gt;" in value._repr_html_()
        assert "<script>" not in value._repr_html_()
    assert "&lt;b&gt;C2" in group._repr_html_()


def test_long_tables_are_cut():
    rows, _ = cells(regrep.groups.cyclic(500))
    assert len(rows) == 202
    assert rows[-1][0] == "..."


def test_a_table_letter_by_letter():
    rows = [["<x>", 0.12345, 3, True], [1, "a & b", float("nan"), None]]
    assert table("c < d", ["e", "f", "g", 2.0], rows, ["h > i", "j"]) == (
        "<table><caption>c &lt; d</caption><thead><tr><th>e</th><th>f</th><th>g</th><th>2.0000</th></tr></thead><tbody>"
        "<tr><th>&lt;x&gt;</th><td>0.1235</td><td>3</td><td>True</td></tr>"
        "<tr><th>1</th><td>a &amp; b</td><td>nan</td><td>None</td></tr>"
        "</tbody></table><p>h &gt; i</p><p>j</p>"
    )
    assert (
        table("c", ["e"], []) == "<table><caption>c</caption><thead><tr><th>e</th></tr></thead><tbody></tbody></table>"
    )
    for count, shown in ((LONGEST_TABLE, LONGEST_TABLE), (LONGEST_TABLE + 1, LONGEST_TABLE + 1)):
        found = table("c", ["e", "f"], [[k, k] for k in range(count)])
        assert found.count("<tr>") == 1 + shown
        assert ("<tr><th>...</th><td>...</td></tr>" in found) == (count > LONGEST_TABLE)
        assert f"<td>{LONGEST_TABLE - 1}</td>" in found
