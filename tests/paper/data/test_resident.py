"""Batches that stay on a device: the samples of each step, and what their views are made of."""

import pytest
import torch

from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.resident import ResidentBatches, Step
from regrep_paper.data.samples import Samples, Views

SAMPLES, BATCH = 11, 3


def batches_of(index, seed=0, seen=None):
    images, labels = 100 + torch.arange(40)[:, None], torch.arange(SAMPLES)

    def views(images, labels, draws):
        if seen is not None:
            seen.append(draws)
        return Views(images, labels, labels, None)

    return ResidentBatches(Samples(images, labels, "train", index), BATCH, seed, views)


@pytest.mark.parametrize("index", [None, 39 - torch.arange(SAMPLES), torch.arange(2 * SAMPLES).reshape(SAMPLES, 2)])
def test_an_epoch_takes_every_sample_at_most_once_in_an_order_of_its_own(index):
    batches, orders = batches_of(index), []
    for epoch in range(3):
        rows = torch.cat([batches.rows(torch.tensor(3 * epoch + k)) for k in range(3)]).tolist()
        assert len(set(rows)) == len(rows) == 9
        assert set(rows) <= set(range(SAMPLES))
        orders.append(rows)
        for k in range(3):
            views = batches(torch.tensor(3 * epoch + k))
            chosen = torch.tensor(rows[3 * k : 3 * k + 3])
            assert views.y.tolist() == chosen.tolist()
            expected = 100 + (chosen if index is None else index[chosen])
            assert views.x[..., 0].tolist() == expected.tolist()
    assert len({tuple(order) for order in orders}) == 3
    assert batches.steps == 3


def test_every_seed_has_draws_of_its_own_for_order_and_for_views():
    several = [batches_of(None, seed) for seed in range(4)]
    assert len({one.seed for batches in several for one in (batches.orders, batches.draws)}) == 8
    seen = []
    batches = batches_of(None, 1, seen)
    for step in (0, 1, 0):
        batches(torch.tensor(step))
    drawn = [draws.uniform(4).tolist() for draws in seen]
    assert drawn[0] == drawn[2] != drawn[1]
    assert drawn[1] == batches.draws.at(torch.tensor(1)).uniform(4).tolist()


def test_samples_go_to_the_device_and_the_number_of_a_step_stays_where_it_is_read():
    data, meta = DoubleDigits(group="C4"), torch.device("meta")
    step = Step(torch.tensor(3))
    assert data.transfer_batch_to_device(step, meta, 0) is step
    moved = data.transfer_batch_to_device((torch.zeros(2), [torch.ones(3)]), meta, 0)
    assert [part.device for part in (moved[0], moved[1][0])] == [meta, meta]
