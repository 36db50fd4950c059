"""The tables of the paper as data: settings, labels, columns, published numbers, methods and networks; no torch."""

from regrep_paper.tables.index import (
    check_config,
    config_command,
    definition_of,
    entries,
    experiment,
    published,
    resolved,
    settings_command,
)

__all__ = [
    "check_config",
    "config_command",
    "definition_of",
    "entries",
    "experiment",
    "published",
    "resolved",
    "settings_command",
]
