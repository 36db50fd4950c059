"""Rotations and mirrors of square images."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.actions.action import Action
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup


class RotateFlip2d(Action):
    """C1, C2, C4, D1, D2, D4 on square images [B, ..., H, H], exactly."""

    def __init__(self, group: FiniteGroup) -> None:
        self.group = group
        self._n = group.order // 2 if group.name.startswith("D") else group.order

    def check(self, x: Tensor) -> None:
        """Square images only."""
        if x.dim() < 3 or x.shape[-1] != x.shape[-2]:
            raise RegrepError(f"RotateFlip2d needs square images [B, ..., H, H], got {list(x.shape)}; crop or pad them")

    def index(self, size: int) -> Tensor:
        """Gather index [n, size²]."""
        image = torch.arange(size * size).reshape(size, size)
        rows = []
        for k in range(self.group.order):
            turned = image.flip(-1) if k >= self._n else image
            rows.append(torch.rot90(turned, (k % self._n) * (4 // self._n), (-2, -1)).flatten())
        return torch.stack(rows)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Gather pixels."""
        index = self.index(x.shape[-1]).to(x.device)[g]
        index = index.reshape(len(x), *([1] * (x.dim() - 3)), -1)
        flat = x.flatten(-2)
        return flat.gather(-1, index.expand(flat.shape)).reshape(x.shape)
