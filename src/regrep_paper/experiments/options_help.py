"""The help of ``regrep fit EXPERIMENT``: our options first, with their choices and defaults, Lightning's last."""

from __future__ import annotations

import textwrap
import types
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from regrep_paper.tables.definition import Definition
from regrep_paper.tables.methods import METHODS

WIDTH = 80

HIDDEN = ("--model", "--data", "--trainer", "--help", "--print_shtab")
"""Options that stand for a whole section, and what was just typed."""

TRAINER = "--trainer."


def described(definition: Definition, actions: Sequence[Any]) -> str:
    """The help text of an experiment.

    Args:
        definition: of the experiment.
        actions: the parser's, each with ``option_strings``, ``default`` and ``help``.
    """
    shown = {name: action for action in actions for name in action.option_strings if name.startswith("--")}
    names = [name for name in shown if name not in HIDDEN and not name.endswith((".help", "+", "print_config"))]
    ours = {f"--{setting.option}" for setting in definition.settings if setting.option}
    sections = {
        "the experiment": [name for name in names if name.startswith(("--data.", "--model."))],
        "the run": [name for name in names if not name.startswith(("--data.", "--model.", TRAINER))],
        "the run, of Lightning's trainer": [name for name in names if name.startswith(TRAINER) and name in ours],
    }
    lines = [
        f"usage: regrep fit {definition.name} [--OPTION=VALUE ...]",
        "",
        f"Train a run of {definition.columns.title}, or continue it. In brackets: defaults.",
    ]
    for title, options in sections.items():
        lines += ["", f"options of {title}:"]
        for name in options:
            lines += _entry(name, shown[name], definition)
    rest = [name for name in names if name.startswith(TRAINER) and name not in ours]
    lines += ["", "further options of Lightning's trainer (--trainer.NAME.help=CLASS explains a class):"]
    text = ", ".join(f"{name}{_default(shown[name], definition)}" for name in rest)
    return "\n".join([*lines, *_wrapped(text, 2), ""])


def _entry(name: str, action: Any, definition: Definition) -> Iterator[str]:
    found = choices(name, action, definition)
    values = "|".join(found) if found else action.option_strings[-1].rpartition(".")[2].lstrip("-").upper()
    yield from _wrapped(f"{name}={values}{_default(action, definition)}", 2, "|")
    if action.help and action.help != "==SUPPRESS==":
        yield from _wrapped(" ".join(action.help.replace("``", "").split()), 8)


def choices(name: str, action: Any, definition: Definition) -> list[str]:
    """The values that an option takes, if they can be listed."""
    match name:
        case "--model.method":
            return list(METHODS)
        case "--model.network":
            return list(dict.fromkeys(entry.network for entry in definition.networks))
        case "--data.group":
            return list(dict.fromkeys(entry.group for entry in definition.networks))
    return list(_listed(getattr(action, "_typehint", None)))


def _listed(kind: Any) -> Iterator[str]:
    """Values of a type.

    >>> list(_listed(bool | None)), list(_listed(Literal["a", "b"])), list(_listed(int))
    (['true', 'false'], ['a', 'b'], [])
    """
    if kind is bool:
        yield from ("true", "false")
    elif get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
    elif get_origin(kind) in (Union, types.UnionType):
        parts = [part for part in get_args(kind) if part is not type(None)]
        if len(parts) == 1:
            yield from _listed(parts[0])


def _default(action: Any, definition: Definition) -> str:
    """The default in brackets; a setting that depends on others says so."""
    option = action.option_strings[0].lstrip("-")
    if any(setting.option == option and callable(setting.default) for setting in definition.settings):
        return " (depends on the others)"
    if action.default is None or action.default == "==SUPPRESS==":
        return ""
    text = str(action.default).lower() if isinstance(action.default, bool) else str(action.default)
    return f" ({text})"


def _wrapped(text: str, indent: int, breaks: str = "") -> list[str]:
    """Lines of at most 80 columns; also broken after a sign that has no space behind it."""
    mark = "\x00"
    loose = text.replace(breaks, f"{breaks}{mark}") if breaks else text
    inner = textwrap.wrap(
        loose.replace(mark, " "),
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + (4 if breaks else 0)),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(f"{breaks} ", breaks) for line in inner] if breaks else inner
