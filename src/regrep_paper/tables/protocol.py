"""How the runs of a comparison are trained and which of their weights count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from regrep.errors import RegrepError

Schedule = Literal["onecycle", "constant"]
Selection = Literal["last", "best"]


@dataclass(frozen=True)
class Protocol:
    """The protocol of a run.

    Attributes:
        schedule: schedule of the learning rate: ``onecycle`` rises to it over the first tenth of the steps and decays
            to 0 (cosine); ``constant`` is the paper's, with the decay per epoch of its code for SMOKE.
        recalibrate: re-estimate the statistics of batch normalisations from training batches before every evaluation
            that counts; their running means lag behind the weights.
        whole_batches: leave out an epoch's last batch if it is not full.
        selection: the weights to test: those of the ``last`` epoch, or of the ``best`` one on validation.
    """

    schedule: Schedule
    recalibrate: bool
    whole_batches: bool
    selection: Selection


PROTOCOLS = {
    "decaying": Protocol("onecycle", recalibrate=True, whole_batches=True, selection="last"),
    "published": Protocol("constant", recalibrate=False, whole_batches=False, selection="best"),
}
"""``decaying`` is used in our comparisons, ``published`` in the paper."""


BEFORE = "published"
"""Protocol of records that are older than the setting."""

OPTIONS = {name: name for name in ("schedule", "recalibrate", "whole_batches")} | {"selection": "select"}
"""Settings that change one part of a protocol, and the options of ``regrep fit`` that set them."""


def check_protocol(name: str) -> None:
    """Raise unless there is such a protocol.

    >>> check_protocol("papers")
    Traceback (most recent call last):
    regrep.errors.RegrepError: a protocol is decaying or published, got 'papers'
    """
    if name not in PROTOCOLS:
        raise RegrepError(f"a protocol is {' or '.join(PROTOCOLS)}, got {name!r}")


def protocol_in(config: Mapping[str, Any]) -> Protocol:
    """The protocol of a config.

    >>> protocol_in({"protocol": "decaying", "selection": "best"}).selection
    'best'
    """
    return protocol_of(config.get("protocol", BEFORE), **{name: config.get(name) for name in OPTIONS})


def protocol_of(name: str, **given: Any) -> Protocol:
    """A protocol by name, with some values replaced (None means not given).

    Raises:
        RegrepError: an unknown name or value.

    >>> protocol_of("published", schedule="onecycle", selection=None)
    Protocol(schedule='onecycle', recalibrate=False, whole_batches=False, selection='best')
    """
    check_protocol(name)
    chosen = replace(PROTOCOLS[name], **{key: value for key, value in given.items() if value is not None})
    for what, value, allowed in (
        ("schedule", chosen.schedule, get_args(Schedule)),
        ("select", chosen.selection, get_args(Selection)),
    ):
        if value not in allowed:
            raise RegrepError(f"{what} is {' or '.join(allowed)}, got {value!r}")
    return chosen
