"""Axes of weights read from shapes: against the space of equivariant layers, found by linear algebra alone."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

import regrep
from regrep.actions import Permute, Rotate3d, RotateFlip2d, SideBySide, VectorField2d
from regrep.errors import RegrepError
from regrep.groups import cyclic, dihedral, octahedral
from regrep.nn.projection import Projection, hidden
from regrep.nn.weight_axes import check_equivariant, projected_axes, signed_of

C4, D1, D4 = cyclic(4), dihedral(1), dihedral(4)

WINDOWS = [
    # side, kernel, stride, padding, dilation
    (7, 3, 2, 1, 1),
    (8, 3, 2, 1, 1),
    (8, 5, 2, 2, 1),
    (8, 4, 2, 1, 1),
    (8, 2, 2, 0, 1),
    (8, 3, 2, 0, 1),
    (8, 3, 3, 1, 1),
    (8, 3, 4, 1, 1),
    (9, 3, 2, 2, 2),
    (6, 3, 1, 1, 1),
]


def spaces(layer, shape, before, after):
    """The projection onto the weights of a layer whose map commutes with the group, from its matrix alone, float64."""
    count = layer.weight.numel()
    rows = []
    for k in range(count):
        weight = torch.zeros(count, dtype=torch.float64)
        weight[k] = 1.0
        layer.weight.data = weight.reshape(layer.weight.shape)
        entries = torch.eye(before.shape[-1], dtype=torch.float64).reshape(-1, *shape)
        matrix = layer(entries).flatten(1).T  # columns are the images of entries
        rows.append(torch.cat([(a @ matrix - matrix @ b).flatten() for a, b in zip(after, before, strict=True)]))
    _, sizes, vectors = torch.linalg.svd(torch.stack(rows, dim=1), full_matrices=False)
    null = vectors[sizes < 1e-9]
    return null.T @ null


def matrices(signed):
    """Of an axis."""
    order, dim = signed.index.shape
    found = torch.zeros(order, dim, dim, dtype=torch.float64)
    found.scatter_(2, signed.index[:, :, None], signed.sign[:, :, None].double())
    return found


def projector(axes):
    """The matrix of the projection of one parameter."""
    operator = Projection({"weight": axes}).reynolds.double()
    size = operator.orbits.max() + 1
    return torch.stack([operator(row) for row in torch.eye(size, dtype=torch.float64)], dim=1)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("group", [C4, D1])
def test_windows_are_projected_onto_all_equivariant_ones_and_no_others(group, window):
    """Whatever the stride: points that an element takes out of the window are 0."""
    side, kernel, stride, padding, dilation = window
    act, width = RotateFlip2d(group), group.order
    layer = nn.Conv2d(1, width, kernel, stride, padding, dilation, bias=False).double()
    network = nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2)).double()
    x = torch.randn(3, 1, side, side, dtype=torch.float64)
    axes = projected_axes(network, x, act)["0.weight"]
    out = layer(x).shape[-1]
    before = matrices(signed_of(act, (1, side, side)))
    points = matrices(signed_of(act, (1, out, out)))
    after = torch.stack([torch.kron(a, b) for a, b in zip(hidden(group, width).stack(), points, strict=True)])
    torch.testing.assert_close(projector(axes), spaces(layer, (1, side, side), before, after), atol=1e-9, rtol=0)


def test_a_layer_that_reads_a_flattened_map_is_projected_for_channels_and_pixels():
    act, layer = RotateFlip2d(C4), nn.Linear(4 * 9, 4, bias=False).double()
    network = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AvgPool2d(2), nn.Flatten(), layer, nn.Tanh()).double()
    network.append(nn.Linear(4, 2).double())
    axes = projected_axes(network, torch.randn(3, 1, 6, 6, dtype=torch.float64), act)["3.weight"]
    regular, points = hidden(C4, 4).stack(), matrices(signed_of(act, (1, 3, 3)))
    before = torch.stack([torch.kron(a, b) for a, b in zip(regular, points, strict=True)])
    torch.testing.assert_close(projector(axes), spaces(layer, (36,), before, regular), atol=1e-9, rtol=0)


def classifier(act, conv, norm, side, width=8):
    axes = 3 if conv is nn.Conv3d else 2
    half = (side + 1) // 2
    return nn.Sequential(
        norm(1), conv(1, width, 3, padding=1), norm(width), nn.ELU(), conv(width, 2 * width, 3, stride=2, padding=1),
        nn.ELU(), nn.Flatten(), nn.Linear(2 * width * half**axes, 2 * width), nn.BatchNorm1d(2 * width), nn.Tanh(),
        nn.Linear(2 * width, 3),
    )  # fmt: skip


CASES = {
    "D4": (lambda: classifier(None, nn.Conv2d, nn.BatchNorm2d, 6), RotateFlip2d(D4), None, (1, 6, 6)),
    "odd": (lambda: classifier(None, nn.Conv2d, nn.BatchNorm2d, 7), RotateFlip2d(C4), None, (1, 7, 7)),
    "cube": (lambda: classifier(None, nn.Conv3d, nn.BatchNorm3d, 4, 24), Rotate3d(octahedral()), None, (1, 4, 4, 4)),
    "field": (
        lambda: nn.Sequential(
            nn.BatchNorm2d(2), nn.Conv2d(2, 8, 3, padding="same"), nn.Tanh(), nn.Conv2d(8, 2, 3, padding=1),
            nn.BatchNorm2d(2),
        ),
        VectorField2d(D4, rows="down"), VectorField2d(D4, rows="down"), (2, 5, 5),
    ),
    "vector": (
        lambda: nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.Tanh(), nn.Flatten(), nn.Linear(72, 2), nn.Unflatten(1, (2, 1, 1))
        ),
        RotateFlip2d(D4), VectorField2d(D4, rows="down"), (1, 5, 5),
    ),
    "flat": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)),
        Permute(D1, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]])), None, (4,),
    ),
    "pixels": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3)),
        RotateFlip2d(D4), None, (1, 4, 4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_projected_networks_are_equivariant_and_others_are_found_out(case):
    """Also with scales and shifts that differ from channel to channel before they are projected."""
    torch.manual_seed(0)
    make, act, moves, shape = CASES[case]
    network, x = make().double(), torch.randn(5, *shape, dtype=torch.float64)
    axes = projected_axes(network, x, act, moves)
    assert set(axes) == {name for name, _ in network.named_parameters()}
    for one in network.parameters():
        nn.init.normal_(one)
    check_equivariant(network, axes, x, act, moves)
    Projection(axes).double().project_(network)
    network.eval()
    assert (network(x) - network(-x)).norm() > 1e-3  # not constant
    assert all(one.abs().max() > 1e-3 for name, one in network.named_parameters() if name.endswith("weight"))
    for k in range(act.group.order):
        g = torch.full((5,), k)
        expected = network(x) if moves is None else moves(network(x), g)
        torch.testing.assert_close(network(act(x, g)), expected, atol=1e-6, rtol=1e-6)
    assert float(Projection(axes).double().squared_distance(network).detach()) < 1e-9


def test_axes_that_are_wrong_are_found_out():
    """A first layer that is left as it is, and a last one that reads channels as if they were invariant."""
    make, act, moves, shape = CASES["D4"]
    network, x = make(), torch.randn(5, *shape)
    axes = projected_axes(network, x, act, moves)
    free = regrep.trivial(D4, network.get_parameter("1.weight").numel())
    for wrong in ({"1.weight": [free]}, {"10.weight": [hidden(D4, 3), regrep.trivial(D4, 16)]}):
        with pytest.raises(RegrepError, match=r"with projected weights the outputs still change by \d.* under D4"):
            check_equivariant(network, {**axes, **wrong}, x, act, moves)


@pytest.mark.parametrize(
    ("weight", "x", "said"),
    [
        # outputs 3 and 1 become 0, so that they change by √10, and they lie √2 from their mean together
        ([[1.0, 0.0]], [[3.0, 0.0], [1.0, 0.0]], "by 2.2 of"),
        # 3003 and 1001 become 3000 and 1000: the share is √5 / 1000
        ([[1.001, 1.0]], [[3000.0, 0.0], [1000.0, 0.0]], "by 0.0022 of"),
        ([[1.0004, 1.0]], [[3000.0, 0.0], [1000.0, 0.0]], None),
        ([[1.0, 0.0]], [[2.0, 0.0], [2.0, 0.0]], "by inf of"),
        ([[1.0, 1.0]], [[2.0, 0.0], [2.0, 0.0]], None),
        ([[0.0, float("nan")]], [[2.0, 0.0], [2.0, 0.0]], "by nan of"),
    ],
)
def test_how_far_a_network_is_from_equivariant_is_told_by_the_spread_of_its_outputs(weight, x, said):
    """The weights may be anything, so that nothing is projected; the group exchanges the two inputs."""
    network = nn.Linear(2, 1, bias=False).double()
    network.weight.data = torch.tensor(weight, dtype=torch.float64)
    axes, x = {"weight": [regrep.trivial(D1, 2)]}, torch.tensor(x, dtype=torch.float64)
    act = Permute(D1, torch.tensor([[0, 1], [1, 0]]))
    with nullcontext() if said is None else pytest.raises(RegrepError, match=f"{said} their spread under D1, since"):
        check_equivariant(network, axes, x, act, None)


@pytest.mark.parametrize("case", ["D4", "vector"])
def test_shuffled_projections_tie_as_many_weights_without_a_symmetry(case):
    torch.manual_seed(0)
    make, act, moves, shape = CASES[case]
    network, x = make().double(), torch.randn(5, *shape, dtype=torch.float64)
    axes = projected_axes(network, x, act, moves)
    counts = []
    for shuffled, equivariant in ((None, True), (3, False)):
        copied = make().double()
        copied.load_state_dict(network.state_dict())
        projection = Projection(axes, shuffled).double()
        projection.project_(copied)
        assert float(projection.squared_distance(copied).detach()) < 1e-9
        counts.append([len(set(one.detach().abs().mul(1e9).round().flatten().tolist())) for one in copied.parameters()])
        assert sum(counts[-1]) < sum(one.numel() for one in copied.parameters()) / 4
        assert counts[-1] == counts[0]
        copied.eval()
        g = torch.ones(5, dtype=torch.int64)
        expected = copied(x) if moves is None else moves(copied(x), g)
        assert torch.allclose(copied(act(x, g)), expected, atol=1e-5) == equivariant
        again = Projection(axes, shuffled)
        assert shuffled is None or torch.equal(again.order, projection.order)


class Doubled(nn.Module):
    """Doubles one row, which no weights can undo."""

    def forward(self, x):
        return torch.cat([2 * x[..., :1, :], x[..., 1:, :]], dim=-2)


class Both(nn.Module):
    """Gives two outputs."""

    def forward(self, x):
        return x, x


TURNS, SIDES = RotateFlip2d(C4), SideBySide(*[RotateFlip2d(C4)] * 2)


@pytest.mark.parametrize(
    ("layers", "act", "side", "said"),
    [
        ([nn.Conv2d(1, 4, 3), nn.PReLU()], TURNS, 6, "nothing else, got the parameter 1.weight"),
        ([nn.Flatten(), nn.LayerNorm(36)], TURNS, 6, "nothing else, got the parameter 1.weight"),
        ([nn.Flatten()], TURNS, 6, "nothing else, got a network without any"),
        ([nn.Conv2d(1, 4, (3, 1)), nn.Flatten()], TURNS, 6, "along all 2 axes of the inputs, and 0 is not"),
        ([nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4)], TURNS, 6, "if it has one group .*, and 1 is not"),
        ([nn.Conv2d(1, 4, 2, 2, 0, 2), nn.Flatten()], TURNS, 6, "of the convolution 0 do not lie about the middle"),
        (
            [nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(24, 2)], TURNS, 6,
            "the layer 3 reads 24 numbers, which are no map of the 4 channels before",
        ),
        (
            [Doubled(), nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(64, 2)], TURNS, 6,
            r"with projected weights the outputs still change by \d.* under C4, since something other than the weights",
        ),
        ([nn.Flatten(), nn.Linear(36, 2)], RotateFlip2d(cyclic(8)), 6, "that permute entries up to signs, and Rotate"),
        ([nn.Conv2d(1, 4, 7), nn.Flatten()], SIDES, 8, "does not move a window or map of side 7: SideBySide needs"),
        ([nn.Conv2d(1, 4, 4), nn.Flatten()], SIDES, 8, "with projected weights the outputs still change by"),
        ([nn.Conv2d(1, 4, 6), nn.Flatten(0)], TURNS, 6, r"outputs that are one tensor \[B, ...\], got a tensor .*16"),
        ([nn.Conv2d(1, 4, 6), Both()], TURNS, 6, r"outputs that are one tensor \[B, ...\], got \(a tensor of"),
    ],
)  # fmt: skip
def test_what_layers_do_not_allow_is_one_sentence(layers, act, side, said):
    torch.manual_seed(0)
    with pytest.raises(RegrepError, match=said) as found:
        projected_axes(nn.Sequential(*layers), torch.randn(4, 1, side, side), act)
    assert "\n" not in str(found.value)


def test_a_layer_that_reads_other_numbers_than_the_channels_before_is_refused():
    """Of inputs without a map a layer reads the channels before it, not those of two layers."""
    act = Permute(D1, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]]))
    network = nn.Sequential(nn.Linear(4, 8), nn.Unflatten(1, (1, 8)), nn.Upsample(16), nn.Flatten(), nn.Linear(16, 3))
    with pytest.raises(RegrepError, match="the layer 4 reads 16 numbers, which are no map of the 8 channels before"):
        projected_axes(network, torch.randn(3, 4), act)


def test_a_large_batch_is_tried_in_part():
    """And whatever its size in the same way: projected weights are as equivariant on a few samples as on all."""
    seen, layer = [], nn.Conv2d(1, 4, 3)
    layer.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    projected_axes(nn.Sequential(layer, nn.AdaptiveAvgPool2d(1), nn.Flatten()), torch.randn(64, 1, 6, 6), TURNS)
    assert len(set(seen)) == 1
    assert seen[0] < 10


@pytest.mark.parametrize("x", [(torch.zeros(2, 1), 3), torch.zeros(3), torch.zeros(2, 4, dtype=torch.int64)])
def test_inputs_that_are_not_one_tensor_are_refused(x):
    with pytest.raises(RegrepError, match=r"weights are projected for inputs that are one tensor \[B, ...\]"):
        projected_axes(nn.Linear(4, 2), x, Permute(D1, torch.tensor([[0, 1, 2, 3], [2, 3, 0, 1]])))


def test_looking_at_a_network_leaves_it_as_it_was():
    network = classifier(None, nn.Conv2d, nn.BatchNorm2d, 6)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    projected_axes(network, torch.randn(3, 1, 6, 6), RotateFlip2d(D4))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())
