"""The weights that a comparison keeps are copies: training goes on without them."""

import torch
from torch import nn

from regrep.comparison.records import weights_of


def test_kept_weights_do_not_follow_the_network():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    kept = weights_of(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for value in network.state_dict().values():
            value += 1
    assert list(kept) == list(before)
    for name, value in kept.items():
        assert torch.equal(value, before[name])
        assert not value.requires_grad
        assert value.device.type == "cpu"
