"""Pairs of digits under C4 x C4, 1,000 labels."""

from regrep_paper.tasks.digit_pairs import pairs_task


def task(data_dir):
    """The task."""
    return pairs_task("C4", data_dir, labels=1000, steps=800, batch=64)
