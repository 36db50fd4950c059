"""The residual network on volumes in which each block learns how equivariant it is (PSCNN)."""

from __future__ import annotations

from regrep_paper.networks.pscnn import AveragedNetwork
from regrep_paper.networks.volume_scnn import VolumeSCNN
from regrep_paper.steerable.fields import Fields
from regrep_paper.steerable.spherical import SphericalLikelihood
from regrep_paper.steerable.wigner_eckart import SphericalConvolution


class VolumePSCNN(AveragedNetwork, VolumeSCNN):
    """The steerable network on volumes in which every block averages its second convolution and its skip.

    Both are weighted by one likelihood; the first convolution of a block stays equivariant, as published. When new
    it is invariant under rotations of the volume, and for O(3) also under inversion. Shapes and other arguments as in
    :class:`VolumeSCNN`.

    Args:
        as_published: use the published form of the likelihoods, see :class:`SphericalLikelihood`.

    Raises:
        RegrepError: another group.
        MissingExtraError: escnn is not installed.
    """

    step = uniform = 1.0

    def __init__(self, group: str, classes: int, width: int = 6, size: int = 28, as_published: bool = False) -> None:
        likelihoods: dict[int, SphericalLikelihood] = {}

        def averaged(
            index: int, fields_in: Fields, fields_out: Fields, kernel: int, stride: int, padding: int, bias: bool
        ) -> SphericalConvolution:
            likelihood = likelihoods.setdefault(index, SphericalLikelihood(group, as_published))
            return SphericalConvolution(likelihood, fields_in, fields_out, kernel, stride, padding, bias)

        super().__init__(group, classes, width, size, averaged)
