"""Character tables: exact values, order of the rows, and a table that belongs to another group is rejected."""

import numpy as np
import pytest
import torch

from regrep.groups import characters as chars
from regrep.groups import (
    cyclic,
    dihedral,
    from_presentation,
    from_table,
    parse,
    product,
    quaternion,
    real_characters,
    symmetric,
)
from regrep.groups.description import describe, describe_json, in_closed_form


def test_table_of_s4():
    """By hand, classes e, (2 3), (1 2 3), (0 1)(2 3), (0 1 2 3) in the order of their smallest element."""
    table = symmetric(4).character_table
    names = [symmetric(4).names[c[0]] for c in table.classes]
    assert names == ["e", "(2 3)", "(1 2 3)", "(0 1)(2 3)", "(0 1 2 3)"]
    assert table.values.tolist() == [
        [1, 1, 1, 1, 1],
        [1, -1, 1, 1, -1],
        [2, 0, -1, 2, 0],
        [3, 1, 0, -1, -1],
        [3, -1, 0, -1, 1],
    ]


def test_d4_and_q8_differ_in_the_indicators_only():
    square, quaternions = dihedral(4).character_table, quaternion().character_table
    assert torch.equal(square.values, quaternions.values)
    assert square.frobenius_schur == (1, 1, 1, 1, 1)
    assert quaternions.frobenius_schur == (1, 1, 1, 1, -1)


@pytest.mark.parametrize("text", ["C1", "C12", "C3x(C9xC2)", "(C2xC2)x(C4xC4)"])
def test_abelian_characters_agree_with_the_eigenproblem(text):
    """Two roads to one table: extension from subgroups, and the Hermitian operator."""
    group = parse(text)
    one = np.arange(group.order)
    other = chars._of_any(group, np.ones(group.order), one, one)
    distance = np.abs(group.character_table.values.numpy()[:, None] - other[None]).max(axis=2)
    assert sorted(distance.argmin(axis=1)) == list(one)
    assert distance.min(axis=1).max() < 1e-13


def test_rows_do_not_depend_on_the_draw(monkeypatch):
    group = product(dihedral(5), quaternion())
    expected = group.character_table.values
    draw = np.random.default_rng
    monkeypatch.setattr(chars.np.random, "default_rng", lambda seed: draw(seed + 1000))
    assert torch.equal(chars.character_table(from_table(group.mul)).values, expected)


def test_a_table_of_another_group_is_rejected():
    """C5 with the columns of r and r2 exchanged: still orthogonal, but not multiplicative on class sums."""
    group, one = cyclic(5), np.arange(5)
    good = group.character_table.values.numpy()
    assert chars._belongs(group, good, np.ones(5), one, one, np.random.default_rng(0))
    swapped = good[:, [0, 2, 1, 3, 4]]
    assert np.abs(swapped @ swapped.conj().T / 5 - np.eye(5)).max() < 1e-12
    assert not chars._belongs(group, swapped, np.ones(5), one, one, np.random.default_rng(0))


def test_values_that_are_no_characters_are_not_rounded():
    group = dihedral(4)
    first = np.array([c[0] for c in group.conjugacy_classes])
    class_of = np.array([0, 1, 2, 1, 3, 4, 3, 4])
    powers = chars._power_classes(group, first, class_of)
    values = group.character_table.values.numpy()
    assert chars._snap(values + 1e-6, powers) is not None
    assert chars._snap(values + 0.01, powers) is None
    assert chars._snap(-values, powers) is None


def test_orthogonality_at_order_1000():
    for text in ("D500", "C10x(C10xC10)"):
        table = parse(text).character_table
        sizes = np.array([len(c) for c in table.classes])
        values = table.values.numpy()
        assert np.abs((values * sizes) @ values.conj().T / 1000 - np.eye(len(sizes))).max() < 1e-11
        assert sum(d * d for d in table.degrees) == 1000


def test_a_centre_splits_the_eigenproblem(monkeypatch):
    """Order 1000 with 625 classes, a central element of order 250: no block is larger than the classes of D4."""
    small = dihedral(4).character_table.values.numpy()
    sizes, eigh = [], np.linalg.eigh
    monkeypatch.setattr(chars.np.linalg, "eigh", lambda block: sizes.append(len(block)) or eigh(block))
    group = from_table(parse("C125xD4").mul)
    assert group.character_table.degrees == (1,) * 500 + (2,) * 125
    assert max(sizes) <= len(small)
    assert sum(sizes) == 625
    numbers = np.sort_complex(group.character_table.values.numpy().round(9).ravel())
    expected = np.kron(cyclic(125).character_table.values.numpy(), small).round(9).ravel()
    assert np.abs(numbers - np.sort_complex(expected)).max() < 1e-8


def test_a_centre_that_is_no_factor():
    """The modular group of order 32: a^2 generates its centre, and a linear character has χ(a^3) = χ(a^2) χ(a)."""
    group = from_presentation("a,b", "a^16, b^2, b a b = a^9")
    table = group.character_table
    assert sorted(table.degrees) == [1] * 16 + [2] * 4
    class_of = {g: k for k, members in enumerate(table.classes) for g in members}
    linear = table.values.numpy()[:16, [class_of[g] for g in range(32)]]
    assert np.abs(linear[:, group.mul] - linear[:, :, None] * linear[:, None]).max() < 1e-12


def test_one_transform_serves_all_powers_of_an_element(monkeypatch):
    """D499 has 249 classes of rotations, all of them powers of one."""
    orders, fft = [], np.fft.fft
    monkeypatch.setattr(
        chars.np.fft, "fft", lambda values, axis: orders.append(values.shape[1]) or fft(values, axis=axis)
    )
    values = from_table(dihedral(499).mul).character_table.values
    assert orders == [499, 2]
    angles = 2 * np.pi * np.arange(1, 250) / 499
    expected = {round(float(2 * np.cos(k * angles[0])), 9) for k in range(1, 250)}
    assert {round(v, 9) for v in values[2:, 1].real.tolist()} == expected


def test_real_characters_of_all_three_types():
    group = product(cyclic(3), quaternion())
    found = real_characters(group)
    assert {chi.type for chi in found} == {"R", "C", "H"}
    assert len({chi.name for chi in found}) == len(found)
    assert sum(chi.dim**2 // chi.endomorphism_dimension for chi in found) == group.order
    gram = np.array([[float((a.values * b.values).mean()) for b in found] for a in found])
    assert np.allclose(gram, np.diag([chi.endomorphism_dimension for chi in found]), atol=1e-12)


@pytest.mark.parametrize(
    ("value", "order", "text"),
    [
        (0, 1, "0"), (-3, 2, "-3"), (2**0.5, 8, "√2"), (-2 * 2**0.5, 8, "-2√2"), ((5**0.5 - 1) / 2, 5, "(-1+√5)/2"),
        (1j, 4, "i"), (-2j, 4, "-2i"), (1 - 1j, 4, "1-i"), (np.exp(2j * np.pi / 3), 3, "ω"),
        (-2 * np.exp(2j * np.pi / 3), 6, "-2ω"), (np.exp(2j * np.pi / 6), 6, "-ω²"),
        (np.exp(6j * np.pi / 7), 7, "ζ7^3"),
        ((-1 + 7**0.5 * 1j) / 2, 7, "(-1+i√7)/2"), (2**0.5 * 1j, 8, "i√2"), (2 * np.cos(2 * np.pi / 7), 7, "1.247"),
        (0.123 - 0.456j, 97, "0.123-0.456i"),
    ],
)  # fmt: skip
def test_values_are_written_in_closed_form(value, order, text):
    assert in_closed_form(complex(value), order) == text


def test_descriptions():
    text = describe(parse("C3xQ8"))
    assert "(e, i)" in text
    assert "ω = exp(2πi/3)" in text
    assert "multiplication table (row g, column h: first h, then g)" in text
    large = describe(cyclic(300))
    assert "..." in large
    assert "\n  199    r199" in large
    assert "\n  200    r200" not in large
    assert len(large.splitlines()) < 700
    plain = describe_json(quaternion())
    assert plain["table"] == quaternion().mul.tolist()
    assert plain["real_irreps"][-1] == {
        "name": "G", "dimension": 4, "type": "H", "endomorphism_dimension": 4, "constituents": [4],
        "character": [4.0, 0.0, -4.0, 0.0, 0.0],
    }  # fmt: skip
