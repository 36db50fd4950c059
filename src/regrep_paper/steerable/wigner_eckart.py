"""Convolutions of volumes whose free kernel is averaged over all rotations, weighted by a learnable likelihood."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regrep_paper.steerable.backend import steerable_library
from regrep_paper.steerable.convolution import FieldConvolution
from regrep_paper.steerable.fields import Fields, Irrep, space
from regrep_paper.steerable.spherical import BAND_LIMIT, SphericalLikelihood


class SphericalConvolution(FieldConvolution):
    """A convolution between fields of SO(3) or O(3), as equivariant as its likelihood is uniform (PSCNN).

    K(x) = ∫ lambda(h) rho_out(h) κ(h^-1 x) rho_in(h)^T dh with the truncated density of the likelihood and a free
    kernel κ in escnn's radial profiles and spherical harmonics. On a part of κ that transforms by an irrep ell the
    integral is the mean of ell(h) (Wigner and Eckart), so κ has weights only for the irreps of the likelihood. They are
    initialised such that each ell has the variance of escnn's generalised He initialisation; for the trivial one that
    is the variance of K under the uniform density. Other arguments and shapes as in :class:`SteerableConvolution`.

    Args:
        likelihood: may be shared with other convolutions of the same group.

    Attributes:
        duplicates: number of additional weights in the published code, all linearly dependent on these: for SO(3)
            it counts the kernels between two irreps once for every irrep in their product.
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
    ) -> None:
        super().__init__(fields_in, fields_out, stride, padding, bias)
        self.likelihood, self.side = likelihood, kernel
        samples = shells(kernel)[1].flatten(1).to(torch.get_default_dtype())  # flat: memory formats apply to images
        self.register_buffer("samples", samples, persistent=False)
        self.samples: Tensor
        self.rows, self.columns = ([often for _, often in runs(fields)] for fields in (fields_out, fields_in))
        couplings = [
            coupling(fields_in.group, n, m, kernel)
            for (n, _), (m, _) in itertools.product(runs(fields_out), runs(fields_in))
        ]
        for k, pair in enumerate(couplings):
            self.register_buffer(f"coupling{k}", pair.matrix.flatten(0, 2).to(self.samples), persistent=False)
        self.shapes = [tuple(pair.matrix.shape[:3]) for pair in couplings]
        # For each ell and each pair of runs the copies of ell, one for each row and column of irreps in the pair.
        self.widths = [
            [pair.copies[e] * rows * columns for pair, (rows, columns) in zip(couplings, self.places, strict=True)]
            for e in range(len(likelihood.irreps))
        ]
        self.copies = fields_out.copies, fields_in.copies
        deviation = self._deviation()[:, None, None]
        self.weights = nn.Parameter(deviation * torch.randn(len(deviation), *self.copies))
        weights = torch.tensor(likelihood.sizes) @ torch.tensor(self.widths) * math.prod(self.copies)
        extra = [pair.products - 1 if fields_in.group == "SO3" else 0 for pair in couplings]
        self.duplicates = int(weights @ torch.tensor(extra))

    @property
    def places(self) -> list[tuple[int, int]]:
        """For each pair of runs how many equal irreps there are in the output and in the input."""
        return [*itertools.product(self.rows, self.columns)]

    def kernel(self) -> Tensor:
        """The averaged kernel [C_out, C_in, k, k, k]."""
        kernel = self.harmonics(self.likelihood.moments()) @ self.samples
        return kernel.unflatten(2, [self.side] * 3)

    def harmonics(self, moments: list[Tensor]) -> Tensor:
        """Coefficients [C_out, C_in, B] of the averaged kernel in the harmonics of :func:`shells`.

        Args:
            moments: means [d, d] of the irreps ell; with identities these are the coefficients of κ.
        """
        copies = math.prod(self.copies)
        sections = self.weights.flatten(1).split(
            [len(moment) * sum(widths) for moment, widths in zip(moments, self.widths, strict=True)]
        )
        averaged = [
            (moment @ section.view(len(moment), -1)).view(len(moment), sum(widths), copies).split(widths, dim=1)
            for moment, section, widths in zip(moments, sections, self.widths, strict=True)
        ]
        blocks = []
        for k, ((rows, columns), shape) in enumerate(zip(self.places, self.shapes, strict=True)):
            weights = torch.cat([part[k].reshape(-1, rows * columns * copies) for part in averaged])
            block = (self.get_buffer(f"coupling{k}") @ weights).view(*shape, rows, columns, *self.copies)
            # [copies out, rows · d_n, copies in, columns · d_m, B]
            blocks.append(block.permute(5, 3, 0, 6, 4, 1, 2).flatten(4, 5).flatten(1, 2))
        n = len(self.columns)
        whole = torch.cat([torch.cat(blocks[k : k + n], dim=3) for k in range(0, len(blocks), n)], dim=1)
        return whole.flatten(2, 3).flatten(0, 1)

    def _deviation(self) -> Tensor:
        """Of every weight, [Σ d_ell · widths]: each ell brings variance 1 to an output, equally from all irreps."""
        parts = []
        for size, widths in zip(self.likelihood.sizes, self.widths, strict=True):
            table = torch.tensor(widths, dtype=torch.float32).view(len(self.rows), len(self.columns))
            inputs = (table > 0).sum(1, keepdim=True)
            count = size * table / torch.tensor(self.rows)[:, None] * self.copies[1]
            deviation = (inputs * count).rsqrt().flatten()
            parts.append(deviation.repeat_interleave(torch.tensor(widths)).repeat(size))
        return torch.cat(parts)


@dataclass(frozen=True)
class Coupling:
    """How the kernels from an irrep m to an irrep n transform.

    Attributes:
        matrix: [d_n, d_m, B, columns], kernels by their coefficients in the harmonics of :func:`shells`; for each
            irrep ell of the likelihood, for each of its components, one column for every copy of ell.
        copies: number of copies of each ell.
        products: number of irreps in the product of n and m.
    """

    matrix: Tensor
    copies: list[int]
    products: int


@functools.cache
def coupling(group: str, n: Irrep, m: Irrep, kernel: int) -> Coupling:
    """The kernels of a size from m to n, by the irreps by which they transform.

    Every copy is scaled such that the mean over its components of |K(x)|², summed over x and columns, is 1 in
    each row, as escnn normalises its bases.
    """
    fibre = space(group).fibergroup
    frequencies, samples = shells(kernel)
    parts: dict[Irrep, list[Tensor]] = {ell: [] for ell in fibre.bl_irreps(BAND_LIMIT)}
    products = [J for J, _ in fibre._tensor_product_irreps(n, m)]
    start = 0
    for frequency in frequencies:
        j = (frequency,) if len(n) == 1 else (frequency % 2, frequency)
        here = slice(start, start + 2 * frequency + 1)
        start = here.stop
        for J in products:
            inner = clebsch_gordan(group, n, m, J)
            for ell, _ in fibre._tensor_product_irreps(j, J):
                if ell not in parts:
                    continue
                element = torch.einsum("nmi,jil->nmjl", inner, clebsch_gordan(group, j, J, ell))
                rows, _, _, components = element.shape
                values = torch.einsum("nmjl,jx->nmxl", element, samples[here].flatten(1))
                whole = torch.zeros(*element.shape[:2], len(samples), components, dtype=element.dtype)
                whole[:, :, here] = element / (values.square().sum() / (rows * components)).sqrt()
                parts[ell].append(whole)
    empty = torch.zeros(*inner.shape[:2], len(samples), 0, dtype=samples.dtype)
    columns = [torch.stack(part, dim=-1).flatten(3) if part else empty for part in parts.values()]
    return Coupling(torch.cat(columns, dim=3), [len(part) for part in parts.values()], len(products))


def clebsch_gordan(group: str, a: Irrep, b: Irrep, c: Irrep) -> Tensor:
    """The part c in the product of a and b, float64 [d_a, d_b, d_c] with orthonormal columns; it occurs once."""
    return torch.from_numpy(space(group).fibergroup._clebsh_gordan_coeff(a, b, c)[:, :, 0])


@functools.cache
def shells(kernel: int) -> tuple[list[int], Tensor]:
    """Frequencies of the harmonics on the rings of a kernel, and their values, float64 [Σ (2j + 1), k, k, k].

    Rings, their widths and highest frequencies are escnn's defaults.
    """
    library = steerable_library()
    convolution = library.nn.modules.conv
    keep, rings, widths, highest = convolution.r3convolution.compute_basis_params(kernel)
    basis = library.kernels.SphericalShellsBasis(highest, library.kernels.GaussianRadialProfile(rings, widths), keep)
    points = torch.from_numpy(convolution.rd_convolution.get_grid_coords(3, kernel))
    values = basis.double().sample(points)[:, :, 0, 0].T
    frequencies = [j for j in range(highest + 1) for ring in rings if keep({"irrep:frequency": j, "radius": ring})]
    return frequencies, values.reshape(-1, kernel, kernel, kernel)


def runs(fields: Fields) -> list[tuple[Irrep, int]]:
    """The runs of equal consecutive irreps of a field (such as its gates), with their lengths."""
    return [(irrep, len([*run])) for irrep, run in itertools.groupby(fields.irreps)]
