"""Validation and test are seen twice: transformed at random, then upright."""

import pytest
import torch

from regrep_paper.data.double_digits import DoubleDigits
from regrep_paper.data.labelled_digits import LabelledDigits
from regrep_paper.data.volumes import MovedVolumes

MODULES = {
    "double_digits": lambda: DoubleDigits("D1", classes=2, train_pairs=8, validation_pairs=8, test_pairs=8),
    "labelled_digits": LabelledDigits,
    "volumes": lambda: MovedVolumes(size=8, per_class=4),
}


@pytest.mark.parametrize("name", MODULES)
def test_the_first_loader_is_transformed_and_the_second_upright(name):
    """A step is given what the number of its loader says; both have the same samples in the same order."""
    data = MODULES[name]()
    data.setup()
    for loaders in (data.val_dataloader(), data.test_dataloader()):
        first, second = (next(iter(loader)) for loader in loaders)
        assert torch.equal(first.images, second.images)
        moved, upright = data.on_after_batch_transfer(first, 0), data.on_after_batch_transfer(second, 1)
        assert torch.equal(moved.x, data.views(first).x)
        assert torch.equal(upright.x, data.views(second, upright=True).x)
        assert not torch.equal(moved.x, upright.x)
        centre = data.views(first._replace(seed=first.seed + 1), upright=True).x
        assert torch.equal(centre, upright.x)  # upright, nothing is drawn


@pytest.mark.parametrize("name", MODULES)
def test_training_is_transformed(name):
    data = MODULES[name]()
    data.setup()
    batch = next(iter(data.train_dataloader()))
    assert torch.equal(data.on_after_batch_transfer(batch, 0).x, data.views(batch).x)
