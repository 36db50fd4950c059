"""Sweep files: a grid of settings with exceptions, expanded into configs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regrep.errors import MissingExtraError, RegrepError
from regrep_paper.suggestions import repair

Settings = dict[str, Any]
"""Values of some settings of a config, by name."""

Check = Callable[[Settings], None]
"""Raises for a config with a setting that its experiment does not have."""


@dataclass(frozen=True)
class Override:
    """Settings for the configs that match: ``where`` gives values to match, ``set`` new ones; lists allow several."""

    where: Settings
    set: Settings


@dataclass(frozen=True)
class Manifest:
    """Content of a sweep file.

    ::

        experiment: ddmnist
        out: runs/ddmnist
        fixed: {data: mnist, epochs: 30}
        grid: {group: [D4, D1], method: [ours, ours-relative], seed: [0, 1, 2]}
        override:
          - where: {method: ours-relative}
            set: {weight: [0.01, 0.1, 1.0]}

    Attributes:
        experiment: name of the experiment.
        out: folder of the run folders.
        fixed: settings of all configs.
        grid: for some settings a list of values; every combination is a config.
        override: exceptions, applied in order.
    """

    experiment: str
    out: Path
    fixed: Settings = field(default_factory=dict)
    grid: dict[str, list[Any]] = field(default_factory=dict)
    override: list[Override] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """Names of all settings that the file mentions."""
        overridden = (key for o in self.override for key in (*o.where, *o.set))
        return [*self.fixed, *self.grid, *overridden]

    def configs(self, settings: Mapping[str, Any] | None = None) -> list[Settings]:
        """The settings of each config, in the order of the file.

        Args:
            settings: replace those of the file and of its overrides; a list makes several configs.

        Raises:
            RegrepError: an override of the unchanged file matches no config.

        >>> Manifest("ddmnist", Path("runs"), {"epochs": 2}, {"seed": [0, 1]}).configs({"epochs": 3})
        [{'experiment': 'ddmnist', 'seed': 0, 'epochs': 3}, {'experiment': 'ddmnist', 'seed': 1, 'epochs': 3}]
        """
        given = settings or {}
        fixed = {key: value for key, value in self.fixed.items() if key not in given}
        configs = _expand([{"experiment": self.experiment, **fixed}], {**self.grid, **given})
        for override in self.override:
            matches = [_matches(config, override.where) for config in configs]
            if not any(matches) and not given:
                raise RegrepError(
                    f"every override of a sweep matches some config, but where: {override.where} matches none;"
                    " compare it with fixed and grid"
                )
            exceptions = {key: value for key, value in override.set.items() if key not in given}
            configs = [
                new
                for config, match in zip(configs, matches, strict=True)
                for new in (_expand([config], exceptions) if match else [config])
            ]
        return _distinct(configs)


LONGEST = 2**18
"""Largest number of characters of a YAML text; sweep files have a few thousand."""

DEEPEST = 20
"""Largest nesting depth of lists and mappings."""


def read_manifest(path: Path | str, check: Check) -> Manifest:
    """Read and check a sweep file.

    Args:
        path: path of the file.
        check: raises for a config with a setting that its experiment does not have.

    Raises:
        RegrepError: it cannot be read, is not YAML, or has an unknown key or a value of the wrong kind.
    """
    path = Path(path)
    try:
        return _manifest(parse_yaml(path.read_text(encoding="utf-8")), path.stem, check)
    except (OSError, UnicodeDecodeError) as cause:
        raise RegrepError(f"the sweep file {path} cannot be read ({cause}); check its name") from cause
    except RegrepError as cause:
        raise RegrepError(f"in {path}: {cause}") from cause


def parse_yaml(text: str) -> Any:
    """YAML with numbers as people write them (``5e-4`` is one), without repeated keys and without aliases.

    An alias repeats what was written elsewhere, and aliases of aliases can grow without bound.

    Raises:
        RegrepError: it is not YAML, is too long or too deep, repeats a key, or has an alias.

    >>> parse_yaml("{rate: 5e-4, group: D4}")
    {'rate': 0.0005, 'group': 'D4'}
    """
    try:
        import yaml
    except ImportError as cause:
        raise MissingExtraError("train") from cause

    if len(text) > LONGEST:
        raise RegrepError(f"a YAML text has at most {LONGEST} characters, got {len(text)}; split it")

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            if self.check_event(yaml.AliasEvent):
                raise RegrepError(f"the alias *{self.peek_event().anchor} is not allowed; write out its value")
            if self.depth >= DEEPEST:
                raise RegrepError(f"lists and mappings are nested at most {DEEPEST} deep; flatten them")
            self.depth += 1
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            repeated = [key for key in keys if keys.count(key) > 1]
            if repeated:
                raise RegrepError(f"the key {repeated[0]!r} is given twice; remove one")
            return super().construct_mapping(node, deep)

    # YAML 1.1 reads 5e-4 as a string: its numbers need a point and a signed exponent.
    number = re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    try:
        return yaml.load(text, Loader)
    except RegrepError:
        raise
    except (yaml.YAMLError, ValueError, TypeError) as cause:  # some words look like dates but are not
        raise RegrepError(f"this is not valid YAML: {' '.join(str(cause).split())}") from cause


def parse_assignments(words: Iterable[str]) -> Settings:
    """Settings from arguments ``key=value``; a value is read as YAML.

    Raises:
        RegrepError: an argument has another form.

    >>> parse_assignments(["epochs=2", "seed=[0, 1]", "method=ours"])
    {'epochs': 2, 'seed': [0, 1], 'method': 'ours'}
    """
    settings = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise RegrepError(f"a setting is given as key=value, got {word!r}")
        settings[key] = parse_yaml(value)
    return settings


def check_keys(where: str, given: Iterable[Any], allowed: Iterable[str]) -> None:
    """Reject unknown keys.

    Raises:
        RegrepError: names the key and what was probably meant.
    """
    allowed = list(allowed)
    for key in given:
        if key not in allowed:
            raise RegrepError(f"{where} has no key {key!r}; {repair(str(key), allowed)}")


def _manifest(content: Any, name: str, check: Check) -> Manifest:
    top = _mapping("a sweep file", content)
    check_keys("a sweep file", top, ("experiment", "out", "fixed", "grid", "override"))
    experiment = top.get("experiment")
    if not isinstance(experiment, str):
        raise RegrepError(f"a sweep file names its experiment, got {experiment!r}; add experiment: ddmnist")
    out = top.get("out", f"runs/{name}")
    if not isinstance(out, str):
        raise RegrepError(f"out is the folder of the runs, got {out!r}")
    fixed, grid = (_mapping(key, top.get(key) or {}) for key in ("fixed", "grid"))
    for key, value in fixed.items():
        if isinstance(value, list):
            raise RegrepError(f"a setting in fixed has one value, got {key}: {value}; move it to grid")
    for key, value in grid.items():
        if not isinstance(value, list) or not value:
            raise RegrepError(f"a setting in grid has a list of values, got {key}: {value!r}; write [{value}]")
    repeated = [key for key in grid if key in fixed]
    if repeated:
        raise RegrepError(f"a setting is in fixed or in grid, but {repeated[0]} is in both; remove one")
    entries = top.get("override") or []
    if not isinstance(entries, list):
        raise RegrepError(f"override is a list of {{where, set}}, got {entries!r}; begin each with a dash")
    overrides = []
    for entry in entries:
        check_keys("an override", _mapping("an override", entry), ("where", "set"))
        if set(entry) != {"where", "set"}:
            raise RegrepError(f"an override has both where and set, got {', '.join(entry) or 'neither'}")
        overrides.append(Override(_mapping("where", entry["where"]), _mapping("set", entry["set"])))
    manifest = Manifest(experiment, Path(out), fixed, grid, overrides)
    check({"experiment": experiment, **dict.fromkeys(manifest.keys)})
    return manifest


def _mapping(what: str, value: Any) -> Settings:
    if not isinstance(value, dict):
        raise RegrepError(f"{what} holds keys with values, got {value!r}")
    return value


def _matches(config: Settings, where: Settings) -> bool:
    return all(
        key in config and config[key] in (value if isinstance(value, list) else [value]) for key, value in where.items()
    )


def _expand(configs: list[Settings], settings: Mapping[str, Any]) -> list[Settings]:
    choices = [value if isinstance(value, list) else [value] for value in settings.values()]
    for key, values in zip(settings, choices, strict=True):
        if not values:
            raise RegrepError(f"a setting has at least one value, got {key}: []; leave it out or give one")
    return [
        {**config, **dict(zip(settings, values, strict=True))}
        for config in configs
        for values in itertools.product(*choices)
    ]


def _distinct(configs: list[Settings]) -> list[Settings]:
    kept: list[Settings] = []
    for config in configs:
        if config not in kept:
            kept.append(config)
    return kept
