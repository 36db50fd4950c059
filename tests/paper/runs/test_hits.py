"""Hits of a record."""

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.hits import Hits


def test_damaged_hits_are_refused():
    whole = Hits(np.array([True, False, True]), np.array([[1], [2], [3]], dtype=np.uint32)).as_dict()
    for damage in ({"correct": "!"}, {"units": "AAAA"}, {"samples": None}):
        with pytest.raises(RegrepError, match="hits of a record cannot be read"):
            Hits.from_dict({**whole, **damage})
