"""Completion of commands, names and options in a shell, by argcomplete.

In bash or zsh: ``eval "$(register-python-argcomplete regrep)"``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from regrep_paper.parser import DATA, LEARNED, Parser

VARIABLE = "_ARGCOMPLETE"
"""Set by the shell while it asks for completions."""


def requested() -> bool:
    """Whether the shell asks for completions instead of running a command."""
    return VARIABLE in os.environ


def complete(commands: Mapping[str, Callable[[Sequence[str]], int]]) -> None:
    """Answer the shell; ends the process."""
    import argcomplete

    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0") or 0)]
    words = line.split()[1:]
    typed = bool(words) and (len(words) > 1 or line.endswith(" ")) and words[0] in commands
    if typed:
        os.environ[VARIABLE] = str(int(os.environ[VARIABLE]) + 1)  # the command's name is part of the program
    argcomplete.autocomplete(parser_of(words[0], commands, words[1:]) if typed else names(commands))


def names(commands: Iterable[str]) -> argparse.ArgumentParser:
    """A parser of the commands alone."""
    parser = argparse.ArgumentParser(prog="regrep")
    parser.add_argument("command", choices=list(commands))
    return parser


class _Asked(Exception):
    """Carries the parser of a command out of it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def parser_of(
    name: str, commands: Mapping[str, Callable[[Sequence[str]], int]], words: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """The parser of a command with the choices for its first argument, and with the options of an experiment.

    >>> from regrep_paper.cli import COMMANDS
    >>> parser = parser_of("fit", COMMANDS, ["ddmnist"])
    >>> "--data.group" in parser._option_string_actions
    True
    """
    from regrep_paper.tables.index import DEFINITIONS, EXPERIMENTS
    from regrep_paper.tables.sweeps import packaged

    first = {"fit": EXPERIMENTS, "test": EXPERIMENTS, "learn": LEARNED, "data": DATA, "sweep": packaged()}

    def ask(parser: argparse.ArgumentParser, *args: object, **kwargs: object) -> NoReturn:
        raise _Asked(parser)

    ways = {way: getattr(Parser, way) for way in ("parse_all", "parse_args")}
    parser: argparse.ArgumentParser = names([])
    try:
        for way in ways:
            setattr(Parser, way, ask)
        commands[name]([])
    except _Asked as found:
        parser = found.parser
    finally:
        for way, own in ways.items():
            setattr(Parser, way, own)
    for action in parser._actions:
        if not action.option_strings and name in first:
            choices = list(first[name])
            action.completer = lambda choices=choices, **_: choices  # type: ignore[attr-defined]
    if name in ("fit", "test") and words and words[0] in EXPERIMENTS:
        for option in DEFINITIONS[words[0]].options.values():
            with suppress(argparse.ArgumentError):
                parser.add_argument(f"--{option}")
    return parser
