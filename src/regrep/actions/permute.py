"""Permutations of entries: swaps of values, channels, tokens, agents."""

from __future__ import annotations

from torch import Tensor

from regrep.actions.action import Action
from regrep.arguments import is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.finite import check_group
from regrep.representations import PermutationRepresentation


class Permute(Action):
    """G permutes the entries of one dimension: ``(g x)[k] = x[index[g, k]]``.

    Args:
        group: the group.
        index: int64 [n, size]; ``index[g, k]`` is the entry that g maps to k.
        dim: the dimension whose entries are permuted, counted with the batch (1 is the first after it).

    Raises:
        RegrepError: the index is not a left action, or dim is the batch.

    >>> import torch, regrep
    >>> swap = Permute(regrep.groups.cyclic(2), torch.tensor([[0, 1], [1, 0]]))
    >>> swap(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])).tolist()
    [[1, 2], [4, 3]]
    """

    def __init__(self, group: FiniteGroup, index: Tensor, dim: int = 1) -> None:
        if not is_whole(dim):
            raise RegrepError(f"dim is the number of a dimension, got {shown(dim)}")
        if dim == 0:
            raise RegrepError("dimension 0 is the batch, which a group does not permute; choose another dim")
        self.group, self.dim = group, dim
        self.representation = PermutationRepresentation(group, index, "permutation")

    def check(self, x: Tensor) -> None:
        """The dimension exists and has the right size."""
        size = self.representation.dim
        if not -x.dim() < self.dim < x.dim() or x.shape[self.dim] != size:
            raise RegrepError(f"Permute moves {size} entries along dimension {self.dim}, got shape {list(x.shape)}")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather."""
        return self.representation.apply(x.movedim(self.dim, -1), g).movedim(-1, self.dim)


class Fix(Action):
    """The trivial action: it leaves all data unchanged. For labels and other invariant outputs.

    >>> import torch, regrep
    >>> Fix(regrep.groups.cyclic(2))(torch.tensor([3, 4]), torch.tensor([0, 1])).tolist()
    [3, 4]
    """

    def __init__(self, group: FiniteGroup) -> None:
        check_group(group)
        self.group = group

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """The data themselves."""
        return x
