"""Plain arguments: values in error messages, and checks of integers, numbers, texts and tensors."""

from __future__ import annotations

import math
import operator
from reprlib import Repr
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regrep.errors import RegrepError

COMPLEX = (torch.complex32, torch.complex64, torch.complex128, np.dtype("complex64"), np.dtype("complex128"))
"""Kinds of numbers that are complex, though their imaginary part may be 0."""

SHOWN = 80
"""At most this many characters of a value are quoted in an error."""


class _Short(Repr):
    """Shortens values; arrays inside others are told by their shape, as they are alone. Methods are found by types."""

    def repr_Tensor(self, value: Tensor, level: int) -> str:
        return shown(value)

    def repr_ndarray(self, value: np.ndarray, level: int) -> str:
        return shown(value)

    repr_Parameter = repr_Tensor


_SHORT = _Short()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxtuple, _SHORT.maxdict = 3, 4, 4, 4
_SHORT.maxstring = _SHORT.maxother = SHOWN


def shown(value: object) -> str:
    """A value for an error message: its repr, shortened, in one line; it never fails and never runs long.

    >>> shown("r"), shown("r" * 999)[-9:], shown(10**5000)
    ("'r'", "rrrrrrrr'", 'an integer of 16610 bits')
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, Tensor | np.ndarray):
        return f"a tensor of shape {list(value.shape)}" if isinstance(value, Tensor) else f"an array {value.shape}"
    try:
        return brief(" ".join(line.strip() for line in _SHORT.repr(value).splitlines()))
    except Exception:  # the repr of a foreign object, or of an integer with thousands of digits inside a list
        return f"a {type(value).__name__}"


def brief(text: str) -> str:
    """The beginning of a text for an error message.

    >>> brief("r s"), len(brief("r s" * 999))
    ('r s', 80)
    """
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def is_whole(value: object) -> bool:
    """Whether this is an integer: of Python, of numpy, or in a tensor; not a truth value."""
    if _is_truth(value) or not hasattr(value, "__index__"):
        return False
    try:
        operator.index(value)
    except (TypeError, ValueError, RuntimeError):  # arrays and tensors of several numbers, or without numbers
        return False
    return True


def whole(what: str, value: Any, least: int, most: int | None = None, repair: str = "") -> int:
    """Return an integer argument; raise unless it lies in its range.

    >>> whole("batch_size", 0, 1)
    Traceback (most recent call last):
    regrep.errors.RegrepError: batch_size is an integer of at least 1, got 0
    """
    if not is_whole(value) or not least <= operator.index(value) or (most is not None and operator.index(value) > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise RegrepError(f"{what} is an integer {limits}, got {shown(value)}" + (f"; {repair}" if repair else ""))
    return operator.index(value)


def is_real(value: object) -> bool:
    """Whether this is a finite real number: of Python, of numpy, or in a tensor; not a truth value."""
    if _is_truth(value) or isinstance(value, str | bytes | complex | np.complexfloating):
        return False
    if not hasattr(value, "__float__"):
        return False
    if isinstance(value, Tensor | np.ndarray) and value.dtype in COMPLEX:
        return False
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False


def _is_truth(value: object) -> bool:
    dtype = value.dtype if isinstance(value, Tensor | np.ndarray) else None
    return isinstance(value, bool | np.bool_) or dtype in (torch.bool, np.bool_)


def check_text(what: str, value: object) -> None:
    """Raise unless an argument is a text."""
    if not isinstance(value, str):
        raise RegrepError(f"{what} is a text, got {shown(value)}")


def check_number(what: str, value: Any, repair: str) -> float:
    """Return a finite real number of at least 0; raise for anything else."""
    if not is_real(value) or float(value) < 0:
        raise RegrepError(f"{what} is a finite number of at least 0, got {shown(value)}; {repair}")
    return float(value)


def check_tensor(what: str, value: object, least: int = 0, floating: bool = False) -> None:
    """Raise unless an argument is a tensor with so many dimensions, and real floating point if that is needed."""
    if not isinstance(value, Tensor):
        raise RegrepError(f"{what} is a tensor, got {shown(value)}; convert it with torch.as_tensor")
    if value.dim() < least:
        raise RegrepError(f"{what} has at least {least} dimensions, got shape {list(value.shape)}; put the batch first")
    if floating and not value.is_floating_point():
        raise RegrepError(f"{what} is of real floating point, got {str(value.dtype)[6:]}; convert it with .float()")


def check_draws(generator: object, device: Any) -> None:
    """Raise unless random numbers can be drawn by this generator, for this device; either may be None."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise RegrepError(f"generator is a torch.Generator or None, got {shown(generator)}")
    if device is not None and not isinstance(device, torch.device) and not torch.compiler.is_compiling():
        try:
            torch.device(device)
        except Exception as error:  # of several kinds
            raise RegrepError(f"device is a torch.device or the name of one, got {shown(device)}") from error


def check_flag(what: str, value: object) -> None:
    """Raise unless an argument is True or False."""
    if not isinstance(value, bool):
        raise RegrepError(f"{what} is True or False, got {shown(value)}")


def check_flags(**values: object) -> None:
    """Raise unless all these arguments are True or False."""
    for name, value in values.items():
        check_flag(name, value)


def check_callable(what: str, value: object) -> None:
    """Raise unless an argument can be called."""
    if not callable(value):
        raise RegrepError(f"{what} is a module or a function, got {shown(value)}")
