"""Orders of batches and their seeds."""

import pytest
import torch
from batches_fixture import batch_of

from regrep_paper.data.batches import BatchSampler, mix
from regrep_paper.data.double_digits import DoubleDigits


@pytest.fixture(scope="module")
def data():
    module = DoubleDigits(group="D4", train_pairs=3, validation_pairs=2, test_pairs=1)
    module.setup()
    return module


def test_batches_depend_on_seed_and_epoch_alone(data):
    sampler = BatchSampler(300, 64, 0, shuffle=True)
    epochs = []
    for epoch in (0, 1, 0):
        sampler.set_epoch(epoch)
        epochs.append(list(sampler))
    order = [torch.cat([index for index, _ in batches]) for batches in epochs]
    assert torch.equal(order[0], order[2])
    assert not torch.equal(order[0], order[1])
    assert [seed for _, seed in epochs[0]] == [seed for _, seed in epochs[2]] != [seed for _, seed in epochs[1]]
    assert sorted(order[1].tolist()) == list(range(300))
    batch = batch_of(data)
    assert torch.equal(data.views(batch).x, data.views(batch).x)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
def test_batches_hold_every_sample_once_but_those_that_fill_none(size, whole):
    for batch_size in (1, 2, 3, 8):
        for shuffle in (False, True):
            sampler = BatchSampler(size, batch_size, 4, shuffle, whole)
            sampler.set_epoch(3)
            batches = list(sampler)
            sizes = [len(index) for index, _ in batches]
            full, rest = divmod(size, batch_size)
            expected = [batch_size] * full + ([rest] if rest and not (whole and full) else [])
            assert sizes == expected
            assert len(sampler) == len(batches) == len({seed for _, seed in batches})
            seen = torch.cat([index for index, _ in batches]).tolist()
            assert len(set(seen)) == len(seen) == sum(expected)
            if not shuffle:
                assert seen == list(range(len(seen)))
                assert sampler.epoch == 0


def test_seeds_are_far_apart_and_of_63_bits():
    found = [mix(seed, salt) for seed in range(30) for salt in range(30)]
    assert len(set(found)) == 900
    bits = torch.tensor([[value >> k & 1 for k in range(64)] for value in found], dtype=torch.float64).mean(0)
    assert bits[63] == 0
    assert (bits[:63] - 0.5).abs().max() < 5 * 0.5 / 30
