"""Controls: stand-ins for the representation that show whether a gain is due to it."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from regrep.arguments import is_whole, shown, whole
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.finite import check_group
from regrep.placed import PlacedFamily
from regrep.representations.representation import check_elements


class RandomPermutations:
    """One random permutation of a latent's entries for every element but the identity: not a representation.

    It costs as much as a permutation representation and preserves the same things (norms, means over entries), but does
    not multiply as the elements do, so an encoder has no reason to satisfy it. A gain that it also gives is not due to
    equivariance.

    Args:
        group: the group of the elements it is called with.
        shape: the last dimensions of a latent, which are permuted as a whole; defaults to all but the batch, taken from
            the first call.
        seed: seed of the draw.

    >>> import regrep
    >>> control = RandomPermutations(regrep.groups.cyclic(4), (8,), seed=0)
    >>> z = torch.arange(16.0).reshape(2, 8)
    >>> moved = control(z, torch.tensor([0, 3]))
    >>> torch.equal(moved[0], z[0]), torch.equal(moved[1], z[1]), torch.equal(moved[1].sort().values, z[1])
    (True, False, True)
    """

    def __init__(self, group: FiniteGroup, shape: tuple[int, ...] | None = None, seed: int = 0) -> None:
        check_group(group)
        if shape is not None and not (isinstance(shape, tuple | list) and all(map(is_whole, shape))):
            raise RegrepError(f"the shape of a latent is a tuple of integers, got {shown(shape)}")
        self.group, self.seed = group, whole("seed", seed, 0, 2**62)
        self.shape = None if shape is None else tuple(shape)
        self._drawn = PlacedFamily(partial(draw, group.order, seed))

    def __call__(self, z: Tensor, g: Tensor) -> Tensor:
        """Permute each sample by the permutation of its element.

        Args:
            z: [B, ..., *shape].
            g: int64 [B].

        Raises:
            RegrepError: a shape other than the given one or the one of the first call, or an element out of range.
        """
        check_elements(self.group, g, z)
        if self.shape is None:
            self.shape = tuple(z.shape[1:])
        kept = z.dim() - len(self.shape)
        if kept < 1 or tuple(z.shape[kept:]) != self.shape:
            raise RegrepError(
                f"these permutations act on latents [B, ..., {', '.join(map(str, self.shape))}], got {list(z.shape)};"
                " create new ones for this shape"
            )
        flat = z.flatten(kept) if len(self.shape) != 1 else z
        index = self._drawn.on(math.prod(self.shape), z.device)[g.to(z.device)]
        index = index.reshape(len(z), *[1] * (flat.dim() - 2), index.shape[-1])
        return flat.gather(-1, index.expand(flat.shape)).reshape(z.shape)

    def __repr__(self) -> str:
        return f"<random permutations for {self.group.name}, seed {self.seed}>"


def draw(order: int, seed: int, dim: int) -> Tensor:
    """The identity and ``order - 1`` random permutations of ``dim`` entries, int64 [order, dim].

    >>> draw(2, 0, 3).sort(dim=1).values.tolist()
    [[0, 1, 2], [0, 1, 2]]
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.arange(dim), *(torch.randperm(dim, generator=generator) for _ in range(order - 1))])
