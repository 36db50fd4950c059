"""The folder of downloads and of results that are computed once."""

from __future__ import annotations

import os
from pathlib import Path

from regrep.errors import MissingExtraError

FOLDER_VARIABLE = "REGREP_DATA_DIR"
"""Environment variable that names the folder of all downloads."""


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
