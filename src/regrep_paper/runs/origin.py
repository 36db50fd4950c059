"""The origin of a run: versions of packages, and the commit of the code."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path

from regrep._version import __version__


def versions() -> dict[str, str | None]:
    """Versions of regrep, Python and the packages that affect numbers; None for an absent one."""
    found: dict[str, str | None] = {"regrep": __version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "lightning"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def git_state(folder: Path | None = None) -> dict[str, str | bool | None]:
    """Commit of the repository around a folder, and whether tracked files differ from it.

    Args:
        folder: defaults to that of the package, the code that runs. Both entries are None outside a repository,
            before its first commit, or without git.
    """
    folder = Path(__file__).parent if folder is None else folder
    try:
        commit, status = (
            subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=20
            ).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(status)}
