"""The choice among the networks that a table compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from regrep.errors import RegrepError
from regrep.suggestions import repair
from regrep.training.module import EncoderHead

PLAIN = "cnn"
"""The network without any symmetry, on which the paper's method is shown."""


Network = TypeVar("Network", bound=EncoderHead)


def build(networks: Mapping[str, Callable[..., Network]], network: str, *options: Any) -> Network:
    """The network of that name, built with the options that its table takes.

    Raises:
        RegrepError: the table has no such network.
        MissingExtraError: it is steerable, and the extra ``[baselines]`` is not installed.

    >>> build({"cnn": EncoderHead}, "ccn")
    Traceback (most recent call last):
    regrep.errors.RegrepError: this table has no network 'ccn'; did you mean cnn?
    """
    if network not in networks:
        raise RegrepError(f"this table has no network {network!r}; {repair(network, networks)}")
    return networks[network](*options)


def named(network: str) -> dict[str, str]:
    """What a cell says of its network: nothing of the plain one, so that its records stay those of older runs.

    >>> named("scnn"), named("cnn")
    ({'network': 'scnn'}, {})
    """
    return {} if network == PLAIN else {"network": network}
