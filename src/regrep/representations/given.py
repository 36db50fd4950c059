"""The representation that a group is given by, and its determinant."""

from __future__ import annotations

import torch
from torch import Tensor

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, LargeGroup
from regrep.representations.large import LargeMatrices, LargeRepresentation
from regrep.representations.permutation import natural
from regrep.representations.representation import MatrixRepresentation, Representation, check_group


def defining(group: FiniteGroup) -> Representation:
    """The representation by the matrices of the group, or by the permutations of its points if it has none.

    Also ``G.defining``. For the point groups these are 3 x 3 matrices: how the group moves vectors.

    Raises:
        RegrepError: the group has neither matrices nor points.

    >>> import regrep
    >>> defining(regrep.groups.octahedral())
    <defining of O, dim 3>
    """
    check_group(group, table=False)
    if isinstance(group, LargeGroup):
        orbits = group.vectors
        return natural(group) if orbits is None else LargeMatrices(group, orbits.matrices, orbits.dim, "defining")
    if group.matrices is not None:
        return MatrixRepresentation(group, group.matrices, "defining")
    if group.points is None:
        raise RegrepError(
            f"{group.name} has neither matrices nor points; build it by from_matrices or from_permutations, or use"
            " irreps(G)"
        )
    return natural(group)


def det(group: FiniteGroup) -> Representation:
    """The determinant of the defining representation: -1 where an element reverses orientation, else +1.

    Pseudoscalars take this sign, such as the vorticity of a flow in the plane; ``regrep.sign`` is the parity of the
    natural points.

    Raises:
        RegrepError: the group has neither matrices nor points.

    >>> import regrep
    >>> det(regrep.groups.full_octahedral()).character[[0, 24]]  # the identity and the inversion
    tensor([ 1., -1.], dtype=torch.float64)
    """
    rho = defining(group)
    if isinstance(rho, LargeRepresentation):
        return LargeMatrices(rho.group, Determinants(rho), 1, "det")
    signs = torch.linalg.det(rho.stack()).round()
    return MatrixRepresentation(group, signs.reshape(-1, 1, 1), "det")


class Determinants:
    """The determinants of the matrices of elements, float64 [B, 1, 1], rounded."""

    def __init__(self, rho: LargeRepresentation) -> None:
        self.rho = rho

    def __call__(self, g: Tensor) -> Tensor:
        """The determinants."""
        return torch.linalg.det(self.rho.matrices(g)).round()[:, None, None]
