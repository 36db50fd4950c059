"""The methods that the tables compare: ours in two forms, and its controls on the same network."""

from __future__ import annotations

from typing import Literal

from regrep.errors import RegrepError

Penalty = Literal["mse", "relative"]
Method = Literal["cnn", "cnn-augmented", "ours", "ours-relative"]

METHODS: dict[str, str] = {
    "cnn": "the network on one view per sample",
    "cnn-augmented": "the same two views and updates as ours, without the penalty",
    "ours": "the paper's method: mean-squared penalty",
    "ours-relative": "penalty divided by the variance of the latent",
}

RELATIVE_WEIGHT = 0.1
"""Of the relative penalty where none is given: its scale is 2 for unrelated latents whatever the network."""


def check_method(method: str) -> None:
    """Raise unless the tables know the method.

    >>> check_method("curs")
    Traceback (most recent call last):
    regrep.errors.RegrepError: the methods are cnn, cnn-augmented, ours, ours-relative, got 'curs'
    """
    if method not in METHODS:
        raise RegrepError(f"the methods are {', '.join(METHODS)}, got {method!r}")


def weight_of(method: Method, weight: float | None, published: float) -> float:
    """Weight of the penalty: the given one, or else the published one of ``ours``.

    Raises:
        RegrepError: a weight for a method without a penalty.

    >>> weight_of("ours", None, published=2.0), weight_of("cnn", None, published=2.0)
    (2.0, 0.0)
    """
    if method.startswith("cnn"):
        if weight:
            raise RegrepError(f"{method} has no penalty, got weight {weight}; choose the method ours or ours-relative")
        return 0.0
    if weight is not None:
        return weight
    return RELATIVE_WEIGHT if method == "ours-relative" else published


def penalty_of(method: Method) -> Penalty:
    """The penalty of a method, ``"mse"`` or ``"relative"``."""
    return "relative" if method == "ours-relative" else "mse"


def fraction_of(method: Method, fraction: float) -> float:
    """Part of the batch whose second view is made: none for ``cnn``."""
    return 0.0 if method == "cnn" else fraction
