"""Arithmetic that autocast does not round."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def unrounded(device: torch.device) -> AbstractContextManager[object]:
    """Switch autocast off on a device; on the meta device, whose tensors have no values, there is none.

    >>> with torch.autocast("cpu", torch.bfloat16), unrounded(torch.device("cpu")):
    ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    torch.float32
    """
    return nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)
