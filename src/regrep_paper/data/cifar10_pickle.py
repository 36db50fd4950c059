"""A parser for the pickles of CIFAR10: a dictionary, lists, numbers, strings and arrays of bytes, and nothing else.

Nothing is looked up, called or built by name. numpy trusts the sizes in a pickle when it sets up an array; this reader
does not.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from regrep.errors import RegrepError

LARGEST = 2**28
"""Largest size of a file in bytes; an official one has 31 million."""

RECONSTRUCT, NDARRAY, DTYPE = "_reconstruct", "ndarray", "dtype"

NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): DTYPE,
}
"""The names in a pickle of an array; here they are only markers."""

LITERALS = {"BININT", "BININT1", "BININT2", "INT"}
STRINGS = {"STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
UNICODE = {"BINUNICODE", "SHORT_BINUNICODE"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
PUTS, GETS = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class RefusedError(ValueError):
    """The pickle contains something that the parser does not accept."""


@dataclass(frozen=True)
class _Name:
    text: str


@dataclass
class _Type:
    """A dtype by name; only bytes are known."""

    name: Any


@dataclass
class Array:
    """An array of a pickle; ``values`` is None until they are known, and if they are not bytes."""

    values: np.ndarray | None = None
    built: bool = False


class _Mark:
    pass


def read_pickle(content: bytes) -> Any:
    """The value in a pickle of lists, dictionaries, numbers, byte strings and arrays of bytes.

    Raises:
        RefusedError: it contains anything else, or is broken.

    >>> import pickle
    >>> read_pickle(pickle.dumps({b"labels": [3, 1]}, protocol=3))
    {b'labels': [3, 1]}
    """
    if len(content) > LARGEST:
        raise RefusedError(f"it has {len(content)} bytes, more than {LARGEST}")
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except RefusedError:
        raise
    except Exception as cause:  # a broken pickle raises errors of many kinds
        raise RefusedError(" ".join(str(cause).split())[:120] or type(cause).__name__) from cause
    raise RefusedError("it ends early")


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}
        self.actions: dict[str, Callable[[], None]] = {
            "MARK": lambda: self.stack.append(_Mark()),
            "EMPTY_DICT": lambda: self.stack.append({}),
            "EMPTY_LIST": lambda: self.stack.append([]),
            "DICT": lambda: self._set({}, self._marked()),
            "LIST": lambda: self.stack.append(self._marked()),
            "TUPLE": lambda: self.stack.append(tuple(self._marked())),
            "APPEND": lambda: self._append([self.pop()]),
            "APPENDS": lambda: self._append(self._marked()),
            "SETITEM": lambda: self._set_last([self.pop(), self.pop()][::-1]),
            "SETITEMS": lambda: self._set_last(self._marked()),
            "REDUCE": self._reduce,
            "BUILD": self._build,
            "STACK_GLOBAL": self._global_of_stack,
            "MEMOIZE": lambda: self._remember(len(self.memory)),
        }

    def step(self, name: str, argument: Any) -> None:
        """One operation of the pickle."""
        if name in self.actions:
            self.actions[name]()
        elif name in LITERALS:
            self.stack.append(argument)
        elif name in STRINGS:
            self.stack.append(argument.encode("latin-1") if isinstance(argument, str) else argument)
        elif name in UNICODE:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in TUPLES:
            self.stack.append(tuple([self.pop() for _ in range(TUPLES[name])][::-1]))
        elif name in PUTS:
            self._remember(int(argument))
        elif name in GETS:
            self.stack.append(self.memory[int(argument)])
        elif name == "GLOBAL":
            self._global(*argument.split(" ", 1))
        elif name not in ("PROTO", "FRAME"):
            raise RefusedError(f"it contains the operation {name}")

    def pop(self) -> Any:
        """The last value."""
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise RefusedError("a value is missing")
        return self.stack.pop()

    def _marked(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if isinstance(value, _Mark):
                return values[::-1]
            values.append(value)
        raise RefusedError("a mark is missing")

    def _remember(self, place: int) -> None:
        if not self.stack:
            raise RefusedError("a value is missing")
        self.memory[place] = self.stack[-1]

    def _append(self, values: list[Any]) -> None:
        if not self.stack or type(self.stack[-1]) is not list:
            raise RefusedError("a list is missing")
        self.stack[-1].extend(values)

    def _set_last(self, values: list[Any]) -> None:
        self._set(self.pop(), values)

    def _set(self, target: Any, values: list[Any]) -> None:
        if type(target) is not dict or len(values) % 2:
            raise RefusedError("a dictionary is missing, or one of its values")
        for key, value in zip(values[::2], values[1::2], strict=True):
            if type(key) not in (bytes, str):
                raise RefusedError("a key is not a string")
            target[key] = value
        self.stack.append(target)

    def _global_of_stack(self) -> None:
        name, module = self.pop(), self.pop()
        self._global(str(module)[:100], str(name)[:100]) if type(module) is type(name) is str else self._global(
            "?", "?"
        )

    def _global(self, module: str, name: str) -> None:
        if (module, name) not in NAMES:
            raise RefusedError(f"it names {module}.{name}")
        self.stack.append(_Name(NAMES[module, name]))

    def _reduce(self) -> None:
        arguments, called = self.pop(), self.pop()
        if type(arguments) is not tuple or not isinstance(called, _Name):
            raise RefusedError("it calls something that is not a name")
        if called.text == RECONSTRUCT and arguments[:2] == (_Name(NDARRAY), (0,)) and len(arguments) == 3:
            self.stack.append(Array())
        elif called.text == DTYPE and len(arguments) == 3:
            self.stack.append(_Type(arguments[0]))
        else:
            raise RefusedError(f"it calls {called.text} in a way that arrays do not")

    def _build(self) -> None:
        state, target = self.pop(), self.pop()
        if isinstance(target, _Type) and type(state) is tuple and all(type(v) in PLAIN for v in state):
            self.stack.append(target)
            return
        if not isinstance(target, Array) or target.built or type(state) is not tuple or len(state) != 5:
            raise RefusedError("it sets the state of something that is not an array")
        _, shape, kind, order, content = state
        if not isinstance(kind, _Type) or type(content) is not bytes or order not in (False, 0):
            raise RefusedError("an array does not consist of bytes in row-major order")
        if type(shape) is not tuple or not all(type(n) is int and 0 <= n <= LARGEST for n in shape) or len(shape) > 2:
            raise RefusedError("an array is not two-dimensional")
        target.built = True
        if kind.name in (b"u1", "u1"):
            if int(np.prod(shape, dtype=object)) != len(content):
                raise RefusedError(f"an array of shape {shape} has {len(content)} bytes")
            target.values = np.frombuffer(content, np.uint8).reshape(shape).copy()
        self.stack.append(target)


PLAIN = (int, bool, bytes, str, type(None))


def images_and_labels(content: bytes, file: str, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """A file of the Python form: a pickled dictionary of the rows of planes and the list of labels.

    Args:
        content: bytes of the file.
        file: name of the file.
        pixels: length of a row.

    Raises:
        RegrepError: the file does not have this form.
    """
    try:
        batch = read_pickle(content)
    except RefusedError as cause:
        raise RegrepError(
            f"{file} of CIFAR10 is a pickle of arrays and plain values only, but this one is not ({cause});"
            " do not trust it and download it again"
        ) from cause
    data, labels = (batch.get(key) for key in (b"data", b"labels")) if isinstance(batch, dict) else (None, None)
    if (
        not isinstance(data, Array)
        or data.values is None
        or not isinstance(labels, list)
        or not all(type(label) is int for label in labels)
        or data.values.shape != (len(labels), pixels)
    ):
        raise RegrepError(
            f"{file} of CIFAR10 holds data, uint8 [n, {pixels}], and labels, a list of n integers; this one does"
            " not, so download it again"
        )
    return data.values, np.array(labels, dtype=np.int64)
