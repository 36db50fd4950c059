"""Permutations of entries: swaps of values, channels, tokens, agents."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regrep.arguments import is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.groups.finite import check_group
from regrep.representations import PermutationRepresentation, Representation


class Permute(Action):
    """G permutes the entries of one dimension, or of several alike: ``(g x)[k] = x[index[g, k]]``.

    Args:
        group: the group.
        index: int64 [n, size]; ``index[g, k]`` is the entry that g maps to k. Or a permutation representation of the
            group, such as ``natural(G)``, also of a group too large for a table.
        dim: the dimension whose entries are permuted, counted with the batch (1 is the first after it); several for
            data such as adjacency matrices, dim=(1, 2).

    Raises:
        RegrepError: the index is not a left action, or dim is the batch.

    >>> import torch, regrep
    >>> swap = Permute(regrep.groups.cyclic(2), torch.tensor([[0, 1], [1, 0]]))
    >>> swap(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])).tolist()
    [[1, 2], [4, 3]]
    """

    def __init__(self, group: FiniteGroup, index: Tensor | Representation, dim: int | tuple[int, ...] = 1) -> None:
        self._dims = dim if isinstance(dim, tuple) else (dim,)
        if not self._dims or not all(map(is_whole, self._dims)) or len(set(self._dims)) < len(self._dims):
            raise RegrepError(
                f"dim is the number of a dimension, got {shown(dim)}; a tuple names several different ones"
            )
        if 0 in self._dims:
            raise RegrepError("dimension 0 is the batch, which a group does not permute; choose another dim")
        self.group, self.dim = group, dim
        self.representation = _permutation_of(group, index)

    def check(self, x: Tensor) -> None:
        """The dimension exists and has the right size."""
        size = self.representation.dim
        for dim in self._dims:
            if not -x.dim() < dim < x.dim() or x.shape[dim] != size:
                raise RegrepError(f"Permute moves {size} entries along dimension {dim}, got shape {list(x.shape)}")
        if len({dim % x.dim() for dim in self._dims}) < len(self._dims):
            raise RegrepError(f"dimensions {self._dims} of data of shape {list(x.shape)} are not different ones")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather for each dimension."""
        for dim in self._dims:
            x = gathered(x, self.representation.index_of(g.to(x.device)), dim)
        return x


def _permutation_of(group: FiniteGroup, index: Tensor | Representation) -> PermutationRepresentation:
    """A permutation representation, given as such or by its index."""
    if not isinstance(index, Representation):
        return PermutationRepresentation(group, index, "permutation")
    if not isinstance(index, PermutationRepresentation) or index.group != group:
        raise RegrepError(
            f"entries are permuted by a permutation representation of {group.name}, got {index!r}; pass natural(G), or"
            " the index itself"
        )
    return index


def along(values: Tensor, x: Tensor, dim: int) -> Tensor:
    """Values [B, size], one row per sample, as a tensor that is spread over x with its entries along a dimension.

    >>> along(torch.zeros(5, 3), torch.zeros(5, 2, 3, 4), 2).shape
    torch.Size([5, 1, 3, 1])
    """
    shape = [1] * x.dim()
    shape[0], shape[dim] = values.shape
    return values.reshape(shape)


def gathered(x: Tensor, index: Tensor, dim: int) -> Tensor:
    """Entries along a dimension by an index [B, size], one row per sample.

    >>> gathered(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[1, 0]]), 1).tolist()
    [[[3, 4], [1, 2]]]
    """
    return x.gather(dim, along(index, x, dim).expand(x.shape))


class Labels(Action):
    """G permutes classes: integer labels [B, ...] move as the scores of the classes do under a permutation.

    For outputs such as the moves on a board: ``g`` takes label k to the class that the scores of k move to, so that
    ``one_hot(labels)`` moves by the representation itself.

    Args:
        rho: how the scores [B, classes] move.
        ignored: a label that stays as it is, such as the ``ignore_index`` of a loss.

    Raises:
        RegrepError: rho is no permutation; on a call, labels that are no integers of its classes.

    >>> import torch, regrep
    >>> rho = regrep.regular(regrep.groups.cyclic(4))
    >>> Labels(rho)(torch.tensor([0, 3]), torch.tensor([1, 1])).tolist()
    [1, 0]
    """

    def __init__(self, rho: PermutationRepresentation, ignored: int | None = None) -> None:
        if not isinstance(rho, PermutationRepresentation):
            raise RegrepError(f"labels are permuted, got {rho!r}; pass a permutation representation on the classes")
        if ignored is not None and not is_whole(ignored):
            raise RegrepError(f"ignored is a label, an integer, or None, got {shown(ignored)}")
        self.group, self.representation = rho.group, rho
        self.ignored = None if ignored is None else int(ignored)

    def check(self, x: Tensor) -> None:
        """Integers; in range, as far as that can be seen without waiting for a device."""
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            raise RegrepError(f"labels are integers, got {str(x.dtype)[6:]}; move scores by the representation itself")
        most = torch.iinfo(x.dtype).max
        if most < self.representation.dim - 1:
            raise RegrepError(
                f"a label goes up to {self.representation.dim - 1}, but {str(x.dtype)[6:]} up to {most}; convert to"
                " int64"
            )
        if not torch.compiler.is_compiling() and x.device.type == "cpu" and x.numel():
            kept = x.long()
            kept = kept if self.ignored is None else kept[kept != self.ignored]
            if len(kept) and not 0 <= int(kept.min()) <= int(kept.max()) < self.representation.dim:
                raise RegrepError(
                    f"a label is an integer from 0 to {self.representation.dim - 1}, got {int(kept.min())} to"
                    f" {int(kept.max())}; pass ignored= for a label that stays as it is"
                )

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather."""
        targets, labels = self.representation.images_of(g.to(x.device)), x.long()
        safe = labels if self.ignored is None else torch.where(labels == self.ignored, 0, labels)
        found = targets.gather(1, safe.reshape(len(x), math.prod(x.shape[1:]))).reshape(x.shape).to(x.dtype)
        return found if self.ignored is None else torch.where(labels == self.ignored, x, found)


class Fix(Action):
    """The trivial action: it leaves all data unchanged. For labels and other invariant outputs.

    >>> import torch, regrep
    >>> Fix(regrep.groups.cyclic(2))(torch.tensor([3, 4]), torch.tensor([0, 1])).tolist()
    [3, 4]
    """

    def __init__(self, group: FiniteGroup) -> None:
        check_group(group, table=False)
        self.group = group

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """The data themselves."""
        return x
