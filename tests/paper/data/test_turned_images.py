"""Photographs turned by quarters: splits and exact views."""

import pytest
import torch
from batches_fixture import pairs

pytest.importorskip("PIL")

from regrep_paper.data.turned_images import TurnedImages


def test_splits_of_images_divide_the_training_images(make):
    samples = make(TurnedImages).splits
    rows = torch.cat([samples["train"].index, samples["validation"].index])
    assert torch.equal(rows.sort().values, torch.arange(40))
    assert len(samples["validation"]) == 4
    assert samples["test"].images is not samples["train"].images
    few = make(TurnedImages, train_images=7, seed=5).splits
    assert torch.equal(few["train"].index, samples["train"].index[:7])
    assert torch.equal(few["validation"].index, samples["validation"].index)


def test_images_are_moved_exactly(make):
    module = make(TurnedImages)
    pair = pairs(module, module.test_dataloader())[0]
    assert len(pair.x) == 8
    for x, gx, k in zip(pair.x, pair.gx, pair.g.tolist(), strict=True):
        assert torch.equal(gx, torch.rot90(x, k, (-2, -1)))
