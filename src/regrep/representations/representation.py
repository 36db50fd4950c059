"""Representations of a finite group: the abstract type, matrices, direct sums and tensor products."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from regrep.arguments import shown, whole
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, Homomorphism, LargeGroup, real_characters
from regrep.groups.action import Action
from regrep.groups.action import check_elements as check_elements
from regrep.groups.finite import check_group as check_group
from regrep.groups.limits import COPIES, check_width
from regrep.groups.tolerances import defect, polished, tolerance
from regrep.placed import Placed
from regrep.unrounded import unrounded


class Representation(Action):
    """A linear action rho of a finite group on R^dim, with rho(g) rho(h) = rho(gh).

    ``rho(z, g)`` applies rho(g[b]) to sample b of ``z`` [B, ..., dim]. Representations of the same group
    combine: ``rho1 + rho2`` (direct sum), ``3 * rho`` (three copies), ``rho1 @ rho2`` (tensor product).

    Representations hold no parameters and are not modules; index tables and matrices follow the device and
    dtype of the data. A representation is an action, and goes wherever one is asked for.

    >>> import regrep
    >>> G = regrep.groups.dihedral(4)
    >>> rho = regrep.regular(G) + 2 * regrep.trivial(G)
    >>> rho.dim, rho.invariant_dim
    (10, 3)
    >>> rho(torch.eye(10)[:2], torch.tensor([G.index("r"), G.index("s")])).argmax(dim=1)
    tensor([1, 7])
    """

    name: str

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension of the space."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Trailing shape of the tensors it acts on; ``(dim,)`` unless these are feature maps."""
        return (self.dim,)

    @abstractmethod
    def stack(self) -> Tensor:
        """All matrices, float64 [n, dim, dim], in the order of the elements."""

    @abstractmethod
    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Apply rho(g[b]) to x[b] without checking the arguments; floating point unless rho is a permutation."""

    @property
    @abstractmethod
    def character(self) -> Tensor:
        """Traces of the matrices, float64 [n]."""

    def check(self, x: Tensor) -> None:
        """Raise unless x is [B, ..., *shape]."""
        if tuple(x.shape[x.dim() - len(self.shape) :]) != self.shape or x.dim() <= len(self.shape):
            raise RegrepError(
                f"{self.name} acts on tensors [B, ..., {', '.join(map(str, self.shape))}], got {list(x.shape)};"
                " reshape the latent or choose a representation of its width"
            )

    def matrix(self, element: int | str) -> Tensor:
        """Matrix of one element, float64 [dim, dim]."""
        return self.stack()[self.group.index(element)]

    @property
    def invariant_dim(self) -> int:
        """Dimension of the subspace fixed by all of G: the multiplicity of the trivial representation.

        An invariant head that is linear in elementwise functions of the latent can use no more than this.
        """
        return round(float(self.character.mean()))

    def multiplicities(self) -> dict[str, float]:
        """Multiplicity of each real irreducible representation (Eq. (3), over the real numbers).

        <chi_rho, chi> / e with e = 1, 2, 4 for the types R, C, H.

        >>> import regrep
        >>> regrep.regular(regrep.groups.symmetric(3)).multiplicities()
        {'A1': 1.0, 'A2': 1.0, 'E': 2.0}
        """
        return {name: round(value, 9) + 0.0 for name, value in multiplicities_of(self.group, self.character).items()}

    def pullback(self, f: Homomorphism, name: str | None = None) -> Representation:
        """The representation g -> rho(f(g)) of the source of f; see :func:`regrep.pullback`."""
        check_target(self.group, f)
        return MatrixRepresentation(f.source, self.stack()[f.images], name if name is not None else self.name)

    def __add__(self, other: Representation) -> Representation:
        return direct_sum([self, other]) if isinstance(other, Representation) else NotImplemented

    def __mul__(self, copies: int) -> Representation:
        if not isinstance(copies, int):
            return NotImplemented
        whole("the number of copies", copies, 1, COPIES)
        check_width(self.group.name, self.group.order, copies * self.dim)
        return direct_sum([self] * copies)

    __rmul__ = __mul__

    def __matmul__(self, other: Representation) -> Representation:
        if not isinstance(other, Representation):
            return NotImplemented
        group = same_group([self, other])
        width = self.dim * other.dim
        check_width(group.name, group.order, width)
        if isinstance(group, LargeGroup):
            from regrep.representations.large import large_product

            return large_product(self, other, group)
        from regrep.representations.permutation import PermutationRepresentation, tensor_index

        name = f"({self.name})⊗({other.name})"
        if isinstance(self, PermutationRepresentation) and isinstance(other, PermutationRepresentation):
            return PermutationRepresentation(group, tensor_index(self.index, other.index), name)
        check_width(group.name, group.order, width, matrices=True)
        product = torch.einsum("gij,gkl->gikjl", self.stack(), other.stack()).reshape(-1, width, width)
        return MatrixRepresentation(group, product, name)

    def __repr__(self) -> str:
        return f"<{self.name} of {self.group.name}, dim {self.dim}>"


class MatrixRepresentation(Representation):
    """A representation given by its matrices, applied by a batched product.

    Args:
        group: the group.
        matrices: [n, dim, dim], one matrix per element, in the order of the elements. They may be rounded: up to
            1e-6 (1e-4 in half and single precision) the exact representation near them is taken.
        name: name of the representation.

    Raises:
        RegrepError: the matrices do not multiply as the elements do.

    >>> import regrep
    >>> G = regrep.groups.cyclic(2)
    >>> MatrixRepresentation(G, torch.tensor([[[1.0]], [[-1.0]]]).double(), "flip").matrix("r")
    tensor([[-1.]], dtype=torch.float64)
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor, name: str) -> None:
        self.group, self.name = group, name
        self._matrices = check_homomorphism(group, matrices, name)
        self._placed = Placed(self._matrices)

    @property
    def dim(self) -> int:
        """Dimension of the space."""
        return self._matrices.shape[1]

    def stack(self) -> Tensor:
        """All matrices, float64 [n, dim, dim]."""
        return self._matrices

    @cached_property
    def character(self) -> Tensor:
        """Traces, float64 [n]."""
        return torch.einsum("gii->g", self._matrices)

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Batched product, not rounded by autocast; the matrices take the device and dtype of z."""
        if not (z.is_floating_point() or z.is_complex()):
            raise RegrepError(f"{self.name} mixes coordinates, so it acts on floats, got {str(z.dtype)[6:]}; convert z")
        chosen = self._placed.on(z.device, z.dtype)[g.to(z.device)]
        flat = z.unsqueeze(1).flatten(1, -2)
        with unrounded(z.device):
            return torch.bmm(flat, chosen.transpose(1, 2)).reshape(z.shape)


class DirectSum(Representation):
    """Direct sum of several representations, each acting on its own slice (Eq. (2))."""

    def __init__(self, parts: Sequence[Representation]) -> None:
        self.group = same_group(parts)
        self.parts = tuple(parts)
        self.name = sum_name(self.parts)

    @property
    def dim(self) -> int:
        """Sum of the dimensions."""
        return sum(part.dim for part in self.parts)

    def stack(self) -> Tensor:
        """Block-diagonal matrices, float64 [n, dim, dim]."""
        stack = torch.zeros(self.group.order, self.dim, self.dim, dtype=torch.float64)
        start = 0
        for part in self.parts:
            stack[:, start : start + part.dim, start : start + part.dim] = part.stack()
            start += part.dim
        return stack

    @cached_property
    def character(self) -> Tensor:
        """Sum of the characters, float64 [n]."""
        return torch.stack([part.character for part in self.parts]).sum(dim=0)

    def pullback(self, f: Homomorphism, name: str | None = None) -> Representation:
        """The direct sum of the pullbacks; it has the name of its parts."""
        check_target(self.group, f)
        return direct_sum([part.pullback(f) for part in self.parts])

    def apply(self, z: Tensor, g: Tensor) -> Tensor:
        """Each part acts on its slice of the last dimension."""
        slices = z.split([part.dim for part in self.parts], dim=-1)
        return torch.cat([part.apply(x, g) for part, x in zip(self.parts, slices, strict=True)], dim=-1)


def pullback(rho: Representation, f: Homomorphism, name: str | None = None) -> Representation:
    """The pullback of a representation of H along a homomorphism f from G to H: g acts as rho(f(g)).

    Along the embedding of a subgroup this is the restriction; along the projections of a product G x H, representations
    of the factors become representations of the product.

    Args:
        rho: a representation of the target of f. Permutation representations, direct sums and layouts stay such.
        f: the homomorphism.
        name: by default that of rho.

    Raises:
        RegrepError: f does not go to the group of rho.

    >>> import regrep
    >>> G = regrep.groups.product(regrep.groups.dihedral(4), regrep.groups.cyclic(3))
    >>> left, right = G.projections
    >>> rho = pullback(regrep.regular(left.target), left) + pullback(regrep.regular(right.target), right)
    >>> rho.dim, rho.invariant_dim
    (11, 2)
    """
    if not isinstance(rho, Representation):
        raise RegrepError(f"a Representation is pulled back, got {shown(rho)}; take the matrices of a learned one")
    return rho.pullback(f, name)


def check_target(group: FiniteGroup, f: Homomorphism) -> None:
    """Raise unless f is a homomorphism to the group."""
    if not isinstance(f, Homomorphism):
        raise RegrepError(f"a representation is pulled back along a Homomorphism, got {shown(f)}; see regrep.groups")
    if f.target != group:
        raise RegrepError(
            f"a representation of {group.name} is pulled back along a homomorphism to {group.name}, got one to"
            f" {f.target.name}; choose the homomorphism of that group"
        )


def direct_sum(parts: Sequence[Representation]) -> Representation:
    """Direct sum; for permutation representations it is again one and acts by one gather."""
    from regrep.representations.permutation import PermutationRepresentation, sum_index

    group = same_group(parts)
    if isinstance(group, LargeGroup):
        from regrep.representations.large import large_sum

        return large_sum(group, parts)
    if all(isinstance(part, PermutationRepresentation) for part in parts):
        index = sum_index([part.index for part in parts if isinstance(part, PermutationRepresentation)])
        return PermutationRepresentation(group, index, sum_name(parts))
    flat: list[Representation] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, DirectSum) else [part])
    return DirectSum(flat)


def multiplicities_of(group: FiniteGroup, character: Tensor) -> dict[str, float]:
    """Multiplicity of each real irreducible in a character, float64 [n]: <chi_rho, chi> / e, not rounded (Eq. (3))."""
    return {
        chi.name: float((character * chi.values).mean() / chi.endomorphism_dimension) for chi in real_characters(group)
    }


def restrict(rho: Representation, subgroup: FiniteGroup, elements: Sequence[int | str]) -> Representation:
    """Restriction of rho to a subgroup.

    Args:
        rho: a representation of G.
        subgroup: the subgroup H as a group of its own.
        elements: for each element of H, in H's order, its index or name in G.

    Raises:
        RegrepError: ``elements`` does not embed H into G.

    >>> import regrep
    >>> G, H = regrep.groups.dihedral(4), regrep.groups.cyclic(4)
    >>> restrict(regrep.regular(G), H, ["e", "r", "r2", "r3"]).multiplicities()
    {'A': 2.0, 'B': 2.0, 'E': 2.0}
    """
    if not isinstance(rho, Representation):
        raise RegrepError(f"a Representation is restricted, got {shown(rho)}; take the matrices of a learned one")
    check_group(subgroup)
    if not isinstance(elements, Iterable):
        raise RegrepError(f"the elements of a subgroup are a list of indices or names, got {shown(elements)}")
    group = rho.group
    index = torch.tensor([group.index(element) for element in elements])
    if len(index) != subgroup.order or len(set(index.tolist())) != subgroup.order:
        raise RegrepError(
            f"restriction to {subgroup.name} needs {subgroup.order} distinct elements of {group.name},"
            f" got {len(set(index.tolist()))}; list the image of every element once"
        )
    if not torch.equal(group.mul[index][:, index], index[subgroup.mul]):
        raise RegrepError(
            f"the listed elements of {group.name} do not multiply as those of {subgroup.name};"
            " list them in the order of the subgroup's elements"
        )
    return rho.pullback(Homomorphism(subgroup, group, index), f"{rho.name}|{subgroup.name}")


def same_group(parts: Sequence[Representation]) -> FiniteGroup:
    """The common group of some representations; raises if there is none."""
    wrong = parts if not isinstance(parts, list | tuple) else [p for p in parts if not isinstance(p, Representation)]
    if not isinstance(parts, list | tuple) or wrong:
        raise RegrepError(
            f"a direct sum has a list of representations, got {shown(wrong)}; learned ones have no direct sums"
        )
    if not parts:
        raise RegrepError("a direct sum needs at least one representation, got none")
    groups = {part.group for part in parts}
    if len(groups) > 1:
        raise RegrepError(
            "representations combine only over the same group, got "
            + " and ".join(sorted(group.name for group in groups))
            + "; restrict them to a common subgroup first"
        )
    return parts[0].group


def sum_name(parts: Sequence[Representation]) -> str:
    """``2 regular ⊕ trivial`` from [regular, regular, trivial]."""
    counted: list[tuple[str, int]] = []
    for part in parts:
        if counted and counted[-1][0] == part.name:
            counted[-1] = (part.name, counted[-1][1] + 1)
        else:
            counted.append((part.name, 1))
    wrapped = [(f"({name})" if "⊕" in name and n > 1 else name, n) for name, n in counted]
    return " ⊕ ".join(name if n == 1 else f"{n} {name}" for name, n in wrapped)


def check_stack(group: FiniteGroup, matrices: Tensor, count: int | None = None) -> Tensor:
    """Matrices [n, d, d] of a group (or of ``count`` elements) as detached float64 on the CPU; raises if invalid."""
    if not isinstance(matrices, Tensor):
        raise RegrepError(
            f"matrices are one tensor, got a {type(matrices).__name__}; pass stack() of a representation,"
            " snapshot() of a learned one, or torch.as_tensor of an array"
        )
    rows = group.order if count is None else count
    if matrices.dim() != 3 or len(matrices) != rows or not 0 < matrices.shape[1] == matrices.shape[2]:
        raise RegrepError(
            f"one square matrix for each of the {rows} {'elements' if count is None else 'generators'} of {group.name}"
            f" is needed, got shape {list(matrices.shape)}; stack them in the group's order"
            + ("" if count is not None else ", or pass those of generators to representation_from")
        )
    if matrices.is_complex():
        raise RegrepError(f"the matrices of {group.name} are real, got {str(matrices.dtype)[6:]}; use a real form")
    return matrices.detach().to(dtype=torch.float64, device="cpu")


def check_homomorphism(group: FiniteGroup, matrices: Tensor, name: str) -> Tensor:
    """Float64 copy of the matrices after checking rho(e) = 1 and rho(s) rho(g) = rho(sg) for generators s.

    Those of lower precision, or rounded, are replaced by the exact representation near them.
    """
    check_group(group)
    stack = check_stack(group, matrices).clone()
    if not bool(stack.isfinite().all()):
        raise RegrepError(
            f"the matrices of {name} hold finite numbers, got {int((~stack.isfinite()).sum())} entries that are not;"
            " check where they come from"
        )
    mul, values = group.mul.numpy(), stack.numpy()
    error, limit = defect(mul, group.generators, values), tolerance(matrices.dtype)
    if error <= limit:
        return torch.from_numpy(polished(mul, group.generators, values))
    given = group.given_order
    if (
        given is not None
        and len(given.unique()) == len(given) == group.order
        and defect(mul, group.generators, values[given.argsort().numpy()]) <= limit
    ):
        raise RegrepError(
            f"the matrices of {name} come in the order in which they were given to make {group.name}, whose identity is"
            " element 0; pass matrices[G.given_order.argsort()], or take G.defining"
        )
    raise RegrepError(
        f"rho(g) rho(h) differs from rho(gh) by {error:.1e} (limit {limit:.0e});"
        f" the matrices of {name} are no representation of {group.name}"
    )
