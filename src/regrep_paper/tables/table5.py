"""The published settings of Table 5's configs (Table 10), and the sources of volumes."""

from __future__ import annotations

from typing import Literal

from regrep.errors import RegrepError

VolumeSource = Literal["polycubes", "organ", "nodule", "adrenal", "fracture", "vessel", "synapse"]
"""Generated volumes, or a set of MedMNIST3D."""

CLASSES = {"polycubes": 12, "organ": 11, "nodule": 2, "adrenal": 2, "fracture": 3, "vessel": 2, "synapse": 2}
"""Sources and their numbers of classes."""

LEARNING_RATE = {"nodule": 5e-5}
"""The same for all methods; 1e-4 for synapse and organ, and for the sets that the paper leaves out."""

WEIGHT = {"organ": 2.0}
"""Of the mean-squared penalty; 1 for all others."""


def default_rate(source: VolumeSource) -> float:
    """Learning rate of a config.

    >>> default_rate("nodule"), default_rate("organ")
    (5e-05, 0.0001)
    """
    return LEARNING_RATE.get(source, 1e-4)


def default_weight(source: VolumeSource) -> float:
    """Weight of the mean-squared penalty.

    >>> default_weight("organ"), default_weight("synapse")
    (2.0, 1.0)
    """
    return WEIGHT.get(source, 1.0)


def classes_of(source: VolumeSource) -> int:
    """Number of classes of a source.

    >>> classes_of("organ"), classes_of("polycubes")
    (11, 12)
    """
    if source not in CLASSES:
        raise RegrepError(f"volumes come from {', '.join(CLASSES)}, got {source!r}")
    return CLASSES[source]
