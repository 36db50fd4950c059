"""What a stabiliser chain may cost: numbers and steps to the last one, and blocks of any size."""

from itertools import islice

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep.groups import stabilizer_chain
from regrep.groups.stabilizer_chain import StabilizerChain, random_elements


def test_numbers_in_a_chain(monkeypatch):
    """Each level holds one permutation to every point of its orbit: all of them are counted, once."""
    steps = np.array([[1, 2, 3, 4, 5, 0, 6], [1, 0, 2, 3, 4, 5, 6], [0, 1, 2, 3, 4, 6, 5]])
    for given in (steps, steps[:1], steps[[0, 1, 1, 2]], np.array([[1, 0, 2, 3], [0, 1, 3, 2]])):
        chain = StabilizerChain(given)
        total = sum(len(level) for level in chain.levels) * given.shape[1]
        monkeypatch.setattr(stabilizer_chain, "CHAIN", total)
        assert StabilizerChain(given).order == chain.order
        assert StabilizerChain.of_levels(given.shape[1], chain.levels).order == chain.order
        monkeypatch.setattr(stabilizer_chain, "CHAIN", total - 1)
        said = f"at most {total - 1} numbers, but on {given.shape[1]} points"
        with pytest.raises(RegrepError, match=said):
            StabilizerChain(given)
        with pytest.raises(RegrepError, match=said):
            StabilizerChain.of_levels(given.shape[1], chain.levels)
        monkeypatch.setattr(stabilizer_chain, "CHAIN", 2**25)


def test_steps_to_a_chain(monkeypatch):
    steps = np.array([[1, 2, 3, 4, 5, 0], [1, 0, 2, 3, 4, 5]])
    work = StabilizerChain(steps)._work
    monkeypatch.setattr(stabilizer_chain, "CHAIN_WORK", work)
    assert StabilizerChain(steps).order == 720
    monkeypatch.setattr(stabilizer_chain, "CHAIN_WORK", work - 1)
    with pytest.raises(
        RegrepError, match=f"at most {work - 1} steps, but this group on 6 points, of order 720 or more"
    ):
        StabilizerChain(steps)


def test_levels_are_learned_in_small_blocks(monkeypatch):
    """Whatever is gathered at a time, the chain is verified in full: M11 by Schreier generators alone."""
    monkeypatch.setattr(StabilizerChain, "_learn_random", lambda self, steps: None)
    steps = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], [0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7]])
    for block in (1, 11, 25, 2**18):
        monkeypatch.setattr(stabilizer_chain, "BLOCK", block)
        assert StabilizerChain(steps).order == 7920


def test_random_elements_are_in_the_group_and_of_many_kinds():
    """Of M11: the first sixteen are already far from its two generators, and every point goes everywhere alike."""
    steps = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0], [0, 1, 6, 9, 5, 3, 10, 2, 8, 4, 7]], dtype=np.int32)
    first, *later = islice(random_elements(steps, 11), 120)
    assert first.shape == (stabilizer_chain.REPLICAS, 11)
    assert len(np.unique(first, axis=0)) > 12
    found = np.concatenate([first, *later])
    assert StabilizerChain(steps).contains(found).all()
    expected = len(found) / 11
    for point in range(11):
        counts = np.bincount(found[:, point], minlength=11)
        assert np.abs(counts - expected).max() < 5 * (expected * 10 / 11) ** 0.5
    assert len(np.unique(found, axis=0)) > 0.8 * len(found)
