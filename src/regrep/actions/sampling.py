"""Random elements: the only place where randomness meets groups."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup


def sample(
    group: FiniteGroup,
    batch: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Uniform random elements, int64 [batch].

    Args:
        group: the group.
        batch: how many, >= 0.
        generator: of the draw; torch's global one when not given. It decides where the draw is made.
        device: where the result lies.

    >>> import regrep
    >>> sample(regrep.groups.cyclic(4), 3, torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    if batch < 0:
        raise RegrepError(f"the number of elements to draw is at least 0, got {batch}")
    where = device if generator is None else generator.device
    return torch.randint(group.order, (batch,), generator=generator, device=where).to(device)
