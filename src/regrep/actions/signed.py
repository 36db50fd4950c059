"""Signed permutations of coordinates: exchanged, and negated."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.actions.lattice import check_matrices
from regrep.actions.permute import along, gathered
from regrep.arguments import check_tensor, is_whole, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.placed import Placed
from regrep.representations import PermutationRepresentation


class SignedPermute(Action):
    """G exchanges the entries of one dimension and negates some: ``(g x)[k] = signs[g, k] x[index[g, k]]``.

    Exact, in any dtype with signs. For states such as (position, velocity, angle) under a mirror, or the components of
    vectors and tensors. :meth:`from_matrices` takes signed permutation matrices instead.

    Args:
        group: the group.
        index: int64 [n, size]; ``index[g, k]`` is the entry that g maps to k.
        signs: [n, size] of 1 and -1; ``signs[g, k]`` is the sign with which it arrives at k.
        dim: the dimension whose entries are moved, counted with the batch (1 is the first after it).

    Raises:
        RegrepError: index and signs are not a left action, or dim is the batch.

    >>> import regrep
    >>> C2 = regrep.groups.cyclic(2)
    >>> cart = SignedPermute(C2, torch.arange(3).expand(2, 3), torch.tensor([[1, 1, 1], [-1, 1, -1]]))
    >>> cart(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([1])).tolist()
    [[-1.0, 2.0, -3.0]]
    """

    def __init__(self, group: FiniteGroup, index: Tensor, signs: Tensor, dim: int = -1) -> None:
        if not is_whole(dim) or dim == 0:
            raise RegrepError(f"dim is the number of a dimension other than the batch (0), got {shown(dim)}")
        self.representation = PermutationRepresentation(group, index, "signed permutation")
        check_tensor("signs", signs)
        index = self.representation.index
        if signs.shape != index.shape or bool((signs.abs() != 1).any()):
            raise RegrepError(
                f"signs are {list(index.shape)} numbers 1 and -1, got {shown(signs)}; one per entry of index"
            )
        whole = signs.detach().cpu().to(torch.int8)
        for s in group.generators:  # first g, then s
            if not torch.equal(whole[group.mul[s]], whole[s] * whole[:, index[s]]):
                raise RegrepError(
                    f"the signs of a product are the product of the signs, but these are not for {group.names[s]} of"
                    f" {group.name}; signs[g, k] belongs to the entry that arrives at k"
                )
        if bool((whole[0] != 1).any()):
            raise RegrepError(f"the identity of {group.name} negates nothing, but its signs do")
        self.group, self.dim = group, dim
        self._signs = Placed(whole)
        self._negates = bool((whole < 0).any())

    @classmethod
    def from_matrices(cls, group: FiniteGroup, matrices: Tensor, dim: int = -1) -> SignedPermute:
        """The action ``x -> matrices[g] x`` of signed permutation matrices [n, size, size].

        >>> import regrep
        >>> O = regrep.groups.octahedral()
        >>> vectors = SignedPermute.from_matrices(O, torch.from_numpy(regrep.groups.rotation_matrices()))
        >>> vectors(torch.tensor([[1, 2, 3]]), torch.tensor([O.index("y-xz")])).tolist()  # x to y, y to -x
        [[-2, 1, 3]]
        """
        exact = check_matrices(group, matrices)
        return cls(group, exact.abs().argmax(dim=2), exact.sum(dim=2), dim)

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.representation.dim

    def check(self, x: Tensor) -> None:
        """The dimension exists, has the right size, and its entries have signs."""
        if not -x.dim() < self.dim < x.dim() or x.shape[self.dim] != self.size:
            raise RegrepError(
                f"SignedPermute moves {self.size} entries along dimension {self.dim}, got shape {list(x.shape)}"
            )
        if self._negates and x.dtype in (torch.uint8, torch.bool):
            raise RegrepError(f"entries are negated, but {str(x.dtype)[6:]} has no signs; convert to a signed type")

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One gather, and one product with the signs."""
        x = gathered(x, self.representation.index_on(x.device)[g.to(x.device)], self.dim)
        if self._negates:
            x = x * along(self._signs.on(x.device, x.dtype)[g.to(x.device)], x, self.dim)
        return x
