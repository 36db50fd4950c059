"""Actions on one tensor, one after the other: of one group, or of a product of two."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from regrep.actions.functions import ROUNDING, action_of
from regrep.arguments import check_flag, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup, LargeGroup, product
from regrep.groups.action import Action
from regrep.placed import has_storage
from regrep.unrounded import unrounded

TRIED = 4
"""At most so many samples of data without floating point are tried, where it is checked that actions commute."""


class Then(Action):
    """Several actions of one group on one tensor, the first one first: ``act(x, g) = second(first(x, g), g)``.

    Two actions do so if and only if they commute, as where one moves what the other leaves in place: an image whose
    channels are exchanged as it is mirrored, a graph whose nodes carry vectors. This is checked for all pairs on the
    first data of each shape and type, by the generators of the group.

    Args:
        actions: two or more actions, representations, or functions with a ``group``, of one group.
        commute: True if it is known that they commute, so that nothing is checked.

    Raises:
        RegrepError: actions of different groups; on a call, actions that do not commute, or data on which one of them
            does not act.

    >>> import regrep
    >>> D1 = regrep.groups.dihedral(1)
    >>> eyes = regrep.actions.Permute(D1, D1.points, dim=1)  # channels: left eye, right eye
    >>> act = Then(regrep.actions.RotateFlip2d(D1), eyes)
    >>> x = torch.tensor([[[[1, 2]], [[3, 4]]]])
    >>> act(x, torch.tensor([1])).tolist()
    [[[[4, 3]], [[2, 1]]]]
    """

    def __init__(self, *actions: Any, commute: bool = False) -> None:
        self.actions = tuple(action_of(action, "what Then takes") for action in actions)
        if len(self.actions) < 2:
            raise RegrepError(f"Then takes two or more actions, got {len(self.actions)}; one needs no Then")
        groups = {action.group for action in self.actions}
        if len(groups) > 1:
            raise RegrepError(
                "Then takes actions of one group, got " + " and ".join(sorted(group.name for group in groups))
                + "; Pair takes two groups"
            )  # fmt: skip
        self.group = self.actions[0].group
        self.exact = all(action.exact for action in self.actions)
        check_flag("commute", commute)
        self._commuting = None if commute else Commuting(self.actions)

    def check(self, x: Tensor) -> None:
        """Each one acts on x, and they commute."""
        for action in self.actions:
            action.check(x)
        if self._commuting is not None:
            self._commuting.check(x)

    def inside(self, x: Tensor) -> Tensor | None:
        """What none of them moves out of the data."""
        return inside_all(self.actions, x)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One after the other."""
        for action in self.actions:
            x = action.apply(x, g)
        return x

    def __repr__(self) -> str:
        return f"Then({', '.join(map(repr, self.actions))})"


class Pair(Action):
    """G x H on one tensor: element g·|H| + h acts as g by the first action and as h by the second.

    They have to commute, as turns of an image and exchanges of its colours do; see :class:`Then`.

    Args:
        first: action of G, a representation, or a function with a ``group``.
        second: action of H, likewise.
        commute: True if it is known that they commute, so that nothing is checked.

    Raises:
        RegrepError: on a call, actions that do not commute, or data on which one of them does not act.

    >>> import regrep
    >>> S3 = regrep.groups.symmetric(3)
    >>> colours = regrep.actions.Permute(S3, S3.points[S3.inverse], dim=1)
    >>> act = Pair(regrep.actions.RotateFlip2d(regrep.groups.dihedral(4)), colours)
    >>> act.group.name, act.group.order
    ('D4xS3', 48)
    >>> x = torch.tensor([[[[1, 2]] * 2, [[3, 4]] * 2, [[5, 6]] * 2]])
    >>> act(x, torch.tensor([act.group.index("(s, (0 1))")]))[0, :, 0].tolist()
    [[4, 3], [2, 1], [6, 5]]
    """

    def __init__(self, first: Any, second: Any, commute: bool = False) -> None:
        self.first, self.second = action_of(first, "what Pair takes"), action_of(second, "what Pair takes")
        self.group = product(self.first.group, self.second.group)
        self.exact = self.first.exact and self.second.exact
        check_flag("commute", commute)
        self._commuting = None if commute else Commuting((self.first, self.second))

    def check(self, x: Tensor) -> None:
        """Both act on x, and they commute."""
        self.first.check(x)
        self.second.check(x)
        if self._commuting is not None:
            self._commuting.check(x)

    def inside(self, x: Tensor) -> Tensor | None:
        """What neither of them moves out of the data."""
        return inside_all((self.first, self.second), x)

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """One after the other."""
        one, two = factors(self.group, g, self.second.group)
        return self.second.apply(self.first.apply(x, one), two)

    def __repr__(self) -> str:
        return f"Pair({self.first!r}, {self.second!r})"


class Commuting:
    """The check that actions commute, once for each shape and type of data.

    Args:
        actions: of any groups, on the same data.
    """

    def __init__(self, actions: tuple[Action, ...]) -> None:
        self.actions = actions
        self._tried: set[tuple[torch.dtype, tuple[int, ...]]] = set()

    def check(self, x: Tensor) -> None:
        """Raise if two of the actions do not commute on data like x.

        On numbers of our own where x is of floating point; otherwise on x, whose entries may be labels with a range.
        """
        like = (x.dtype, tuple(x.shape[1:]))
        if torch.compiler.is_compiling() or like in self._tried or not x.numel() or x.device.type == "meta":
            return
        if x.is_floating_point():
            one = (torch.arange(math.prod(like[1]), dtype=torch.float64) * 1.7).sin().reshape(1, *like[1]).to(x)
        else:
            one = x[:TRIED]
        if type(one) is not Tensor or not has_storage(one):  # tensors without values, while something is traced
            return
        if not x.is_floating_point() and bool((one == one.flatten()[0]).all()):  # nothing can be told from these
            return
        with torch.no_grad(), unrounded(x.device):
            for k, first in enumerate(self.actions):
                for second in self.actions[k + 1 :]:
                    check_commuting(first, second, one)
        self._tried.add(like)


def check_commuting(first: Action, second: Action, x: Tensor) -> None:
    """Raise unless two actions commute on these samples, by the generators of their groups.

    >>> import regrep
    >>> D4 = regrep.groups.dihedral(4)
    >>> check_commuting(regrep.regular(D4), regrep.regular(D4), torch.arange(8)[None])
    Traceback (most recent call last):
    regrep.errors.RegrepError: actions one after the other form an action if they commute, but <regular of D4, dim 8> \
and <regular of D4, dim 8> do not: with r and s, their order matters; let one move what the other leaves in place
    """
    pairs = [(s, t) for s in first.group.generators for t in second.group.generators]
    for s, t in pairs:
        g, h = repeated(s, x), repeated(t, x)
        there = second.apply(first.apply(x, g), h)
        back = first.apply(second.apply(x, h), g)
        if x.is_floating_point():
            gap = float((there - back).abs().max())
            limit = 10 * ROUNDING.get(x.dtype, 1e-5) * float(torch.maximum(there.abs(), back.abs()).max())
            differ = not gap <= limit
        else:
            differ = not torch.equal(there, back)
        if differ:
            names = [
                shown(k.tolist()) if isinstance(k, Tensor) else a.group.names[k] for a, k in ((first, s), (second, t))
            ]
            raise RegrepError(
                f"actions one after the other form an action if they commute, but {first!r} and {second!r} do not: with"
                f" {names[0]} and {names[1]}, their order matters; let one move what the other leaves in place"
            )


def repeated(element: int | Tensor, x: Tensor) -> Tensor:
    """One element for every sample: an index as int64 [B], the images of one of a large group as [B, degree].

    >>> repeated(3, torch.zeros(2, 5)), repeated(torch.tensor([1, 0]), torch.zeros(1)).shape
    (tensor([3, 3]), torch.Size([1, 2]))
    """
    one = torch.as_tensor(element, device=x.device)
    return one.expand(len(x), *one.shape)


def factors(group: FiniteGroup, g: Tensor, second: FiniteGroup) -> tuple[Tensor, Tensor]:
    """The two factors of elements of a product group, large or not, whose second factor this is.

    >>> import regrep
    >>> C4 = regrep.groups.cyclic(4)
    >>> factors(regrep.groups.product(C4, C4), torch.tensor([7]), C4)
    (tensor([1]), tensor([3]))
    """
    if isinstance(group, LargeGroup):
        one, two = group.parts_of(g)
        return one, two
    return g // second.order, g % second.order


def inside_all(actions: tuple[Action, ...], x: Tensor) -> Tensor | None:
    """The entries that none of some actions moves out of the data; None if that is all."""
    found = [mask for mask in (action.inside(x) for action in actions) if mask is not None]
    return reduce(torch.mul, found) if found else None
