"""Groups too large for a table: order, membership, samples, matrices, against sympy, known orders and puzzles."""

import dataclasses
import inspect
import math
import pickle

import numpy as np
import pytest
import torch
from sympy.combinatorics import Permutation, PermutationGroup

from regrep.errors import RegrepError
from regrep.groups import (
    FiniteGroup,
    LargeGroup,
    alternating,
    cyclic,
    dihedral,
    from_matrices,
    from_permutations,
    full_octahedral,
    octahedral,
    product,
    symmetric,
)
from regrep.groups.large import signs
from regrep.groups.stabilizer_chain import StabilizerChain
from regrep.groups.vector_orbits import orbit_of

RUBIK = [  # the six faces, facelets numbered as in GAP's manual, from 1
    [(1, 3, 8, 6), (2, 5, 7, 4), (9, 33, 25, 17), (10, 34, 26, 18), (11, 35, 27, 19)],
    [(9, 11, 16, 14), (10, 13, 15, 12), (1, 17, 41, 40), (4, 20, 44, 37), (6, 22, 46, 35)],
    [(17, 19, 24, 22), (18, 21, 23, 20), (6, 25, 43, 16), (7, 28, 42, 13), (8, 30, 41, 11)],
    [(25, 27, 32, 30), (26, 29, 31, 28), (3, 38, 43, 19), (5, 36, 45, 21), (8, 33, 48, 24)],
    [(33, 35, 40, 38), (34, 37, 39, 36), (3, 9, 46, 32), (2, 12, 47, 29), (1, 14, 48, 27)],
    [(41, 43, 48, 46), (42, 45, 47, 44), (14, 22, 30, 38), (15, 23, 31, 39), (16, 24, 32, 40)],
]
CORNERS = [(1, 35, 9), (3, 27, 33), (6, 11, 17), (8, 19, 25), (46, 14, 40), (41, 22, 16), (43, 30, 24), (48, 38, 32)]
EDGES = [
    (2, 34), (4, 10), (5, 26), (7, 18), (12, 37), (13, 20), (15, 44), (21, 28), (23, 42), (29, 36), (31, 45), (39, 47)
]  # fmt: skip
WREATH = [*([(k, k + 1)] for k in range(1, 12, 2)), [(1, 3), (2, 4)], [(1, 3, 5, 7, 9, 11), (2, 4, 6, 8, 10, 12)]]

M11 = [[tuple(range(1, 12))], [(3, 7, 11, 8), (4, 10, 5, 6)]]
M12 = [*M11, [(1, 12), (2, 11), (3, 6), (4, 8), (5, 9), (7, 10)]]
M24 = [
    [tuple(range(1, 24))],
    [(3, 17, 10, 7, 9), (4, 13, 14, 19, 5), (8, 18, 11, 12, 23), (15, 20, 22, 21, 16)],
    [(1, 24), (2, 23), (3, 12), (4, 16), (5, 18), (6, 10), (7, 20), (8, 14), (9, 21), (11, 17), (13, 22), (15, 19)],
]


def images(degree, *cycles):
    """An image list from cycles of points counted from 1."""
    image = list(range(degree))
    for cycle in cycles:
        for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True):
            image[a - 1] = b - 1
    return image


def group_of(degree, generators):
    return from_permutations([images(degree, *cycles) for cycles in generators])


@pytest.fixture(scope="module")
def rubik():
    return group_of(48, RUBIK)


@pytest.mark.parametrize(
    ("build", "order"),
    [
        (lambda: group_of(48, RUBIK), 43_252_003_274_489_856_000),
        (lambda: group_of(11, M11), 7920),
        (lambda: group_of(12, M12), 95_040),
        (lambda: group_of(24, M24), 244_823_040),
        (lambda: symmetric(10), math.factorial(10)),
        (lambda: alternating(9), math.factorial(9) // 2),
        (lambda: from_permutations([images(30, tuple(range(1, 31))), images(30, (1, 2))]), math.factorial(30)),
        (lambda: group_of(12, WREATH), 2**6 * 720),
        (lambda: from_permutations([np.roll(np.arange(1009), 1)]), 1009),
        (lambda: product(symmetric(5), octahedral()), 2880),
        (lambda: product(product(symmetric(7), cyclic(2)), alternating(7)), 2 * 5040 * 2520),
    ],
)  # fmt: skip
def test_known_orders(build, order):
    group = build()
    assert isinstance(group, LargeGroup)
    assert group.order == order
    assert StabilizerChain(group.generators.numpy()).order == order
    assert bool(group.contains(group.sample(50)).all())


def random_generators(rng):
    """Permutations of 6 to 12 points that move blocks of them, so that many groups are not symmetric."""
    block, count = [(1, 9), (2, 5), (3, 4), (4, 3), (2, 6)][rng.integers(5)]
    steps = []
    for _ in range(rng.integers(1, 4)):
        outer, inner = rng.permutation(count), np.stack([np.roll(np.arange(block), rng.integers(block))] * count)
        steps.append((outer[:, None] * block + inner).ravel())
    return np.array(steps)


def test_orders_and_membership_agree_with_sympy():
    rng, orders = np.random.default_rng(1), set()
    for _ in range(40):
        steps = random_generators(rng)
        ours, theirs = StabilizerChain(steps), PermutationGroup([Permutation(step.tolist()) for step in steps])
        assert ours.order == theirs.order()
        orders.add(ours.order)
        tried = [rng.permutation(steps.shape[1]) for _ in range(10)]
        tried += [np.array(theirs.random().array_form) for _ in range(5)]
        expected = [theirs.contains(Permutation(image.tolist())) for image in tried]
        assert ours.contains(np.array(tried)).tolist() == expected
    assert len(orders) > 15


def test_every_element_is_one_product_of_the_levels():
    steps = np.array([np.roll(np.arange(6), 1), [0, 5, 4, 3, 2, 1], [1, 0, 2, 4, 3, 5]])
    chain = StabilizerChain(steps)
    products = np.arange(6)[None]
    for level in chain.levels:
        products = products[:, level.transversal].reshape(-1, 6)
    assert len(np.unique(products, axis=0)) == len(products) == chain.order


def test_verification_alone_completes_a_chain(monkeypatch):
    """Without random elements the Schreier generators find the same group."""
    monkeypatch.setattr(StabilizerChain, "_learn_random", lambda self, steps: None)
    for degree, generators, order in ((11, M11, 7920), (12, M12, 95_040), (48, RUBIK[:2], 73_483_200)):
        assert StabilizerChain(np.array([images(degree, *cycles) for cycles in generators])).order == order


def test_samples_of_the_cube_are_uniform_and_keep_its_laws(rubik):
    """Each facelet visits its orbit evenly; corners and edges are permuted with one parity; twists add up to none."""
    g = rubik.sample(24_000, torch.Generator().manual_seed(0)).numpy()
    corners, edges = np.array(CORNERS) - 1, np.array(EDGES) - 1
    for orbit in (corners.ravel(), edges.ravel()):
        for point in orbit:
            counts = np.bincount(g[:, point], minlength=48)[orbit]
            assert counts.sum() == len(g)
            expected = len(g) / 24
            chi_squared = ((counts - expected) ** 2 / expected).sum()
            assert abs(chi_squared - 23) < 5 * math.sqrt(2 * 23)
    parities, sums = [], []
    for blocks in (corners, edges):
        block_of, place_of = np.full(48, -1), np.full(48, -1)
        for k, block in enumerate(blocks):
            block_of[block], place_of[block] = k, np.arange(len(block))
        moved = block_of[g[:, blocks]]
        assert (moved == moved[:, :, :1]).all()  # pieces stay whole
        parities.append(signs(torch.from_numpy(moved[:, :, 0])))
        sums.append(place_of[g[:, blocks[:, 0]]].sum(axis=1) % len(blocks[0]))
    assert torch.equal(*parities)
    assert 0.45 < float((parities[0] > 0).float().mean()) < 0.55
    assert not sums[0].any()
    assert not sums[1].any()


@pytest.mark.parametrize("cycles", [[CORNERS[0]], [EDGES[0]], [(2, 4), (34, 10)]])
def test_a_cube_put_together_wrongly_is_no_element(rubik, cycles):
    wrong = torch.tensor([images(48, *cycles)])
    assert rubik.contains(wrong).tolist() == [False]
    two = rubik.multiply(wrong, rubik.sample(1, torch.Generator().manual_seed(0)))
    assert rubik.contains(two).tolist() == [False]
    if len(cycles[0]) != 3:
        assert rubik.contains(rubik.multiply(wrong, wrong)).tolist() == [True]


def test_samples_of_a_small_group_are_uniform():
    """All 120 elements, counted."""
    group = LargeGroup("S5", symmetric(5).points[list(symmetric(5).generators)])
    g = group.sample(60_000, torch.Generator().manual_seed(0))
    counts = torch.unique(g, dim=0, return_counts=True)[1].double()
    assert len(counts) == 120
    assert abs(float(((counts - 500) ** 2 / 500).sum()) - 119) < 5 * math.sqrt(2 * 119)


def test_products_are_first_the_second_and_inverses_undo(rubik):
    draw = torch.Generator().manual_seed(0)
    g, h = rubik.sample(50, draw), rubik.sample(50, draw)
    gh = rubik.multiply(g, h)
    assert gh[:3].tolist() == [[int(g[b, h[b, i]]) for i in range(48)] for b in range(3)]
    assert torch.equal(rubik.multiply(rubik.invert(gh), gh), rubik.identity.expand(50, 48))
    assert torch.equal(rubik.invert(gh), rubik.multiply(rubik.invert(h), rubik.invert(g)))


def simple_reflections():
    """Of E8, in the basis of its usual root system."""
    roots = np.zeros((8, 8))
    for k in range(6):
        roots[k, k], roots[k, k + 1] = 1, -1
    roots[6, 5] = roots[6, 6] = 1
    roots[7] = -0.5
    return np.stack([np.eye(8) - np.outer(root, root) for root in roots])


def hyperoctahedral(n):
    swaps = [np.eye(n)[[*range(k), k + 1, k, *range(k + 2, n)]] for k in range(n - 1)]
    return np.stack([*swaps, np.diag([-1.0] + [1.0] * (n - 1))])


@pytest.mark.parametrize(
    ("matrices", "order", "degree"),
    [
        (simple_reflections(), 696_729_600, 240),
        (hyperoctahedral(6), 46_080, 12),
        (-hyperoctahedral(6), 46_080, 12),
        (np.kron(hyperoctahedral(5), np.eye(2)), 3840, 20),
        (hyperoctahedral(5).astype(np.float32), 3840, 10),
    ],
)
def test_groups_of_matrices_permute_vectors(matrices, order, degree):
    group = from_matrices(matrices)
    assert (group.order, group.degree) == (order, degree)
    of = group.vectors.matrices
    assert torch.equal(of(group.generators), torch.from_numpy(matrices).double())
    draw = torch.Generator().manual_seed(0)
    g, h = group.sample(30, draw), group.sample(30, draw)
    assert torch.allclose(of(group.multiply(g, h)), of(g) @ of(h), atol=1e-12, rtol=0)
    moved = torch.einsum("bij,kj->bki", of(g), group.vectors.vectors)
    assert torch.allclose(moved, group.vectors.vectors[g], atol=1e-12, rtol=0)


def weyl_e6():
    """The reflections of E6, in the basis of its simple roots."""
    cartan = 2 * np.eye(6)
    for i, j in ((0, 1), (1, 2), (2, 3), (3, 4), (2, 5)):
        cartan[i, j] = cartan[j, i] = -1
    return np.stack([np.eye(6) - np.outer(np.eye(6)[k], cartan[k]) for k in range(6)])


@pytest.mark.parametrize(("matrices", "degree"), [(weyl_e6(), 72), (hyperoctahedral(6), 12)])
def test_matrices_of_integers_are_exact_in_any_basis(matrices, degree):
    rng = np.random.default_rng(1)
    basis = np.tril(rng.integers(-2, 3, size=(6, 6)), -1) + np.eye(6)
    basis = basis @ (np.triu(rng.integers(-2, 3, size=(6, 6)), 1) + np.eye(6))
    group = from_matrices(basis @ matrices @ np.rint(np.linalg.inv(basis)))
    assert group.degree == degree
    g, h = group.sample(100, torch.Generator().manual_seed(0)), group.sample(100, torch.Generator().manual_seed(1))
    of = group.vectors.matrices
    assert torch.equal(of(g), of(g).round())
    assert torch.equal(of(group.multiply(g, h)), of(g) @ of(h))


def test_a_rotated_group_of_matrices_is_found_as_well():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    group = from_matrices(turn @ hyperoctahedral(6) @ turn.T)
    assert (group.order, group.degree) == (46_080, 12)
    assert np.allclose(group.vectors.matrices(group.generators), turn @ hyperoctahedral(6) @ turn.T, atol=1e-12)


def test_many_matrices_given_are_all_in_the_group():
    """The first hundred generate only the permutations."""
    signed = from_matrices(hyperoctahedral(5))
    swaps = from_permutations(hyperoctahedral(5)[:-1].argmax(axis=1))
    first = torch.eye(5, dtype=torch.float64)[swaps.points].transpose(1, 2)
    some = signed.vectors.matrices(signed.sample(1000, torch.Generator().manual_seed(0)))
    assert from_matrices(torch.cat([first, some])).order == 3840


def test_the_orbit_of_an_infinite_group_ends():
    assert orbit_of(np.array([1.0, 0.0]), np.array([[[1.0, 0.0], [1.0, 1.0]]]), 1e-6, 100) is None


def test_products_split_and_join():
    group = product(
        product(full_octahedral(), dihedral(2)), symmetric(7)
    )  # neither small one is faithful on its points
    assert group.order == 48 * 4 * 5040
    draw = torch.Generator().manual_seed(0)
    g, h = group.sample(300, draw), group.sample(300, draw)
    small, permutation = group.split(g)
    assert torch.equal(group.join(small, permutation), g)
    assert len(small.unique()) > 100
    left, right = group.split(group.multiply(g, h))
    first, second = group.split(h)
    assert torch.equal(left, group.factors[0].mul[small, first])
    assert torch.equal(right, permutation.gather(1, second))


def read(group, name):
    """An attribute, or what a method returns."""
    value = getattr(group, name)
    if inspect.ismethod(value):
        value(*[[0]] * len(inspect.signature(value).parameters))


def test_whatever_needs_a_table_says_in_one_sentence_that_there_is_none():
    group, known = (
        symmetric(10),
        set(vars(LargeGroup)) | {field.name for field in dataclasses.fields(FiniteGroup)} | {"defining"},
    )
    names = [name for name in vars(FiniteGroup) if not name.startswith("_") and name not in known]
    assert {"inverse", "conjugacy_classes", "character_table", "words", "subgroup"} <= set(names)
    for name in [*names, "mul", "names", "points"]:
        with pytest.raises(RegrepError, match="S10 has 3628800 elements, more than the 1000 of a multiplic") as caught:
            read(group, name)
        assert ". " not in str(caught.value)
    with pytest.raises(AttributeError):
        group.nonsense  # noqa: B018


def test_equality_is_that_of_permutations():
    ours = from_permutations([np.roll(np.arange(8), 1), [1, 0, *range(2, 8)]])
    assert ours == symmetric(8)
    assert hash(ours) == hash(symmetric(8))
    assert symmetric(8) != symmetric(9)
    assert alternating(8) != symmetric(8)
    steps = symmetric(7).generators
    first, last = (from_permutations(torch.cat(pair, dim=1)) for pair in (
        (steps, torch.full((6, 1), 7)), (torch.zeros(6, 1, dtype=torch.int64), steps + 1)))  # fmt: skip
    assert first.order == last.order
    assert first != last
    assert symmetric(6) != symmetric(8)
    assert symmetric(8) != symmetric(6)
    again = pickle.loads(pickle.dumps(symmetric(8)))
    assert again == symmetric(8)
    assert repr(again) == "<LargeGroup S8 of order 40320 on 8 points>"
    assert not again.is_abelian
    assert from_permutations([np.roll(np.arange(1009), 1)]).is_abelian


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: symmetric(8).invert(torch.zeros(3, dtype=torch.int64)), r"int64 \[B, 8\], got int64 \[3\]"),
        (lambda: symmetric(8).invert(torch.zeros(3, 8)), r"got float32 \[3, 8\]"),
        (lambda: symmetric(8).contains(torch.zeros(1, 8, dtype=torch.int64)), "once, got"),
        (lambda: symmetric(8).split(symmetric(8).sample(2)), "is not built as a direct product"),
        (lambda: product(symmetric(8), cyclic(2)).join(torch.zeros(1, dtype=torch.int64)), "built of 2 factors, got"),
        (lambda: symmetric(8).sample(-1), "elements to draw is an integer from 0"),
        (lambda: symmetric(401), "from 1 to 400, got 401"),
        (lambda: from_permutations(symmetric(8).generators, names=["a"]), "leave the names out"),
        (lambda: from_permutations([np.roll(np.arange(6000), 1)]), "at most 33554432 numbers, but on 6000 points"),
        (lambda: from_matrices([[[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]]), "permute at most 5000 vectors"),
    ],
)  # fmt: skip
def test_wrong_calls_say_so(call, message):
    with pytest.raises(RegrepError, match=message):
        call()
