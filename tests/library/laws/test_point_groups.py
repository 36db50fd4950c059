"""The point groups against published character tables, typed here and checked by orthogonality as well.

Columns are geometric operations, rebuilt here from axes and angles, so that a label is tied to what the matrices do:
the principal axis is z, C2' is along y and sv across x. Rows are irreducible over the real numbers: a pair of
conjugate characters is added up. Cotton, Chemical Applications of Group Theory, appendix; Altmann and Herzig,
Point-Group Theory Tables.
"""

import re

import numpy as np
import pytest
import torch

import regrep
from regrep.errors import RegrepError
from regrep.groups import CRYSTALLOGRAPHIC, parse, point_group, real_characters

F = (1 + 5**0.5) / 2
NUMBERS = {"f": F, "g": 1 - F, "-f": -F, "f-1": F - 1, "q2": 2**0.5, "-q2": -(2**0.5), "-g": F - 1}

# name: (Hermann-Mauguin, vectors (x, y, z), axial vectors (Rx, Ry, Rz), operations, characters)
TABLES = {
    "C1": ("1", "A A A", "A A A", "E", "A 1"),
    "Ci": ("-1", "Au Au Au", "Ag Ag Ag", "E i", "Ag 1 1|Au 1 -1"),
    "C2": ("2", "A B B", "A B B", "E C2", "A 1 1|B 1 -1"),
    "Cs": ("m", "A' A' A''", "A' A'' A''", "E sh", "A' 1 1|A'' 1 -1"),
    "C2h": ("2/m", "Au Bu Bu", "Ag Bg Bg", "E C2 i sh", "Ag 1 1 1 1|Bg 1 -1 1 -1|Au 1 1 -1 -1|Bu 1 -1 -1 1"),
    "D2": (
        "222", "B1 B2 B3", "B1 B2 B3", "E C2 C2(y) C2(x)",
        "A 1 1 1 1|B1 1 1 -1 -1|B2 1 -1 1 -1|B3 1 -1 -1 1",
    ),
    "C2v": (
        "mm2", "A1 B1 B2", "A2 B1 B2", "E C2 s(y) s(x)",
        "A1 1 1 1 1|A2 1 1 -1 -1|B1 1 -1 1 -1|B2 1 -1 -1 1",
    ),
    "D2h": (
        "mmm", "B1u B2u B3u", "B1g B2g B3g", "E C2 C2(y) C2(x) i s(z) s(y) s(x)",
        "Ag 1 1 1 1 1 1 1 1|B1g 1 1 -1 -1 1 1 -1 -1|B2g 1 -1 1 -1 1 -1 1 -1|B3g 1 -1 -1 1 1 -1 -1 1|"
        "Au 1 1 1 1 -1 -1 -1 -1|B1u 1 1 -1 -1 -1 -1 1 1|B2u 1 -1 1 -1 -1 1 -1 1|B3u 1 -1 -1 1 -1 1 1 -1",
    ),
    "C4": ("4", "A E", "A E", "E C4 C2 C4^3", "A 1 1 1 1|B 1 -1 1 -1|E 2 0 -2 0"),
    "-4": ("-4", "B E", "A E", "E S4 C2 S4^3", "A 1 1 1 1|B 1 -1 1 -1|E 2 0 -2 0"),
    "C4h": (
        "4/m", "Au Eu", "Ag Eg", "E C4 C2 C4^3 i S4^3 sh S4",
        "Ag 1 1 1 1 1 1 1 1|Bg 1 -1 1 -1 1 -1 1 -1|Eg 2 0 -2 0 2 0 -2 0|"
        "Au 1 1 1 1 -1 -1 -1 -1|Bu 1 -1 1 -1 -1 1 -1 1|Eu 2 0 -2 0 -2 0 2 0",
    ),
    "D4": (
        "422", "A2 E", "A2 E", "E 2C4 C2 2C2' 2C2''",
        "A1 1 1 1 1 1|A2 1 1 1 -1 -1|B1 1 -1 1 1 -1|B2 1 -1 1 -1 1|E 2 0 -2 0 0",
    ),
    "C4v": (
        "4mm", "A1 E", "A2 E", "E 2C4 C2 2sv 2sd",
        "A1 1 1 1 1 1|A2 1 1 1 -1 -1|B1 1 -1 1 1 -1|B2 1 -1 1 -1 1|E 2 0 -2 0 0",
    ),
    "D2d": (
        "-42m", "B2 E", "A2 E", "E 2S4 C2 2C2' 2sd",
        "A1 1 1 1 1 1|A2 1 1 1 -1 -1|B1 1 -1 1 1 -1|B2 1 -1 1 -1 1|E 2 0 -2 0 0",
    ),
    "D4h": (
        "4/mmm", "A2u Eu", "A2g Eg", "E 2C4 C2 2C2' 2C2'' i 2S4 sh 2sv 2sd",
        "A1g 1 1 1 1 1 1 1 1 1 1|A2g 1 1 1 -1 -1 1 1 1 -1 -1|B1g 1 -1 1 1 -1 1 -1 1 1 -1|B2g 1 -1 1 -1 1 1 -1 1 -1 1|"
        "Eg 2 0 -2 0 0 2 0 -2 0 0|A1u 1 1 1 1 1 -1 -1 -1 -1 -1|A2u 1 1 1 -1 -1 -1 -1 -1 1 1|"
        "B1u 1 -1 1 1 -1 -1 1 -1 -1 1|B2u 1 -1 1 -1 1 -1 1 -1 1 -1|Eu 2 0 -2 0 0 -2 0 2 0 0",
    ),
    "C3": ("3", "A E", "A E", "E C3 C3^2", "A 1 1 1|E 2 -1 -1"),
    "-3": (
        "-3", "Au Eu", "Ag Eg", "E C3 C3^2 i S6^5 S6",
        "Ag 1 1 1 1 1 1|Eg 2 -1 -1 2 -1 -1|Au 1 1 1 -1 -1 -1|Eu 2 -1 -1 -2 1 1",
    ),
    "D3": ("32", "A2 E", "A2 E", "E 2C3 3C2'", "A1 1 1 1|A2 1 1 -1|E 2 -1 0"),
    "C3v": ("3m", "A1 E", "A2 E", "E 2C3 3sv", "A1 1 1 1|A2 1 1 -1|E 2 -1 0"),
    "D3d": (
        "-3m", "A2u Eu", "A2g Eg", "E 2C3 3C2' i 2S6 3s(y)",
        "A1g 1 1 1 1 1 1|A2g 1 1 -1 1 1 -1|Eg 2 -1 0 2 -1 0|A1u 1 1 1 -1 -1 -1|A2u 1 1 -1 -1 -1 1|Eu 2 -1 0 -2 1 0",
    ),
    "C6": (
        "6", "A E1", "A E1", "E C6 C3 C2 C3^2 C6^5",
        "A 1 1 1 1 1 1|B 1 -1 1 -1 1 -1|E1 2 1 -1 -2 -1 1|E2 2 -1 -1 2 -1 -1",
    ),
    "C3h": (
        "-6", "A'' E'", "A' E''", "E C3 C3^2 sh S3 S3^5",
        "A' 1 1 1 1 1 1|E' 2 -1 -1 2 -1 -1|A'' 1 1 1 -1 -1 -1|E'' 2 -1 -1 -2 1 1",
    ),
    "C6h": (
        "6/m", "Au E1u", "Ag E1g", "E C6 C3 C2 C3^2 C6^5 i S3^5 S6^5 sh S6 S3",
        "Ag 1 1 1 1 1 1 1 1 1 1 1 1|Bg 1 -1 1 -1 1 -1 1 -1 1 -1 1 -1|E1g 2 1 -1 -2 -1 1 2 1 -1 -2 -1 1|"
        "E2g 2 -1 -1 2 -1 -1 2 -1 -1 2 -1 -1|Au 1 1 1 1 1 1 -1 -1 -1 -1 -1 -1|Bu 1 -1 1 -1 1 -1 -1 1 -1 1 -1 1|"
        "E1u 2 1 -1 -2 -1 1 -2 -1 1 2 1 -1|E2u 2 -1 -1 2 -1 -1 -2 1 1 -2 1 1",
    ),
    "D6": (
        "622", "A2 E1", "A2 E1", "E 2C6 2C3 C2 3C2' 3C2''",
        "A1 1 1 1 1 1 1|A2 1 1 1 1 -1 -1|B1 1 -1 1 -1 1 -1|B2 1 -1 1 -1 -1 1|E1 2 1 -1 -2 0 0|E2 2 -1 -1 2 0 0",
    ),
    "C6v": (
        "6mm", "A1 E1", "A2 E1", "E 2C6 2C3 C2 3sv 3sd",
        "A1 1 1 1 1 1 1|A2 1 1 1 1 -1 -1|B1 1 -1 1 -1 1 -1|B2 1 -1 1 -1 -1 1|E1 2 1 -1 -2 0 0|E2 2 -1 -1 2 0 0",
    ),
    "D3h": (
        "-6m2", "A2'' E'", "A2' E''", "E 2C3 3C2' sh 2S3 3sv",
        "A1' 1 1 1 1 1 1|A2' 1 1 -1 1 1 -1|E' 2 -1 0 2 -1 0|A1'' 1 1 1 -1 -1 -1|A2'' 1 1 -1 -1 -1 1|E'' 2 -1 0 -2 1 0",
    ),
    "D6h": (
        "6/mmm", "A2u E1u", "A2g E1g", "E 2C6 2C3 C2 3C2' 3C2'' i 2S3 2S6 sh 3s(y) 3s(x)",
        "A1g 1 1 1 1 1 1 1 1 1 1 1 1|A2g 1 1 1 1 -1 -1 1 1 1 1 -1 -1|B1g 1 -1 1 -1 1 -1 1 -1 1 -1 1 -1|"
        "B2g 1 -1 1 -1 -1 1 1 -1 1 -1 -1 1|E1g 2 1 -1 -2 0 0 2 1 -1 -2 0 0|E2g 2 -1 -1 2 0 0 2 -1 -1 2 0 0|"
        "A1u 1 1 1 1 1 1 -1 -1 -1 -1 -1 -1|A2u 1 1 1 1 -1 -1 -1 -1 -1 -1 1 1|B1u 1 -1 1 -1 1 -1 -1 1 -1 1 -1 1|"
        "B2u 1 -1 1 -1 -1 1 -1 1 -1 1 1 -1|E1u 2 1 -1 -2 0 0 -2 -1 1 2 0 0|E2u 2 -1 -1 2 0 0 -2 1 1 -2 0 0",
    ),
    "T": ("23", "T", "T", "E 4C3(d) 4C3(d)^2 3C2", "A 1 1 1 1|E 2 -1 -1 2|T 3 0 0 -1"),
    "Th": (
        "m-3", "Tu", "Tg", "E 4C3(d) 4C3(d)^2 3C2 i 4S6(d)^5 4S6(d) 3sh",
        "Ag 1 1 1 1 1 1 1 1|Eg 2 -1 -1 2 2 -1 -1 2|Tg 3 0 0 -1 3 0 0 -1|"
        "Au 1 1 1 1 -1 -1 -1 -1|Eu 2 -1 -1 2 -2 1 1 -2|Tu 3 0 0 -1 -3 0 0 1",
    ),
    "O": (
        "432", "T1", "T1", "E 8C3(d) 3C2 6C4 6C2(e)",
        "A1 1 1 1 1 1|A2 1 1 1 -1 -1|E 2 -1 2 0 0|T1 3 0 -1 1 -1|T2 3 0 -1 -1 1",
    ),
    "Td": (
        "-43m", "T2", "T1", "E 8C3(d) 3C2 6S4 6s(e)",
        "A1 1 1 1 1 1|A2 1 1 1 -1 -1|E 2 -1 2 0 0|T1 3 0 -1 1 -1|T2 3 0 -1 -1 1",
    ),
    "Oh": (
        "m-3m", "T1u", "T1g", "E 8C3(d) 6C2(e) 6C4 3C2 i 6S4 8S6(d) 3sh 6s(e)",
        "A1g 1 1 1 1 1 1 1 1 1 1|A2g 1 1 -1 -1 1 1 -1 1 1 -1|Eg 2 -1 0 0 2 2 0 -1 2 0|T1g 3 0 -1 1 -1 3 1 0 -1 -1|"
        "T2g 3 0 1 -1 -1 3 -1 0 -1 1|A1u 1 1 1 1 1 -1 -1 -1 -1 -1|A2u 1 1 -1 -1 1 -1 1 -1 -1 1|"
        "Eu 2 -1 0 0 2 -2 0 1 -2 0|T1u 3 0 -1 1 -1 -3 -1 0 1 1|T2u 3 0 1 -1 -1 -3 1 0 1 -1",
    ),
    "I": (
        "235", "T1", "T1", "E 12C5(f) 12C5(f)^2 20C3(d) 15C2",
        "A 1 1 1 1 1|T1 3 f g 0 -1|T2 3 g f 0 -1|G 4 -1 -1 1 0|H 5 0 0 -1 1",
    ),
    "Ih": (
        "m-3-5", "T1u", "T1g", "E 12C5(f) 12C5(f)^2 20C3(d) 15C2 i 12S10(f) 12S10(f)^3 20S6(d) 15sh",
        "Ag 1 1 1 1 1 1 1 1 1 1|T1g 3 f g 0 -1 3 g f 0 -1|T2g 3 g f 0 -1 3 f g 0 -1|Gg 4 -1 -1 1 0 4 -1 -1 1 0|"
        "Hg 5 0 0 -1 1 5 0 0 -1 1|Au 1 1 1 1 1 -1 -1 -1 -1 -1|T1u 3 f g 0 -1 -3 -g -f 0 1|T2u 3 g f 0 -1 -3 -f -g 0 1|"
        "Gu 4 -1 -1 1 0 -4 1 1 -1 0|Hu 5 0 0 -1 1 -5 0 0 1 -1",
    ),
    "C5v": ("5m", "A1 E1", "A2 E1", "E 2C5 2C5^2 5sv", "A1 1 1 1 1|A2 1 1 1 -1|E1 2 f-1 -f 0|E2 2 -f f-1 0"),
    "D5h": (
        "-10m2", "A2'' E1'", "A2' E1''", "E 2C5 2C5^2 5C2' sh 2S5 2S5^3 5sv",
        "A1' 1 1 1 1 1 1 1 1|A2' 1 1 1 -1 1 1 1 -1|E1' 2 f-1 -f 0 2 f-1 -f 0|E2' 2 -f f-1 0 2 -f f-1 0|"
        "A1'' 1 1 1 1 -1 -1 -1 -1|A2'' 1 1 1 -1 -1 -1 -1 1|E1'' 2 f-1 -f 0 -2 -g' f 0|E2'' 2 -f f-1 0 -2 f -g' 0",
    ),
    "D4d": (
        "-82m", "B2 E1", "A2 E3", "E 2S8 2C4 2S8^3 C2 4C2' 4sd",
        "A1 1 1 1 1 1 1 1|A2 1 1 1 1 1 -1 -1|B1 1 -1 1 -1 1 1 -1|B2 1 -1 1 -1 1 -1 1|E1 2 q2 0 -q2 -2 0 0|"
        "E2 2 0 -2 0 2 0 0|E3 2 -q2 0 q2 -2 0 0",
    ),
}  # fmt: skip
NUMBERS["-g'"] = 1 - F  # -(f - 1)
AXES = {
    "x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1), "d": (1, 1, 1), "e": (1, 1, 0), "f": (0, 1, F),
}  # fmt: skip
INTERNATIONAL = {name: row[0] for name, row in TABLES.items()}
each = pytest.mark.parametrize("name", TABLES)


def rotation(axis, degrees):
    """Rodrigues: the turn about an axis, counter-clockwise seen against it."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def operation(text, n):
    """Size of the class and matrix of an operation: 2C4, 3C2', 2sd, 12S10(f)^3; n is that of C_n."""
    found = re.fullmatch(r"(\d*)([ECSis])(\d*)([hvd]?)('*)(?:\((\w)\))?(?:\^(\d))?", text)
    size, kind, fold, plane, primes, axis, power = found.groups()
    angle = np.pi / n
    if primes:
        axis = {"'": (0, 1, 0), "''": (-np.sin(angle), np.cos(angle), 0)}[primes]
    elif plane in ("v", "d"):  # the normals of the mirror planes; sd lies half an angle further
        axis = {"v": (1, 0, 0), "d": (np.cos(angle), np.sin(angle), 0)}[plane]
    else:
        axis = AXES[axis or "z"]
    power = int(power or 1)
    if kind in "Ei":
        matrix = np.eye(3) if kind == "E" else -np.eye(3)
    elif kind == "C":
        matrix = rotation(axis, 360 * power / int(fold))
    elif kind == "s":
        matrix = -rotation(axis, 180)
    else:
        matrix = np.linalg.matrix_power(-rotation(axis, 180) @ rotation(axis, 360 / int(fold)), power)
    return int(size or 1), matrix


def published(name):
    """Sizes of the classes, matrices of the operations, and the characters by label."""
    _, _, _, columns, rows = TABLES[name]
    found = re.search(r"\d+", name)
    n = int(found[0]) if found else 1
    n = 2 * n if name.endswith("d") and n % 2 == 0 else n  # the mirrors of D_nd lie between the half turns
    sizes, matrices = zip(*(operation(text, n) for text in columns.split()), strict=True)
    table = {}
    for row in rows.split("|"):
        label, *values = row.split()
        table[label] = np.array([NUMBERS[v] if v in NUMBERS else int(v) for v in values])
    return np.array(sizes), np.stack(matrices), table


@each
def test_the_published_table_is_orthogonal(name):
    """A typing error in one character cannot pass, nor can one in the sizes of the classes."""
    sizes, _, table = published(name)
    order = sizes.sum()
    assert len({len(row) for row in table.values()} | {len(sizes)}) == 1
    stack = np.stack(list(table.values()))
    products = (stack * sizes) @ stack.T / order
    pairs = [products[k, k] == pytest.approx(2) for k in range(len(stack))]
    assert np.allclose(products, np.diag([2 if pair else 1 for pair in pairs]), atol=1e-12)
    assert sum(row[0] ** 2 / (2 if pair else 1) for row, pair in zip(stack, pairs, strict=True)) == pytest.approx(order)


@each
def test_characters_and_labels_are_the_published_ones(name):
    group = parse(name)
    sizes, matrices, table = published(name)
    assert group.order == sizes.sum()
    mine = group.matrices.numpy()
    places = []
    for k, (size, matrix) in enumerate(zip(sizes, matrices, strict=True)):
        distance = np.abs(mine - matrix).max(axis=(1, 2))
        assert distance.min() < 1e-12, TABLES[name][3].split()[k]
        places.append(int(distance.argmin()))
        (members,) = (c for c in group.conjugacy_classes if places[-1] in c)
        assert len(members) == size, TABLES[name][3].split()[k]
    assert len({next(c for c in group.conjugacy_classes if g in c) for g in places}) == len(group.conjugacy_classes)
    found = {chi.name: chi.values.numpy()[places] for chi in real_characters(group)}
    assert set(found) == set(table)
    for label, values in table.items():
        assert np.abs(found[label] - values).max() < 1e-12, label
        assert next(chi.dim for chi in real_characters(group) if chi.name == label) == values[0]


@each
def test_vectors_and_axial_vectors_transform_as_published(name):
    group = parse(name)
    _, vectors, axial, _, _ = TABLES[name]
    for rho, labels in ((group.defining, vectors), (group.defining @ regrep.det(group), axial)):
        counts = {label: labels.split().count(label) for label in labels.split()}
        assert {k: v for k, v in rho.multiplicities().items() if v} == counts


@each
def test_both_symbols_name_the_same_group(name):
    group = parse(name)
    again = parse(INTERNATIONAL[name])
    assert again == group
    assert again.name == group.name == name
    assert torch.equal(again.matrices, group.matrices)
    assert group.point_group.hermann_mauguin == INTERNATIONAL[name]
    schoenflies = {"-3": "S6", "-4": "S4"}.get(name, name)
    assert group.point_group.schoenflies == schoenflies
    assert parse(f"C2x{name}").order == parse(f"{INTERNATIONAL[name]} x C2").order == 2 * group.order


def test_the_catalogue_of_crystals_is_the_32():
    assert set(CRYSTALLOGRAPHIC) == set(TABLES) - {"I", "Ih", "C5v", "D5h", "D4d"}
    assert len(CRYSTALLOGRAPHIC) == len(set(CRYSTALLOGRAPHIC)) == 32


MORE = [
    *TABLES,
    "C5",
    "C7v",
    "C9h",
    "C10h",
    "C5h",
    "D7",
    "D8",
    "D12h",
    "D7h",
    "D5d",
    "D6d",
    "D9d",
    "-5",
    "-7",
    "-8",
    "-12",
    "-10",
]


@pytest.mark.parametrize("name", [*MORE, "C100v", "D50h", "D50d", "-200", "-99"])
def test_matrices_multiply_as_the_elements(name):
    """By exhaustion over all pairs, up to order 200; and the matrices are orthogonal and distinct."""
    group = parse(name)
    assert group.order <= 200
    matrices = group.matrices
    products = torch.einsum("gij,hjk->ghik", matrices, matrices)
    assert (products - matrices[group.mul]).abs().max() < 1e-12
    assert (matrices @ matrices.mT - torch.eye(3)).abs().max() < 1e-12
    distance = (matrices[:, None] - matrices).abs().amax(dim=(2, 3)) + torch.eye(group.order)
    assert distance.min() > 1e-3
    assert len(set(group.names)) == group.order
    labels = [chi.name for chi in real_characters(group)]
    assert len(set(labels)) == len(labels)
    for relator in group.presentation.relators if group.order <= 48 else ():
        assert regrep.groups.evaluate(group, relator) == 0


@pytest.mark.parametrize("name", MORE)
def test_presentations_define_the_groups(name):
    group = parse(name)
    presentation = group.presentation
    again = regrep.groups.from_presentation(",".join(presentation.names), presentation.text)
    assert again.order == group.order


def test_names_tell_what_elements_do():
    """r and q by the first angle about z, s the half turn about y, m and h mirrors across x and z, i the inversion."""
    for name, element, matrix in (
        ("C5v", "r2", rotation((0, 0, 1), 144)),
        ("C5v", "m", np.diag([-1, 1, 1])),
        ("C5v", "rm", rotation((0, 0, 1), 72) @ np.diag([-1, 1, 1])),
        ("D5h", "s", np.diag([-1, 1, -1])),
        ("D5h", "r2h", np.diag([1, 1, -1]) @ rotation((0, 0, 1), 144)),
        ("D5d", "si", np.diag([1, -1, 1])),
        ("D2d", "q", np.diag([1, 1, -1]) @ rotation((0, 0, 1), 90)),
        ("-8", "q3", np.diag([1, 1, -1]) @ rotation((0, 0, 1), 135)),
        ("Th", "-y-z-x", -np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])),
        ("I", "r", rotation((0, 1, F), 72)),
        ("Ih", "si", np.diag([1, 1, -1])),
    ):
        group = parse(name)
        assert np.abs(group.matrices[group.index(element)].numpy() - matrix).max() < 1e-12, (name, element)


def test_in_the_plane_mirrors_and_half_turns_act_as_on_pictures():
    """RotateFlip2d(D4) moves pixels as the matrices of D4 and C4v move the points (x, y), y upwards."""
    size = 5
    for name in ("D4", "C4v"):
        matrices = parse(name).matrices
        picture = regrep.actions.RotateFlip2d(parse("D4"))
        for g in range(8):
            image = torch.zeros(1, size, size)
            image[0, 0, 3] = 1  # x = 1, y = 2
            row, column = divmod(int(picture(image, torch.tensor([g])).argmax()), size)
            x, y, _ = matrices[g] @ torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64)
            assert (column - 2, 2 - row) == (round(float(x)), round(float(y)))


def test_known_symbols_stay():
    assert parse("S4").order == 24
    assert parse("S4").point_group is None
    assert parse("D2").order == 4
    assert parse("O").names == regrep.groups.octahedral().names
    assert parse("-2") == parse("C1h".replace("C1h", "Cs")) == parse("m")
    assert parse("-6") == parse("C3h")
    assert parse("C3i") == parse("-3")
    assert parse("m3m") == parse("Oh")
    assert parse("1022") == parse("D10")
    assert parse("-122m") == parse("D6d")


@pytest.mark.parametrize(
    "symbol",
    ["C1v", "C1h", "D1", "D0", "C0v", "S4", "C4d", "D4v", "D3i", "C4i", "Tv", "Id", "4/mm", "mm", "-", "", "4m4", 4],
)
def test_what_is_no_symbol_is_refused(symbol):
    with pytest.raises(RegrepError, match="is no symbol of a point group; "):
        point_group(symbol)


@pytest.mark.parametrize("symbol", ["C501v", "D300h", "C600h", "D251d", "-1004", "-999", "C1001", "9999"])
def test_what_is_too_large_is_refused(symbol):
    with pytest.raises(RegrepError, match="up to order 1000, but|from 1 to"):
        point_group(symbol)


def test_s4_says_what_to_write():
    with pytest.raises(
        RegrepError, match="S4 is the symmetric group, and the group of a fourfold rotoreflection is -4"
    ):
        point_group("S4")


def test_products_move_both_vectors():
    group = parse("C4vxCi")
    assert group.defining.dim == 6
    assert parse("C4xQ8").matrices is None
    for g in range(8):
        for h in range(2):
            expected = torch.block_diag(parse("C4v").matrices[g], parse("Ci").matrices[h])
            assert torch.equal(group.matrices[g * 2 + h], expected)


def test_scipy_has_the_same_rotations():
    """Rotation.create_group: the same matrices as a set, after a turn of axes."""
    transform = pytest.importorskip("scipy.spatial.transform")
    for name in ("I", "O", "T", "C1", "C5", "C6", "D2", "D3", "D6"):
        theirs = transform.Rotation.create_group(name).as_matrix()
        closed = regrep.groups.from_matrices(theirs)
        mine = parse(name)
        assert closed.order == mine.order
        assert np.abs(closed.matrices.numpy()[closed.given_order] - theirs).max() < 1e-12
        assert np.allclose(sorted(np.trace(theirs, axis1=1, axis2=2)), sorted(mine.defining.character.numpy()))
        assert sorted(closed.defining.multiplicities().values()) == sorted(mine.defining.multiplicities().values())
        turned = [basis.T @ theirs @ basis for basis in (np.eye(3), rotation((0, 0, 1), 90), rotation((0, 0, 1), 30))]
        assert any(
            np.abs(mine.matrices.numpy()[:, None] - stack).max(axis=(2, 3)).min(axis=1).max() < 1e-10
            for stack in turned
        )
