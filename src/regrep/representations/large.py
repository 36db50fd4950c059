"""Representations of groups too large for a table: permutations, matrices, sums, products, and those of a factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NoReturn

import torch
from torch import Tensor

from regrep.arguments import brief, check_tensor
from regrep.errors import RegrepError
from regrep.groups.large import LargeGroup, inverse_images, signs
from regrep.placed import Placed
from regrep.representations.permutation import PermutationRepresentation
from regrep.representations.representation import Representation, sum_name
from regrep.unrounded import unrounded

Images = Callable[[Tensor], Tensor]
"""A map from elements, int64 [B, degree], to permutations of coordinates, int64 [B, dim]: g to (k -> g k)."""


class LargeRepresentation(Representation):
    """A representation of a :class:`~regrep.groups.LargeGroup`, computed for the elements that are asked for.

    ``rho(z, g)`` takes elements as image lists [B, degree]. There is no list of all matrices and no character;
    :meth:`matrices` gives those of some elements.
    """

    group: LargeGroup

    def stack(self) -> NoReturn:
        """There is no list of all matrices."""
        raise self._missing("matrices of all elements; use matrices(g) for some")

    @property
    def character(self) -> NoReturn:
        """There is no list of all traces."""
        raise self._missing("character over all elements; use the traces of matrices(g) for some")

    def matrices(self, g: Tensor) -> Tensor:
        """Matrices of some elements, float64 [B, dim, dim]."""
        self.group.check(g)
        columns = torch.eye(self.dim, dtype=torch.float64, device=g.device).expand(len(g), -1, -1)
        return self.apply(columns, g).transpose(1, 2)

    def matrix(self, element: Tensor) -> Tensor:  # type: ignore[override]
        """Matrix of one element, given by its images [degree], float64 [dim, dim]."""
        check_tensor("an element", element, 1)
        return self.matrices(element[None])[0]

    @cached_property
    def invariant_dim(self) -> int:
        """Dimension of the subspace fixed by all of G: the trace of the mean of rho(g)."""
        eye = torch.eye(self.dim, dtype=torch.float64)
        return round(float(self.group.average(self.apply, eye).diagonal().sum()))

    def _missing(self, what: str) -> RegrepError:
        name, order = brief(self.group.name), self.group.order
        return RegrepError(f"{name} has {order} elements, too many to list, so {self.name} has no {what}")


class LargePermutation(LargeRepresentation, PermutationRepresentation):
    """A large group permutes the coordinates; the permutations are computed for the elements that are asked for.

    Args:
        group: the group.
        images: takes elements [B, degree] to the permutations [B, dim] of the coordinates.
        dim: number of coordinates.
        name: name of the representation.

    >>> import regrep
    >>> G = regrep.groups.symmetric(8)
    >>> rho = regrep.natural(G)
    >>> rho(torch.arange(8)[None], torch.tensor([[1, 2, 3, 4, 5, 6, 7, 0]])).tolist()
    [[7, 0, 1, 2, 3, 4, 5, 6]]
    """

    def __init__(self, group: LargeGroup, images: Images, dim: int, name: str) -> None:
        self.group, self.images, self._dim, self.name = group, images, dim, name
        steps = images(group.generators) if len(group.generators) else torch.zeros(0, dim, dtype=torch.int64)
        if steps.shape != (len(group.generators), dim) or bool((steps.sort(dim=1).values != torch.arange(dim)).any()):
            raise RegrepError(
                f"{name} permutes {dim} coordinates, but the images under the generators of {brief(group.name)} are no"
                f" permutations of these, got shape {list(steps.shape)}"
            )
        first = orbit_labels(steps)
        self._first, self._sizes = Placed(first), Placed(first.bincount(minlength=dim).clamp_min(1).double())

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self._dim

    @cached_property
    def invariant_dim(self) -> int:
        """Number of orbits."""
        return len(self._first.value.unique())

    def __getattr__(self, name: str) -> Any:
        if name in ("index", "_placed"):  # what the index of a small group is read from
            raise self._missing("index of all elements; use index_of(g) for some")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def images_of(self, g: Tensor) -> Tensor:
        """Where elements take each coordinate, int64 [B, dim], on the device of the elements."""
        return self.images(g)

    def index_of(self, g: Tensor) -> Tensor:
        """The coordinate that elements take to each, int64 [B, dim], on the device of the elements."""
        return self.images(inverse_images(g))

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Gather along the last dimension."""
        index = self.index_of(g.to(z.device))
        index = index.reshape(len(z), *([1] * (z.dim() - 2)), self.dim)
        return z.gather(-1, index.expand(z.shape))


class LargeMatrices(LargeRepresentation):
    """A representation given by a function from elements [B, degree] to matrices float64 [B, dim, dim]."""

    def __init__(self, group: LargeGroup, matrices: Callable[[Tensor], Tensor], dim: int, name: str) -> None:
        self.group, self._matrices, self._dim, self.name = group, matrices, dim, name

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return self._dim

    def matrices(self, g: Tensor) -> Tensor:
        """Matrices of some elements, float64 [B, dim, dim]."""
        self.group.check(g)
        return self._matrices(g)

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Batched product, not rounded by autocast; the matrices take the device and dtype of z."""
        if not (z.is_floating_point() or z.is_complex()):
            raise RegrepError(f"{self.name} mixes coordinates, so it acts on floats, got {str(z.dtype)[6:]}; convert z")
        chosen = self._matrices(g.to(z.device)).to(z.dtype)
        flat = z.unsqueeze(1).flatten(1, -2)
        with unrounded(z.device):
            return torch.bmm(flat, chosen.transpose(1, 2)).reshape(z.shape)


class LargeSum(LargeRepresentation):
    """Direct sum of representations, each acting on its own slice."""

    def __init__(self, group: LargeGroup, parts: Sequence[Representation]) -> None:
        self.group, self.parts, self.name = group, tuple(parts), sum_name(parts)

    @property
    def dim(self) -> int:
        """Sum of the dimensions."""
        return sum(part.dim for part in self.parts)

    @cached_property
    def invariant_dim(self) -> int:
        """Sum over the parts."""
        return sum(part.invariant_dim for part in self.parts)

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Each part acts on its slice of the last dimension."""
        slices = z.split([part.dim for part in self.parts], dim=-1)
        return torch.cat([part.apply(x, g) for part, x in zip(self.parts, slices, strict=True)], dim=-1)


class LargeProduct(LargeRepresentation):
    """Tensor product of two representations, the right factor running fastest."""

    def __init__(self, left: Representation, right: Representation, group: LargeGroup) -> None:
        self.group, self.left, self.right, self.name = group, left, right, f"({left.name})⊗({right.name})"

    @property
    def dim(self) -> int:
        """Product of the dimensions."""
        return self.left.dim * self.right.dim

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """One factor after the other."""
        pairs = self.right.apply(z.unflatten(-1, (self.left.dim, self.right.dim)), g)
        return self.left.apply(pairs.transpose(-1, -2), g).transpose(-1, -2).flatten(-2)


class OfFactor(LargeRepresentation):
    """A representation of one factor of a direct product; see :func:`of_factor`."""

    def __init__(self, group: LargeGroup, place: int, rho: Representation) -> None:
        self.group, self.place, self.rho = group, place, rho
        self.name = f"{rho.name} of {brief(rho.group.name)}"

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return self.rho.dim

    @property
    def shape(self) -> tuple[int, ...]:
        """Trailing shape of the tensors it acts on."""
        return self.rho.shape

    @cached_property
    def invariant_dim(self) -> int:
        """That of the representation itself, since every element of the factor occurs."""
        return self.rho.invariant_dim

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """The factor's part of each element acts."""
        return self.rho.apply(z, self.group.parts_of(g.to(z.device))[self.place])


def large_sum(group: LargeGroup, parts: Sequence[Representation]) -> LargeRepresentation:
    """Direct sum; of permutations again one."""
    permutations = [part for part in parts if isinstance(part, LargePermutation)]
    if len(permutations) == len(parts):
        images = SumImages(tuple(permutations))
        return LargePermutation(group, images, sum(part.dim for part in parts), sum_name(parts))
    flat: list[Representation] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, LargeSum) else [part])
    return LargeSum(group, flat)


def large_product(left: Representation, right: Representation, group: LargeGroup) -> LargeRepresentation:
    """Tensor product; of permutations again one."""
    if isinstance(left, LargePermutation) and isinstance(right, LargePermutation):
        name = f"({left.name})⊗({right.name})"
        return LargePermutation(group, ProductImages(left, right), left.dim * right.dim, name)
    return LargeProduct(left, right, group)


class SumImages:
    """Permutations of the coordinates of a direct sum; equal parts are computed once."""

    def __init__(self, parts: tuple[LargePermutation, ...]) -> None:
        self.parts = parts

    def __call__(self, g: Tensor) -> Tensor:
        """The images [B, dim]."""
        known: dict[int, Tensor] = {}
        shifted, start = [], 0
        for part in self.parts:
            if id(part) not in known:
                known[id(part)] = part.images(g)
            shifted.append(known[id(part)] + start)
            start += part.dim
        return torch.cat(shifted, dim=1)


class ProductImages:
    """Permutations of pairs of coordinates, the second running fastest."""

    def __init__(self, left: LargePermutation, right: LargePermutation) -> None:
        self.left, self.right = left, right

    def __call__(self, g: Tensor) -> Tensor:
        """The images [B, dim]."""
        return (self.left.images(g)[:, :, None] * self.right.dim + self.right.images(g)[:, None, :]).flatten(1)


class StillImages:
    """The images of coordinates that stay in place."""

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __call__(self, g: Tensor) -> Tensor:
        """The images [B, dim]."""
        return torch.arange(self.dim, device=g.device).expand(len(g), -1)


class StandardMatrices:
    """Matrices of the standard representation in an orthonormal basis [n - 1, n] of the vectors with sum zero."""

    def __init__(self, basis: Tensor) -> None:
        self.basis = Placed(basis)

    def __call__(self, g: Tensor) -> Tensor:
        """The matrices [B, n - 1, n - 1]."""
        basis = self.basis.on(g.device)
        return basis[:, g].movedim(1, 0) @ basis.T


def sign_matrices(g: Tensor) -> Tensor:
    """The signs of permutations as matrices, float64 [B, 1, 1]."""
    return signs(g).double()[:, None, None]


def points_of(g: Tensor) -> Tensor:
    """The natural permutation of an element: itself."""
    return g


def orbit_labels(steps: Tensor) -> Tensor:
    """The smallest point of the orbit of each point under permutations [k, n], int64 [n].

    >>> orbit_labels(torch.tensor([[0, 2, 1, 3]]))
    tensor([0, 1, 1, 3])
    """
    label = torch.arange(steps.shape[1])
    while True:
        before = label
        for step in steps:
            label = torch.minimum(label, label[step])
            label = label.scatter_reduce(0, step, label, reduce="amin")
        label = torch.minimum(label, label[label])
        if torch.equal(label, before):
            return label
