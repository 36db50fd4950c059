"""Orders of batches and their seeds."""

import pytest
import torch
from batches_fixture import batch_of

from regrep_paper.data.batches import BatchSampler
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
