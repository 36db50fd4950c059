"""Homomorphisms of finite groups: embeddings of subgroups, projections onto quotients and factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep.arguments import shown
from regrep.errors import RegrepError
from regrep.groups.finite import FiniteGroup, check_group, check_range
from regrep.groups.multiplication import closure, listed, without_superfluous
from regrep.groups.words import spanning_tree


@dataclass(frozen=True, eq=False, repr=False)
class Homomorphism:
    """A map f of groups with f(gh) = f(g) f(h).

    ``f(g)`` maps an element given by name or index, and tensors of indices; ``f2 @ f1`` is "first f1, then f2".

    Args:
        source: the group that is mapped.
        target: the group of the images.
        images: int64 [source.order], the image of each element.

    Raises:
        RegrepError: the map is no homomorphism.

    >>> from regrep.groups import cyclic
    >>> f = Homomorphism(cyclic(4), cyclic(2), torch.tensor([0, 1, 0, 1]))
    >>> f("r3"), f.kernel, f.image, f.is_injective
    (1, (0, 2), (0, 1), False)
    """

    source: FiniteGroup
    target: FiniteGroup
    images: Tensor

    def __post_init__(self) -> None:
        check_group(self.source)
        check_group(self.target)
        images = self.images
        good = isinstance(images, Tensor) and images.dtype == torch.int64 and images.device.type != "meta"
        if not good or images.shape != (self.source.order,):
            raise RegrepError(
                f"the images of a homomorphism are an int64 tensor [{self.source.order}], one element of"
                f" {self.target.name} per element of {self.source.name}, got {shown(images)}"
            )
        images = images.cpu().clone()  # what the caller does to them later changes nothing
        object.__setattr__(self, "images", images)
        if int(images.min()) < 0 or int(images.max()) >= self.target.order:
            raise RegrepError(
                f"the images are elements 0 to {self.target.order - 1} of {self.target.name}, got"
                f" {int(images.min())} to {int(images.max())}"
            )
        for s in self.source.generators or (0,):
            wrong = images[self.source.mul[s]] != self.target.mul[images[s], images]
            if bool(wrong.any()):
                g = int(wrong.int().argmax())
                names = self.source.names
                raise RegrepError(
                    f"a homomorphism maps products to products, but the image of {names[s]} times that of {names[g]}"
                    f" is not the image of {names[int(self.source.mul[s, g])]}; check the images in {self.target.name}"
                )

    def __call__(self, element: Any) -> Any:
        """The image of an element, or of a tensor of elements."""
        if isinstance(element, Tensor) and element.dim():
            if element.dtype != torch.int64:
                raise RegrepError(
                    f"elements of {self.source.name} are an int64 tensor, got {str(element.dtype)[6:]}"
                    f" {list(element.shape)}"
                )
            check_range(self.source, element)
            return self.images.to(element.device)[element]
        return int(self.images[self.source.index(element)])

    def __matmul__(self, first: Homomorphism) -> Homomorphism:
        if not isinstance(first, Homomorphism):
            return NotImplemented
        if first.target != self.source:
            raise RegrepError(
                f"f2 @ f1 maps by f1 first, but f1 goes to {first.target.name} and f2 starts from {self.source.name};"
                " check the order"
            )
        return Homomorphism(first.source, self.target, self.images[first.images])

    @cached_property
    def kernel(self) -> tuple[int, ...]:
        """The elements that go to the identity."""
        return tuple((self.images == 0).nonzero().flatten().tolist())

    @cached_property
    def image(self) -> tuple[int, ...]:
        """The elements that are hit."""
        return tuple(sorted(set(self.images.tolist())))

    @property
    def is_injective(self) -> bool:
        """Whether different elements have different images."""
        return len(self.kernel) == 1

    def __repr__(self) -> str:
        return f"<Homomorphism {self.source.name} -> {self.target.name}, kernel of order {len(self.kernel)}>"


def homomorphism(source: FiniteGroup, target: FiniteGroup, images: Mapping[Any, Any]) -> Homomorphism:
    """The homomorphism with these images of elements that generate the source.

    Args:
        source: the group that is mapped.
        target: the group of the images.
        images: by element of the source (name or index), an element of the target.

    Raises:
        RegrepError: the elements do not generate the source, or no homomorphism maps them so.

    >>> from regrep.groups import cyclic, dihedral
    >>> homomorphism(dihedral(4), cyclic(2), {"r": "e", "s": "r"}).kernel
    (0, 1, 2, 3)
    """
    check_group(source)
    check_group(target)
    if not isinstance(images, Mapping):
        raise RegrepError(f"the images of generators are a dictionary by element, got {shown(images)}")
    steps = [source.index(key) for key in images]
    values = [target.index(value) for value in images.values()]
    table, into = source.mul.numpy(), target.mul.numpy()
    if len(closure(table, steps)) < source.order:
        raise RegrepError(
            f"a homomorphism is given by the images of elements that generate {source.name}, but"
            f" {shown(list(images))} do not; map {', '.join(source.names[g] for g in source.generators)}"
        )
    found = np.zeros(source.order, dtype=np.int64)
    for a, k, b in spanning_tree(table[:, steps].T.reshape(len(steps), source.order)):
        found[b] = into[found[a], values[k]]
    for step, value in zip(steps, values, strict=True):
        if found[step] != value:
            raise RegrepError(
                f"no homomorphism maps {source.names[step]} to {target.names[value]} and the other elements as given;"
                " check their images"
            )
    return Homomorphism(source, target, torch.from_numpy(found))


def subgroup(
    group: FiniteGroup, generators: Sequence[int | str], name: str | None = None
) -> tuple[FiniteGroup, Homomorphism]:
    """The subgroup generated by some elements, as a group of its own, and its embedding.

    Elements keep their names and their order; points and matrices are those of the group.

    Args:
        group: the group.
        generators: elements by name or index; all elements of the subgroup will do.
        name: of the subgroup, by default that of the group with the generators in brackets.

    >>> import regrep
    >>> G = regrep.groups.dihedral(4)
    >>> H, inclusion = subgroup(G, ["r2", "s"])
    >>> H, H.names, inclusion("s")
    (<FiniteGroup D4[r2, s] of order 4>, ('e', 'r2', 's', 'r2s'), 4)
    >>> regrep.pullback(regrep.regular(G), inclusion).invariant_dim
    2
    """
    check_group(group)
    given = listed(generators)
    elements = group.subgroup(given)
    place = {g: k for k, g in enumerate(elements)}
    index = torch.tensor(elements)
    position = torch.zeros(group.order, dtype=torch.int64)
    position[index] = torch.arange(len(elements))
    table = position[group.mul[index][:, index]]
    late_first = [place[g] for g in dict.fromkeys(map(group.index, given)) if g][::-1]
    steps = without_superfluous(table.numpy(), late_first)[::-1]
    part = FiniteGroup(
        name=name if name is not None else f"{group.name}[{', '.join(group.names[elements[k]] for k in steps)}]",
        names=tuple(group.names[g] for g in elements),
        mul=table,
        generators=steps,
        points=None if group.points is None else group.points[index],
        matrices=None if group.matrices is None else group.matrices[index],
    )
    return part, Homomorphism(part, group, index)


def quotient(
    group: FiniteGroup, normal: Sequence[int | str], name: str | None = None
) -> tuple[FiniteGroup, Homomorphism]:
    """The quotient G / N by a normal subgroup, and the projection onto it.

    A coset has the name of its first element.

    Args:
        group: the group.
        normal: elements that generate N, by name or index.
        name: of the quotient, by default ``G/[generators]``.

    Raises:
        RegrepError: the subgroup is not normal.

    >>> from regrep.groups import dihedral
    >>> Q, projection = quotient(dihedral(4), ["r2"])
    >>> Q, Q.names, projection("r3s")
    (<FiniteGroup D4/[r2] of order 4>, ('e', 'r', 's', 'rs'), 3)
    """
    check_group(group)
    given = listed(normal)
    elements = np.array(group.subgroup(given))
    table, inverse = group.mul.numpy(), group.inverse.numpy()
    inside = np.zeros(group.order, dtype=bool)
    inside[elements] = True
    for s in group.generators:
        conjugates = table[table[s][elements], inverse[s]]
        if not inside[conjugates].all():
            h = elements[np.flatnonzero(~inside[conjugates])[0]]
            raise RegrepError(
                f"a quotient is by a normal subgroup, but {group.names[s]} takes {group.names[h]} to"
                f" {group.names[int(table[table[s, h], inverse[s]])]}, which is not in it; add generators"
            )
    first = table[:, elements].min(axis=1)  # of the coset of each element
    cosets = np.unique(first)
    images = np.searchsorted(cosets, first)
    whole = FiniteGroup(
        name=name if name is not None else f"{group.name}/[{', '.join(group.names[group.index(g)] for g in given)}]",
        names=tuple(group.names[g] for g in cosets),
        mul=torch.from_numpy(images[table[np.ix_(cosets, cosets)]]),
    )
    return whole, Homomorphism(group, whole, torch.from_numpy(images))
