"""Run compiled modules as plain Python, where hooks set after compiling are seen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

COMPILED = "_orig_mod"
"""What ``torch.compile`` calls the module that it wraps; names of layers leave it out."""


class _Eager:
    """Counts who needs compiled code switched off: the switch is one for the whole process."""

    def __init__(self) -> None:
        self.lock, self.users = threading.Lock(), 0
        self.stance: Any = None

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users == 1:
                self.stance = torch.compiler.set_stance("force_eager")

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if not self.users and self.stance is not None:
                self.stance.__exit__(None, None, None)
                self.stance = None


_EAGER = _Eager()


@contextmanager
def uncompiled() -> Iterator[None]:
    """Everything that ``torch.compile`` made runs uncompiled in this block, with the same values."""
    _EAGER.enter()
    try:
        yield
    finally:
        _EAGER.leave()


def _compiled(part: nn.Module) -> bool:
    """Whether a module is what ``torch.compile`` made, or its own call was compiled."""
    return COMPILED in part._modules or part._compiled_call_impl is not None


def has_compiled(model: nn.Module) -> bool:
    """Whether any part of a model was compiled.

    >>> has_compiled(nn.Sequential(nn.Linear(2, 3)))
    False
    """
    return any(map(_compiled, model.modules()))


def is_compiled(model: nn.Module, layer: str) -> bool:
    """Whether a layer of a model runs inside compiled code: a module around it, or its own call, was compiled.

    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> before = is_compiled(model, "0")
    >>> model.compile(backend="eager")
    >>> before, is_compiled(model, "0")
    (False, True)
    """
    part: nn.Module | None = model
    names = layer.split(".")
    for name in names:
        if part is None:
            break
        if _compiled(part):
            return True
        part = part._modules.get(name)
    return part is not None and part._compiled_call_impl is not None
