"""What fails in a part that the user gave, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from regrep.arguments import brief
from regrep.errors import MissingExtraError, RegrepError


@contextmanager
def blamed(what: str) -> Iterator[None]:
    """Turn an error in what the user gave into one sentence that says where it happened.

    >>> import torch
    >>> with blamed("the loss"):
    ...     torch.ones(2) @ torch.ones(3)
    Traceback (most recent call last):
    regrep.errors.RegrepError: the loss failed with RuntimeError: inconsistent tensor size, expected tensor [2] and ...
    """
    try:
        yield
    except (RegrepError, MissingExtraError):
        raise
    except (Exception, SystemExit) as cause:
        raise RegrepError(f"{what} failed with {type(cause).__name__}: {brief(first_line(cause))}") from cause


def first_line(cause: BaseException) -> str:
    """The first line of what an error says.

    >>> first_line(ValueError("one" + chr(10) + "two")), first_line(ValueError())
    ('one', 'no message')
    """
    try:
        return next(iter(str(cause).splitlines()), "") or "no message"
    except Exception:  # an error of the user's whose text is an error
        return "no message"
