"""``--settings FILE``: the settings of a run as one JSON file, such as the ``run.json`` of another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.experiments.recorded import plain_value
from regrep_paper.runs.records import read_record
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.index import FILES, option_words

OPTION = "--settings"


def expanded(definition: Definition, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The settings in the file that the arguments name, if any, and arguments that set them, then the other arguments.

    Raises:
        RegrepError: the file cannot be read, or contains anything but plain settings of the experiment.
    """
    paths, others = [], []
    left = iter(words)
    for word in left:
        option, equals, value = word.partition("=")
        if option == OPTION:
            paths.append(Path(value if equals else next(left, "")))
        else:
            others.append(word)
    if not paths:
        return {}, others
    settings = read_settings(paths[-1], definition)
    chosen = {key: value for key, value in settings.items() if key in definition.options and key not in FILES}
    for key in FILES:
        option = f"--{definition.options.get(key)}"
        if settings.get(key) is not None and not any(word.partition("=")[0] == option for word in others):
            raise RegrepError(f"paths are not taken from a file of settings; pass {option} in addition to {OPTION}")
    return settings, [*option_words({"experiment": definition.name, **chosen}), *others]


def read_settings(path: Path, definition: Definition) -> dict[str, Any]:
    """Settings by name, or a run.json, which has them under ``config``.

    Raises:
        RegrepError: it cannot be read, or contains anything but plain settings of the experiment.
    """
    content = read_record(path)
    settings = content.get("config", {key: value for key, value in content.items() if key != "format"})
    if not isinstance(settings, Mapping) or settings.get("experiment", definition.name) != definition.name:
        raise RegrepError(f"{path} must hold settings of {definition.name}; check its name and that of the experiment")
    for key, value in settings.items():
        if key not in FILES:
            plain_value(key, value, path)
    definition.resolved(settings)
    return dict(settings)
