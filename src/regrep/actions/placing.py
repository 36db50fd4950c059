"""Where an action acts, and through which group: chosen dimensions, both indices of pairs, other groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from regrep.actions.functions import action_of
from regrep.actions.permute import gathered
from regrep.arguments import is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, Homomorphism
from regrep.groups.action import Action
from regrep.groups.finite import check_group
from regrep.placed import Placed
from regrep.representations import PermutationRepresentation, Representation


class OnDims(Action):
    """An action on chosen dimensions of the data instead of the last ones.

    The dimensions are moved behind the others, in the order given, and back afterwards: images whose channels come
    last, [B, H, W, C], are turned by ``OnDims(RotateFlip2d(G), (1, 2))``, and the channels of [B, C, H, W] are moved by
    ``OnDims(rho, 1)``.

    Args:
        action: an action on the last dimensions, a representation, or a function with a ``group``.
        dims: one or several dimensions, counted with the batch (1 is the first after it).

    Raises:
        RegrepError: dims that are no distinct dimensions after the batch; on a call, data on which it does not act.

    >>> import regrep
    >>> act = OnDims(regrep.actions.RotateFlip2d(regrep.groups.dihedral(4)), (1, 2))
    >>> x = torch.arange(8).reshape(1, 2, 2, 2)
    >>> act(x, torch.tensor([4])).tolist()  # mirrored left and right, with both channels of each pixel
    [[[[2, 3], [0, 1]], [[6, 7], [4, 5]]]]
    """

    def __init__(self, action: Any, dims: int | Sequence[int]) -> None:
        self.action = action_of(action, "what acts on dimensions")
        self.dims = checked_dims(dims)
        self.group, self.exact = self.action.group, self.action.exact

    def check(self, x: Tensor) -> None:
        """The dimensions exist, and the action acts on them."""
        check_has_dims(x, self.dims)
        try:
            self.action.check(self._last(x))
        except RegrepError as error:
            raise RegrepError(f"on dimensions {self.dims} as the last ones: {error}") from error

    def inside(self, x: Tensor) -> Tensor | None:
        """The same entries, where they are."""
        last = self._last(x)
        inside = self.action.inside(last)
        return None if inside is None else inside.expand(last.shape).movedim(self._ends, self.dims)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Move the dimensions there and back."""
        return self.action.apply(self._last(x), g).movedim(self._ends, self.dims)

    @property
    def _ends(self) -> tuple[int, ...]:
        return tuple(range(-len(self.dims), 0))

    def _last(self, x: Tensor) -> Tensor:
        return x.movedim(self.dims, self._ends)

    def __repr__(self) -> str:
        return f"OnDims({self.action!r}, {self.dims})"


class PairIndex(Action):
    """``A -> rho(g) A rho(g)^T``: data of pairs [B, N, N, ...], such as adjacency matrices, distances or kernels.

    With a permutation of N nodes it is P A P^T, exactly and in any dtype: node i of a graph is called g(i), and what
    belongs to the pair (i, j) goes to (g(i), g(j)), as ``Permute(G, rho.index, dim=dims)`` does. With other
    representations it moves matrices and quadratic forms.

    Args:
        rho: how the N entries move.
        dims: the two dimensions, counted with the batch.

    Raises:
        RegrepError: no representation, or dims that are no two distinct dimensions after the batch; on a call, other
            sizes.

    >>> import regrep
    >>> C3 = regrep.groups.cyclic(3)
    >>> edge = torch.tensor([[[0, 1, 0], [0, 0, 0], [0, 0, 0]]])  # from node 0 to node 1
    >>> PairIndex(regrep.natural(C3))(edge, torch.tensor([1])).nonzero().tolist()  # now from 1 to 2
    [[0, 1, 2]]
    """

    def __init__(self, rho: Representation, dims: tuple[int, int] = (1, 2)) -> None:
        if not isinstance(rho, Representation) or len(rho.shape) != 1:
            raise RegrepError(f"both indices of pairs move by one representation of the entries, got {shown(rho)}")
        self.dims = checked_dims(dims)
        if len(self.dims) != 2:
            raise RegrepError(f"pairs have two dimensions, got {shown(dims)}; name both, such as dims=(1, 2)")
        self.group, self.representation, self.exact = rho.group, rho, rho.exact

    def check(self, x: Tensor) -> None:
        """Both dimensions exist and have the right size."""
        check_has_dims(x, self.dims)
        n = self.representation.dim
        if any(x.shape[dim] != n for dim in self.dims):
            raise RegrepError(f"PairIndex moves pairs of {n} entries along dimensions {self.dims}, got {list(x.shape)}")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """Along each of the two dimensions."""
        rho = self.representation
        if isinstance(rho, PermutationRepresentation):
            index = rho.index_of(g.to(x.device))
            return gathered(gathered(x, index, self.dims[0]), index, self.dims[1])
        for dim in self.dims:
            x = rho.apply(x.movedim(dim, -1), g).movedim(-1, dim)
        return x

    def __repr__(self) -> str:
        return f"PairIndex({self.representation!r})"


class Pullback(Action):
    """A group G acts through a homomorphism to the group of another action: ``act(x, g) = action(x, elements[g])``.

    For subgroups, for factors of a product, and for quotients: elements of G with the same image act alike.

    Args:
        action: an action, a representation, or a function with a ``group``.
        group: G, or a homomorphism from G to the group of the action, such as the embedding of a subgroup.
        elements: without a homomorphism, for each element of G its image in the group of the action, as index or name.

    Raises:
        RegrepError: the elements do not multiply as those of G do, or a homomorphism to another group.

    >>> import regrep
    >>> turn = regrep.actions.RotateFlip2d(regrep.groups.dihedral(4))
    >>> upside_down = Pullback(turn, regrep.groups.cyclic(2), ["e", "r2s"])
    >>> upside_down(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([1])).tolist()
    [[[3, 4], [1, 2]]]
    """

    def __init__(
        self, action: Any, group: FiniteGroup | Homomorphism, elements: Iterable[int | str] | None = None
    ) -> None:
        self.action = action_of(action, "what is pulled back")
        target = self.action.group
        if isinstance(group, Homomorphism):
            if group.target != target or elements is not None:
                raise RegrepError(
                    f"{target.name} acts here, so that a homomorphism to {target.name} is needed, without a list of"
                    f" elements, got {group!r} and {shown(elements)}"
                )
            elements = group.images.tolist()
            group = group.source
        check_group(group)
        if isinstance(elements, str) or not isinstance(elements, Iterable):
            raise RegrepError(f"the images of elements are a list of indices or names, got {shown(elements)}")
        index = torch.tensor([target.index(element) for element in elements])
        if len(index) != group.order or not torch.equal(target.mul[index][:, index], index[group.mul]):
            raise RegrepError(
                f"{group.name} acts through {group.order} elements of {target.name}, one for each of its own, which"
                f" multiply as these do, but the {len(index)} given do not; list them in the order of {group.name}"
            )
        self.group, self.exact = group, self.action.exact
        self._elements = Placed(index)

    def check(self, x: Tensor) -> None:
        """Data on which the other action acts."""
        self.action.check(x)

    def inside(self, x: Tensor) -> Tensor | None:
        """As for the other action."""
        return self.action.inside(x)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """The other action with the images of the elements."""
        return self.action.apply(x, self._elements.on(g.device)[g])

    def __repr__(self) -> str:
        return f"Pullback({self.action!r}, {self.group.name})"


def checked_dims(dims: Any) -> tuple[int, ...]:
    """One or several dimensions after the batch, as a tuple; raises for anything else."""
    several = (dims,) if is_whole(dims) else tuple(dims) if isinstance(dims, tuple | list) else ()
    if not several or not all(map(is_whole, several)) or 0 in several or len(set(several)) != len(several):
        raise RegrepError(
            f"dims are the numbers of distinct dimensions, 0 being the batch, which no group moves, got {shown(dims)}"
        )
    return tuple(map(int, several))


def check_has_dims(x: Tensor, dims: tuple[int, ...]) -> None:
    """Raise unless data have these dimensions, none of them the batch and none twice."""
    places = {dim % x.dim() for dim in dims if -x.dim() < dim < x.dim()} if x.dim() else set()
    if len(places) != len(dims):
        raise RegrepError(f"the action needs dimensions {dims} beside the batch, got shape {list(x.shape)}")
