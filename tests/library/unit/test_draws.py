"""Counter-based draws: functions of (seed, step, stream, number), without visible bias, inside any graph."""

import numpy as np
import pytest
import torch

import regrep
from dispatched import WAITS, Calls
from regrep.actions import Draws
from regrep.actions.draws import mixed
from regrep.groups import cyclic, dihedral

COUNT = 2**16
D4 = dihedral(4)


def chi_squared(observed):
    """How many standard deviations the statistic of a uniform distribution lies above its mean."""
    observed = observed.double()
    expected = observed.sum() / observed.numel()
    freedom = observed.numel() - 1
    return float((((observed - expected) ** 2 / expected).sum() - freedom) / (2 * freedom) ** 0.5)


def by_hand(seed, step, stream, number):
    """The same with Python's integers."""

    def mix(x):
        x &= 0xFFFFFFFF
        x = ((x ^ x >> 16) * 0x21F0AAAD) & 0xFFFFFFFF
        x = ((x ^ x >> 15) * 0xD35A2D97) & 0xFFFFFFFF
        return x ^ x >> 15

    keys = []
    for start in (0x9E3779B9, 0x85EBCA6B):
        key = mix(step ^ start)
        for word in (step >> 32, seed & 0xFFFFFFFF, seed >> 32, stream):
            key = mix((key ^ word) + start)
        keys.append(key)
    return mix(mix(number ^ keys[0]) ^ keys[1])


@pytest.mark.parametrize(("seed", "step"), [(0, 0), (1, 0), (2**61 + 7, 3), (5, 2**33 + 1), (2**62, 2**62)])
def test_bits_by_hand(seed, step):
    draws = Draws(seed).at(torch.tensor(step))
    for stream in range(3):
        assert draws.bits(9).tolist() == [by_hand(seed, step, stream, k) for k in range(9)]


@pytest.mark.parametrize("order", [2, 7, 8, 64])
def test_elements_are_uniform_over_samples_steps_streams_and_seeds(order):
    """Each axis by itself, and pairs of neighbours along it."""
    G = cyclic(order)
    over = {
        "samples": Draws(3).at(torch.tensor(0)).elements(G, COUNT),
        "steps": torch.cat([Draws(3).at(torch.tensor(step)).elements(G, 16) for step in range(2**9)]),
        "seeds": torch.cat([Draws(seed).at(torch.tensor(0)).elements(G, 16) for seed in range(2**9)]),
    }
    draws = Draws(3).at(torch.tensor(0))
    over["streams"] = torch.cat([draws.elements(G, 16) for _ in range(2**9)])
    for name, found in over.items():
        lag = 1 if name == "samples" else 16
        assert abs(chi_squared(torch.bincount(found, minlength=order))) < 5, name
        pairs = torch.bincount(found[lag:] * order + found[:-lag], minlength=order**2)
        assert abs(chi_squared(pairs)) < 5, name


def test_numbers_are_uniform_in_every_bit():
    found = Draws(0).at(torch.tensor(1)).uniform(COUNT)
    assert found.dtype == torch.float32
    assert 0 <= found.min() < 1e-3 < 0.999 < found.max() < 1
    for bit in range(24):
        ones = (found.double() * 2 ** (bit + 1)).long() % 2
        assert abs(chi_squared(torch.bincount(ones, minlength=2))) < 5, bit


def test_orders_are_uniform():
    draws = Draws(0)
    found = torch.stack([draws.at(torch.tensor(step)).order(4) for step in range(2400)])
    assert (found.sort(dim=1).values == torch.arange(4)).all()
    places = torch.bincount((found * torch.tensor([64, 16, 4, 1])).sum(dim=1), minlength=256)
    assert (places > 0).sum() == 24
    assert abs(chi_squared(places[places > 0])) < 5


def test_mixing_is_a_permutation_that_changes_half_of_the_bits():
    x = torch.arange(2**18)
    assert len(mixed(x).unique()) == len(x)
    for bit in range(32):
        changed = (mixed(x[:4096]) ^ mixed(x[:4096] ^ (1 << bit))).numpy().astype(np.uint32)
        share = np.unpackbits(changed.view(np.uint8)).mean()
        assert abs(share - 0.5) < 0.02, bit


def test_a_step_draws_the_same_whatever_was_drawn_before():
    number = torch.tensor(7)
    for _ in range(3):
        torch.rand(3)
    one, other = Draws(1).at(number), Draws(1).at(number.clone())
    assert torch.equal(one.elements(D4, 50), other.elements(D4, 50))
    assert torch.equal(one.uniform(50), other.uniform(50))
    assert not torch.equal(Draws(1).at(number).bits(50), Draws(2).at(number).bits(50))
    assert not torch.equal(Draws(1).at(number).bits(50), Draws(1).at(number + 1).bits(50))
    assert not torch.equal(Draws(1).at(number).bits(50), Draws(1).at(number + 2**32).bits(50))


def everything(number):
    draws = Draws(11).at(number)
    return draws.elements(D4, 30), draws.uniform(30), draws.order(30)


def test_drawing_is_one_graph_and_neither_copies_nor_waits(compiler):
    compiled = compiler(everything, fullgraph=True, backend="aot_eager")
    for number in (torch.tensor(0), torch.tensor(12345)):
        for found, expected in zip(compiled(number), everything(number), strict=True):
            assert torch.equal(found, expected)
    step = torch.zeros((), dtype=torch.int64, device="meta")
    everything(step)  # where keys begin is copied to a device once
    with Calls() as calls:
        everything(step)
    assert "sort" in calls.names
    assert not WAITS & set(calls.names)


@pytest.mark.parametrize("step", [3, torch.tensor(3.0), torch.tensor([3])])
def test_wrong_steps_and_seeds_say_so(step):
    with pytest.raises(regrep.RegrepError, match=r"a step is an int64 scalar tensor, got .*; pass torch.tensor"):
        Draws(0).at(step)
    with pytest.raises(regrep.RegrepError, match="the seed of draws is an integer from 0 to"):
        Draws(-1)
