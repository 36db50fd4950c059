"""Averages over some elements of a group: exact with all of them, unbiased with a few, of any function."""

import copy

import pytest
import torch
from torch import nn

import regrep
from dispatched import WAITS, Calls
from regrep.actions import RotateFlip2d
from regrep.errors import RegrepError
from regrep.groups import dihedral
from regrep.nn import GroupAveraged
from regrep.nn.averaged import distinct
from tolerance import assert_near

D4 = dihedral(4)
ACT = RotateFlip2d(D4)
RHO = regrep.regular(D4)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh()).double()


def images(count):
    return torch.randn(count, 6, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def each_element(net, x):
    """g^-1 f(g x) for every element and sample by loops, [8, B, 8]."""
    rows = []
    for k in range(8):
        turned = torch.stack([torch.rot90(i if k < 4 else i.flip(-1), k % 4, (-2, -1)) for i in x])
        rows.append(net(turned) @ RHO.matrix(int(D4.inverse[k])).double().T)
    return torch.stack(rows)


@torch.no_grad()
def test_all_elements_in_any_order_are_the_exact_average():
    net, x = network(), images(3)
    expected, sizes = each_element(net, x).mean(dim=0), []
    net.register_forward_hook(lambda module, args, output: sizes.append(len(output)))
    for elements in (None, 8):
        for chunk, passes in ((1, [1] * 24), (7, [7, 7, 7, 3]), (256, [24])):
            assert_near(GroupAveraged(net, ACT, RHO, elements=elements, chunk=chunk)(x), expected)
            assert sizes == passes
            sizes.clear()


@torch.no_grad()
def test_a_few_elements_are_drawn_for_each_sample_and_each_call():
    net, x = network(), images(5)
    draw = lambda: torch.Generator().manual_seed(7)  # noqa: E731
    mean = GroupAveraged(net, ACT, RHO, elements=3, generator=draw())
    chosen = distinct(8, 5, 3, draw())
    every = each_element(net, x)
    expected = torch.stack([torch.stack([every[int(g), b] for g in chosen[b]]).mean(dim=0) for b in range(5)])
    assert_near(mean(x), expected)
    assert (mean(x) - expected).abs().max() > 1e-3
    assert len({tuple(row.tolist()) for row in chosen.sort(dim=1).values}) > 1


def test_every_element_is_equally_likely_and_none_comes_twice():
    chosen = distinct(8, 40_000, 3, torch.Generator().manual_seed(0))
    assert (chosen.sort(dim=1).values.diff(dim=1) > 0).all()
    share = torch.bincount(chosen.flatten(), minlength=8) / len(chosen)
    assert (share - 3 / 8).abs().max() < 5 * (3 / 8 * 5 / 8 / 40_000) ** 0.5
    pairs = torch.zeros(8, 8)
    for k in range(3):
        pairs += torch.bincount(chosen[:, k] * 8 + chosen[:, (k + 1) % 3], minlength=64).reshape(8, 8) / len(chosen)
    off = pairs[~torch.eye(8, dtype=torch.bool)]
    assert (off - 3 / 56).abs().max() < 5 * (3 / 56 / 40_000) ** 0.5


@torch.no_grad()
def test_the_mean_of_many_calls_is_the_exact_average():
    net, x = network(), images(1).expand(20_000, 6, 6)
    exact = GroupAveraged(net, ACT, RHO)(x[:1])
    found = GroupAveraged(net, ACT, RHO, elements=2, generator=torch.Generator().manual_seed(0), chunk=10**6)(x)
    assert ((found.mean(dim=0) - exact).abs() < 5 * found.std(dim=0) / 20_000**0.5).all()


def test_trees_are_averaged_part_by_part():
    net, x = network(), images(3)
    both = lambda tree: {"z": net(tree[0]), "name": tree[1] * net(tree[0])[:, :1]}  # noqa: E731
    x = (x, torch.arange(3.0).double()[:, None])
    mean = GroupAveraged(both, (ACT, None), {"z": RHO, "name": None}, elements=5, generator=torch.Generator())
    chosen = distinct(8, 3, 5, torch.Generator())
    every = each_element(net, x[0])
    found = mean(x)
    assert_near(found["z"], torch.stack([every[chosen[b], b].mean(dim=0) for b in range(3)]))
    assert found["name"].shape == (3, 1)
    found["z"].sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_a_generator_goes_along_into_a_copy():
    mean = GroupAveraged(network(), ACT, RHO, elements=2, generator=torch.Generator().manual_seed(3))
    twin, x = copy.deepcopy(mean), images(4)
    assert torch.equal(mean(x), twin(x))


def test_elements_are_drawn_on_the_device(meta):
    mean, x = GroupAveraged(network().to(meta), ACT, RHO, elements=2, probabilities=True), images(3).to(meta)
    mean(x)
    with Calls() as calls:
        mean(x)
    assert "addmm" in calls.names
    assert not WAITS & set(calls.names)


@pytest.mark.parametrize("elements", [0, 9, 2.5, True])
def test_wrong_numbers_are_refused(elements):
    with pytest.raises(RegrepError, match="the number of elements to average over is an integer from 1 to 8, got"):
        GroupAveraged(network(), ACT, elements=elements)
