"""Composed actions: the law for all pairs of elements, and loops over samples, entries and nodes as oracles."""

import itertools
import pickle

import numpy as np
import pytest
import torch

import regrep
from regrep.actions import (
    Boxes2d,
    Fix,
    FunctionAction,
    KeyPoints,
    Labels,
    OnDims,
    Pair,
    PairIndex,
    Permute,
    Points,
    Points2d,
    Product,
    Pullback,
    Rotate3d,
    RotateFlip2d,
    SideBySide,
    SignedPermute,
    Then,
    TreeAction,
    VectorField2d,
    VectorField3d,
    check_law,
)
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral, rotation_matrices, symmetric
from regrep.representations import standard
from tolerance import assert_near

D1, D4, S3, S4, O = dihedral(1), dihedral(4), symmetric(3), symmetric(4), octahedral()  # noqa: E741
IMAGE = RotateFlip2d(D4)
COLOURS = Permute(S3, S3.points[S3.inverse], dim=1)
EYES = Permute(D1, D1.points, dim=1)
SIDES = Permute(D4, regrep.regular(D4).index, dim=1)  # eight channels that the elements of D4 permute
SIGN = regrep.sign(D4)
TURNS = torch.from_numpy(rotation_matrices())


def distinct(*shape, dtype=torch.int64):
    return torch.arange(1, 1 + int(np.prod(shape))).reshape(1, *shape).to(dtype)


CASES = {
    "Then, image and channels": (Then(IMAGE, SIDES), (8, 3, 3)),
    "Then, three": (Then(RotateFlip2d(D1), EYES, Permute(D1, D1.points, dim=2)), (2, 2, 3, 3)),
    "Then, signs and turns": (Then(SIGN, OnDims(standard(D4), 1)), (3, 1)),
    "Pair, turns and colours": (Pair(IMAGE, COLOURS), (3, 3, 3)),
    "Pair, nodes and turns": (Pair(OnDims(regrep.natural(S3), 1), Points(O, TURNS)), (3, 3)),
    "Pair of pairs": (Pair(Pair(EYES, Permute(D1, D1.points, dim=2)), Permute(D1, D1.points, dim=3)), (2, 2, 2)),
    "OnDims, channels last": (OnDims(IMAGE, (1, 2)), (3, 3, 2)),
    "OnDims, columns first": (OnDims(IMAGE, (3, 1)), (3, 2, 3)),
    "OnDims, volume": (OnDims(Rotate3d(O), (1, 2, 3)), (2, 2, 2, 3)),
    "OnDims, field": (OnDims(VectorField2d(D4), (3, 1, 2)), (3, 3, 2)),
    "OnDims, representation": (OnDims(standard(S4), -2), (3, 2)),
    "PairIndex": (PairIndex(regrep.natural(S4)), (4, 4)),
    "PairIndex, features": (PairIndex(regrep.natural(S3), dims=(2, -1)), (2, 3, 2, 3)),
    "PairIndex, matrices": (PairIndex(standard(S4)), (3, 3)),
    "Pullback, subgroup": (Pullback(IMAGE, dihedral(2), ["e", "r2", "s", "r2s"]), (3, 3)),
    "Pullback, quotient": (Pullback(Fix(cyclic(2)), D4, [0, 1, 0, 1, 1, 0, 1, 0]), (2,)),
    "Pullback, factor": (Pullback(SideBySide(IMAGE, IMAGE), D4, [9 * k for k in range(8)]), (4, 4)),
    "Points": (Points(O, TURNS, centre=(1.0, 2.0, 3.0)), (2, 3)),
    "Points2d": (Points2d(dihedral(3), 5.0), (2, 2)),
    "Points2d, rectangle": (Points2d(dihedral(2), (4.0, 6.0)), (2, 2)),
    "Boxes2d, rectangle": (Boxes2d(dihedral(2), (4.0, 6.0)), (1, 4)),
    "KeyPoints": (KeyPoints(Points2d(D4, 9.0), regrep.natural(D4)), (4, 3)),
    "Labels": (Labels(regrep.natural(S4)), ()),
    "SignedPermute": (SignedPermute.from_matrices(O, TURNS), (3,)),
    "VectorField3d": (VectorField3d(O), (3, 2, 2, 2)),
    "function": (FunctionAction(D4, lambda x, g: IMAGE(x, g)), (3, 3)),
}  # fmt: skip
REAL = ("signs", "matrices", "Points", "Boxes", "KeyPoints", "representation", "nodes")
each = pytest.mark.parametrize("name", CASES)


def data(name):
    act, shape = CASES[name]
    if name == "Labels":
        return act, torch.arange(4)
    if name.startswith("Boxes2d"):
        return act, torch.tensor([[[0.0, 1.0, 2.0, 5.0]]], dtype=torch.float64)
    real = any(word in name for word in REAL)
    return act, distinct(*shape, dtype=torch.float64 if real else torch.int64)


@each
def test_the_law_for_all_pairs(name):
    act, x = data(name)
    check_law(act, x)
    n = act.group.order
    moved = act(x[:1].expand(n, *x.shape[1:]), torch.arange(n))
    for h in range(n):  # once more without the check of our own
        twice = act(moved[h : h + 1].expand(moved.shape), torch.arange(n))
        assert_near(twice.double(), moved[act.group.mul[:, h]].double())


@each
def test_one_element_per_sample(name):
    act, x = data(name)
    n = act.group.order
    g = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    x = x[:1].expand(n, *x.shape[1:])
    singly = torch.cat([act(x[k : k + 1], g[k : k + 1]) for k in range(n)])
    assert torch.equal(act(x, g), singly)


def some(name):
    act, x = data(name)
    return act, x[:1].expand(3, *x.shape[1:]), torch.tensor([0, act.group.order - 1, 1])


@pytest.mark.parametrize("name", [name for name in CASES if name != "function"])  # a lambda
def test_copies_on_disk_are_the_same(name):
    act, x, g = some(name)
    moved = act(x, g)
    assert torch.equal(pickle.loads(pickle.dumps(act))(x, g), moved)


COMPILED = ("Then, image and channels", "Pair, nodes and turns", "OnDims, field", "PairIndex", "Pullback, subgroup")


@pytest.mark.parametrize("name", [*COMPILED, "KeyPoints", "Boxes2d, rectangle", "Labels", "VectorField3d"])
def test_compiles_to_the_same(name):
    act, x, g = some(name)
    torch._dynamo.reset()
    compiled = torch.compile(lambda x, g: act(x, g), fullgraph=True, backend="eager")
    assert torch.equal(compiled(x, g), act(x, g))


def test_then_is_both_by_a_loop():
    x, g = torch.randn(8, 8, 3, 3, generator=torch.Generator().manual_seed(0)), torch.arange(8)
    moved = Then(IMAGE, SIDES)(x, g)
    for k in range(8):
        for channel in range(8):
            to = int(D4.mul[k, channel])
            assert torch.equal(moved[k, to], IMAGE(x[k : k + 1, channel], g[k : k + 1])[0])


def test_pair_is_both_by_a_loop():
    act = Pair(IMAGE, COLOURS)
    x, g = torch.randn(48, 3, 4, 4, generator=torch.Generator().manual_seed(0)), torch.arange(48)
    moved = act(x, g)
    for turn, swap in itertools.product(range(8), range(6)):
        k = turn * 6 + swap
        for colour in range(3):
            to = int(S3.points[swap, colour])
            assert torch.equal(moved[k, to], IMAGE(x[k : k + 1, colour], torch.tensor([turn]))[0])
    assert act.group == regrep.groups.product(D4, S3)


def test_indices_of_pairs_by_matrices_and_loops():
    A = torch.randn(24, 4, 4, generator=torch.Generator().manual_seed(0))
    moved = PairIndex(regrep.natural(S4))(A, torch.arange(24))
    for g in range(24):
        P = np.zeros((4, 4), dtype=np.float32)
        for i in range(4):
            P[S4.points[g, i], i] = 1
        assert (moved[g].numpy() == P @ A[g].numpy() @ P.T).all()
        for i, j in itertools.product(range(4), repeat=2):
            assert moved[g, S4.points[g, i], S4.points[g, j]] == A[g, i, j]
    rho = standard(S4)
    A = torch.randn(24, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = PairIndex(rho)(A, torch.arange(24))
    for g in range(24):
        M = rho.matrix(g).numpy()
        assert_near(moved[g], torch.from_numpy(M @ A[g].numpy() @ M.T))
    # A degree is a sum over the other index: it moves as the nodes do.
    assert_near(moved.diagonal(dim1=1, dim2=2).sum(dim=1), A.diagonal(dim1=1, dim2=2).sum(dim=1))


def test_dimensions_are_those_named():
    x = torch.randn(8, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    g = torch.arange(8)
    turned = torch.stack([IMAGE(x[:, :, k], g) for k in range(2)], dim=2)
    assert torch.equal(OnDims(IMAGE, (1, 3))(x, g), turned)
    assert torch.equal(OnDims(IMAGE, (1, -1))(x, g), turned)
    flipped = torch.stack([IMAGE(x[:, :, k].mT, g).mT for k in range(2)], dim=2)
    assert torch.equal(OnDims(IMAGE, (3, 1))(x, g), flipped)
    assert not torch.equal(flipped, turned)
    z = torch.randn(8, 8, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(OnDims(regrep.regular(D4), 1)(z, g), regrep.regular(D4)(z.mT, g).mT)
    act = OnDims(RotateFlip2d(cyclic(8)), (1, 2))
    inside = act.inside(torch.zeros(2, 5, 5, 3))
    assert torch.equal(inside[0, :, :, 1], RotateFlip2d(cyclic(8)).inside(torch.zeros(1, 5, 5)))


def test_homomorphisms_say_how_another_group_acts():
    both = regrep.groups.product(S3, D4)
    act, x = Pullback(IMAGE, both.projections[1]), distinct(4, 4)
    check_law(act, x)
    assert torch.equal(act(x, torch.tensor([5 * 8 + 3])), IMAGE(x, torch.tensor([3])))


def test_points_by_numpy():
    matrices, centre = rotation_matrices(), np.array([1.0, -2.0, 0.5])
    x = torch.randn(24, 2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = Points(O, torch.from_numpy(matrices), tuple(centre))(x, torch.arange(24))
    for g, i, j in itertools.product(range(24), range(2), range(5)):
        assert_near(moved[g, i, j], torch.from_numpy(matrices[g] @ (x[g, i, j].numpy() - centre) + centre))


@pytest.mark.parametrize("size", [(7, 4), (4, 7), (5, 5)])
def test_points_and_boxes_move_with_the_pixels_of_rectangles(size):
    width, height = size
    for group in (cyclic(2), dihedral(1), dihedral(2)):
        act, g = RotateFlip2d(group), torch.arange(group.order)
        for row, column in itertools.product(range(height), range(width)):
            image = torch.zeros(group.order, height, width)
            image[:, row, column] = 1
            places = act(image, g).flatten(1).argmax(dim=1)
            expected = torch.stack([places % width, places // width], dim=1) + 0.5
            point = torch.tensor([column + 0.5, row + 0.5]).expand(group.order, 1, 2)
            assert_near(Points2d(group, size)(point, g)[:, 0], expected)
            box = torch.tensor([column, row, column + 1.0, row + 1.0]).expand(group.order, 1, 4)
            assert_near(Boxes2d(group, size)(box, g)[:, 0], torch.cat([expected - 0.5, expected + 0.5], dim=1))


def test_key_points_move_and_exchange_their_names():
    points, act = Points2d(D4, 9.0), KeyPoints(Points2d(D4, 9.0), regrep.natural(D4))
    x = torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(0))
    g = torch.arange(8)
    moved = act(x, g)
    for k in range(8):
        for name in range(4):
            to = int(D4.points[k, name])
            assert_near(moved[k, to, :2], points(x[k : k + 1, name : name + 1, :2], g[k : k + 1])[0, 0])
            assert torch.equal(moved[k, to, 2:], x[k, name, 2:])
    both = Then(points, Permute(D4, regrep.natural(D4).index, dim=1))
    assert torch.equal(act(x[..., :2], g), both(x[..., :2], g))


def test_classes_of_masks_are_exchanged_as_the_mask_is_turned():
    """Left and right organs: class 1 and 2 are swapped by mirrors, and 255 is ignored."""
    swap = regrep.representations.PermutationRepresentation(D1, torch.tensor([[0, 1, 2], [0, 2, 1]]), "organs")
    act = Then(RotateFlip2d(D1), Labels(swap, ignored=255))
    mask = torch.tensor([[[0, 1, 1], [2, 255, 0]]], dtype=torch.uint8)
    assert act(mask, torch.tensor([1])).tolist() == [[[2, 2, 0], [0, 255, 1]]]
    check_law(act, mask)


def test_a_product_is_a_tree():
    assert Product is TreeAction
    x, z, g = torch.randn(8, 3, 3), torch.randn(8, 8), torch.arange(8)
    expected = IMAGE(x, g), regrep.regular(D4)(z, g)
    for found in (Product(IMAGE, regrep.regular(D4))((x, z), g), Product((IMAGE, regrep.regular(D4)))((x, z), g)):
        assert all(map(torch.equal, found, expected))
    named = Product(image=IMAGE, code=regrep.regular(D4), name=None)({"image": x, "code": z, "name": "a"}, g)
    assert torch.equal(named["image"], expected[0])
    assert torch.equal(named["code"], expected[1])
    assert repr(Product(IMAGE, None)) == "TreeAction((RotateFlip2d(D4), None))"


def test_composed_actions_know_how_well_they_interpolate():
    C3 = cyclic(3)
    turn, shift = RotateFlip2d(C3), Permute(C3, C3.points[C3.inverse], dim=1)
    act, other = Then(turn, shift), Pair(turn, shift)
    assert (act.exact, other.exact) == (False, False)
    assert (Then(IMAGE, SIDES).exact, Pair(IMAGE, COLOURS).exact) == (True, True)
    x = torch.rand(2, 3, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert_near(act.round_trip_error(x), turn.round_trip_error(x))
    assert_near(other.round_trip_error(x), turn.round_trip_error(x).repeat_interleave(3))
    assert_near(Pullback(turn, cyclic(6), [0, 1, 2, 0, 1, 2]).round_trip_error(x), turn.round_trip_error(x).repeat(2))


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8]
)
@pytest.mark.parametrize("device", ["cpu"])
def test_actions_that_do_not_commute_are_found(dtype, device):
    x = distinct(8, dtype=dtype).expand(2, 8)
    for act in (Then(regrep.regular(D4), regrep.regular(D4)), Pair(regrep.regular(D4), regrep.regular(D4))):
        for _ in range(2):
            with pytest.raises(RegrepError, match="<regular of D4, dim 8> do not: with r and s, their order matters"):
                act(x, torch.tensor([1, 2]))
    third = Then(Fix(D4), regrep.regular(D4), Fix(D4), regrep.regular(D4))
    with pytest.raises(RegrepError, match="do not: with r and s"):
        third(x, torch.tensor([1, 2]))
    trusted = Then(regrep.regular(D4), regrep.regular(D4), commute=True)
    assert torch.equal(trusted(x, torch.tensor([0, 1]))[1], x[1][regrep.regular(D4).index[2]])


def test_single_entries_commute():
    """The number tried for them is 0, of which nothing is left to be compared relative to."""
    z = torch.tensor([[2.0], [3.0]])
    assert torch.equal(Then(SIGN, regrep.trivial(D4), SIGN)(z, torch.tensor([1, 4])), z)
    assert torch.equal(Pair(SIGN, SIGN)(z, torch.tensor([0, 0])), z)


def test_they_are_tried_once_for_each_shape_and_on_data_that_tell():
    tried = []

    def noted(x, g):
        tried.append((x.dtype, tuple(x.shape)))
        return x

    act, g = Then(IMAGE, FunctionAction(D4, noted)), torch.tensor([1])
    for _ in range(3):
        act(torch.zeros(1, 4, 4), g)
    assert len(tried) == 3 + 2 * 4  # twice for each of two generators by two
    tried.clear()
    for mask in (torch.zeros(1, 4, 4, dtype=torch.int64), torch.arange(16).reshape(1, 4, 4)):
        for _ in range(2):
            act(mask, g)
    assert len(tried) == 4 + 2 * 4  # nothing can be told from a constant mask
    tried.clear()
    act(torch.zeros(1, 5, 5), g)
    assert len(tried) == 1 + 2 * 4
    torch.func.vmap(lambda x: Then(IMAGE, SIDES)(x[None], g)[0])(torch.zeros(2, 8, 3, 3))
    wrong = Then(regrep.regular(D4), regrep.regular(D4))
    wrong(torch.zeros(1, 8, dtype=torch.int64), g)
    with pytest.raises(RegrepError, match="their order matters"):
        wrong(torch.arange(8)[None], g)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Then(IMAGE), "two or more actions, got 1"),
        (lambda: Then(IMAGE, COLOURS), "of one group, got D4 and S3; Pair takes two groups"),
        (lambda: Then(IMAGE, "r"), "what Then takes is an action or a representation, got 'r'"),
        (lambda: Pair(IMAGE, COLOURS, commute=torch.zeros(2)), "commute is True or False, got a tensor"),
        (lambda: Pair(IMAGE, 3), "what Pair takes is an action or a representation, got 3"),
        (lambda: Then(IMAGE, SIDES)(torch.zeros(1, 7, 3, 3), torch.tensor([0])), "moves 8 entries along dimension 1"),
        (lambda: Pair(IMAGE, COLOURS)(torch.zeros(1, 3, 3, 4), torch.tensor([0])), "got 3 x 4"),
        (lambda: Pair(IMAGE, COLOURS)(torch.zeros(1, 3, 3, 3), torch.tensor([48])), "index from 0 to 47, got 48"),
        (lambda: OnDims(IMAGE, 0), "0 being the batch, .* got 0"),
        (lambda: OnDims(IMAGE, (1, 1)), r"distinct dimensions, .* got \(1, 1\)"),
        (lambda: OnDims(IMAGE, (1, 2))(torch.zeros(1, 3), torch.tensor([0])), r"needs dimensions \(1, 2\) .* \[1, 3\]"),
        (lambda: OnDims(IMAGE, (1, -2))(torch.zeros(1, 3, 3), torch.tensor([0])), r"needs dimensions \(1, -2\)"),
        (lambda: OnDims(IMAGE, (1, 2))(torch.zeros(1, 3, 4, 4), torch.tensor([0])), r"on dimensions \(1, 2\) .* 3 x 4"),
        (lambda: PairIndex(IMAGE), "one representation of the entries, got RotateFlip2d"),
        (lambda: PairIndex(regrep.natural(S3), dims=(1,)), "two dimensions, got"),
        (
            lambda: PairIndex(regrep.natural(S3))(torch.zeros(1, 3, 4), torch.tensor([0])),
            r"pairs of 3 entries .* \[1, 3, 4\]",
        ),
        (lambda: Pullback(IMAGE, cyclic(2), ["e", "r"]), "C2 acts through 2 elements of D4"),
        (lambda: Pullback(IMAGE, cyclic(2), ["e"]), "the 1 given do not; list them"),
        (lambda: Pullback(IMAGE, regrep.groups.product(S3, D4).projections[0]), "a homomorphism to D4 is needed"),
        (lambda: Pullback(IMAGE, cyclic(2), "es"), "a list of indices or names, got 'es'"),
        (lambda: Pullback(IMAGE, cyclic(2), ["e", "x"]), "D4 has no element 'x'"),
        (lambda: Points(D4, torch.eye(2).expand(8, 2, 2), (1.0, 2.0, 3.0)), "2 finite numbers or one, got"),
        (lambda: Points(D4, torch.zeros(8, 2, 2)), "no representation of D4"),
        (lambda: Points2d(D4, (4, 6)), "D4 turns images that are square, .*; C1, C2, D1 and D2 keep others"),
        (lambda: Points2d(D4, torch.tensor(-1j)), "positive, got"),
        (lambda: check_law(None, torch.zeros(1)), "what check_law tries is an action or a representation, got None"),
        (lambda: Points2d(D4, (4, 6, 8)), r"positive, got \(4, 6, 8\)"),
        (lambda: KeyPoints(IMAGE, regrep.natural(D4)), "as Points do, got RotateFlip2d"),
        (lambda: KeyPoints(Points2d(D4, 9), standard(D4)), "names are permuted, got"),
        (lambda: KeyPoints(Points2d(D4, 9), regrep.natural(S4)), "D4 moves the points, but S4 their names"),
        (
            lambda: KeyPoints(Points2d(D4, 9), regrep.natural(D4))(torch.zeros(1, 3, 2), torch.tensor([0])),
            r"\[B, 4, 2 or",
        ),
        (lambda: Product(), "got 0 parts and 0 named"),
        (lambda: Product(IMAGE, a=IMAGE), "got 1 parts and 1 named"),
    ],
)
def test_mistakes_are_told(call, message):
    with pytest.raises(RegrepError, match=message):
        call()
