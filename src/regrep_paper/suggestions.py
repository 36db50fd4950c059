"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from regrep.errors import RegrepError


class MisuseError(RegrepError):
    """A command line with an option or an argument that does not exist."""

    exit_code = 2
    """Exit code of a command that ends with this error, that of argparse."""


def repair(word: str, known: Iterable[str]) -> str:
    """The end of an error message: the most similar known word, or all of them.

    >>> repair("wieght", ["weight", "seed"])
    'did you mean weight?'
    >>> repair("colour", ["weight", "seed"])
    'choose from weight, seed'
    """
    known = list(known)
    close = difflib.get_close_matches(word, known)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
