"""Permutation representations: index tables first, matrices derived; they act by one gather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from regrep.arguments import is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, Homomorphism, LargeGroup
from regrep.groups.limits import check_width
from regrep.placed import Placed
from regrep.representations.representation import MatrixRepresentation, Representation, check_group, check_target


class PermutationRepresentation(Representation):
    """G permutes the coordinates: ``(rho(g) z)[k] = z[index[g, k]]``.

    With p_g the permutation of the coordinates that takes k to p_g(k), the index is its inverse,
    ``index[g, k] = p_g^-1(k)``, and the matrix has ``rho(g)[p_g(k), k] = 1``.

    Args:
        group: the group.
        index: int64 [n, dim].
        name: name of the representation.

    Raises:
        RegrepError: the index is not a representation (for example the permutations themselves, not their inverses).

    >>> import regrep
    >>> regular(regrep.groups.cyclic(4)).matrix("r").int()
    tensor([[0, 0, 0, 1],
            [1, 0, 0, 0],
            [0, 1, 0, 0],
            [0, 0, 1, 0]], dtype=torch.int32)
    """

    def __init__(self, group: FiniteGroup, index: Tensor, name: str) -> None:
        self.group, self.name = group, name
        self.index = check_index(group, index, name)
        self._placed, self._images = Placed(self.index), Placed(self.index[group.inverse])
        first = self.index.min(dim=0).values  # of the orbit of each coordinate
        self._first, self._sizes = Placed(first), Placed(first.bincount(minlength=self.dim).clamp_min(1).double())

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.index.shape[1]

    def stack(self) -> Tensor:
        """Permutation matrices, float64 [n, dim, dim]."""
        return torch.nn.functional.one_hot(self.index, self.dim).double()

    @property
    def character(self) -> Tensor:
        """Number of fixed coordinates of each element, float64 [n]."""
        return (self.index == torch.arange(self.dim)).sum(dim=1).double()

    @property
    def orbits(self) -> tuple[tuple[int, ...], ...]:
        """Coordinates grouped into orbits; as many as ``invariant_dim``."""
        smallest = self._first.value.tolist()
        found: dict[int, list[int]] = {}
        for k, first in enumerate(smallest):
            found.setdefault(first, []).append(k)
        return tuple(tuple(orbit) for orbit in found.values())

    def pullback(self, f: Homomorphism, name: str | None = None) -> PermutationRepresentation:
        """The permutation representation g -> rho(f(g))."""
        check_target(self.group, f)
        return PermutationRepresentation(f.source, self.index[f.images], name if name is not None else self.name)

    def index_on(self, device: torch.device) -> Tensor:
        """The index on a device, to which it is copied once."""
        return self._placed.on(device)

    def images_of(self, g: Tensor) -> Tensor:
        """Where elements [B] take each coordinate, int64 [B, dim], on the device of the elements."""
        return self._images.on(g.device)[g]

    def index_of(self, g: Tensor) -> Tensor:
        """The coordinate that elements [B] take to each, int64 [B, dim], on the device of the elements."""
        return self.index_on(g.device)[g]

    def orbit_means(self, z: Tensor) -> Tensor:
        """The average of rho(g) z over the group, without a pass per element: each entry is the mean of its orbit.

        Args:
            z: [..., dim], floating point.

        >>> import regrep
        >>> regrep.regular(regrep.groups.cyclic(2)).orbit_means(torch.tensor([1.0, 3.0]))
        tensor([2., 2.])
        """
        first = self._first.on(z.device)
        means = torch.zeros_like(z).index_add(-1, first, z) / self._sizes.on(z.device, z.dtype)
        return means.index_select(-1, first)

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Gather along the last dimension."""
        index = self.index_on(z.device)[g.to(z.device)]
        index = index.reshape(len(z), *([1] * (z.dim() - 2)), self.dim)
        return z.gather(-1, index.expand(z.shape))


def regular(group: FiniteGroup) -> PermutationRepresentation:
    """The (left) regular representation, Eq. (1): ``(R(g) z)[k] = z[g^-1 k]``, so e_k goes to e_gk.

    >>> import regrep
    >>> rho = regular(regrep.groups.dihedral(3))
    >>> rho(torch.arange(6.0)[None], torch.tensor([1]))
    tensor([[2., 0., 1., 5., 3., 4.]])
    """
    check_group(group)
    return PermutationRepresentation(group, group.mul[group.inverse], "regular")


def trivial(group: FiniteGroup, dim: int = 1) -> PermutationRepresentation:
    """The trivial representation of dimension dim: every element acts as the identity.

    >>> import regrep
    >>> trivial(regrep.groups.cyclic(2), 3).invariant_dim
    3
    """
    check_group(group, table=False)
    if not is_whole(dim) or dim < 1:
        raise RegrepError(f"a trivial representation has dimension at least 1, got {shown(dim)}; pass an integer")
    check_width(group.name, group.order, dim)
    name = "trivial" if dim == 1 else f"{dim} trivial"
    if isinstance(group, LargeGroup):
        from regrep.representations.large import LargePermutation, StillImages

        return LargePermutation(group, StillImages(dim), dim, name)
    return PermutationRepresentation(group, torch.arange(dim).expand(group.order, dim), name)


def natural(group: FiniteGroup) -> PermutationRepresentation:
    """The permutation representation on the group's natural points.

    For C_n and D_n these are the corners of a polygon, for S_n and A_n the n points, for the rotations of the
    cube the four space diagonals.

    Raises:
        RegrepError: the group has no natural points.

    >>> import regrep
    >>> natural(regrep.groups.symmetric(4)).dim
    4
    """
    if isinstance(group, LargeGroup):
        from regrep.representations.large import LargePermutation, points_of

        return LargePermutation(group, points_of, group.degree, "natural")
    return PermutationRepresentation(group, _points(group)[group.inverse], "natural")


def sign(group: FiniteGroup) -> Representation:
    """The sign representation: +1 for even, -1 for odd permutations of the natural points (section 3).

    >>> import regrep
    >>> sign(regrep.groups.dihedral(3)).character
    tensor([ 1.,  1.,  1., -1., -1., -1.], dtype=torch.float64)
    """
    if isinstance(group, LargeGroup):
        from regrep.representations.large import LargeMatrices, sign_matrices

        return LargeMatrices(group, sign_matrices, 1, "sign")
    matrices = torch.linalg.det(natural(group).stack()).reshape(-1, 1, 1)  # exact, of permutations
    return MatrixRepresentation(group, matrices, "sign")


def standard(group: FiniteGroup) -> Representation:
    """The standard representation: vectors over the natural points whose coefficients sum to zero (section 3).

    Its matrices are orthogonal, being those in the normalised basis (1, -1, 0, ..), (1, 1, -2, 0, ..), ...

    >>> import regrep
    >>> standard(regrep.groups.symmetric(3)).character.round().long()
    tensor([ 2,  0,  0, -1, -1,  0])
    """
    rho = natural(group)
    n = rho.dim
    if n < 2:
        raise RegrepError(f"the standard representation needs at least 2 natural points, but {group.name} acts on {n}")
    basis = torch.tril(torch.ones(n - 1, n, dtype=torch.float64))
    for k in range(n - 1):
        basis[k, k + 1] = -(k + 1)
        basis[k] /= ((k + 1) * (k + 2)) ** 0.5
    if isinstance(group, LargeGroup):
        from regrep.representations.large import LargeMatrices, StandardMatrices

        return LargeMatrices(group, StandardMatrices(basis), n - 1, "standard")
    matrices = basis @ rho.stack() @ basis.T
    return MatrixRepresentation(group, matrices, "standard")


def latent_representation(
    group: FiniteGroup, dim: int, copies: int | None = None, *, layout: Literal["regular", "factor"] = "regular"
) -> PermutationRepresentation:
    """The representation of the method, Eq. (5): m copies of the regular one, the rest trivial.

    rho_Z = m · regular ⊕ (dim - m·n) · trivial, n the order of the group, m = floor(dim / n) by default.

    Of a product of groups, ``layout="factor"`` takes m copies of the regular representation of each factor, on which
    the other factors act trivially: first those of the first factor, then those of the next. It has many more
    invariant coordinates, on which the answer of an invariant task can rest.

    Args:
        group: the group.
        dim: width of the latent, at least n; for ``layout="factor"``, at least the sum of the orders of the factors.
        copies: m; from 1 to floor(dim / n).
        layout: ``"regular"``, or ``"factor"`` for a product.

    Raises:
        RegrepError: the latent cannot hold the copies, or ``layout="factor"`` of a group that is no product.

    >>> import regrep
    >>> rho = latent_representation(regrep.groups.dihedral(4), dim=66)
    >>> rho, rho.invariant_dim
    (<8 regular ⊕ 2 trivial of D4, dim 66>, 10)
    >>> G = regrep.groups.parse("D4xD4")
    >>> regrep.latent(G, 66).invariant_dim, regrep.latent(G, 66, layout="factor").invariant_dim
    (3, 10)
    >>> regrep.latent(G, 66, copies=3, layout="factor").invariant_dim
    24
    """
    check_group(group)
    if layout not in ("regular", "factor"):
        raise RegrepError(f'the layout of a latent is "regular" or "factor", got {shown(layout)}; choose one of them')
    if layout == "factor" and not group.factors:
        raise RegrepError(
            f'layout="factor" is for a product of groups, but {group.name} was not made as one; use'
            ' regrep.groups.product, or layout="regular"'
        )
    maps = group.projections if layout == "factor" else ()
    units = [regular(f.target).pullback(f).index for f in maps] or [regular(group).index]
    n = sum(unit.shape[1] for unit in units)
    size = f"|{group.name}| = {n}" if not maps else " + ".join(f"|{f.target.name}|" for f in maps) + f" = {n}"
    each = "" if not maps else " of each factor"
    if not is_whole(dim) or dim < n:
        raise RegrepError(
            f"latent width must be an integer of at least {size} to hold one copy of the regular"
            f" representation{each}, got {shown(dim)}; widen the layer or choose a subgroup"
        )
    check_width(group.name, group.order, dim)
    most = dim // n
    copies = most if copies is None else copies
    if not is_whole(copies) or not 1 <= copies <= most:
        raise RegrepError(
            f"a latent of width {dim} holds 1 to {most} copies of the regular representation{each} of {group.name},"
            f" got {shown(copies)}; widen the layer or use fewer copies"
        )
    rest = dim - copies * n
    parts = [copied_index(unit, copies) for unit in units] + ([trivial(group, rest).index] if rest else [])
    name = ("regular" if copies == 1 else f"{copies} regular") + each
    name += "" if not rest else " ⊕ trivial" if rest == 1 else f" ⊕ {rest} trivial"
    return PermutationRepresentation(group, sum_index(parts), name)


latent = latent_representation
"""Short name of :func:`latent_representation`."""


def sum_index(parts: Sequence[Tensor]) -> Tensor:
    """Index of a direct sum from the indices of its parts."""
    widths = torch.tensor([index.shape[1] for index in parts])
    return torch.cat(tuple(parts), dim=1) + (widths.cumsum(0) - widths).repeat_interleave(widths)


def copied_index(index: Tensor, copies: int) -> Tensor:
    """Index of so many copies of one part."""
    return (index[:, None] + index.shape[1] * torch.arange(copies)[:, None]).flatten(1)


def tensor_index(left: Tensor, right: Tensor) -> Tensor:
    """Index of a tensor product, the right factor running fastest."""
    return (left[:, :, None] * right.shape[1] + right[:, None, :]).flatten(1)


def check_index(group: FiniteGroup, index: Tensor, name: str) -> Tensor:
    """Check that rho(s) rho(g) = rho(sg) for generators s: ``index[sg, k] = index[g, index[s, k]]``."""
    check_group(group)
    if not isinstance(index, Tensor):
        raise RegrepError(f"the index of a representation is an int64 tensor, got {shown(index)}")
    if index.dim() != 2 or index.shape[0] != group.order or index.dtype != torch.int64:
        raise RegrepError(
            f"the index of a permutation representation of {group.name} is an int64 tensor"
            f" [{group.order}, dim], got {str(index.dtype)[6:]} {list(index.shape)}"
        )
    index = index.cpu().contiguous()
    every = torch.arange(index.shape[1])
    in_range = index.shape[1] and int(index.min()) >= 0 and int(index.max()) < index.shape[1]
    if (
        not in_range
        or not torch.equal(index[0], every)
        or not all(torch.equal(index[group.mul[s]], index[:, index[s]]) for s in group.generators)
    ):
        raise RegrepError(
            f"the index of {name} is no representation of {group.name}: row sg is not row g indexed by row s;"
            " pass the inverse permutations, index[g, k] = the position that g maps to k"
        )
    return index


def _points(group: FiniteGroup) -> Tensor:
    check_group(group)
    if group.points is None:
        raise RegrepError(
            f"{group.name} has no natural points to permute; build it by from_permutations, or use irreps(G)"
        )
    return group.points
