"""Groups too large for a multiplication table, by a stabiliser chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from regrep.arguments import brief, check_callable, check_draws, check_tensor, shown, whole
from regrep.errors import RegrepError
from regrep.groups.finite import FiniteGroup, check_range
from regrep.groups.limits import DRAWN, GENERATORS
from regrep.groups.multiplication import MAX_ORDER
from regrep.groups.stabilizer_chain import StabilizerChain, check_size, parities
from regrep.groups.vector_orbits import VectorOrbits, permuted_vectors
from regrep.placed import Placed

MERGED = 2**19
"""Neighbouring levels of a chain are multiplied out as long as the table has at most so many numbers."""


class LargeGroup(FiniteGroup):
    """A finite group of permutations that is held by generators and a stabiliser chain, without a table.

    An element is no index here but the list of its images: a batch of elements is int64 [B, degree], and ``g[b, i]`` is
    where element b sends point i. Such batches go wherever indices [B] go for smaller groups: ``act(x, g)``,
    ``rho(z, g)``, the objective, the measures. Products are "first h, then g" as everywhere:
    ``act(act(x, h), g) == act(x, G.multiply(g, h))``.

    Order, membership, products and samples are exact. What is read from a table (``mul``, ``names``, classes,
    characters, irreducible representations, the regular one) does not exist, and says so.

    Built by :func:`~regrep.groups.symmetric`, :func:`~regrep.groups.alternating`,
    :func:`~regrep.groups.from_permutations`, :func:`~regrep.groups.from_matrices` and
    :func:`~regrep.groups.product` above order 1000.

    Args:
        name: of the group.
        generators: int64 [k, degree], image lists.
        chain: its stabiliser chain, if it is known; found by default.
        vectors: what the points are, for groups of matrices.
        factors: the two groups whose product this was made as, each on its own points, one after the other.

    Raises:
        RegrepError: the group is too large even for a chain.

    >>> from regrep.groups import symmetric
    >>> G = symmetric(10)
    >>> G.order, G.degree
    (3628800, 10)
    >>> g = G.sample(4, torch.Generator().manual_seed(0))
    >>> torch.equal(G.multiply(g, G.invert(g)), G.identity.expand(4, 10)), G.contains(g).tolist()
    (True, [True, True, True, True])
    """

    generators: Tensor  # type: ignore[assignment]

    def __init__(
        self,
        name: str,
        generators: Tensor,
        chain: StabilizerChain | None = None,
        vectors: VectorOrbits | None = None,
        factors: Sequence[FiniteGroup] = (),
    ) -> None:
        found = StabilizerChain(generators.numpy()) if chain is None else chain
        vars(self).update(name=name, generators=generators, chain=found, vectors=vectors, factors=tuple(factors))

    chain: StabilizerChain
    vectors: VectorOrbits | None
    factors: tuple[FiniteGroup, ...]

    @property
    def order(self) -> int:
        """Number of elements."""
        return self.chain.order

    @property
    def degree(self) -> int:
        """Number of points that the elements permute."""
        return self.chain.degree

    @cached_property
    def identity(self) -> Tensor:  # type: ignore[override]
        """The identity, int64 [degree]."""
        return torch.arange(self.degree)

    @cached_property
    def is_abelian(self) -> bool:
        """Whether gh = hg for all elements."""
        left, right = self.generators[:, None], self.generators[None]
        shape = (len(self.generators), len(self.generators), self.degree)
        one, other = left.expand(shape), right.expand(shape)
        return torch.equal(one.gather(-1, other), other.gather(-1, one))

    def multiply(self, g: Tensor, h: Tensor) -> Tensor:
        """The products gh, "first h, then g", int64 [B, degree].

        Raises:
            RegrepError: no elements, or not as many in g as in h.
        """
        self.check(g)
        self.check(h)
        if len(g) != len(h):
            raise RegrepError(
                f"as many elements are multiplied as by, got {len(g)} and {len(h)}; expand the shorter one"
            )
        return g.gather(-1, h)

    def invert(self, g: Tensor) -> Tensor:
        """The inverses, int64 [B, degree]."""
        self.check(g)
        return inverse_images(g)

    def contains(self, g: Tensor) -> Tensor:
        """Which permutations [B, degree] are elements, bool [B]."""
        self.check(g)
        return torch.from_numpy(self.chain.contains(g.cpu().numpy())).to(g.device)

    def sample(
        self, batch: int, generator: torch.Generator | None = None, device: torch.device | str | None = None
    ) -> Tensor:
        """Uniform random elements, int64 [batch, degree]; arguments as in :func:`regrep.actions.sample`.

        One factor is drawn from each level of the chain, and every element is one such product in exactly one way.
        """
        batch = whole("the number of elements to draw", batch, 0, DRAWN // self.degree)
        check_draws(generator, device)
        where = torch.device("cpu" if device is None else device) if generator is None else generator.device
        found = torch.arange(self.degree, device=where).expand(batch, -1)
        for placed in reversed(self._tables):
            table = placed.on(where)
            chosen = torch.randint(len(table), (batch, 1), generator=generator, device=where)
            found = table.flatten()[chosen * self.degree + found].long()
        return found.to(device).contiguous()

    def average(self, rho: Callable[[Tensor, Tensor], Tensor], z: Tensor) -> Tensor:
        """The mean of rho(g) z over all elements, exactly: level by level of the chain, since rho is linear.

        Args:
            rho: (z [B, ...], g [B, degree]) -> [B, ...], linear in z.
            z: [B, ...].

        >>> import regrep
        >>> G = regrep.groups.symmetric(8)
        >>> G.average(regrep.natural(G), torch.arange(8.0)[None])
        tensor([[3.5000, 3.5000, 3.5000, 3.5000, 3.5000, 3.5000, 3.5000, 3.5000]])
        """
        check_callable("rho", rho)
        check_tensor("z", z, 1)
        for level in reversed(self.chain.levels):
            total = z
            for u in torch.from_numpy(level.transversal[1:].astype(np.int64)).to(z.device):
                total = total + rho(z, u.expand(len(z), -1))
            z = total / len(level)
        return z

    def split(self, g: Tensor) -> tuple[Tensor, ...]:
        """Elements of a direct product as elements of its factors: indices [B], or images for a large factor.

        Raises:
            RegrepError: the group is no direct product, or these are no elements of it, as far as that can be seen
                without waiting for a device.
        """
        if not self.factors:
            raise RegrepError(f"{self.name} is not built as a direct product; build it by regrep.groups.product")
        self.check(g)
        parts = self.parts_of(g)
        if not torch.compiler.is_compiling() and g.device.type == "cpu" and not torch.equal(self._joined(parts), g):
            raise RegrepError(f"images of an element of {brief(self.name)} are those of its factors, but these are not")
        return parts

    def parts_of(self, g: Tensor) -> tuple[Tensor, ...]:
        """The same of elements that were checked."""
        parts, start = [], 0
        for factor, placed in zip(self.factors, self._lookups, strict=True):
            degree = factor.degree if isinstance(factor, LargeGroup) else faithful_points(factor).shape[1]
            part = g[..., start : start + degree] - start
            parts.append(part if placed is None else _indices(part, *(table.on(g.device) for table in placed)))
            start += degree
        return tuple(parts)

    def join(self, *parts: Tensor) -> Tensor:
        """The elements of a direct product with these elements of its factors; undone by :meth:`split`.

        Raises:
            RegrepError: another number of parts, or parts that are no elements of the factors or not equally many.
        """
        if not parts or len(parts) != len(self.factors):
            raise RegrepError(
                f"{self.name} is built of {len(self.factors)} factors, got elements of {len(parts)}; give one each"
            )
        for factor, part in zip(self.factors, parts, strict=True):
            if isinstance(factor, LargeGroup):
                factor.check(part)
            else:
                check_tensor(f"the elements of {brief(factor.name)}", part)
                if part.dtype != torch.int64 or part.dim() != 1:
                    raise RegrepError(
                        f"elements of {brief(factor.name)} are an int64 tensor [B], got {str(part.dtype)[6:]}"
                        f" {list(part.shape)}"
                    )
                check_range(factor, part)
        if len({len(part) for part in parts}) > 1:
            raise RegrepError(f"parts are equally many, got {', '.join(str(len(part)) for part in parts)} elements")
        return self._joined(parts)

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        images, start = [], 0
        for factor, part in zip(self.factors, parts, strict=True):
            image = part if isinstance(factor, LargeGroup) else faithful_points(factor).to(part.device)[part]
            images.append(image + start)
            start += image.shape[-1]
        return torch.cat(images, dim=-1)

    def check(self, g: Tensor) -> None:
        """Raise unless these are lists of images [B, degree] of permutations.

        The entries are looked at only on the CPU and outside compiled code. Membership is not checked, see
        :meth:`contains`.
        """
        check_tensor(f"the elements of {brief(self.name)}", g)
        if g.dtype != torch.int64 or g.dim() != 2 or g.shape[1] != self.degree:
            raise RegrepError(
                f"elements of {brief(self.name)} are lists of images, int64 [B, {self.degree}], got"
                f" {str(g.dtype)[6:]} {list(g.shape)}; draw them by regrep.actions.sample"
            )
        if not torch.compiler.is_compiling() and g.device.type == "cpu":
            wrong = (g.sort(dim=1).values != self.identity).any(dim=1)
            if bool(wrong.any()):
                got = shown(g[wrong][0].tolist())
                raise RegrepError(
                    f"an element of {brief(self.name)} lists each of 0 .. {self.degree - 1} once, got {got}"
                )

    @cached_property
    def _tables(self) -> tuple[Placed, ...]:
        """Products of neighbouring levels, int32 [m, degree]: fewer and longer factors to draw."""
        merged: list[np.ndarray] = []
        for level in self.chain.levels:
            last = merged[-1] if merged else None
            if last is not None and len(last) * len(level) * self.degree <= MERGED:
                merged[-1] = last[:, level.transversal].reshape(-1, self.degree)
            else:
                merged.append(level.transversal)
        return tuple(Placed(torch.from_numpy(table)) for table in merged)

    @cached_property
    def _lookups(self) -> tuple[tuple[Placed, Placed, Placed, Placed] | None, ...]:
        """For each small factor: base points, their weights, sorted keys, and the element of each."""
        return tuple(None if isinstance(factor, LargeGroup) else _lookup(factor) for factor in self.factors)

    def _missing(self, what: str) -> NoReturn:
        raise RegrepError(
            f"{brief(self.name)} has {shown(self.order)} elements, more than the {MAX_ORDER} of a multiplication"
            f" table, so it has no {what} and nothing that is read from the table, such as classes, characters and the"
            " regular representation; use natural(G), sums and products, or a smaller group"
        )

    def __getattr__(self, name: str) -> Any:
        if name in ("mul", "names"):  # all that FiniteGroup derives is derived from these
            self._missing(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def points(self) -> Tensor:
        """There is no list of all elements."""
        self._missing("points of all elements")

    @cached_property
    def has_reflections(self) -> bool:
        """Whether some element reverses orientation, as a matrix or, of permutations, as their matrices."""
        if self.vectors is None:
            return bool(parities(self.generators.numpy()).any())
        return bool((torch.linalg.det(self.vectors.matrices(self.generators)) < 0).any())

    @property
    def projections(self) -> NoReturn:
        """Homomorphisms are tables, too; :meth:`split` goes to the factors."""
        self._missing("projections")

    def index(self, element: Any) -> NoReturn:
        """Elements have no indices."""
        self._missing("index of an element")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, LargeGroup):
            return False if isinstance(other, FiniteGroup) else NotImplemented
        same = self.degree == other.degree and self.order == other.order
        return same and bool(self.chain.contains(other.generators.numpy()).all())

    def __hash__(self) -> int:
        return hash((self.degree, self.order))

    def __repr__(self) -> str:
        return f"<LargeGroup {self.name} of order {shown(self.order)} on {self.degree} points>"

    def _repr_html_(self) -> str:
        return f"<p>{brief(self.name)}: order {shown(self.order)}, on {self.degree} points</p>"


def product_of(name: str, left: FiniteGroup, right: FiniteGroup) -> LargeGroup:
    """The direct product of two groups on the points of both, the second after the first."""
    first, second = as_large(left), as_large(right)
    both = first.degree + second.degree
    check_size(both * sum(len(level) for level in (*first.chain.levels, *second.chain.levels)), both)
    before, after = np.arange(first.degree), np.arange(first.degree, both)
    levels = [level.within(both, 0) for level in first.chain.levels]
    levels += [level.within(both, first.degree) for level in second.chain.levels]
    steps = [np.concatenate([g, after]) for g in first.generators.numpy()]
    steps += [np.concatenate([before, first.degree + h]) for h in second.generators.numpy()]
    images = torch.from_numpy(np.array(steps, dtype=np.int64).reshape(-1, both))
    return LargeGroup(name, images, StabilizerChain.of_levels(both, levels), factors=(left, right))


def as_large(group: FiniteGroup) -> LargeGroup:
    """A group with a table as permutations of its natural points, or of its own elements if these do not tell all."""
    if isinstance(group, LargeGroup):
        return group
    return LargeGroup(group.name, faithful_points(group)[list(group.generators)])


def faithful_points(group: FiniteGroup) -> Tensor:
    """Natural points on which different elements differ, or else the elements themselves; int64 [n, degree]."""
    if group.points is not None and len(torch.unique(group.points, dim=0)) == group.order:
        return group.points
    return group.mul


def inverse_images(g: Tensor) -> Tensor:
    """Inverses of permutations [..., degree]."""
    every = torch.arange(g.shape[-1], device=g.device).expand(g.shape)
    return torch.empty_like(g).scatter_(-1, g, every)


def signs(g: Tensor) -> Tensor:
    """1 for even and -1 for odd permutations [B, degree], int64 [B].

    >>> signs(torch.tensor([[1, 2, 0], [1, 0, 2]]))
    tensor([ 1, -1])
    """
    return torch.from_numpy(1 - 2 * parities(g.cpu().numpy())).to(g.device)


def _lookup(group: FiniteGroup) -> tuple[Placed, Placed, Placed, Placed]:
    """How an element of a group with a table is found from its images of a base."""
    images = faithful_points(group)
    base = torch.tensor(StabilizerChain(images[list(group.generators)].numpy()).base, dtype=torch.int64)
    degree = images.shape[1]
    if degree ** len(base) >= 2**63:
        raise RegrepError(f"{group.name} has too long a base for a factor; let it act on fewer points")
    weights = torch.tensor([degree**k for k in range(len(base))], dtype=torch.int64)
    keys = (images[:, base] * weights).sum(dim=1)
    ranked, elements = keys.sort()
    return Placed(base), Placed(weights), Placed(ranked), Placed(elements)


def _indices(images: Tensor, base: Tensor, weights: Tensor, ranked: Tensor, elements: Tensor) -> Tensor:
    keys = (images[..., base] * weights).sum(dim=-1)
    return elements[torch.searchsorted(ranked, keys).clamp_max(len(ranked) - 1)]


def large_of_permutations(images: np.ndarray, name: str, names: Sequence[str] | None = None) -> LargeGroup:
    """The group generated by permutations int64 [k, degree], which was found to be too large for a table."""
    check_unnamed(names)
    chain = StabilizerChain(images)
    moving = images[(images != np.arange(images.shape[1])).any(axis=1)]
    few = moving if len(moving) <= GENERATORS else np.stack(chain.strong).astype(np.int64)
    return LargeGroup(name, torch.from_numpy(few), chain)


def large_of_matrices(
    matrices: np.ndarray, tolerance: float, name: str, names: Sequence[str] | None = None
) -> LargeGroup:
    """The group generated by matrices float64 [k, d, d], likewise, as permutations of vectors."""
    check_unnamed(names)
    used, rest = matrices[:GENERATORS], matrices[GENERATORS:]
    while True:
        images, orbits = permuted_vectors(used, tolerance)
        group = LargeGroup(name, torch.from_numpy(images), vectors=orbits)
        new = next((k for k, matrix in enumerate(rest) if not orbits.holds(matrix, group.chain, tolerance)), None)
        if new is None:
            return group
        used, rest = np.concatenate([used, rest[new : new + 1]]), rest[new + 1 :]


def check_unnamed(names: Sequence[str] | None) -> None:
    """Raise if names are given for elements that are not listed."""
    if names is not None:
        raise RegrepError(
            f"elements have names up to order {MAX_ORDER}, but these generate a larger group, whose elements are not"
            " listed; leave the names out"
        )
