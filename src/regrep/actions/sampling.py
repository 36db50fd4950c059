"""Random elements: the only place where randomness meets groups."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.groups import FiniteGroup


def sample(
    group: FiniteGroup,
    batch: int,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Uniform random elements, int64 [batch]."""
    return torch.randint(group.order, (batch,), generator=generator, device=device)
