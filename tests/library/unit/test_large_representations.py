"""Representations, actions, objective and measures of groups too large for a table."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

import regrep
from regrep.actions import Fix, FunctionAction, Labels, Pair, PairIndex, Permute, SideBySide, Then, sample
from regrep.errors import RegrepError
from regrep.groups import (
    alternating,
    cyclic,
    dihedral,
    from_matrices,
    from_permutations,
    octahedral,
    product,
    symmetric,
)
from regrep.objectives.functional import moving_part
from regrep.objectives.measures import others
from regrep.representations import cosets, of_factor, subsets, tuples

S10, S5, TURNS = symmetric(10), symmetric(5), octahedral()
COLOURED = product(S5, TURNS)
SIGNED = from_matrices(
    np.stack([np.roll(np.eye(5), 1, axis=0), np.eye(5)[[1, 0, 2, 3, 4]], np.diag([-1.0, 1, 1, 1, 1])]), "B5"
)
S8 = symmetric(8)
LINES = torch.zeros(2, 10)


REPRESENTATIONS = [
    regrep.natural(S10),
    regrep.trivial(S10, 3),
    regrep.sign(S10),
    regrep.standard(S10),
    2 * regrep.natural(S10) + regrep.trivial(S10),
    regrep.natural(S10) @ regrep.natural(S10),
    regrep.sign(S10) @ regrep.standard(S10) + regrep.natural(S10),
    subsets(S10, 3),
    tuples(S10, 2),
    cosets(S8, product(symmetric(6), symmetric(2)).generators),
    cosets(S8, alternating(8).generators),
    SIGNED.defining,
    regrep.natural(SIGNED),
    regrep.det(SIGNED),
    regrep.det(S8),
    SIGNED.defining @ SIGNED.defining,
    of_factor(COLOURED, 0, regrep.standard(S5)) @ of_factor(COLOURED, 1, TURNS.defining),
    of_factor(COLOURED, 1, regrep.regular(TURNS)) + regrep.natural(COLOURED),
    of_factor(product(S10, dihedral(4)), 0, regrep.natural(S10)),
]

each = pytest.mark.parametrize("rho", REPRESENTATIONS, ids=repr)


@pytest.fixture
def draw():
    return torch.Generator().manual_seed(0)


@each
def test_laws(rho, draw):
    group = rho.group
    g, h = group.sample(12, draw), group.sample(12, draw)
    x = torch.randn(12, 2, rho.dim, generator=draw, dtype=torch.float64)
    assert torch.allclose(rho(rho(x, h), g), rho(x, group.multiply(g, h)), atol=1e-12, rtol=0)
    assert torch.allclose(rho(x, group.identity.expand(12, -1)), x, atol=1e-12, rtol=0)
    matrices = rho.matrices(g)
    assert torch.allclose(torch.einsum("bij,bpj->bpi", matrices, x), rho(x, g), atol=1e-12, rtol=0)
    assert torch.allclose(rho.matrix(g[3]), matrices[3], atol=1e-12, rtol=0)
    assert torch.allclose(rho(x.float(), g), rho(x, g).float(), atol=1e-5, rtol=0)


@each
def test_invariants_and_moving_part_by_generators(rho, draw):
    """What every generator fixes is what the group fixes; the mean over the group is fixed, and keeps what is fixed."""
    steps = rho.matrices(rho.group.generators)
    eye = torch.eye(rho.dim, dtype=torch.float64)
    rank = int(torch.linalg.matrix_rank((steps - eye).flatten(0, 1), tol=1e-6))
    assert rho.invariant_dim == rho.dim - rank
    z = torch.randn(5, rho.dim, generator=draw, dtype=torch.float64)
    mean = z - moving_part(z, rho)
    for step in rho.group.generators:
        moved = rho(z, step.expand(5, -1))
        assert torch.allclose(rho(mean, step.expand(5, -1)), mean, atol=1e-10, rtol=0)
        assert torch.allclose(moving_part(z, rho) + mean, z)
        assert torch.allclose(moved - moving_part(moved, rho), mean, atol=1e-10, rtol=0)


def test_the_average_over_a_group_by_all_its_elements():
    """A group of 120 elements with a chain, against its table."""
    small = symmetric(5)
    large = regrep.groups.LargeGroup("S5", small.points[list(small.generators)])
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(0)).double()
    weights = torch.arange(25.0).reshape(5, 5).double()
    skew = torch.linalg.inv(weights + torch.eye(5)), weights + torch.eye(5)

    def act(z, images):
        moved = (z @ skew[0].T).gather(1, torch.argsort(images, dim=1))
        return moved @ skew[1].T

    every = torch.stack([act(z, image.expand(3, 5)) for image in small.points]).mean(dim=0)
    assert torch.allclose(large.average(act, z), every, atol=1e-12)


def test_subsets_and_tuples_move_as_their_points():
    for group, points in ((S10, sample(S10, 4)), (symmetric(4), symmetric(4).points)):
        for make, size in ((subsets, 2), (subsets, 3), (tuples, 2)):
            rho = make(group, size)
            degree = points.shape[1]
            listed = [
                t for t in np.ndindex(*[degree] * size)
                if len(set(t)) == size and (make is tuples or list(t) == sorted(t))
            ]  # fmt: skip
            assert rho.dim == len(listed)
            elements = points if group is S10 else torch.arange(group.order)
            images = rho.images_of(elements)
            for b, image in enumerate(points.tolist()):
                moved = [tuple(image[i] for i in t) for t in listed]
                moved = moved if make is tuples else [tuple(sorted(t)) for t in moved]
                assert images[b].tolist() == [listed.index(t) for t in moved]


def test_determinants_and_reflections():
    g = SIGNED.sample(50, torch.Generator().manual_seed(0))
    matrices = SIGNED.vectors.matrices(g)
    assert torch.equal(regrep.det(SIGNED).matrices(g)[:, 0, 0], torch.linalg.det(matrices).round())
    assert len(regrep.det(SIGNED).matrices(g).unique()) == 2
    h = S8.sample(50, torch.Generator().manual_seed(0))
    assert torch.equal(regrep.det(S8).matrices(h), regrep.sign(S8).matrices(h))
    assert SIGNED.has_reflections
    assert S8.has_reflections
    assert not alternating(8).has_reflections


def test_cosets_of_the_stabiliser_of_a_pair_are_the_pairs():
    """The same permutation characters: as many fixed cosets as fixed pairs."""
    rho, pairs = REPRESENTATIONS[9], subsets(S8, 2)
    g = S8.sample(40, torch.Generator().manual_seed(0))
    still = torch.arange(28)
    assert torch.equal((rho.images_of(g) == still).sum(dim=1), (pairs.images_of(g) == still).sum(dim=1))
    two = cosets(S8, alternating(8).generators)
    assert torch.equal((two.images_of(g)[:, 0] == 0).long() * 2 - 1, regrep.sign(S8).matrices(g)[:, 0, 0].long())


class DeepSets(nn.Module):
    """Equivariant: every point gets a function of itself and of the mean over the points."""

    def __init__(self, width=6):
        super().__init__()
        self.one, self.two = nn.Linear(3, 16), nn.Linear(32, width)

    def forward(self, x):
        h = self.one(x).relu()
        return self.two(torch.cat([h, h.mean(dim=1, keepdim=True).expand_as(h)], dim=-1)).transpose(1, 2).flatten(1)


def test_a_network_on_sets_is_measured_as_equivariant_and_another_is_not(draw):
    torch.manual_seed(0)
    act, rho, x = Permute(S10, regrep.natural(S10)), 6 * regrep.natural(S10), torch.randn(64, 10, 3)
    found = regrep.equivariance_error(DeepSets(), x, act, rho, elements=5, generator=draw)
    assert found.mean_whitened_error < 1e-6
    assert found.elements == ("e", "random 1", "random 2", "random 3", "random 4", "random 5")
    assert 0.5 < found.moving_share < 1
    other = nn.Sequential(nn.Flatten(), nn.Linear(30, 60), nn.Tanh())
    found = regrep.equivariance_error(other, x, act, rho, elements=12, generator=draw)
    assert found.mean_whitened_error > 0.9
    values = found.whitened_error[1:].tolist()
    by_hand = math.sqrt(sum((v - np.mean(values)) ** 2 for v in values) / 11 / 12)
    assert found.standard_error() == pytest.approx(by_hand)
    assert found.as_dict()["standard_errors"]["whitened_error"] == pytest.approx(by_hand)
    assert "12 random elements of 3628800; standard errors: whitened error" in str(found)


def test_random_elements_of_a_small_group_estimate_the_mean_over_all(draw):
    torch.manual_seed(0)
    G = dihedral(50)
    act, rho = Permute(G, regrep.natural(G)), regrep.natural(G)
    encoder, x = nn.Sequential(nn.Linear(50, 50), nn.Tanh()), torch.randn(30, 50)
    with torch.no_grad():
        encoder[0].weight += 0.3 * torch.eye(50)
    all_of_them = regrep.equivariance_error(encoder, x, act, rho)
    some = regrep.equivariance_error(encoder, x, act, rho, elements=20, generator=draw)
    assert (all_of_them.standard_error(), all_of_them.drawn_from) == (0.0, None)
    assert some.drawn_from == 100
    assert abs(some.mean_error - all_of_them.mean_error) < 5 * some.standard_error("error")


@pytest.mark.parametrize("penalty", ["mse", "relative", "whitened", "moving"])
def test_an_objective_on_sets_trains(penalty):
    torch.manual_seed(0)
    rho = 3 * regrep.natural(S10) + regrep.trivial(S10, 10)
    encoder, head = nn.Sequential(nn.Flatten(), nn.Linear(30, 40)), nn.Linear(40, 2)
    objective = regrep.EquivariantObjective(
        encoder, head, nn.functional.cross_entropy, input_action=Permute(S10, regrep.natural(S10)), latent=rho,
        penalty=penalty, latent_augmentation=True,
    )  # fmt: skip
    x = torch.randn(128, 10, 3)
    y = (x[..., 0].sum(dim=1) > 0).long()
    optimizer, errors = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=1e-2), []
    for _ in range(60):
        terms = objective(x, y)
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        errors.append(float(terms.equivariance.detach()))
    assert errors[-1] < 0.6 * errors[0]
    assert 0 < float(terms.whitened_error) < 1
    assert 0 < float(terms.moving_share) < 1


def test_the_penalty_uses_the_elements_that_moved_the_data():
    """An equivariant encoder has no penalty; with the elements of other samples it has one."""
    torch.manual_seed(0)
    act, rho, x = Permute(S10, regrep.natural(S10)), 6 * regrep.natural(S10), torch.randn(32, 10, 3)
    settings = {"head": nn.Linear(60, 2), "task_loss": nn.functional.cross_entropy, "input_action": act, "latent": rho}
    y = torch.zeros(32, dtype=torch.int64)
    assert float(regrep.EquivariantObjective(DeepSets(), **settings)(x, y).equivariance.detach()) < 1e-10
    shuffled = regrep.EquivariantObjective(DeepSets(), **settings, control="shuffled")
    assert float(shuffled(x, y).equivariance.detach()) > 1e-3


def test_coloured_points_turn_and_change_colours():
    """S5 x O on five sets of points in space: colours are permuted, points turned."""
    draw = torch.Generator().manual_seed(0)
    act = Pair(Permute(S5, regrep.natural(S5)), TURNS.defining)
    assert act.group == COLOURED
    g, h = sample(COLOURED, 20, draw), sample(COLOURED, 20, draw)
    x = torch.randn(20, 5, 4, 3, generator=draw)
    colours, turned = COLOURED.split(g)
    moved, turns = act(x, g), torch.from_numpy(regrep.groups.rotation_matrices()).float()
    for b in range(20):
        for colour in range(5):
            expected = x[b, colour] @ turns[turned[b]].T
            assert torch.allclose(moved[b, S5.points[colours[b], colour]], expected, atol=1e-6)
    assert torch.allclose(act(act(x, h), g), act(x, COLOURED.multiply(g, h)), atol=1e-6)
    rho = of_factor(COLOURED, 0, regrep.natural(S5)) @ of_factor(COLOURED, 1, TURNS.defining)
    centres = lambda x: x.mean(dim=2).flatten(1)  # noqa: E731
    error = regrep.equivariance_error(centres, x, act, rho, elements=6, generator=draw)
    assert error.mean_whitened_error < 1e-5
    wrong = of_factor(COLOURED, 0, regrep.natural(S5)) @ (3 * of_factor(COLOURED, 1, regrep.trivial(TURNS)))
    assert regrep.equivariance_error(centres, x, act, wrong, elements=6, generator=draw).mean_whitened_error > 0.5
    symmetry = regrep.nn.LatentSymmetry(act, rho)
    assert symmetry.as_dict()["representation"] == rho.name


def test_actions_of_large_groups():
    draw = torch.Generator().manual_seed(0)
    g, rho = S10.sample(3, draw), regrep.natural(S10)
    x = torch.arange(3 * 100).reshape(3, 10, 10)
    both = Permute(S10, rho, dim=(1, 2))(x, g)
    for b in range(3):
        for i in range(10):
            for j in range(10):
                assert both[b, g[b, i], g[b, j]] == x[b, i, j]
    small, few = regrep.natural(symmetric(4)), torch.tensor([1, 2, 3])
    assert torch.equal(Permute(small.group, small)(x[:, :4], few), Permute(small.group, small.index)(x[:, :4], few))
    assert torch.equal(PairIndex(rho)(x, g), both)
    flips = FunctionAction(S10, lambda x, g: x * regrep.sign(S10).matrices(g).long())
    assert torch.equal(Then(PairIndex(rho), flips)(x, g), both * regrep.sign(S10).matrices(g).long())
    with pytest.raises(RegrepError, match=r"do not: with \[1, 0, 2"):
        Then(Permute(S10, rho), Permute(S10, rho))(x, g)
    labels = torch.tensor([4, 0, 9])
    moved = Labels(rho)(labels, g)
    assert moved.tolist() == [int(g[b, labels[b]]) for b in range(3)]
    assert torch.equal(nn.functional.one_hot(moved, 10), rho(nn.functional.one_hot(labels, 10), g))
    assert Fix(S10)(labels, g) is labels


def test_squares_side_by_side_under_a_large_product():
    small, wide = regrep.actions.RotateFlip2d(dihedral(4)), regrep.actions.RotateFlip2d(cyclic(128))
    act = SideBySide(small, wide)
    assert act.group.order == 1024
    x = torch.randn(6, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    g = act.group.sample(6, torch.Generator().manual_seed(0))
    first, second = act.group.split(g)
    moved = act(x, g)
    assert torch.equal(moved[:, 4:12, :8], small(x[:, 4:12, :8], first))
    assert torch.equal(moved[:, 4:12, 8:], wide(x[:, 4:12, 8:], second))


def test_averages_over_random_elements_of_a_large_group(draw):
    torch.manual_seed(0)
    act, x = Permute(S10, regrep.natural(S10)), torch.randn(4, 10, 3)
    mean = regrep.nn.GroupAveraged(lambda x: x[:, 0], act, elements=4000, generator=draw)
    assert torch.allclose(mean(x), x.mean(dim=1), atol=0.1)
    same = regrep.nn.GroupAveraged(lambda x: x + torch.arange(10.0)[:, None], act, act, elements=4000, generator=draw)
    assert torch.allclose(same(x), x + 4.5, atol=0.3)


def test_samples_with_the_identity_are_left_out_of_errors():
    g = torch.stack([S10.identity, S10.generators[0], S10.identity])
    assert others(g).tolist() == [0, 1, 0]
    assert others(torch.tensor([0, 3])).tolist() == [0, 1]


def test_large_representations_are_copied_and_stored():
    for rho in REPRESENTATIONS:
        for twin in (copy.deepcopy(rho), pickle.loads(pickle.dumps(rho))):
            g = rho.group.sample(2)
            assert torch.equal(twin.matrices(g), rho.matrices(g))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regrep.natural(S10).stack(), "S10 has 3628800 elements, too many to list, so natural has no matrices"),
        (lambda: regrep.natural(S10).index, "natural has no index of all elements"),
        (lambda: regrep.standard(S10).character, "standard has no character over all"),
        (lambda: (regrep.sign(S10) + regrep.standard(S10)).multiplicities(), "has no character over all"),
        (lambda: regrep.regular(S10), "more than the 1000 of a multiplication table"),
        (lambda: regrep.latent(S10, 100), "more than the 1000 of a multiplication table"),
        (lambda: regrep.irreps(S10), "more than the 1000 of a multiplication table"),
        (lambda: regrep.LearnedRepresentation(S10, 3), "more than the 1000 of a multiplication table"),
        (lambda: regrep.nn.GroupAveraged(nn.Identity(), Fix(S10)), "more than the 1000 of a multiplication table"),
        (lambda: regrep.natural(S10)(torch.zeros(2, 10), torch.tensor([0, 1])), r"int64 \[B, 10\], got int64 \[2\]"),
        (lambda: regrep.natural(S10)(torch.zeros(3, 10), S10.sample(2)), "one group element per sample is needed"),
        (lambda: regrep.natural(S10) + regrep.natural(S8), "combine only over the same group"),
        (lambda: Permute(S10, regrep.standard(S10)), "permuted by a permutation representation of S10"),
        (lambda: Permute(S10, regrep.natural(S8)), "permuted by a permutation representation of S10"),
        (lambda: cosets(S8, [[1, 0]]), "lists of images"),
        (lambda: cosets(alternating(8), S8.generators), "one of these is none"),
        (lambda: cosets(S10, [list(range(10))]), "at most 100000 coordinates, got 3628800 cosets"),
        (lambda: cosets(S5, [[0, 1, 2, 3, 4]]), "taken in a LargeGroup"),
        (lambda: subsets(symmetric(40), 10), "at most 100000 coordinates"),
        (lambda: subsets(S10, 11), "from 1 to 10, got 11"),
        (lambda: of_factor(S10, 0, regrep.natural(S10)), "a factor is one of a product"),
        (lambda: of_factor(COLOURED, 2, regrep.natural(S5)), "from 0 to 1, got 2"),
        (lambda: of_factor(COLOURED, 1, regrep.natural(S5)), "factor 1 of S5xO is O, got"),
        (lambda: regrep.standard(S10)(torch.zeros(2, 9, dtype=torch.int64), S10.sample(2)), "acts on floats"),
        (lambda: regrep.equivariance_error(nn.Identity(), LINES, Fix(S10), Fix(S10), elements=1), "from 2 to 1000000"),
        (lambda: regrep.profile(nn.Identity(), LINES, Fix(S10), regrep.natural(S10)), "more than the 1000"),
    ],
)  # fmt: skip
def test_wrong_calls_say_so(call, message):
    with pytest.raises(RegrepError, match=message):
        call()


def test_thousands_of_cosets_are_told_apart():
    """Ten thousand keys from a small range would meet by chance."""
    rho = cosets(S8, [[1, 0, 2, 3, 4, 5, 6, 7], [0, 1, 3, 2, 4, 5, 6, 7]])
    assert rho.dim == 10080
    images = rho.images_of(torch.as_tensor(S8.generators))
    assert torch.equal(images.sort(dim=1).values, torch.arange(10080).expand(len(images), -1))


def test_a_group_on_its_own_points_is_that_of_its_cosets():
    """M11 on the cosets of the stabiliser of a point has its eleven points again."""
    steps = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], [0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7]]
    group = from_permutations(steps)
    assert group.order == 7920
    level = group.chain.levels[1:]
    stabiliser = torch.from_numpy(np.concatenate([step.transversal for step in level])).long()
    rho = cosets(group, stabiliser)
    assert rho.dim == 11
    g = group.sample(30)
    still = torch.arange(11)
    assert torch.equal((rho.images_of(g) == still).sum(dim=1), (g == still).sum(dim=1))
