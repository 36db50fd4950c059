"""Random elements: the only place where randomness meets groups."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.arguments import check_draws, whole
from regrep.groups import FiniteGroup, LargeGroup
from regrep.groups.finite import check_group
from regrep.groups.limits import DRAWN


def sample(
    group: FiniteGroup,
    batch: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Uniform random elements, int64 [batch]; of a large group their images, [batch, degree].

    Args:
        group: the group.
        batch: number of elements, >= 0.
        generator: source of randomness, on whose device the elements are drawn; defaults to torch's global one.
        device: device of the result.

    >>> import regrep
    >>> sample(regrep.groups.cyclic(4), 3, torch.Generator().manual_seed(0)).shape
    torch.Size([3])
    """
    check_group(group, table=False)
    if isinstance(group, LargeGroup):
        return group.sample(batch, generator, device)
    whole("the number of elements to draw", batch, 0, DRAWN)
    check_draws(generator, device)
    where = device if generator is None else generator.device
    drawn = torch.randint(group.order, (batch,), generator=generator, device=where)
    return drawn.to(device, non_blocking=drawn.device.type == "cpu")  # nothing waits for the device
