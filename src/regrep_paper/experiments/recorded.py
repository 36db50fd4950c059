"""The command that sets up a recorded run again, made from plain settings only.

A run folder may come from anyone. Only known settings with plain values are taken from it: no class, no module and no
path. Whoever tests or measures the run names the files and folders outside it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.runs.data_folder import EMBEDDED
from regrep_paper.runs.integers import LARGEST
from regrep_paper.runs.records import RunFolder
from regrep_paper.tables.index import EXPERIMENTS, FILES, config_command, definition_of
from regrep_paper.tables.protocol import BEFORE

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+=,-]{0,199}")
"""The characters allowed in a setting: they cannot form a path, a module or an attribute."""

LATER = ("network", "network_as_published")
"""Settings that early records lack, from when an experiment had only one network."""

Files = Mapping[str, Path | None]
"""``data_dir``, ``font_a`` and ``font_b`` as given by the user; absent or None if not given."""


def recorded_command(folder: RunFolder, files: Files | None = None) -> list[str]:
    """Arguments of ``regrep`` that set up a recorded run again.

    Args:
        folder: the run folder.
        files: where the data are now.

    Raises:
        RegrepError: the folder holds no run of an experiment, a setting is not plain, or a file of the run must be
            given again.
    """
    given = {key: path for key, path in (files or {}).items() if path is not None}
    record = folder.record or {}
    config = record.get("config")
    name = config.get("experiment") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(name, str) or name not in EXPERIMENTS:
        raise RegrepError(
            f"{folder.path} holds a run of your own model, which only your code can build; see its done.json"
        )
    definition = definition_of(name)
    settings = {
        key: plain_value(key, config.get(key), folder.path / "run.json")
        for key in definition.options
        if key not in FILES and config.get(key) is not None
    }
    if record.get("precision") is not None and "precision" in definition.options:
        settings.setdefault("precision", plain_value("precision", record["precision"], folder.path / "run.json"))
    settings.setdefault("protocol", BEFORE)
    fonts = [key for key in FILES if key in definition.options]
    for key in given:
        if key not in fonts and not (key == "data_dir" and definition.reads_files):
            raise RegrepError(f"{name} reads no such file; leave out --{key.replace('_', '-')}")
    for key in fonts:
        if config.get(key) is not None and key not in given:
            _ask(folder.path, key, config[key])
    reads = definition.reads_files and config.get("data") not in EMBEDDED
    if reads and "data_dir" not in given and (named := _data_dir(record.get("command"))) is not None:
        _ask(folder.path, "data_dir", named)
    settings.update({key: str(given[key]) for key in fonts if key in given})
    return config_command({"experiment": name, **settings}, folder.path, given.get("data_dir"))


def check_recorded(folder: RunFolder, config: Mapping[str, Any]) -> None:
    """Raise if a run that was set up again does not have the settings of its record, files aside.

    Raises:
        RegrepError: names the settings that differ.
    """
    recorded = (folder.record or {}).get("config", {})
    early = "protocol" not in recorded
    compared = {key: value for key, value in config.items() if not early or key not in LATER or key in recorded}
    folder.check_same({**compared, **{key: recorded[key] for key in FILES if key in recorded}})


def plain_value(key: str, value: Any, path: Path) -> str | int | float | bool | None:
    """A setting of a record if it is a number, a truth value, null or a word.

    Raises:
        RegrepError: it is anything else.

    >>> plain_value("init", "A1=20,A2=10", Path("run.json"))
    'A1=20,A2=10'
    >>> plain_value("init", "../secret", Path("run.json"))
    Traceback (most recent call last):
    regrep.errors.RegrepError: run.json may set init to a number or a plain word, got '../secret'; restore a copy
    """
    number = isinstance(value, (int, float)) and abs(value) <= LARGEST  # false for NaN
    if value is None or isinstance(value, bool) or number or (isinstance(value, str) and WORD.fullmatch(value)):
        return value
    raise RegrepError(f"{path} may set {key} to a number or a plain word, got {str(value)[:80]!r}; restore a copy")


def _data_dir(command: Any) -> str | None:
    """The data folder that a recorded command names; it appears in a message and is never opened."""
    words = [word for word in command if isinstance(word, str)] if isinstance(command, list) else []
    named = None
    for k, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option == "--data.data_dir":
            named = value if equals else next(iter(words[k + 1 : k + 2]), None)
    return named


def _ask(run: Path, key: str, value: Any) -> None:
    option = f"--{key.replace('_', '-')}"
    raise RegrepError(
        f"paths are not taken from a run folder, but the run in {run} read {str(value)[:200]!r}; pass {option} to say"
        " where that is, if you trust it"
    )
