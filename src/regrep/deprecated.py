"""Old ways to call the library that still work, each with a warning that names the new one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def positional_until_now(
    count: int, *names: str
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Still accept keyword-only arguments of a function by position, with a ``DeprecationWarning``.

    Args:
        count: arguments that stay positional, ``self`` included.
        names: names of the arguments after them, in their old order.

    >>> @positional_until_now(1, "weight")
    ... def scale(x, *, weight=1.0):
    ...     return weight * x
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     scale(2.0, 3.0)
    6.0
    >>> str(seen[0].message)
    'weight is passed by name from now on: scale(..., weight=...)'
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @functools.wraps(function)
        def call(*args: Any, **settings: Any) -> Result:
            late = args[count:]
            if late and len(late) <= len(names):
                given = names[: len(late)]
                for name in given:
                    if name in settings:
                        raise TypeError(f"{function.__qualname__} got two values for {name}; pass it once, by name")
                owner = function.__qualname__.removesuffix(".__init__")
                verb = "is" if len(given) == 1 else "are"
                warnings.warn(
                    f"{', '.join(given)} {verb} passed by name from now on: {owner}(..., {given[0]}=...)",
                    DeprecationWarning,
                    stacklevel=2,
                )
                args, settings = args[:count], {**settings, **dict(zip(given, late, strict=True))}
            return function(*args, **settings)

        return call

    return decorate


def renamed_argument(old: str, new: str) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Still accept an argument by its old name, with a ``DeprecationWarning``.

    >>> @renamed_argument("gray", "grey")
    ... def shade(grey):
    ...     return grey
    >>> with warnings.catch_warnings(record=True) as seen:
    ...     warnings.simplefilter("always")
    ...     shade(gray=3)
    3
    >>> str(seen[0].message)
    'gray is an old name; use grey'
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @functools.wraps(function)
        def call(*args: Any, **settings: Any) -> Result:
            if old in settings and new not in settings:
                warn_renamed(old, new)
                settings[new] = settings.pop(old)
            return function(*args, **settings)

        return call

    return decorate


def warn_renamed(old: str, new: str, stacklevel: int = 3) -> None:
    """Warn that a name is an old one."""
    warnings.warn(f"{old} is an old name; use {new}", DeprecationWarning, stacklevel=stacklevel)
