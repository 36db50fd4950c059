"""Data that stay in memory from one run to the next, in processes that do one run after another."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Found = TypeVar("Found")

_latest: dict[str, tuple[object, object]] | None = None
"""Arguments and result of the latest call, by function; None while nothing is kept."""


def switch_on() -> None:
    """Keep from now on what functions under :func:`kept` return."""
    global _latest
    _latest = {} if _latest is None else _latest


def switch_off() -> None:
    """Forget everything, and keep nothing from now on."""
    global _latest
    _latest = None


def kept(load: Callable[Given, Found]) -> Callable[Given, Found]:
    """A function that loads data: where data are kept, the same arguments as in the call before give the same object.

    Only the latest result is kept. Nobody may change it.

    >>> load = kept(lambda name: [name])
    >>> load("a") is load("a")
    False
    >>> switch_on()
    >>> load("a") is load("a"), load("a") is load("b"), switch_off()
    (True, False, None)
    """
    name = f"{load.__module__}.{load.__qualname__}"

    @functools.wraps(load)
    def found(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        if _latest is None:
            return load(*args, **kwargs)
        given = (args, tuple(sorted(kwargs.items())))
        if _latest.get(name, (None,))[0] != given:
            _latest.pop(name, None)  # frees the old data before the new are loaded: nothing else may refer to them
            _latest[name] = given, load(*args, **kwargs)
        return _latest[name][1]  # type: ignore[return-value]

    return found
