"""Two squares on one canvas, each transformed independently."""

from __future__ import annotations

from torch import Tensor

from regrep.actions.composed import factors
from regrep.actions.functions import action_of
from regrep.errors import RegrepError
from regrep.groups import product
from regrep.groups.action import Action


class SideBySide(Action):
    """G x H on canvases [B, ..., 2a, 2a] with two a x a squares in rows a/2 .. 3a/2, left and right.

    Element g·|H| + h transforms the left square by g and the right one by h; the rest of the canvas is unchanged.

    Args:
        left: action of G on square images.
        right: action of H on square images.

    >>> import torch, regrep
    >>> act = regrep.actions.RotateFlip2d(regrep.groups.cyclic(2))
    >>> both = SideBySide(act, act)
    >>> x = torch.arange(16).reshape(1, 4, 4)
    >>> both(x, torch.tensor([1 * 2 + 0])).tolist()  # the left one by a half turn
    [[[0, 1, 2, 3], [9, 8, 6, 7], [5, 4, 10, 11], [12, 13, 14, 15]]]
    """

    def __init__(self, left: Action, right: Action) -> None:
        self.left, self.right = (action_of(side, "what SideBySide takes") for side in (left, right))
        self.group = product(left.group, right.group)
        self.exact = left.exact and right.exact

    def check(self, x: Tensor) -> None:
        """Square canvases with squares of even size."""
        if x.dim() < 3 or x.shape[-1] != x.shape[-2] or x.shape[-1] % 4:
            sizes = " x ".join(map(str, x.shape[-2:])) if x.dim() > 2 else f"shape {list(x.shape)}"
            raise RegrepError(
                f"SideBySide needs square canvases [B, ..., 2a, 2a] with even a, got {sizes};"
                " pad them to a multiple of 4"
            )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Transform both squares."""
        a, (left, right) = x.shape[-1] // 2, factors(self.group, g, self.right.group)
        rows = slice(a // 2, a // 2 + a)
        out = x.clone()
        out[..., rows, :a] = self.left(x[..., rows, :a], left)
        out[..., rows, a:] = self.right(x[..., rows, a:], right)
        return out
