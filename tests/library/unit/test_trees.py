"""Data, latents and targets of several parts: the same numbers as those of the parts by hand."""

import copy
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import regrep
from regrep import EquivariantObjective, equivariance_loss
from regrep.actions import Boxes2d, Labels, Permute, Points2d, RotateFlip2d, TreeAction
from regrep.actions.trees import batches, joined, leaves, mapped, part_of, rows, samples_in, tensor_in
from regrep.errors import RegrepError
from regrep.objectives import OUTPUT, centred_error, relative_error, whitened_error
from tolerance import assert_near

D4 = regrep.groups.dihedral(4)
ACT = RotateFlip2d(D4)
RHO = regrep.latent(D4, 16)
ENTROPY = nn.functional.cross_entropy

pytestmark = pytest.mark.filterwarnings("ignore::regrep.CapacityWarning")


class Pair(NamedTuple):
    image: Any
    name: Any


@dataclass(frozen=True)
class Fields:
    image: Any
    name: Any = None


class Output(OrderedDict):
    """Attributes are items, as of the outputs of transformers."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def data(size=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 1, 8, 8, generator=generator), torch.arange(size), torch.arange(size) % 8


CONTAINERS = {
    "tuple": lambda a, b: (a, b),
    "list": lambda a, b: [a, b],
    "dict": lambda a, b: {"image": a, "name": b},
    "named tuple": Pair,
    "dataclass": Fields,
    "outputs": lambda a, b: Output(image=a, name=b),
    "nested": lambda a, b: {"one": [Fields(a), Output(two=b)]},
}


def first(tree):
    return leaves(tree)[0][1]


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_each_part_moves_by_its_own_action(make):
    x, names, g = data()
    tree = make(x, names)
    found = TreeAction(make(ACT, None))(tree, g)
    assert type(found) is type(tree)
    assert torch.equal(first(TreeAction(make(ACT, None)).apply(tree, g)), first(found))
    parts = [leaf for _, leaf in leaves(found) if leaf is not None]
    assert torch.equal(parts[0], ACT(x, g))
    assert parts[1] is names
    assert torch.equal(first(tree), x)
    assert torch.equal(first(joined([rows(found, slice(2)), rows(found, slice(2, None))])), parts[0])


@pytest.mark.parametrize("make", CONTAINERS.values(), ids=CONTAINERS)
def test_trees_cost_what_their_parts_cost(make):
    torch.manual_seed(0)
    (x, y, g), net, head = data(), nn.Linear(64, 16), nn.Linear(16, 6)
    encode = lambda tree: make(net(first(tree).flatten(1)), tree and torch.zeros(len(first(tree))))  # noqa: E731
    path = leaves(make(x, x))[0][0]
    plain = EquivariantObjective(
        lambda x: net(x.flatten(1)), head, ENTROPY, ACT, RHO, fraction=0.5, latent_augmentation=True
    )
    other = leaves(make(x, y))
    rest = next((OUTPUT, *path) for path, leaf in other if leaf is y)
    objective = EquivariantObjective(
        encode, lambda z: make(head(first(z)), None), lambda outputs, y: ENTROPY(first(outputs), first(y)),
        make(ACT, None), {(OUTPUT, *path): RHO, rest: None}, fraction=0.5, latent_augmentation=True,
    )  # fmt: skip
    for one, two in zip(plain(x, y, g)[:4], objective(make(x, y), make(y, y), g)[:4], strict=True):
        assert_near(two, one)


def test_targets_move_by_a_tree():
    x, y, g = data()
    objective = EquivariantObjective(
        nn.Identity(), lambda z: (z, z.mean(dim=(1, 2, 3))),
        lambda outputs, y: sum(nn.functional.mse_loss(*pair) for pair in zip(outputs, y, strict=True)),
        ACT, ACT, output_action=(ACT, None),
    )  # fmt: skip
    terms = objective(x, (x, y.float()), g)
    assert_near(terms.task, terms.shifted_task)
    assert terms.equivariance < 1e-10


def test_further_arguments_of_the_encoder_do_not_move():
    (x, y, g), net = data(), nn.Linear(64, 16)
    seen = {}

    def encode(x, scale, mode, table):
        seen.update(mode=mode, table=table)
        return net(x.flatten(1)) * scale[:, None]

    scale, table = torch.rand(6), torch.rand(5)
    objective = EquivariantObjective(encode, nn.Linear(16, 6), ENTROPY, ACT, RHO, fraction=0.5)
    found = objective(x, y, g, arguments={"scale": scale, "mode": "fast", "table": table})
    half = slice(3)
    z, z_g = encode(x[half], scale[half], "", table), encode(ACT(x[half], g[half]), scale[half], "", table)
    assert_near(found.equivariance, equivariance_loss(z, z_g, g[half], RHO))
    assert seen["table"] is table


def test_a_latent_is_a_part_of_what_a_layer_returns():
    torch.manual_seed(0)
    (x, y, g), lstm, head = data(), nn.LSTM(8, 16, batch_first=True), nn.Linear(16, 6)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.head = lstm, head

        def forward(self, x):
            return self.head(self.lstm(x[:, 0])[0][:, -1])

    rho = regrep.representations.Tokens(regrep.trivial(D4, 8), RHO)
    found = EquivariantObjective(Net(), None, ENTROPY, ACT, {("lstm", 0): rho})(x, y, g).equivariance
    assert_near(found, equivariance_loss(lstm(x[:, 0])[0], lstm(ACT(x, g)[:, 0])[0], g, rho))
    net = Net().eval()
    one = regrep.equivariance_error(net, x, ACT, rho, layer=("lstm", 0)).error
    two = regrep.equivariance_error(lambda x: (0, {"z": lstm(x[:, 0])[0]}), x, ACT, rho, layer=(OUTPUT, 1, "z")).error
    assert_near(one, two)
    with pytest.raises(RegrepError, match=r"returns a tuple, .* name a part of this one, such as \('lstm', 0\)"):
        EquivariantObjective(net, None, ENTROPY, ACT, {"lstm": rho})(x, y, g)
    with pytest.raises(RegrepError, match=r"the outputs of layer 'lstm' have nothing at \[5\]; there are 0, 1"):
        EquivariantObjective(net, None, ENTROPY, ACT, {("lstm", 5): rho})(x, y, g)


def test_round_trips_of_a_tree_are_those_of_its_worst_part():
    """Of every part that interpolates, element by element; what is exact or stays is not looked at."""
    C8 = regrep.groups.cyclic(8)
    turn, near, exact = RotateFlip2d(C8), RotateFlip2d(C8, "nearest"), Permute(C8, regrep.regular(C8))
    generator = torch.Generator().manual_seed(0)
    one, two = (torch.randn(2, 9, 9, generator=generator, dtype=torch.float64) for _ in range(2))
    act = TreeAction({"a": (turn, exact), "b": near, "c": None})
    errors = act.round_trip_error({"a": (one, torch.zeros(2, 8)), "b": two, "c": "name"})
    parts = turn.round_trip_error(one), near.round_trip_error(two)
    assert torch.equal(errors, torch.maximum(*parts))
    assert not any(torch.equal(errors, part) for part in parts)
    assert (act.exact, TreeAction({"a": exact, "c": None}).exact) == (False, True)
    assert TreeAction(exact, None).round_trip_error((torch.zeros(2, 8), 0)).tolist() == [0.0] * 8
    learned = regrep.LearnedRepresentation(C8, 3)  # knows neither whether it is exact nor a round trip
    assert TreeAction(learned, near).exact is False
    assert torch.equal(TreeAction(learned, near).round_trip_error((torch.ones(2, 3), two)), parts[1])


def test_parts_and_samples_of_trees_by_hand():
    x = {"a": torch.arange(5), "b": [torch.tensor(7.0), "name"], "c": Pair(torch.arange(10).reshape(5, 2), None)}
    parts = batches(x, 2)
    assert [samples_in(part) for part in parts] == [2, 2, 1]
    assert parts[1]["c"].image.tolist() == [[4, 5], [6, 7]]
    assert (parts[1]["b"][0].item(), parts[1]["b"][1]) == (7.0, "name")
    whole = joined(parts)
    assert torch.equal(whole["a"], x["a"])
    assert torch.equal(whole["c"].image, x["c"].image)
    assert (whole["b"], whole["c"].name) == (parts[0]["b"], None)
    assert [part.tolist() for part in batches(torch.arange(3), 2)] == [[0, 1], [2]]
    assert tensor_in([torch.tensor(1.0), "name", torch.arange(2)]).tolist() == [0, 1]
    assert samples_in(torch.zeros(3, 2)) == samples_in((torch.zeros(3), torch.tensor(0.0))) == 3
    assert part_of(x, ("c", 0)) is x["c"].image  # fields of a named tuple by place, and by name
    assert part_of(x, ("c", "image")) is x["c"].image
    assert part_of(x, ()) is x
    assert mapped(lambda path, leaf: path, x) == {"a": ("a",), "b": [("b", 0), "name"], "c": Pair(("c", "image"), None)}
    for call, message in (
        (lambda: tensor_in([torch.tensor(1.0)]), r"data hold at least one tensor \[B, ...\], got list"),
        (lambda: samples_in("name"), r"the data hold at least one tensor \[B, ...\], got none"),
        (lambda: samples_in(torch.tensor(1.0)), "got none; put the batch first"),
        (lambda: samples_in((torch.zeros(3), [torch.zeros(2)])), r"3 here, got \[2\] at \[1\]\[0\]; put"),
        (lambda: samples_in(torch.zeros(3), 4, "y"), r"every tensor of y has one row per sample, 4 here, got \[3\] at"),
        (lambda: part_of({0: 1}, (1,)), r"the data have nothing at \[1\]; there are 0$"),
        (lambda: part_of({"a": (1,)}, ("a", 2, 3), "z"), r"z have nothing at \['a'\]\[2\]; there are 0$"),
        (lambda: part_of(3, (0,)), "there are no parts"),
    ):
        with pytest.raises(RegrepError, match=message):
            call()


def test_measures_take_trees():
    torch.manual_seed(0)
    x, y, _ = data(40)
    net, head = nn.Linear(64, 16), nn.Linear(16, 6)
    encode = lambda tree: {"z": net(tree["image"].flatten(1)), "other": tree["name"]}  # noqa: E731
    tree, act = {"image": x, "name": y}, {"image": ACT, "name": None}
    plain = lambda x: net(x.flatten(1))  # noqa: E731
    for batch_size in (7, 256):
        one = regrep.equivariance_error(encode, tree, act, RHO, layer=(OUTPUT, "z"), batch_size=batch_size)
        assert_near(one.error, regrep.equivariance_error(plain, x, ACT, RHO).error)
        one = regrep.profile(encode, tree, act, RHO, layer=(OUTPUT, "z"), batch_size=batch_size)
        assert_near(one.share, regrep.profile(plain, x, ACT, RHO).share)
        one = regrep.through_rho(
            encode, lambda z: (head(z["z"]), z["other"]), tree, (y % 6, y), act, {"z": RHO, "other": None},
            lambda outputs, y: ENTROPY(outputs[0], y[0]), output_action=(Labels(regrep.trivial(D4, 6)), None),
            batch_size=batch_size,
        )  # fmt: skip
        assert_near(one.values, regrep.through_rho(plain, head, x, y % 6, ACT, RHO, ENTROPY).values)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x, y, g: TreeAction({"a": ACT})({"b": x}, g), "has 'a' at the root, but the data have 'b' there"),
        (lambda x, y, g: TreeAction({"a": (ACT, None)})({"a": x}, g), r"has 0, 1 at \['a'\], but .* a Tensor there"),
        (lambda x, y, g: TreeAction((ACT, ACT))((x, "name"), g), r"got a str at \[1\]; put None there"),
        (lambda x, y, g: TreeAction((None, ACT))((x, y), g), r"at \[1\]: RotateFlip2d needs square images"),
        (lambda x, y, g: TreeAction((ACT, "D4")), r"got 'D4' at \[1\]; use None"),
        (lambda x, y, g: TreeAction((None, None)), "one group, got none"),
        (lambda x, y, g: TreeAction((ACT, regrep.regular(regrep.groups.cyclic(4)))), "one group, got C4 and D4"),
        (
            lambda x, y, g: EquivariantObjective(lambda x: x[0].flatten(1)[:, :16], nn.Identity(), ENTROPY, ACT, RHO)(
                (x, x[:2]), y, g
            ),
            r"every tensor of x has one row per sample, 6 here, got \[2, 1, 8, 8\] at \[1\]",
        ),
        (
            lambda x, y, g: EquivariantObjective(
                lambda x: x.flatten(1)[:, :16], lambda z: {"logits": z[:3]}, ENTROPY, ACT, RHO
            )(x, y, g),
            r"every tensor of the outputs has one row per sample, 12 here, got \[3, 16\] at \['logits'\]",
        ),
        (
            lambda x, y, g: EquivariantObjective(
                lambda x: {"z": x.flatten(1)[:, :16], "skip": x}, lambda z: z["z"], ENTROPY, ACT, {(OUTPUT, "z"): RHO},
                latent_augmentation=True,
            )(x, y, g),
            r"\['skip'\] has no representation; add one to latent, or None",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_path(run, message):
    with pytest.raises(RegrepError, match=message):
        run(*data())


@pytest.mark.parametrize("penalty", ["mse", "relative", "whitened", "moving"])
def test_the_mean_over_samples_is_the_penalty(penalty):
    z, z_g = torch.randn(2, 12, 16, 3, generator=torch.Generator().manual_seed(0))
    g, rho = torch.arange(12) % 8, regrep.representations.layouts.channels(D4, (16, 3))
    each = equivariance_loss(z, z_g, g, rho, penalty, reduction="none")
    assert each.shape == (12,)
    assert_near(each.mean(), equivariance_loss(z, z_g, g, rho, penalty))
    other = z_g.clone()
    other[3:] += 1
    if penalty == "mse":
        assert torch.equal(equivariance_loss(z, other, g, rho, reduction="none")[:3], each[:3])
        assert_near(each[2], equivariance_loss(z[2:3], z_g[2:3], g[2:3], rho))


@pytest.mark.parametrize("measure", [whitened_error, centred_error, relative_error])
def test_the_root_mean_square_over_samples_is_the_error(measure):
    z, z_g = torch.randn(2, 40, 16, generator=torch.Generator().manual_seed(0))
    g = torch.arange(40) % 8
    each, kept = measure(z, z_g, g, RHO, reduction="none"), g != 0
    if measure is relative_error:
        kept = torch.ones_like(kept)
    assert_near(each[kept].square().mean().sqrt(), measure(z, z_g, g, RHO))
    with pytest.raises(RegrepError, match='reduction is "mean" or "none", got \'sum\''):
        measure(z, z_g, g, RHO, reduction="sum")


def test_labels_move_as_their_scores():
    rho = regrep.representations.direct_sum([ACT.pixels(9), regrep.trivial(D4)])
    labels, g = torch.randint(82, (64, 3)), torch.arange(64) % 8
    moved = Labels(rho)(labels, g)
    assert torch.equal(nn.functional.one_hot(moved, 82), rho(nn.functional.one_hot(labels, 82), g))
    some = torch.where(labels < 9, -100, labels)
    assert torch.equal(Labels(rho, ignored=-100)(some, g), torch.where(labels < 9, -100, moved))
    with pytest.raises(RegrepError, match="from 0 to 81, got 82 to 82; pass ignored="):
        Labels(rho)(torch.tensor([82]), torch.tensor([1]))
    with pytest.raises(RegrepError, match="labels are integers, got float32"):
        Labels(rho)(torch.rand(1), torch.tensor([1]))
    with pytest.raises(RegrepError, match="pass a permutation representation"):
        Labels(regrep.irreps(D4)[4])


@pytest.mark.parametrize("group", [D4, regrep.groups.cyclic(4), regrep.groups.dihedral(2)], ids=str)
def test_points_and_boxes_move_with_their_pixels(group):
    size, act = 6, RotateFlip2d(group)
    for row, column in ((0, 0), (1, 4), (5, 2)):
        image = torch.zeros(group.order, size, size)
        image[:, row, column] = 1
        g = torch.arange(group.order)
        places = act(image, g).flatten(1).argmax(dim=1)
        expected = torch.stack([places % size, places // size], dim=1) + 0.5
        points = torch.tensor([column + 0.5, row + 0.5]).expand(group.order, 1, 2)
        assert_near(Points2d(group, size)(points, g)[:, 0], expected)
        boxes = torch.tensor([column, row, column + 1.0, row + 1.0]).expand(group.order, 1, 4)
        assert_near(Boxes2d(group, size)(boxes, g)[:, 0], torch.cat([expected - 0.5, expected + 0.5], dim=1))
    assert not Boxes2d(regrep.groups.cyclic(8), 1).exact
    with pytest.raises(RegrepError, match=r"floats \[B, ..., 2\]"):
        Points2d(group, 6)(torch.zeros(1, 4, dtype=torch.int64), torch.tensor([0]))
    with pytest.raises(RegrepError, match=r"floats \[B, ..., 4\]"):
        Boxes2d(group, 6)(torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(RegrepError, match="positive, got 0"):
        Points2d(group, 0)


def test_adjacency_moves_along_both_dimensions():
    S3 = regrep.groups.symmetric(3)
    index, x, g = regrep.natural(S3).index, torch.randn(6, 3, 3), torch.arange(6)
    expected = Permute(S3, index, dim=2)(Permute(S3, index, dim=1)(x, g), g)
    assert torch.equal(Permute(S3, index, dim=(1, 2))(x, g), expected)


def test_an_objective_of_trees_can_be_copied():
    x, y, g = data()
    objective = EquivariantObjective(
        lambda x: x["a"].flatten(1)[:, :16], nn.Identity(), ENTROPY, {"a": ACT}, RHO, fraction=0.5
    )
    assert copy.deepcopy(objective)({"a": x}, y, g).total == objective({"a": x}, y, g).total
