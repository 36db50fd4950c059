"""The choice among the networks that a table compares."""

from __future__ import annotations

import inspect
from typing import Any

from regrep.errors import RegrepError
from regrep.nn import EncoderHead
from regrep_paper.suggestions import repair
from regrep_paper.tables import entries
from regrep_paper.tables.network import Entry, load

WIDEST = 10**6
"""Largest size of a network that is tried."""


def build(experiment: str, network: str, as_published: bool = False, **options: Any) -> EncoderHead:
    """A network of an experiment's table, by name.

    Args:
        experiment: name of the experiment.
        network: name of the network in its table.
        as_published: build it with the defects of its published form.
        options: replace the sizes of its entry.

    Raises:
        RegrepError: the table has no such network, it has no known defects, or a width or size is not from 1 to 10⁶.
        MissingExtraError: it is steerable and the extra ``[baselines]`` is not installed.

    >>> build("ddmnist", "ccn")
    Traceback (most recent call last):
    regrep.errors.RegrepError: this table has no network 'ccn'; did you mean cnn?
    """
    listed = {entry.network: entry for entry in entries(experiment)}
    if network not in listed:
        raise RegrepError(f"this table has no network {network!r}; {repair(network, listed)}")
    return build_entry(listed[network], as_published, **options)


def build_entry(entry: Entry, as_published: bool = False, **options: Any) -> EncoderHead:
    """The network of an entry, with its sizes or with other values of them.

    An option that only other networks of the table take, such as a group, is ignored.

    Raises:
        TypeError: no network of the table takes an option.

    >>> [sum(p.numel() for p in build_entry(e).parameters()) for e in entries("ddmnist") if not e.steerable]
    [33742, 33742, 33742, 33742, 33742, 33742]
    """
    known = {name for other in entries(entry.experiment) for name in other.sizes}
    if unknown := options.keys() - known:
        raise TypeError(f"networks of {entry.experiment} take {', '.join(sorted(known))}, got {', '.join(unknown)}")
    for name, value in options.items():
        if not isinstance(value, str) and not 1 <= value <= WIDEST:
            end = "least 1" if value < 1 else f"most {WIDEST}"
            raise RegrepError(f"the {name} of a network is at {end}, got {value}")
    builder = load(entry.builder)
    takes = inspect.signature(builder).parameters
    used = {name: value for name, value in {**entry.sizes, **options}.items() if name in takes}
    if as_published:
        if "as_published" not in takes:
            raise RegrepError(
                f"the network {entry.network} has no other published form; leave out network_as_published"
            )
        used["as_published"] = True
    network: EncoderHead = builder(**used)
    return network
