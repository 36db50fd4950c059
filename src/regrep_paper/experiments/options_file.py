"""``--config FILE``: a file of options that names no other file of options and, in a run folder, no path or code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonargparse import ActionConfigFile

from regrep.errors import RegrepError
from regrep_paper.experiments.recorded import plain_value
from regrep_paper.runs.manifest import parse_yaml
from regrep_paper.tables.index import FILES

SECTIONS = ("trainer", "model", "data")
"""Keys that contain further options."""

PATHS = ("data.data_dir", *(f"data.{font}" for font in FILES), "trainer.default_root_dir")
"""Options that are files or folders."""

CODE = ("trainer.callbacks", "trainer.logger", "trainer.profiler", "trainer.plugins")
"""Options whose values are names of classes."""


class OptionsFile(ActionConfigFile):
    """Reads the file itself and passes on its content, so that no value in it is taken as the name of a file."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Add the options of a file."""
        self.apply_config(parser, cfg, self.dest, json.dumps(read_options(Path(str(values))), default=str))


def read_options(path: Path) -> dict[str, Any]:
    """The options in a YAML file.

    In a folder with a run.json they must be numbers and plain words, and ``out`` counts only if it is that folder.

    Raises:
        RegrepError: it cannot be read, is not of this form, or names a further file of options.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as cause:
        raise RegrepError(f"the file of options {path} cannot be read ({cause}); check its name") from cause
    except RegrepError as cause:
        raise RegrepError(f"in {path}: {cause}") from cause
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise RegrepError(f"{path} holds options with values, got {type(content).__name__}; check its name")
    if "config" in content:
        raise RegrepError(f"{path} may not name a further file with the key config; pass --config twice")
    for section in SECTIONS:
        if section in content and not isinstance(content[section], dict):
            raise RegrepError(f"{section} in {path} must be options with values, but is not; write them out")
    return _foreign(path, content) if (path.resolve().parent / "run.json").exists() else content


def _foreign(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """The options of a file in a run folder, which may come from anyone."""
    kept = dict(content)
    out = kept.pop("out", None)
    if isinstance(out, str) and Path(out).resolve() == path.resolve().parent:
        kept["out"] = out
    for key, value in kept.items():
        if key == "out":
            continue
        for option, entry in _flat(key, value):
            if (option in PATHS and entry is not None) or (option in CODE and not isinstance(entry, bool | None)):
                raise RegrepError(
                    f"{path} is in a run folder, from which no paths or classes are taken, but sets {option};"
                    f" pass --{option} yourself, or copy the file elsewhere if you trust it"
                )
            plain_value(option, entry, path)
    return kept


def _flat(key: str, value: Any) -> list[tuple[str, Any]]:
    """Options by their dotted names.

    >>> _flat("data", {"group": "D4", "more": {"a": 1}})
    [('data.group', 'D4'), ('data.more', {'a': 1})]
    """
    if key in SECTIONS and isinstance(value, dict):
        return [(f"{key}.{name}", entry) for name, entry in value.items()]
    return [(key, value)]
