"""The representation that a group is given by, and its determinant."""

from __future__ import annotations

import torch

from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
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
    check_group(group)
    if group.matrices is not None:
        return MatrixRepresentation(group, group.matrices, "defining")
    if group.points is None:
        raise RegrepError(
            f"{group.name} has neither matrices nor points; build it by from_matrices or from_permutations, or use"
            " irreps(G)"
        )
    return natural(group)


def det(group: FiniteGroup) -> MatrixRepresentation:
    """The determinant of the defining representation: -1 where an element reverses orientation, else +1.

    Pseudoscalars take this sign, such as the vorticity of a flow in the plane; ``regrep.sign`` is the parity of the
    natural points.

    Raises:
        RegrepError: the group has neither matrices nor points.

    >>> import regrep
    >>> det(regrep.groups.full_octahedral()).character[[0, 24]]  # the identity and the inversion
    tensor([ 1., -1.], dtype=torch.float64)
    """
    signs = torch.linalg.det(defining(group).stack()).round()
    return MatrixRepresentation(group, signs.reshape(-1, 1, 1), "det")
