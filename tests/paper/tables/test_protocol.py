"""Protocols and their settings."""

from dataclasses import replace

import pytest

from regrep.errors import RegrepError
from regrep_paper.tables.protocol import PROTOCOLS, protocol_of


def test_a_protocol_is_known_by_name():
    assert protocol_of("decaying", schedule="constant") == replace(PROTOCOLS["decaying"], schedule="constant")
    with pytest.raises(RegrepError, match="a protocol is decaying or published, got 'papers'"):
        protocol_of("papers")
    with pytest.raises(RegrepError, match="select is last or best, got 'first'"):
        protocol_of("decaying", selection="first")
    with pytest.raises(RegrepError, match="schedule is onecycle or constant, got 'cosine'"):
        protocol_of("decaying", schedule="cosine")
