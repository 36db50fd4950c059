"""Checks of plain arguments and old ways to call: what is let through, what is refused, and in which words."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from regrep import arguments
from regrep.arguments import brief, is_real, is_whole, shown
from regrep.deprecated import positional_until_now, renamed_argument, warn_renamed
from regrep.errors import RegrepError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**200 - 1, None),
        (2**200, "an integer of 201 bits"),
        (-(2**200), "an integer of 201 bits"),
        (True, "True"),
        (torch.zeros(2, 3), "a tensor of shape [2, 3]"),
        (np.zeros((2, 3)), "an array (2, 3)"),
        ([10**5000], "a list"),
        ([1, 2, 3, 4], "[1, 2, 3, 4]"),
        ([1, 2, 3, 4, 5], "[1, 2, 3, 4, ...]"),
        ((1, 2, 3, 4, 5), "(1, 2, 3, 4, ...)"),
        ({1: 1, 2: 2, 3: 3, 4: 4}, "{1: 1, 2: 2, 3: 3, 4: 4}"),
        ({1: 1, 2: 2, 3: 3, 4: 4, 5: 5}, "{1: 1, 2: 2, 3: 3, 4: 4, ...}"),
        ([[[1]]], "[[[1]]]"),
        ([[[[1]]]], "[[[[...]]]]"),
        ((torch.zeros(2, 3), [np.zeros(2)]), "(a tensor of shape [2, 3], [an array (2,)])"),
        ({"w": torch.nn.Parameter(torch.zeros(2, 2))}, "{'w': a tensor of shape [2, 2]}"),
        (torch.nn.Sequential(torch.nn.ReLU()), "Sequential( (0): ReLU() )"),
    ],
)
def test_values_are_shown_in_short(value, text):
    found = shown(value)
    assert len(found) <= 80
    assert text is None or found == text


def test_long_texts_are_cut():
    for length in (1, 79, 80):
        assert brief("x" * length) == "x" * length
    assert brief("x" * 81) == "x" * 77 + "..."
    assert len(shown("x" * 500)) == 80


WHOLE = [3, -1, np.int8(3), torch.tensor(3), torch.tensor([3])]
REAL = [*WHOLE, 0.5, np.float32(0.5), torch.tensor(0.5)]
NEITHER = [
    True, np.bool_(True), None, "3", b"3", 1j, np.complex64(1), [3], np.zeros(2), torch.zeros(2),
    torch.zeros(2, dtype=int), torch.empty((), device="meta"),
    torch.tensor(True), np.array(True),
]  # fmt: skip


def test_numbers_are_told_from_what_is_like_them():
    assert all(is_whole(value) for value in WHOLE)
    assert all(is_real(value) for value in REAL)
    assert not any(is_whole(value) for value in [*REAL[len(WHOLE) :], *NEITHER, 3.0])
    assert not any(is_real(value) for value in [*NEITHER, float("nan"), float("inf"), 10**400])


def refused(check, *args, **options):
    with pytest.raises(RegrepError) as error:
        check(*args, **options)
    return str(error.value)


def test_integers_in_their_range():
    for value in (2, np.int64(2), torch.tensor(2)):
        found = arguments.whole("n", value, 2, 2)
        assert (found, type(found)) == (2, int)
    assert arguments.whole("n", 10**30, 1) == 10**30
    assert refused(arguments.whole, "n", 1, 2) == "n is an integer of at least 2, got 1"
    for value in (1, 4, 2.0, True, None):
        told = f"n is an integer from 2 to 3, got {value}; ask"
        assert refused(arguments.whole, "n", value, 2, 3, "ask") == told


def test_numbers_of_at_least_zero():
    for value in (0, 0.5, np.float32(0.5), torch.tensor(1.0)):
        found = arguments.check_number("w", value, "x")
        assert (found, type(found)) == (float(value), float)
    for value in (-1e-9, float("nan"), float("inf"), "1", True, None):
        assert refused(arguments.check_number, "w", value, "ask") == (
            f"w is a finite number of at least 0, got {shown(value)}; ask"
        )


def test_tensors_texts_flags_and_functions():
    x = torch.zeros(2, 3)
    arguments.check_tensor("x", x)
    arguments.check_tensor("x", x.int(), 2)
    arguments.check_tensor("x", x.half(), 2, floating=True)
    arguments.check_tensor("x", torch.tensor(1))
    assert refused(arguments.check_tensor, "x", [1]) == "x is a tensor, got [1]; convert it with torch.as_tensor"
    assert refused(arguments.check_tensor, "x", x, 3) == (
        "x has at least 3 dimensions, got shape [2, 3]; put the batch first"
    )
    assert refused(arguments.check_tensor, "x", x.int(), floating=True) == (
        "x is of real floating point, got int32; convert it with .float()"
    )
    assert "got complex64" in refused(arguments.check_tensor, "x", x.to(torch.complex64), floating=True)
    arguments.check_text("t", "")
    assert refused(arguments.check_text, "t", 3) == "t is a text, got 3"
    arguments.check_flags(a=True, b=False)
    for value in (0, 1, None, np.bool_(True)):
        assert refused(arguments.check_flags, a=True, b=value) == f"b is True or False, got {shown(value)}"
    arguments.check_callable("f", len)
    assert refused(arguments.check_callable, "f", 3) == "f is a module or a function, got 3"


def called(function, *args, **options):
    """The result, and what was warned of, at a line of this file."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = function(*args, **options)
    assert all(one.category is DeprecationWarning and Path(one.filename) == Path(__file__) for one in seen)
    return result, [str(one.message) for one in seen]


def test_arguments_by_position_go_on_for_a_while():
    @positional_until_now(1, "a", "b")
    def f(x, *, a=1, b=2):
        return x, a, b

    assert called(f, 0) == ((0, 1, 2), [])
    assert called(f, 0, b=5) == ((0, 1, 5), [])
    assert called(f, 0, 7) == ((0, 7, 2), ["a is passed by name from now on: " + f.__qualname__ + "(..., a=...)"])
    assert called(f, 0, 7, b=5) == ((0, 7, 5), ["a is passed by name from now on: " + f.__qualname__ + "(..., a=...)"])
    told = "a, b are passed by name from now on: " + f.__qualname__ + "(..., a=...)"
    assert called(f, 0, 7, 8) == ((0, 7, 8), [told])
    with pytest.raises(TypeError, match=re.escape(f.__qualname__) + " got two values for b; pass it once, by name"):
        f(0, 7, 8, b=9)
    with pytest.raises(TypeError, match="takes 1 positional argument"):
        f(0, 7, 8, 9)

    class A:
        @positional_until_now(1, "a")
        def __init__(self, *, a):
            self.a = a

    found, (told,) = called(A, 3)
    assert found.a == 3
    assert told == "a is passed by name from now on: " + A.__qualname__ + "(..., a=...)"


def test_old_names_of_arguments_go_on_for_a_while():
    @renamed_argument("gray", "grey")
    def f(grey=0, **more):
        return grey, more

    assert called(f, grey=1) == ((1, {}), [])
    assert called(f, gray=2) == ((2, {}), ["gray is an old name; use grey"])
    assert called(f, gray=2, grey=3) == ((3, {"gray": 2}), [])
    assert called(lambda: warn_renamed("a", "b", stacklevel=2))[1] == ["a is an old name; use b"]
