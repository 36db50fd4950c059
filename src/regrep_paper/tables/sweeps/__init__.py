"""The sweeps of the tables: one YAML file each, named by the experiment and its contents."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def sweep_file(path: Path) -> Path:
    """The file of a sweep: the path itself if it exists, or else the packaged sweep of that name.

    The name is the last two parts of the path, with or without ``.yaml``, so that paths into older checkouts work too.

    >>> sweep_file(Path("ddmnist/table4")) == sweep_file(Path("src/regrep/experiments/ddmnist/table4.yaml"))
    True
    """
    if path.exists():
        return path
    packaged = FOLDER / Path(*path.with_suffix(".yaml").parts[-2:])
    return packaged if packaged.is_file() else path
