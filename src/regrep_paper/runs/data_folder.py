"""The folder of downloads and of results that are computed once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from regrep.errors import MissingExtraError, RegrepError

FOLDER_VARIABLE = "REGREP_DATA_DIR"
"""Environment variable that names the folder of all downloads."""

EMBEDDED = ("digits", "polycubes")
"""Data that are read from no file."""


def data_folder(data_dir: Path | str | None = None) -> Path:
    """The folder of downloads: the given one, ``REGREP_DATA_DIR``, or the user's cache.

    >>> data_folder("my/data").as_posix()
    'my/data'
    """
    given = data_dir or os.environ.get(FOLDER_VARIABLE)
    if given:
        return Path(given).expanduser()
    try:
        import pooch
    except ImportError as cause:
        raise MissingExtraError("data") from cause
    return Path(pooch.os_cache("regrep"))


def check_folder(data_dir: Path | str | None, data: str, forms: Sequence[Sequence[str]]) -> None:
    """Raise if a folder is given that these data cannot be read from.

    Args:
        data_dir: the given folder; None is always right.
        data: name of the data.
        forms: patterns of names of files; the folder must hold all files of one form. No form: data without files.

    Raises:
        RegrepError: the data need no files, there is no such folder, or it holds no form of the data.

    >>> check_folder("no/such", "mnist", [["t10k-images-idx3-ubyte.gz"]])
    Traceback (most recent call last):
    regrep.errors.RegrepError: there is no data folder no/such; name the one that holds mnist, or leave it out
    """
    if data_dir is None:
        return
    if not forms:
        raise RegrepError(
            f"the data {data} are read from no file, but the folder {data_dir} is given;"
            " leave it out, or choose other data"
        )
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise RegrepError(f"there is no data folder {data_dir}; name the one that holds {data}, or leave it out")
    if not any(all(any(folder.glob(pattern)) for pattern in form) for form in forms):
        listed = " or ".join(", ".join(form) for form in forms)
        raise RegrepError(
            f"the folder {data_dir} does not hold the files of {data} ({listed});"
            " put them there, or leave the folder out"
        )
