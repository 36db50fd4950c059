"""Convolutions whose free kernel is averaged over a group, weighted by a learnable likelihood."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from regrep.actions.images import Rows
from regrep.errors import RegrepError
from regrep.groups import real_characters
from regrep.representations import Representation
from regrep.representations.irreducible import standard_basis
from regrep.representations.representation import multiplicities_of, same_group
from regrep_paper.steerable.likelihood import Likelihood
from regrep_paper.steerable.polar import polar_functions, polar_representation

UNREACHED = 1e-4
"""Variance of an output coordinate, relative to that of free kernels, below which no equivariant kernel reaches it."""


class AveragedConv2d(nn.Module):
    """A 2D convolution from copies of one field to copies of another, as equivariant as its likelihood is uniform.

    K(x) = mean over g of lambda(g) σ(g) κ(g^-1 x) rho(g)^T with a free kernel κ in the polar functions: the uniform
    likelihood projects κ onto the equivariant kernels, a point mass at the identity leaves it unchanged
    (PSCNN). Every product of a matrix unit and a polar function has one weight, so that the weights are independent.
    They are initialised such that under the uniform likelihood the outputs of white noise of variance 1 have variance 1
    wherever an equivariant kernel reaches them, and elsewhere under a point mass; no basis is normalised later.

    Shapes: [B, copies_in · rho.dim, H, W] -> [B, copies_out · σ.dim, H', W'], each field in contiguous channels.

    Args:
        field_in: rho, orthogonal, of C_n or D_n.
        copies_in: number of input copies.
        field_out: σ, orthogonal, of the same group.
        copies_out: number of output copies.
        size: size of the kernel, odd.
        stride: as in ``nn.Conv2d``.
        padding: as in ``nn.Conv2d``.
        bias: one per output field and dimension that the group leaves fixed, which stays equivariant.
        rows: ``"down"`` as in pictures, ``"up"`` if the row index grows with y.

    Raises:
        RegrepError: another group, representations of two groups, no copies, an even size, or another value of rows.

    >>> import regrep
    >>> rho = regrep.regular(regrep.groups.cyclic(4))
    >>> layer = AveragedConv2d(rho, 2, rho, 3, size=3, padding=1)
    >>> layer(torch.zeros(1, 8, 5, 5)).shape, layer.weight.shape
    (torch.Size([1, 12, 5, 5]), torch.Size([3, 2, 96]))
    """

    def __init__(
        self,
        field_in: Representation,
        copies_in: int,
        field_out: Representation,
        copies_out: int,
        size: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        rows: Rows = "down",
    ) -> None:
        super().__init__()
        group = same_group([field_in, field_out])
        if min(copies_in, copies_out) < 1:
            raise RegrepError(f"a convolution has at least 1 field on each side, got {copies_in} and {copies_out}")
        self.field_in, self.field_out, self.size = field_in, field_out, size
        self.stride, self.padding = stride, padding
        self.likelihood = Likelihood(group)
        coordinates = torch.einsum("gab,gcd->gacbd", field_out.stack(), field_in.stack()).flatten(1)
        fixed = fixed_vectors(field_out) if bias else torch.empty(field_out.dim, 0)
        for name, constant in {
            "coordinates": coordinates / group.order,
            "moved": polar_representation(group, size).stack().flatten(1),
            "samples": polar_functions(size, rows).flatten(1),
            "fixed": fixed,
        }.items():
            self.register_buffer(name, constant.to(torch.get_default_dtype()), persistent=False)
        self.coordinates: Tensor
        self.moved: Tensor
        self.samples: Tensor
        self.fixed: Tensor
        self.bias = nn.Parameter(torch.zeros(copies_out, fixed.shape[1])) if fixed.shape[1] else None
        self.weight = nn.Parameter(torch.empty(copies_out, copies_in, field_out.dim * field_in.dim * len(self.samples)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights for outputs of variance 1 under the uniform likelihood, see the class."""
        p, q, functions = self.field_out.dim, self.field_in.dim, len(self.samples)
        average = self.average(torch.ones(self.likelihood.group.order).to(self.weight))
        kernels = torch.einsum("pqbw,bx->pqxw", average.view(p, q, functions, -1), self.samples)
        # The covariance of the outputs commutes with σ, so the weights may be transformed by its inverse root.
        values, vectors = torch.linalg.eigh(torch.einsum("pqxw,rqxw->pr", kernels, kernels))
        free = q * functions
        values = torch.where(values > UNREACHED * free, values, free)
        root = vectors @ (values**-0.5 * vectors).T
        with torch.no_grad():
            draw = torch.randn_like(self.weight).unflatten(2, (p, -1))
            self.weight.copy_(torch.einsum("pr,oirw->oipw", root, draw).flatten(2) / self.weight.shape[1] ** 0.5)

    def average(self, density: Tensor) -> Tensor:
        """Matrix [pqB, pqB] of the weighted group average on the weights of one pair of fields.

        Args:
            density: [n], of mean 1.
        """
        pq, functions = self.field_out.dim * self.field_in.dim, len(self.samples)
        product = (density[:, None] * self.coordinates).T @ self.moved
        return product.view(pq, pq, functions, functions).transpose(1, 2).reshape(pq * functions, -1)

    def kernel(self) -> Tensor:
        """The averaged kernel [C_out, C_in, size, size]."""
        copies_out, copies_in, _ = self.weight.shape
        p, q = self.field_out.dim, self.field_in.dim
        averaged = self.weight @ self.average(self.likelihood.density()).T
        pixels = averaged.view(copies_out, copies_in, p, q, -1) @ self.samples
        return pixels.transpose(1, 2).reshape(copies_out * p, copies_in * q, self.size, self.size)

    def offset(self) -> Tensor | None:
        """The bias of every channel [C_out]."""
        return None if self.bias is None else (self.bias @ self.fixed.T).flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; the kernel is recomputed from weights and likelihood each time, so it is never stale."""
        return functional.conv2d(x, self.kernel(), self.offset(), self.stride, self.padding)

    @property
    def duplicates(self) -> int:
        """Number of additional weights in the published code, all linearly dependent on these.

        There the kernels between two irreps occur once for every distinct irrep in their tensor product.
        """
        group = self.field_in.group
        counts = [rho.multiplicities() for rho in (self.field_out, self.field_in)]
        pairs = 0.0
        for psi in real_characters(group):
            for phi in real_characters(group):
                product = multiplicities_of(group, psi.values * phi.values)
                distinct = sum(count > 0.5 for count in product.values())
                pairs += counts[0][psi.name] * psi.dim * counts[1][phi.name] * phi.dim * (distinct - 1)
        return round(pairs) * len(self.samples) * self.weight.shape[0] * self.weight.shape[1]

    def extra_repr(self) -> str:
        """Fields, kernel, stride and padding."""
        copies_out, copies_in, _ = self.weight.shape
        return (
            f"{copies_in} x {self.field_in.name}, {copies_out} x {self.field_out.name}, size={self.size},"
            f" stride={self.stride}, padding={self.padding}"
        )


def fixed_vectors(rho: Representation) -> Tensor:
    """Orthonormal basis of the fixed subspace of an orthogonal representation, float64 [dim, invariant_dim].

    A fixed coordinate is a basis vector by itself.

    >>> import regrep
    >>> fixed_vectors(regrep.trivial(regrep.groups.cyclic(2)) + regrep.regular(regrep.groups.cyclic(2))).T
    tensor([[1.0000, 0.0000, 0.0000],
            [0.0000, 0.7071, 0.7071]], dtype=torch.float64)
    """
    _, vectors = torch.linalg.eigh(rho.stack().mean(dim=0))
    return torch.from_numpy(standard_basis(vectors[:, rho.dim - rho.invariant_dim :].numpy()))
