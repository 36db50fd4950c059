"""Two squares on one canvas, each moved on its own."""

from __future__ import annotations

from torch import Tensor

from regrep.actions.action import Action
from regrep.errors import RegrepError
from regrep.groups import product


class SideBySide(Action):
    """G x H on canvases [.., 2a, 2a]."""

    def __init__(self, left: Action, right: Action) -> None:
        self.left, self.right = left, right
        self.group = product(left.group, right.group)
        self.exact = left.exact and right.exact

    def check(self, x: Tensor) -> None:
        """Even square canvases only."""
        if x.dim() < 3 or x.shape[-1] != x.shape[-2] or x.shape[-1] % 4:
            raise RegrepError(f"SideBySide needs canvases [B, ..., 2a, 2a] with even a, got {list(x.shape)}; pad them")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Move both squares."""
        a, m = x.shape[-1] // 2, self.right.group.order
        rows = slice(a // 2, a // 2 + a)
        out = x.clone()
        out[..., rows, :a] = self.left(x[..., rows, :a], g // m)
        out[..., rows, a:] = self.right(x[..., rows, a:], g % m)
        return out
