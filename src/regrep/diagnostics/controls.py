"""Null controls: what an analysis finds in matrices that are known not to be a representation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from regrep.diagnostics.analysis import analyse
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.representations.learned import orthogonal_matrices
from regrep.representations.representation import check_stack


@dataclass(frozen=True)
class NullControl:
    """What :func:`~regrep.diagnostics.analyse` finds in several draws of a control.

    Attributes:
        draws: number of draws.
        regular: fraction whose multiplicities all round to those of the regular representation.
        confident: fraction whose multiplicities all have confidence 3 or more.
        defect: mean defect.
        moved: mean distance to the nearest exact representation.
    """

    draws: int
    regular: float
    confident: float
    defect: float
    moved: float

    def as_dict(self) -> dict[str, float]:
        """Plain values for a record."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.draws} draws: {self.regular:.0%} round to regular, {self.confident:.0%} confident,"
            f" mean defect {self.defect:.2f}, mean distance {self.moved:.2f}"
        )


def control(group: FiniteGroup, stacks: Iterable[Tensor]) -> NullControl:
    """Analyse several draws of a control, for example the matrices of untrained models.

    Args:
        group: the group.
        stacks: one or more tensors [n, d, d]; those of an iterator are analysed one at a time.

    Raises:
        RegrepError: no draws, or matrices that :func:`~regrep.diagnostics.analyse` rejects.

    >>> from regrep import groups, regular
    >>> G = groups.cyclic(3)
    >>> print(control(G, [regular(G).stack()]))
    1 draws: 100% round to regular, 100% confident, mean defect 0.00, mean distance 0.00
    """
    found = [analyse(group, stack) for stack in stacks]
    if not found:
        raise RegrepError("a control is the mean over at least one draw, got none")
    return NullControl(
        draws=len(found),
        regular=sum(one.rounds_to_regular for one in found) / len(found),
        confident=sum(one.confident for one in found) / len(found),
        defect=sum(one.defect for one in found) / len(found),
        moved=sum(one.moved for one in found) / len(found),
    )


def shuffled(group: FiniteGroup, matrices: Tensor, generator: torch.Generator) -> Tensor:
    """The same matrices with the labels of the elements other than e permuted at random.

    For groups of order 2 and 3 every such permutation is an automorphism, so this is not a control there.

    Args:
        group: the group.
        matrices: [n, d, d], in the order of the elements.
        generator: source of randomness, on the CPU.

    >>> from regrep import groups, regular
    >>> G = groups.dihedral(4)
    >>> drawn = shuffled(G, regular(G).stack(), torch.Generator().manual_seed(0))
    >>> analyse(G, drawn).verdict().startswith("no representation")
    True
    """
    order = torch.randperm(group.order - 1, generator=generator) + 1
    return matrices[torch.cat([torch.zeros(1, dtype=torch.int64), order]).to(matrices.device)]


def random_orthogonal(group: FiniteGroup, dim: int, generator: torch.Generator) -> Tensor:
    """Independent, uniformly random orthogonal matrices, with the identity for e: float64 [n, dim, dim].

    Where dim is a multiple of n, most draws have multiplicities that round to the regular ones.

    Args:
        group: the group.
        dim: size of the matrices.
        generator: source of randomness, on the CPU.

    >>> from regrep import groups
    >>> random_orthogonal(groups.cyclic(3), 2, torch.Generator().manual_seed(0)).shape
    torch.Size([3, 2, 2])
    """
    drawn = orthogonal_matrices(group.order, dim, generator)
    drawn[group.identity] = torch.eye(dim, dtype=torch.float64)
    return drawn


def null_controls(
    group: FiniteGroup, matrices: Tensor, draws: int = 20, generator: torch.Generator | None = None
) -> dict[str, NullControl]:
    """The two controls that need no training: shuffled labels and random orthogonal matrices.

    Args:
        group: the group.
        matrices: [n, d, d], the learned matrices.
        draws: number of draws per control; each takes up to fifty rounds of averaging, as no representation is nearby.
        generator: source of randomness, on the CPU; defaults to one with seed 0.

    Raises:
        RegrepError: see :func:`~regrep.diagnostics.analyse`.

    >>> from regrep import groups, regular
    >>> G = groups.symmetric(3)
    >>> null = null_controls(G, regular(G).stack(), draws=4)
    >>> list(null), null["random orthogonal matrices"].defect > 0.5
    (['shuffled labels', 'random orthogonal matrices'], True)
    """
    source = torch.Generator().manual_seed(0) if generator is None else generator
    matrices = check_stack(group, matrices)
    return {
        "shuffled labels": control(group, (shuffled(group, matrices, source) for _ in range(draws))),
        "random orthogonal matrices": control(
            group, (random_orthogonal(group, matrices.shape[-1], source) for _ in range(draws))
        ),
    }
