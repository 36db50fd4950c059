"""Residual pathway priors: equivariant ways beside free ones, both held small by a penalty."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from regrep.experiments.competitors.fields import Fields
from regrep.experiments.competitors.scnn import SCNN
from regrep.experiments.competitors.steerable import steerable

CONV_WD, BASIC_WD = 1e-5, 1e-3
"""Weights of the penalty on equivariant and on free parameters (published code: defaults of its command line)."""


class ResidualPathway(nn.Module):
    """``equivariant(x) + free(x)``."""

    def __init__(self, equivariant: nn.Module, free: nn.Module) -> None:
        super().__init__()
        self.equivariant, self.free = equivariant, free

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both ways."""
        return self.equivariant(x) + self.free(x)


def prior(network: nn.Module, conv_wd: float, basic_wd: float) -> Tensor:
    """``conv_wd ‖θ_equivariant‖² + basic_wd ‖θ_free‖²`` over all parameters of all pathways of a network, a scalar.

    >>> one = nn.Linear(1, 1, bias=False).requires_grad_(False)
    >>> two = ResidualPathway(one, nn.Sequential(one, one))
    >>> bool(prior(two, 2.0, 3.0).isclose(5 * one.weight.square().sum()))
    True
    """
    paths = [module for module in network.modules() if isinstance(module, ResidualPathway)]
    equivariant, free = _squares(path.equivariant for path in paths), _squares(path.free for path in paths)
    return conv_wd * equivariant + basic_wd * free


def _squares(ways: Iterable[nn.Module]) -> Tensor:
    return torch.stack([p.square().sum() for way in ways for p in way.parameters()]).sum()


def pathway(
    index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
) -> ResidualPathway:
    """A steerable convolution beside an ordinary one on the same channels."""
    return ResidualPathway(
        steerable(index, fields_in, fields_out, kernel, stride, padding, bias),
        nn.Conv2d(fields_in.channels, fields_out.channels, kernel, stride, padding, bias=bias),
    )


class RPP(SCNN):
    """:class:`~regrep.experiments.competitors.scnn.SCNN` with an ordinary convolution beside each steerable one.

    Both are summed before normalisation and gate; the regularizer is :func:`prior`. Arguments and errors as there, and
    the two weights of the prior.
    """

    def __init__(
        self,
        group: str,
        latent: int = 66,
        classes: int = 100,
        conv_wd: float = CONV_WD,
        basic_wd: float = BASIC_WD,
    ) -> None:
        super().__init__(group, latent, classes, pathway)
        self.conv_wd, self.basic_wd = conv_wd, basic_wd

    def regularizer(self) -> Tensor:
        """The prior of section 1.5 as a penalty."""
        return prior(self, self.conv_wd, self.basic_wd)
