"""The relaxed steerable convolutions of Table 6."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from regrep.actions.images import Rows
from regrep_paper.steerable.regular_fields import Field, RegularFieldNetwork, RegularFieldNorm, steerable_basis

ALPHA = 1e-5
"""Weight of the penalty."""


class RSteer(RegularFieldNetwork):
    """Five relaxed C4-steerable convolutions of kernel 3 (Wang, Walters and Yu 2022).

    ``encoder``: one vector per frame, [B, 2·frames, H, W], to four times width channels [B, 4·width, H, W], a ReLU
    after each convolution, no normalisation; ``head``: one more to one vector [B, 2, H, W]. 5,595,442 parameters with
    width 92. A new network has no symmetry; equivariance of the latent is measured for the regular fields that it would
    have if the weights were constant over the kernel.

    Args:
        width: fields of the hidden layers.
        frames: frames of the window.
        size: points along a side.
        as_published: the penalty is squared, so that it has no effect, the row index is treated as growing downwards,
            and there are four RegularFieldNorms that nothing applies: 5,596,178 parameters.
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, as_published: bool = False) -> None:
        super().__init__(width, size, "down" if as_published else "up")
        first = RelaxedSteerableConv(frames, width, source="vector", rows=self.rows)
        rest = [RelaxedSteerableConv(width, width, rows=self.rows) for _ in range(3)]
        self.encoder = nn.Sequential(*[part for conv in (first, *rest) for part in (conv, nn.ReLU(inplace=True))])
        self.head = RelaxedSteerableConv(width, 1, target="vector", rows=self.rows)
        self.as_published = as_published
        if as_published:
            self.unused = nn.ModuleList(RegularFieldNorm(width) for _ in range(4))

    def regularizer(self) -> Tensor:
        """``alpha · sum over layers of mean |w[k+1] - w[k]|``, over neighbouring points k in the order of rows."""
        layers = [part for part in self.modules() if isinstance(part, RelaxedSteerableConv)]
        penalty = ALPHA * torch.stack([layer.weight.diff(dim=-1).abs().mean() for layer in layers]).sum()
        return penalty.square() if self.as_published else penalty


class RelaxedSteerableConv(nn.Module):
    """Steerable convolution of kernel 3 whose weights depend on the point of the kernel.

    ``F[(o, q), (i, p), k] = sum_b B_b[q, p, k] w[o, b, i, k]`` with the basis of :func:`steerable_basis`; with w
    constant in k, and a bias constant in each regular field (zero for vectors), it is equivariant.

    Args:
        inputs: number of input fields.
        outputs: number of output fields.
        source: kind of the input fields.
        target: kind of the output fields.
        rows: "up" if the row index grows with +y, else "down".

    Attributes:
        weight: [outputs, b, inputs, 9].
        bias: one per channel.
    """

    basis: Tensor

    def __init__(
        self, inputs: int, outputs: int, source: Field = "regular", target: Field = "regular", rows: Rows = "up"
    ) -> None:
        super().__init__()
        basis, _ = steerable_basis(source, target, rows)
        self.register_buffer("basis", basis)
        bound = 1 / math.sqrt(9 * inputs)
        self.weight = nn.Parameter(torch.empty(outputs, len(basis), inputs, 9).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(outputs * basis.shape[1]).uniform_(-bound, bound))

    def kernel(self) -> Tensor:
        """[outputs·q, inputs·p, 3, 3]."""
        kernel = torch.einsum("obik,bqpk->oqipk", self.weight, self.basis.flatten(-2))
        return kernel.flatten(2, 3).flatten(0, 1).unflatten(-1, (3, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with zero padding to the same size."""
        return nn.functional.conv2d(x, self.kernel(), self.bias, padding=1)
