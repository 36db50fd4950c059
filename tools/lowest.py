"""The lowest versions that pyproject.toml allows, as constraints for pip.

python tools/lowest.py > lowest.txt
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?\s*(.*)")


def lowest(pyproject: str, left_out: tuple[str, ...] = ("baselines",)) -> dict[str, str]:
    """Each package that the project or one of its extras needs, with the lowest version that all of them allow.

    Args:
        pyproject: the text of a pyproject.toml.
        left_out: extras that have an environment of their own.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    project = tomllib.loads(pyproject)["project"]
    wanted = [*project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        wanted += requirements if extra not in left_out else []
    found: dict[str, str] = {}
    for requirement in wanted:
        name, bounds = REQUIREMENT.match(requirement).groups()  # type: ignore[union-attr]
        if name == project["name"]:
            continue
        least = [bound.strip()[2:] for bound in bounds.split(",") if bound.strip().startswith(">=")]
        if len(least) != 1:
            raise ValueError(f"a requirement has one lower bound, got {requirement!r}; add >=")
        found[name] = max(found.get(name, "0"), least[0], key=lambda text: [int(part) for part in text.split(".")])
    return found


if __name__ == "__main__":
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(f"{name}=={version}" for name, version in lowest(text).items()))
