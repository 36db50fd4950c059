"""Constant tables lie where the data are: a call of an action or a representation copies nothing and waits for none."""

import copy
import pickle

import pytest
import torch

import regrep
from dispatched import WAITS, Calls
from regrep.actions import (
    Boxes2d,
    KeyPoints,
    OnDims,
    Pair,
    PairIndex,
    Permute,
    Points2d,
    Pullback,
    Rotate3d,
    RotateFlip2d,
    SideBySide,
    TensorField3d,
    Then,
    VectorField2d,
    VectorField3d,
)
from regrep.groups import cyclic, dihedral, octahedral
from regrep.objectives import RandomPermutations, moving_part
from regrep.placed import Placed, PlacedFamily
from regrep.representations import irreps, standard
from regrep.representations.layouts import channels, grid

D4, C8 = dihedral(4), cyclic(8)
ACT = RotateFlip2d(D4)
IRREPS = {rho.name: rho for rho in irreps(D4)}

MOVES = {
    "image": (ACT, (1, 8, 8)),
    "interpolated": (RotateFlip2d(C8), (1, 8, 8)),
    "volume": (Rotate3d(octahedral()), (4, 4, 4)),
    "field": (VectorField2d(D4), (2, 6, 6)),
    "side by side": (SideBySide(ACT, ACT), (1, 8, 8)),
    "permuted": (Permute(cyclic(2), torch.tensor([[0, 1], [1, 0]])), (2, 3)),
    "interpolated volume": (Rotate3d(C8), (1, 4, 4, 4)),
    "field in space": (VectorField3d(octahedral()), (3, 4, 4, 4)),
    "interpolated tensors": (TensorField3d(C8, rank=2), (9, 4, 4, 4)),
    "one after the other": (Then(ACT, OnDims(regrep.regular(D4), 1)), (8, 4, 4)),
    "pair": (Pair(ACT, Permute(cyclic(2), torch.tensor([[0, 1], [1, 0]]))), (2, 4, 4)),
    "graph": (PairIndex(regrep.natural(D4)), (4, 4)),
    "pulled back": (Pullback(ACT, cyclic(2), ["e", "s"]), (4, 4)),
    "points": (Points2d(D4, 8), (5, 2)),
    "key points": (KeyPoints(Points2d(D4, 8), regrep.natural(D4)), (4, 3)),
    "boxes": (Boxes2d(D4, 8), (5, 4)),
    "regular": (regrep.latent(D4, 18), (18,)),
    "matrices": (standard(D4), (3, standard(D4).dim)),
    "irreducible": (IRREPS["E"], (2,)),
    "sum": (regrep.regular(D4) + IRREPS["E"], (10,)),
    "channels": (channels(D4, (9, 2, 2)), (9, 2, 2)),
    "grid": (grid(ACT.pixels(4), (2, 4, 4)), (2, 4, 4)),
    "control": (RandomPermutations(D4), (8,)),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("move", "shape"), MOVES.values(), ids=list(MOVES))
def test_a_second_call_neither_copies_nor_waits(move, shape, dtype, meta):
    x, g = torch.empty(3, *shape, dtype=dtype, device=meta), torch.empty(3, dtype=torch.int64, device=meta)
    move(x, g)
    with Calls() as calls:
        moved = move(x, g)
    assert moved.shape == x.shape
    assert calls.names
    assert not WAITS & set(calls.names)


@pytest.mark.parametrize("rho", [regrep.latent(D4, 18), IRREPS["E"]], ids=repr)
def test_neither_does_the_moving_part(rho, meta):
    z = torch.empty(3, rho.dim, device=meta)
    moving_part(z, rho)
    with Calls() as calls:
        moving_part(z, rho)
    assert not WAITS & set(calls.names)


def test_a_wait_would_be_counted():
    with Calls() as calls:
        torch.ones(2).sum().item()
        torch.ones(2).to("meta")
        torch.empty(2, device="meta").copy_(torch.ones(2))
        torch.ones(2).double()
    assert [name for name in calls.names if name in WAITS] == ["_local_scalar_dense", "transfer", "transfer"]


def test_each_copy_is_made_once():
    table = Placed(torch.eye(2))
    first = table.on(torch.device("cpu"), torch.float64)
    assert table.on(torch.device("cpu"), torch.float64) is first
    assert table.on(torch.device("cpu")) is table.value
    assert table.on(torch.device("cpu"), torch.float16) is not first


def test_copies_are_not_pickled():
    table = Placed(torch.eye(2))
    table.on(torch.device("cpu"), torch.float64)
    family = PlacedFamily(torch.arange)
    family.on(4, torch.device("cpu"))
    again, others = pickle.loads(pickle.dumps((table, family)))
    assert list(vars(again)) == ["value"]
    assert torch.equal(again.value, table.value)
    assert list(vars(others)) == ["make"]
    assert torch.equal(others.on(4, torch.device("cpu")), torch.arange(4))


@pytest.mark.parametrize(("move", "shape"), MOVES.values(), ids=list(MOVES))
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda move: pickle.loads(pickle.dumps(move))], ids=["deep", "pickle"]
)
def test_a_copied_map_acts_alike(move, shape, again):
    generator = torch.Generator().manual_seed(0)
    x, g = torch.rand(5, *shape, generator=generator), torch.tensor([0, 1, 1, 0, 1])
    assert torch.equal(again(move)(x, g), move(x, g))


def test_a_table_made_in_inference_mode_serves_gradients():
    table, family, rho = Placed(torch.eye(2)), PlacedFamily(torch.arange), regrep.latent(D4, 18)
    z = torch.randn(2, rho.dim, requires_grad=True)
    with torch.inference_mode():
        tables = table.on(torch.device("cpu"), torch.float64), family.on(3, torch.device("cpu"))
        moving_part(z, rho)
    assert not any(found.is_inference() for found in tables)
    moving_part(z, rho).sum().backward()
    assert z.grad is not None


def test_a_table_made_inside_a_transform_serves_outside():
    table = Placed(torch.eye(2))
    inside = torch.func.vmap(lambda x: x @ table.on(x.device, torch.float64))(torch.ones(3, 2, dtype=torch.float64))
    torch.func.grad(lambda x: (x @ table.on(x.device, torch.float64)).sum())(torch.ones(2, dtype=torch.float64))
    assert torch.equal(inside, torch.ones(3, 2) @ table.on(torch.device("cpu"), torch.float64).float())
    assert table.on(torch.device("cpu"), torch.float64).untyped_storage().nbytes() == 32


def test_a_fake_copy_is_not_kept():
    from torch._subclasses.fake_tensor import FakeTensorMode

    table, family = Placed(torch.eye(2)), PlacedFamily(torch.arange)
    with FakeTensorMode(allow_non_fake_inputs=True):
        table.on(torch.device("cpu"), torch.float64)
        family.on(3, torch.device("cpu"))
    assert list(vars(family)) == ["make"]
    assert type(table.on(torch.device("cpu"), torch.float64)) is torch.Tensor
    assert type(family.on(3, torch.device("cpu"))) is torch.Tensor


def test_compiled_code_knows_one_table_from_another():
    add = torch.compile(lambda table, x: x + table.on(x.device, x.dtype), fullgraph=True, backend="eager")
    found = [add(Placed(torch.tensor(float(k))), torch.zeros((), dtype=torch.float64)).item() for k in range(3)]
    assert found == [0, 1, 2]


def test_compiled_code_takes_tables_as_inputs():
    """Two dtypes of one table in one graph, a family made while tracing, and no copy in the graph."""
    table, family = Placed(torch.arange(3)), PlacedFamily(torch.arange)
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def both(x):
        return x + table.on(x.device, x.dtype) + table.on(x.device) + family.on(x.shape[0], x.device, x.dtype)

    found = torch.compile(both, fullgraph=True, backend=backend)(torch.zeros(3))
    assert found.tolist() == [0, 3, 6]
    assert {node.target for node in graphs[0].graph.nodes if "call" in node.op}.isdisjoint({"to", torch.arange})
