"""The modules behind a function."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from operator import attrgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import nn

from regrep.errors import RegrepError

Part = tuple[nn.Module, str]
"""A model and the name of one of its parts, such as ``(model, "encoder")``."""

DEPTH = 4
"""A module is looked for behind at most this many functions, objects or containers."""

MANY = 1000
"""Longer lists are data, and are not searched."""


def modules_of(function: object) -> list[nn.Module]:
    """The modules that a function can call, as far as they can be seen without calling it.

    Seen are a module itself, the owner of a bound method, what a ``functools.partial`` holds, and the variables that a
    function takes from outside or as defaults, also in functions, lists and other objects among these.

    >>> model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    >>> found = [modules_of(f) for f in (model, model.forward, functools.partial(model), lambda x: [model(x)])]
    >>> [modules == [model] for modules in found]
    [True, True, True, True]
    """
    found: dict[int, nn.Module] = {}
    _collect(function, found, set(), DEPTH)
    return list(found.values())


def current(part: Any) -> Any:
    """What is called: a model's part of some name as it is now, or the given function itself.

    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> current((model, "0")) is model[0], current(None) is None
    (True, True)
    """
    if not (isinstance(part, tuple) and len(part) == 2 and isinstance(part[0], nn.Module)):
        return part
    try:
        return attrgetter(part[1])(part[0])
    except AttributeError:
        raise RegrepError(f"the model has no part {part[1]!r}; name one of its attributes") from None


def trains(function: object) -> bool:
    """Whether a module behind a function has parameters that are trained."""
    return any(parameter.requires_grad for module in modules_of(function) for parameter in module.parameters())


def _collect(value: object, found: dict[int, nn.Module], seen: set[int], depth: int) -> None:
    if id(value) in seen or depth < 0:
        return
    seen.add(id(value))
    if isinstance(value, nn.Module):
        found[id(value)] = value
        return
    for inner in _inner(value):
        _collect(inner, found, seen, depth - 1)


def _inner(value: object) -> Iterator[object]:
    """What a value holds and may call."""
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, MethodType):
        owner = value.__self__
        yield from [owner] if isinstance(owner, nn.Module) else _attributes(owner)
        yield value.__func__
    elif isinstance(value, FunctionType):
        yield from _variables(value)
    elif isinstance(value, list | tuple | dict):
        if len(value) <= MANY:
            yield from value.values() if isinstance(value, dict) else value
    elif callable(value):
        yield from _attributes(value)


def _attributes(value: object) -> Iterator[object]:
    """What an object holds; nothing for classes, for modules of Python and for what is built in."""
    if not isinstance(value, type | ModuleType):
        yield from getattr(value, "__dict__", {}).values()


def _variables(function: FunctionType) -> Iterator[object]:
    """The values of the variables that a function takes from outside, and its defaults."""
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    yield getattr(function, "__wrapped__", None)
    if not (function.__module__ or "").startswith("torch."):  # none in code that was executed without a module
        yield from (function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__)


def _names(code: CodeType) -> Iterator[str]:
    """Global names in a function's code and in the functions defined inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
