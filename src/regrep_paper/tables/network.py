"""A network of a table: who builds it, at which size, and what it is before training."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

PLAIN = "cnn"
"""The network without any symmetry, on which the paper's method is shown."""

WITHOUT, INVARIANT, EQUIVARIANT = "none", "invariant", "equivariant"
LEARNED = "until its likelihood learns otherwise"


@dataclass(frozen=True)
class Entry:
    """A network of a table, at the size that the paper's column of parameters belongs to.

    Attributes:
        experiment: whose configs it is a choice of.
        network: its name there, the setting ``network``.
        group: that it is built for; of the plain networks the one that acts on the data.
        latent: shape of one sample's latent.
        parameters: that are trained, without those of ``redundant``.
        builder: ``module:Class``, imported when it is built.
        sizes: what the builder takes, by name.
        symmetry: what it has before training.
        redundant: further parameters that the published code counts and that add no function: dependent elements of a
            kernel basis, normalisations that nothing applies.
        steerable: whether it needs the extra ``[baselines]``.
    """

    experiment: str
    network: str
    group: str
    latent: tuple[int, ...]
    parameters: int
    builder: str
    sizes: Mapping[str, Any]
    symmetry: str = WITHOUT
    redundant: int = 0
    steerable: bool = True

    @property
    def available(self) -> bool:
        """Whether what it needs is installed."""
        return not self.steerable or find_spec("escnn") is not None


def load(path: str) -> Any:
    """What ``module:name`` names.

    >>> load("regrep.errors:RegrepError").__name__
    'RegrepError'
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
