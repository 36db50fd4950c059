"""The lifting network of Table 6: an equivariant trunk and a free code."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regrep.errors import RegrepError
from regrep_paper.networks.mlp import Flattened, dense
from regrep_paper.steerable.regular_fields import ORDER, RegularFieldNetwork, SteerableConv, hidden


class Lift(RegularFieldNetwork):
    """A steerable network with an additional code from a multilayer perceptron (Wang, Walters and Yu 2022).

    ``encoder``: see :class:`LiftEncoder`, to regular fields [B, 4·width, size, size]; ``head``: a steerable
    convolution to one vector [B, 2, size, size]. 8,227,652 parameters with width 92 and size 64. The published first
    layer is built for windows of 62 x 23 points (3,314,852 parameters) and cannot run on square data. Equivariance of
    the latent is measured for the regular fields of the steerable layers, whose symmetry the code breaks.

    Args:
        width: regular fields of the hidden layers, and entries of the code, so a multiple of 4.
        frames: frames of the window.
        size: points along a side, fixed by the perceptron.
        as_published: treat the row index as growing downwards.

    Raises:
        RegrepError: a width that is not a multiple of 4.
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, as_published: bool = False) -> None:
        super().__init__(width, size, "down" if as_published else "up")
        if width % ORDER:
            raise RegrepError(f"the code consists of regular fields of four entries, got width {width}; round it")
        self.encoder = LiftEncoder(
            code=nn.Sequential(
                Flattened(2 * frames, size),
                *dense(2 * frames * size**2, width),
                *dense(width, width),
                nn.Linear(width, width),
            ),
            trunk=nn.Sequential(
                *hidden(SteerableConv(frames, width, source="vector", rows=self.rows), width),
                *hidden(SteerableConv(width, width, rows=self.rows), width),
            ),
            joint=nn.Sequential(
                *hidden(SteerableConv(width + width // ORDER, width, rows=self.rows), width),
                *hidden(SteerableConv(width, width, rows=self.rows), width),
            ),
        )
        self.head = SteerableConv(width, 1, target="vector", rows=self.rows)


class LiftEncoder(nn.Module):
    """``joint(trunk(x), code(x))``: the code is repeated at every point and treated as further regular fields.

    Trunk and joint are equivariant, the code is not.
    """

    def __init__(self, code: nn.Module, trunk: nn.Module, joint: nn.Module) -> None:
        super().__init__()
        self.code, self.trunk, self.joint = code, trunk, joint

    def forward(self, x: Tensor) -> Tensor:
        """[B, 2·frames, H, W] -> [B, 4·width, H, W]."""
        tiled = self.code(x)[..., None, None].expand(-1, -1, *x.shape[-2:])
        return self.joint(torch.cat([self.trunk(x), tiled], dim=1))
