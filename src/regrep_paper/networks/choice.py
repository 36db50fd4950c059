"""The choice among the networks that a table compares."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep_paper.suggestions import repair
from regrep_paper.tables.catalogue import Entry

Network = TypeVar("Network", bound=EncoderHead)


def build(
    networks: Mapping[str, Callable[..., Network]], network: str, *options: Any, as_published: bool = False
) -> Network:
    """The network of that name, built with the options that its table takes; as published with its defects, if asked.

    Raises:
        RegrepError: the table has no such network, none of its defects is known, or a width or size is below 1.
        MissingExtraError: it is steerable, and the extra ``[baselines]`` is not installed.

    >>> build({"cnn": EncoderHead}, "ccn")
    Traceback (most recent call last):
    regrep.errors.RegrepError: this table has no network 'ccn'; did you mean cnn?
    """
    if network not in networks:
        raise RegrepError(f"this table has no network {network!r}; {repair(network, networks)}")
    signature = inspect.signature(networks[network])
    for name, value in signature.bind(*options).arguments.items():
        if not isinstance(value, str) and value < 1:
            raise RegrepError(f"the {name} of a network is at least 1, got {value}")
    if not as_published:
        return networks[network](*options)
    if "as_published" not in signature.parameters:
        raise RegrepError(f"the network {network} is as it was published; leave out network_as_published")
    return networks[network](*options, as_published=True)


def build_entry(entry: Entry, **options: int) -> EncoderHead:
    """The network of a table at the table's size, or with other values of the options of :meth:`Entry.sizes`.

    >>> from regrep_paper.tables.catalogue import entries
    >>> [sum(p.numel() for p in build_entry(e).parameters()) for e in entries("ddmnist") if not e.steerable]
    [33742, 33742, 33742, 33742, 33742, 33742]
    """
    networks = importlib.import_module(f"regrep_paper.networks.{entry.experiment}_builders").NETWORKS
    return build(networks, entry.network, *{**entry.sizes(), **options}.values())
