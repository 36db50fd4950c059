"""Constant tables of indices, signs and matrices, with a copy wherever the data are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class Placed:
    """A constant tensor and its copies on other devices and in other dtypes, each made once.

    From the second call on, :meth:`on` neither copies nor waits for a device, so that it can be part of a captured
    graph; compiled code takes the copy as an input. Copies are not pickled, and a deep copy shares them. Threads may
    call it at the same time: of two copies made at once, one is kept.

    Args:
        value: the tensor, which nobody changes.

    >>> table = Placed(torch.tensor([1.0, -1.0]))
    >>> table.on(torch.device("cpu"), torch.float64)
    tensor([ 1., -1.], dtype=torch.float64)
    >>> table.on(torch.device("meta")) is table.on(torch.device("meta"))
    True
    """

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def on(self, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
        """The tensor on a device, in its own dtype or the given one."""
        if torch.compiler.is_dynamo_compiling():  # the copy is made while tracing, and then found as an attribute
            found: Tensor = getattr(self, self._place(device, dtype))
            return found
        return self._copy(device, dtype)

    @torch.compiler.assume_constant_result
    def _place(self, device: torch.device, dtype: torch.dtype | None) -> str:
        """Make a copy if there is none; the name of its attribute."""
        return "value" if self._copy(device, dtype) is self.value else self._name(device, dtype)

    def _copy(self, device: torch.device, dtype: torch.dtype | None) -> Tensor:
        if self.value.device == device and dtype in (None, self.value.dtype):
            return self.value
        name = self._name(device, dtype)
        found: Tensor | None = vars(self).get(name)
        if found is not None:
            return found
        with torch.inference_mode(False):  # other modes could not use the copy
            found = self.value.to(device=device, dtype=dtype)
        if type(found) is Tensor and has_storage(found):  # fake and traced tensors end with the call
            found = vars(self).setdefault(name, found)
        return found

    def _name(self, device: torch.device, dtype: torch.dtype | None) -> str:
        return f"on_{device.type}_{device.index}_{str(self.value.dtype if dtype is None else dtype)[6:]}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Placed, (self.value,)

    def __deepcopy__(self, memo: dict[int, Any]) -> Placed:
        return self


class PlacedFamily:
    """Constant tensors by a key, such as the sizes of a lattice; each is made once and then as in :class:`Placed`.

    Args:
        make: key -> tensor on the CPU; a function that can be pickled, always with the same results.

    >>> family = PlacedFamily(torch.arange)
    >>> family.on(3, torch.device("cpu"))
    tensor([0, 1, 2])
    """

    def __init__(self, make: Callable[[Any], Tensor]) -> None:
        self.make = make

    def on(self, key: int | tuple[int, ...], device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
        """The tensor of a key on a device."""
        if torch.compiler.is_dynamo_compiling():
            # The length of a range is a number where compiled code has a symbol.
            known = tuple(len(range(size)) for size in key) if isinstance(key, tuple) else len(range(key))
            member: Placed = getattr(self, self._place(known))
            return member.on(device, dtype)
        return self._member(key).on(device, dtype)

    @torch.compiler.assume_constant_result
    def _place(self, key: int | tuple[int, ...]) -> str:
        """Make the tensor if there is none; the name of its attribute."""
        self._member(key)
        return self._name(key)

    def _member(self, key: int | tuple[int, ...]) -> Placed:
        name = self._name(key)
        found: Placed | None = vars(self).get(name)
        if found is not None:
            return found
        with torch.inference_mode(False):
            found = Placed(self.make(key))
        if type(found.value) is Tensor and has_storage(found.value):
            found = vars(self).setdefault(name, found)
        return found

    def _name(self, key: int | tuple[int, ...]) -> str:
        return "of_" + "_".join(map(str, key if isinstance(key, tuple) else (key,)))

    def __reduce__(self) -> tuple[Any, ...]:
        return PlacedFamily, (self.make,)

    def __deepcopy__(self, memo: dict[int, Any]) -> PlacedFamily:
        return self


def has_storage(x: Tensor) -> bool:
    """Whether a tensor has memory of its own, as tensors inside the transforms of ``torch.func`` have not.

    >>> has_storage(torch.zeros(2))
    True
    >>> torch.func.vmap(lambda x: torch.full_like(x, has_storage(x)))(torch.zeros(2)).tolist()
    [0.0, 0.0]
    """
    try:
        x.untyped_storage()
    except NotImplementedError:
        return False
    return True
