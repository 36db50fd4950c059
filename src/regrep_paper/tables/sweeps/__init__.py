"""The sweeps of the tables: one YAML file each, named by the experiment and its contents."""

from __future__ import annotations

import difflib
from pathlib import Path

from regrep.errors import RegrepError
from regrep_paper.suggestions import repair

FOLDER = Path(__file__).parent


def packaged() -> list[str]:
    """Names of the packaged sweeps.

    >>> "ddmnist/table4" in packaged()
    True
    """
    return sorted(file.relative_to(FOLDER).with_suffix("").as_posix() for file in FOLDER.rglob("*.yaml"))


def sweep_file(path: Path) -> Path:
    """The file of a sweep: the path itself if it exists, or else the packaged sweep of that name.

    The name is the last two parts of the path, with or without ``.yaml``, so that paths into older checkouts work too.

    Raises:
        RegrepError: there is neither; the message names the nearest packaged sweep.

    >>> sweep_file(Path("ddmnist/table4")) == sweep_file(Path("src/regrep/experiments/ddmnist/table4.yaml"))
    True
    """
    if path.exists():
        return path
    file = FOLDER / Path(*path.with_suffix(".yaml").parts[-2:])
    if file.is_file():
        return file
    wanted = path.with_suffix("").parts[-2:]
    names = packaged()
    last = {name.partition("/")[2]: name for name in names}
    near = repair("/".join(wanted), names)
    if not near.startswith("did you mean") and (close := difflib.get_close_matches(wanted[-1], last)):
        near = f"did you mean {last[close[0]]}?"
    raise RegrepError(f"the sweep file {path} cannot be read, and no packaged sweep has that name; {near}")
