"""Arrays that take seconds to compute, cached on disk under a name derived from their definition."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from regrep_paper.runs.arrays import DamagedArraysError, read_npz
from regrep_paper.runs.data_folder import data_folder
from regrep_paper.steerable.backend import steerable_library

Arrays = Mapping[str, np.ndarray]


def stored(kind: str, definition: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """The arrays that ``compute`` returns, read from disk if they were computed before.

    They are in the folder ``kernels`` inside the folder of downloads. Arrays of an unreadable file are recomputed.

    Args:
        kind: kind of the arrays, the beginning of the file's name.
        definition: everything they depend on other than the version of escnn; serialised as JSON.
        compute: may draw from the generators of numpy and torch, whose states are restored afterwards.

    Raises:
        MissingExtraError: escnn is not installed.
    """
    definition = {"escnn": steerable_library().__version__, **definition}
    key = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:32]
    path = data_folder() / "kernels" / f"{kind}-{key}.npz"
    with suppress(DamagedArraysError):
        return read_npz(path)
    with _own_randomness():
        arrays = compute()
    with suppress(OSError):  # a folder that cannot be written only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # none is named allow_pickle
        Path(file.name).replace(path)  # atomic, even if several processes write the same file
    return arrays


@contextmanager
def _own_randomness() -> Iterator[None]:
    """Solvers draw from numpy's and torch's generators; networks must not depend on whether a basis was stored."""
    state = np.random.get_state()  # noqa: NPY002
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002
