"""The group layer against tables computed by GAP, an oracle that shares no code with it.

``groups.json.gz`` holds 30 of them. ``REGREP_ORACLE=FILE`` checks a larger file of the same form.
"""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import regrep
from regrep.groups import from_permutations, from_presentation, from_table

FILE = Path(os.environ.get("REGREP_ORACLE") or Path(__file__).with_name("groups.json.gz"))
RECORDS = json.loads(gzip.decompress(FILE.read_bytes()))["groups"]

each = pytest.mark.parametrize("record", RECORDS, ids=[record["name"] for record in RECORDS])


def complex_rows(record):
    return np.array([[complex(*value) for value in row] for row in record["character_table"]])


def match_rows(actual, expected):
    """Which row of ``expected`` each row of ``actual`` is; fails unless it is a one-to-one match."""
    distance = np.abs(actual[:, None] - expected[None]).max(axis=2)
    rows = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-12
    assert sorted(rows) == list(range(len(expected)))
    return rows


@each
def test_classes_characters_and_indicators(record):
    table = from_table(record["table"]).character_table
    assert [list(c) for c in table.classes] == [sorted(c) for c in record["classes"]]
    rows = match_rows(table.values.numpy(), complex_rows(record))
    assert [record["degrees"][k] for k in rows] == list(table.degrees)
    assert [record["frobenius_schur"][k] for k in rows] == list(table.frobenius_schur)


@each
def test_relabelled_tables_give_the_same_characters(record):
    """Identity and classes anywhere: the characters are compared element by element."""
    table, n = np.array(record["table"]), record["order"]
    order = np.random.default_rng(n).permutation(n)
    place = np.argsort(order)
    group = from_table(place[table[np.ix_(order, order)]], names=[str(k) for k in order])
    class_of = np.empty(n, dtype=int)
    for k, members in enumerate(record["classes"]):
        class_of[members] = k
    characters = group.character_table
    original = np.array([int(group.names[c[0]]) for c in characters.classes])
    match_rows(characters.values.numpy(), complex_rows(record)[:, class_of[original]])


@each
def test_real_irreducibles(record):
    group = from_table(record["table"])
    found = regrep.irreps(group)
    key = lambda entry: (entry["type"], entry["real_dimension"], np.round(entry["character"], 6).tolist())  # noqa: E731
    first = [c[0] for c in group.conjugacy_classes]
    mine = [
        {"type": rho.type, "real_dimension": rho.dim, "character": rho.character[first].numpy() + 0.0} for rho in found
    ]
    assert sorted(map(key, mine)) == sorted(map(key, record["real_irreps"]))
    for rho in found:
        stack = rho.stack()
        assert torch.einsum("gij,hjk->ghik", stack, stack).sub(stack[group.mul]).abs().max() < 1e-10
        assert (stack @ stack.transpose(1, 2)).sub(torch.eye(rho.dim, dtype=torch.float64)).abs().max() < 1e-10
    assert sum(rho.dim**2 // rho.endomorphism_dimension for rho in found) == group.order


@each
def test_permutations_compose_as_maps(record):
    group = from_permutations(record["elements"])
    assert group.mul.tolist() == record["table"]
    assert from_permutations(record["generators"] or [[0]]).order == record["order"]


@each
def test_presentations(record):
    """The presented group has the right order, and its words multiply as the elements they name."""
    presentation = record["presentation"]
    names = [f"x{k}" for k in range(presentation["n_generators"])]
    relators = ", ".join(" ".join(f"x{k}^{power}" for k, power in word) for word in presentation["relators"])
    group = from_presentation(",".join(names), relators)
    assert group.order == record["order"]
    table, images = np.array(record["table"]), []
    for word in group.words:
        element = 0
        for k in word:
            element = table[element, record["generator_indices"][k - 1]]
        images.append(element)
    images = np.array(images)
    assert (table[np.ix_(images, images)] == images[group.mul.numpy()]).all()


@each
def test_derived_presentations_define_the_group(record):
    group = from_table(record["table"])
    again = from_presentation(",".join(group.presentation.names), group.presentation.text)
    assert again.order == group.order
    # the generators of the table satisfy the relators, so that equal order means isomorphic
    for relator in group.presentation.relators:
        assert regrep.groups.evaluate(group, relator) == 0


def test_the_oracle_tells_a_group_from_its_opposite():
    """Transposed tables pass as groups; composing permutations finds them out."""
    caught = sum(from_permutations(r["elements"]).mul.T.tolist() != r["table"] for r in RECORDS)
    abelian = sum(np.array_equal(np.array(r["table"]), np.array(r["table"]).T) for r in RECORDS)
    assert caught == len(RECORDS) - abelian > 5
