"""Any function as an action, and the check that an action obeys its law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from regrep.arguments import check_callable, check_flag, check_tensor, shown
from regrep.errors import RegrepError
from regrep.groups import FiniteGroup
from regrep.groups.action import Action
from regrep.groups.finite import check_group

ROUNDING = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}
"""Deviations from the law that count as rounding, relative to the largest entry; other types are exact."""

PAIRS = 4096
"""About as many samples are moved at a time where the law is checked."""


class FunctionAction(Action):
    """Any function (x [B, ...], g int64 [B]) -> moved x, together with its group.

    The function is trusted; :func:`check_law` tries it on data.

    Args:
        group: the group.
        function: called with a batch and one element per sample.
        exact: False if the function interpolates, so that it obeys the law of an action only nearly.

    Raises:
        RegrepError: no group, or no function; on a call, a result of another shape.

    >>> import regrep
    >>> flip = FunctionAction(regrep.groups.cyclic(2), lambda x, g: torch.where(g[:, None] == 1, -x, x))
    >>> flip(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([0, 1])).tolist()
    [[1.0, 2.0], [-3.0, -4.0]]
    """

    def __init__(self, group: FiniteGroup, function: Callable[[Tensor, Tensor], Tensor], exact: bool = True) -> None:
        check_group(group, table=False)
        check_callable("an action", function)
        check_flag("exact", exact)
        self.group, self.function, self.exact = group, function, exact

    def apply(self, x: Tensor, g: Tensor) -> Tensor:
        """The function."""
        moved = self.function(x, g)
        if not isinstance(moved, Tensor) or moved.shape != x.shape:
            raise RegrepError(
                f"an action returns data of the same shape, here {list(x.shape)}, but the function of"
                f" {self.group.name} returned {shown(moved)}; return the moved batch"
            )
        return moved

    def __repr__(self) -> str:
        return f"FunctionAction({self.group.name}, {getattr(self.function, '__name__', type(self.function).__name__)})"


def action_of(action: Any, what: str = "what moves the data") -> Action:
    """An action as it is; anything else that is called as (x, g) and has a group, as an action.

    >>> import regrep
    >>> action_of(regrep.LearnedRepresentation(regrep.groups.cyclic(4), dim=6))
    FunctionAction(C4, LearnedRepresentation)
    """
    if isinstance(action, Action):
        return action
    if callable(action) and hasattr(action, "group"):
        return FunctionAction(action.group, action)
    raise RegrepError(
        f"{what} is an action or a representation, got {shown(action)}; make one of a function by FunctionAction"
    )


def check_law(act: Action, x: Tensor) -> None:
    """Raise unless act obeys the law of a left action on these samples, for all pairs of elements.

    ``act(x, e) == x`` and ``act(act(x, h), g) == act(x, mul[g, h])``, up to rounding. It moves n² samples for each one
    given, so a few small ones do; they should differ in all entries, since zeros obey every law.

    Args:
        act: an action on tensors.
        x: [B, ...], samples on which it acts.

    Raises:
        RegrepError: the law fails, with the elements and how much it fails by.

    >>> import regrep
    >>> D4 = regrep.groups.dihedral(4)
    >>> check_law(regrep.regular(D4), torch.arange(8)[None])
    >>> rho = regrep.regular(D4)
    >>> check_law(FunctionAction(D4, lambda x, g: rho(x, D4.inverse[g])), torch.arange(8)[None])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    regrep.errors.RegrepError: an action moves by r and then by s as by r3s, but this one of D4 differs by 2; ...
    """
    act = action_of(act, "what check_law tries")
    check_tensor("x", x, 1)
    check_group(act.group)
    if not bool(x.isfinite().all()):
        raise RegrepError("the law is tried on finite samples, got NaN or infinity in x; draw them by torch.randn")
    group, n = act.group, act.group.order
    limit = ROUNDING.get(x.dtype, 0.0) * float(x.detach().abs().max()) if x.numel() and x.is_floating_point() else 0.0

    def apart(one: Tensor, two: Tensor) -> float:
        return float((_wide(one) - _wide(two)).abs().max()) if x.numel() else 0.0

    every = torch.arange(n, device=x.device)
    # A copy, since a function that changes what it is given would else be compared with itself.
    still = act(x.clone(), torch.zeros(len(x), dtype=torch.int64, device=x.device))
    if not apart(still, x) <= limit:
        raise RegrepError(f"the identity moves nothing, but this action of {group.name} moves by {apart(still, x):.3g}")
    moved = act(x.repeat_interleave(n, dim=0), every.repeat(len(x))).unflatten(0, (len(x), n))
    chunk = max(1, PAIRS // max(1, len(x) * n))
    for some in every.split(chunk):  # first each h of some, then every g
        twice = act(
            moved[:, some].flatten(0, 1).repeat_interleave(n, dim=0), every.repeat(len(x) * len(some))
        ).unflatten(0, (len(x), len(some), n))
        once = moved[:, group.mul.to(x.device)[:, some].T]
        if not apart(twice, once) <= limit:
            gaps = (_wide(twice) - _wide(once)).abs().double().reshape(len(x), len(some), n, -1).amax(dim=(0, 3))
            h, g = divmod(int(gaps.argmax()), n)
            first, gh = int(some[h]), int(group.mul[g, some[h]])
            names = [group.names[k] for k in (first, g, gh)]
            hint = "; does it act by the inverse?" if gh != int(group.mul[some[h], g]) else ""
            raise RegrepError(
                f"an action moves by {names[0]} and then by {names[1]} as by {names[2]}, but this one of"
                f" {group.name} differs by {float(gaps.max()):.3g}{hint}"
            )


def _wide(x: Tensor) -> Tensor:
    """Values whose differences do not wrap around."""
    return x.detach() if x.is_floating_point() or x.is_complex() else x.double()
