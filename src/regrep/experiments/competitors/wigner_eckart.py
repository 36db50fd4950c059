"""Convolutions of volumes whose free kernel is averaged over all rotations, weighted by a learnable likelihood."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from regrep.experiments.competitors.backend import steerable_library
from regrep.experiments.competitors.fields import Fields, Irrep, space
from regrep.experiments.competitors.spherical import SphericalLikelihood


class SphericalConvolution(nn.Module):
    """A convolution between fields of SO(3) or O(3), as equivariant as its likelihood is uniform (PSCNN).

    K(x) = ∫ lambda(h) rho_out(h) κ(h^-1 x) rho_in(h)^T dh with the truncated density of the likelihood and a free
    kernel κ in escnn's radial profiles and spherical harmonics. On a part of κ that turns as an irrep ell the integral
    is the mean of ell(h) (Wigner and Eckart), so κ has weights for the irreps of the likelihood only. They start such
    that each ell has the variance of escnn's generalised He initialisation; for the trivial one that is the variance
    of K under the uniform density. ``bias`` exists on trivial irreps only and starts at 0.

    Shapes: [B, ``fields_in.channels``, *S] -> [B, ``fields_out.channels``, *S'].

    Args:
        likelihood: may be shared with other convolutions of the same group.
        fields_in: their irreps.
        fields_out: of the same group.
        kernel: size, odd.
        stride: as in ``nn.Conv3d``.
        padding: as in ``nn.Conv3d``.
        bias: whether there is one.
        as_published: for SO(3) with every weight as often as there are irreps in the product of input and output
            irrep; they only add up.

    Raises:
        MissingExtraError: escnn is not installed.
    """

    def __init__(
        self,
        likelihood: SphericalLikelihood,
        fields_in: Fields,
        fields_out: Fields,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        as_published: bool = False,
    ) -> None:
        super().__init__()
        self.likelihood, self.stride, self.padding = likelihood, stride, padding
        self.register_buffer("samples", shells(kernel)[1].to(torch.get_default_dtype()), persistent=False)
        self.samples: Tensor
        # Equal irreps that follow each other, as gates do, are coupled in the same way.
        runs_out, runs_in = ([(irrep, len([*run])) for irrep, run in itertools.groupby(fields.irreps)]
                             for fields in (fields_out, fields_in))
        self.runs = len(runs_out), len(runs_in)
        self.pairs: list[Pair] = []
        for (n, often_out), (m, often_in) in itertools.product(runs_out, runs_in):
            matrix, copies = coupling(fields_in.group, n, m, kernel)
            self.register_buffer(f"coupling{len(self.pairs)}", matrix.to(self.samples), persistent=False)
            self.pairs.append(Pair(...))
