"""A network of a table: its builder, its size, and its symmetry before training."""

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
    """A network of a table, at the size to which the paper's parameter count belongs.

    Attributes:
        experiment: the experiment in whose configs it can be chosen.
        network: its name, the value of the setting ``network``.
        group: the group it is built for; for plain networks the one that acts on the data.
        latent: shape of one sample's latent.
        parameters: number of trained parameters, without ``redundant``.
        builder: ``module:Class``, imported when it is built.
        sizes: arguments of the builder, by name.
        symmetry: its symmetry before training.
        redundant: further parameters that the published code counts but that have no effect: dependent elements of a
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
        """Whether its dependencies are installed."""
        return not self.steerable or find_spec("escnn") is not None


def load(path: str) -> Any:
    """The object named by ``module:name``.

    >>> load("regrep.errors:RegrepError").__name__
    'RegrepError'
    """
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)
