"""The residual pathway priors of Table 6."""

from __future__ import annotations

from torch import Tensor, nn

from regrep.actions.images import Rows
from regrep_paper.steerable.pathways import ResidualPathway, prior, squares
from regrep_paper.steerable.regular_fields import Field, RegularFieldNetwork, SteerableConv

PUBLISHED_DECAY = 1e-6


class SmokeRPP(RegularFieldNetwork):
    """The E2CNN with an ordinary convolution in parallel to each of its five (Finzi, Benton and Wilson 2021).

    ``encoder``: one vector per frame, [B, 2·frames, H, W], to [B, 4·width, H, W], four times both paths, BatchNorm per
    channel, ReLU; ``head``: both paths to one vector [B, 2, H, W]. 4,355,650 parameters with width 92. A new network
    has no symmetry; if the ordinary convolutions are 0 it has that of E2CNN, for which its equivariance is measured.

    Args:
        width: fields of the hidden layers, each of four channels.
        frames: frames of the window.
        size: points along a side.
        as_published: the penalty is the square of ``1e-6 ‖free kernels‖²``, so that it has no effect, the row index
            is treated as growing downwards, and there is a BatchNorm that nothing applies: 4,355,654 parameters.
    """

    def __init__(self, width: int = 92, frames: int = 10, size: int = 64, as_published: bool = False) -> None:
        super().__init__(width, size, "down" if as_published else "up")
        first = TwoPathConv(frames, width, source="vector", rows=self.rows)
        rest = [TwoPathConv(width, width, rows=self.rows) for _ in range(3)]
        channels = self.latent_shape[0]
        self.encoder = nn.Sequential(
            *[part for conv in (first, *rest) for part in (conv, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))]
        )
        self.head = TwoPathConv(width, 1, target="vector", rows=self.rows)
        self.as_published = as_published
        if as_published:
            self.unused = nn.BatchNorm2d(2)

    def regularizer(self) -> Tensor:
        """The prior on both pathways as a penalty."""
        if self.as_published:
            free = squares(conv.free.weight for conv in self.modules() if isinstance(conv, TwoPathConv))
            return (PUBLISHED_DECAY * free).square()
        return prior(self)


class TwoPathConv(ResidualPathway):
    """The sum of a C4-steerable and an ordinary convolution of kernel 3, computed as one.

    Args:
        inputs: number of input fields.
        outputs: number of output fields.
        source: kind of the input fields.
        target: kind of the output fields.
        rows: "up" if the row index grows with +y, else "down".
    """

    equivariant: SteerableConv
    free: nn.Conv2d

    def __init__(
        self, inputs: int, outputs: int, source: Field = "regular", target: Field = "regular", rows: Rows = "up"
    ) -> None:
        steerable = SteerableConv(inputs, outputs, source, target, rows)
        after, before = steerable.basis.shape[1:3]
        super().__init__(steerable, nn.Conv2d(before * inputs, after * outputs, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with zero padding to the same size."""
        offset, bias = self.equivariant.offset(), self.free.bias
        assert bias is not None, "the free path has a bias"
        kernel = self.equivariant.kernel() + self.free.weight
        return nn.functional.conv2d(x, kernel, bias if offset is None else bias + offset, padding=1)
