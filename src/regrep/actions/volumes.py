"""Rotations of cubic volumes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from regrep.actions.lattice import LatticeAction
from regrep.arguments import check_tensor
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, full_octahedral, octahedral, rotation_matrices
from regrep.groups.finite import check_group


class Rotate3d(LatticeAction):
    """Symmetries of the cube on volumes [B, ..., S, S, S], exactly and in any dtype.

    The coordinates (x, y, z) run along the last, second last and third last axis: volumes are [.., D, H, W] with
    W = x, H = y, D = z, each growing with its index. ``(g f)(p) = f(g^-1 p)``.

    Args:
        group: ``octahedral()``, ``full_octahedral()``, or any group together with its matrices.
        matrices: integers [n, 3, 3] on columns (x, y, z), for subgroups.

    Raises:
        RegrepError: a group without matrices, or matrices that are not an action of it on the cube.

    >>> import regrep
    >>> turn = torch.tensor([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # about z: x -> y
    >>> act = Rotate3d(regrep.groups.cyclic(4), torch.stack([torch.matrix_power(turn, k) for k in range(4)]))
    >>> x = torch.arange(8).reshape(1, 2, 2, 2)
    >>> torch.equal(act(x, torch.tensor([1])), torch.rot90(x, -1, (-2, -1)))
    True
    """

    def __init__(self, group: FiniteGroup, matrices: Tensor | None = None) -> None:
        check_group(group)
        if matrices is None:
            rotations = rotation_matrices()
            if group == octahedral():
                matrices = torch.from_numpy(rotations)
            elif group == full_octahedral():
                matrices = torch.from_numpy(np.concatenate([rotations, -rotations]))
            else:
                raise RegrepError(
                    f"Rotate3d knows the matrices of octahedral() and full_octahedral(), not those of {group.name};"
                    " pass matrices=, one per element"
                )
        check_tensor("matrices", matrices, 3)
        self.spatial = matrices
        super().__init__(group, matrices.flip(1, 2), "cubic volumes")
