"""What tests of networks share."""

import torch
from torch import Tensor, nn


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def used(net: nn.Module, x: Tensor) -> nn.Module:
    """The network in evaluation, after two steps that moved its statistics and weights."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    return net.eval()
