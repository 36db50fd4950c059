"""The methods that the tables compare, one row each: the paper's in several forms, and its controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regrep.errors import RegrepError


@dataclass(frozen=True)
class Method:
    """A way to train a network.

    Attributes:
        name: name in configs and tables.
        description: one line for people.
        colour: colour in all figures, from Okabe and Ito's palette as far as it goes.
        penalty: penalty on the latent, as named by :class:`regrep.EquivariantObjective`; None without one.
        weight: default weight of the penalty; None for the published weight of ``ours`` in the table.
        second_view: whether each sample also has a transformed view.
        latent_augmentation: whether the head is also trained on rho(g) E(x) by default.
        control: what replaces rho or the penalty, as named by :class:`regrep.EquivariantObjective`.
    """

    name: str
    description: str
    colour: str
    penalty: str | None = None
    weight: float | None = None
    second_view: bool = True
    latent_augmentation: bool = False
    control: str | None = None

    @property
    def is_control(self) -> bool:
        """Whether it is a control, which shows what other methods gain without equivariance."""
        return self.control is not None or (self.penalty is None and self.latent_augmentation)


_ROWS = (
    Method("cnn", "the network on one view per sample", "#6b6b6b", second_view=False),
    Method("cnn-augmented", "the same two views and updates as ours, without the penalty", "#0072b2"),
    Method("ours", "the paper's method: mean-squared penalty", "#d55e00", "mse"),
    # The scale of the relative penalty is 2 for unrelated latents, whatever the network.
    Method("ours-relative", "penalty divided by the variance of the latent", "#009e73", "relative", 0.1),
    Method("ours-whitened", "penalty on the whitened latent", "#b22222", "whitened", 0.3, latent_augmentation=True),
    Method("latent-augmented", "no penalty, but the head sees rho(g) E(x)", "#4b8bbe", latent_augmentation=True),
    Method("ours-permuted", "random permutations in place of rho", "#a0522d", "mse", control="permuted"),
    Method("ours-shuffled", "the elements of other samples in the penalty", "#7a7a00", "mse", control="shuffled"),
    Method("ours-shrunk", "the mean square of the latent as penalty", "#9467bd", "mse", control="shrunk"),
    Method(
        "ours-shuffled-latent-augmented",
        "as ours-shuffled, and the head sees rho(g) E(x)",
        "#c49c00",
        "mse",
        latent_augmentation=True,
        control="shuffled",
    ),
)

METHODS: dict[str, Method] = {row.name: row for row in _ROWS}
"""In the order of the tables."""


def check_method(method: str) -> None:
    """Raise unless the tables have the method.

    >>> check_method("curs")
    Traceback (most recent call last):
    regrep.errors.RegrepError: the methods are cnn, cnn-augmented, ours, ours-relative, ours-whitened, \
latent-augmented, ours-permuted, ours-shuffled, ours-shrunk, ours-shuffled-latent-augmented, got 'curs'
    """
    if method not in METHODS:
        raise RegrepError(f"the methods are {', '.join(METHODS)}, got {method!r}")


def weight_of(method: str, weight: float | None, published: float) -> float:
    """Weight of the penalty: the given one, else that of the method, else the published one of ``ours``.

    Raises:
        RegrepError: a weight for a method without a penalty.

    >>> weight_of("ours", None, published=2.0), weight_of("ours-relative", None, published=2.0)
    (2.0, 0.1)
    >>> weight_of("cnn", None, published=2.0)
    0.0
    """
    row = METHODS[method]
    if row.penalty is None:
        if weight:
            raise RegrepError(f"{method} has no penalty, got weight {weight}; choose the method ours or ours-relative")
        return 0.0
    if weight is not None:
        return weight
    return published if row.weight is None else row.weight


def augments_latent(config: Mapping[str, Any]) -> bool:
    """The setting ``latent_augmentation`` of a config; defaults to that of its method."""
    given = config["latent_augmentation"]
    return METHODS[config["method"]].latent_augmentation if given is None else bool(given)


def usual_augmentation(config: Mapping[str, Any]) -> bool | None:
    """Whether the method of a config trains the head on rho(g) E(x) by itself; None for an unknown method."""
    method = METHODS.get(str(config.get("method")))
    return method.latent_augmentation if method and "latent_augmentation" in config else None


def method_of(config: Mapping[str, Any]) -> str:
    """The name of a config's method in tables, beginning with the network unless it is the plain one.

    The name says if the network is averaged over the group at test time.

    >>> method_of({"method": "ours"}), method_of({"method": "cnn", "network": "scnn"})
    ('ours', 'scnn')
    >>> method_of({"method": "cnn-augmented", "network": "scnn"}), method_of({"method": "ours", "network": "scnn"})
    ('scnn-augmented', 'scnn + ours')
    >>> method_of({"method": "cnn-augmented", "averaged": True})
    'cnn-augmented, averaged'
    """
    method, network = str(config["method"]), config.get("network")
    if network is not None:
        method = network + method.removeprefix("cnn") if method.startswith("cnn") else f"{network} + {method}"
    return f"{method}, averaged" if config.get("averaged") else method
