"""Pairs of digits under D1 x D1, 1,000 labels."""

from regrep_paper.tasks.digit_pairs import pairs_task


def task(data_dir):
    """The task."""
    return pairs_task("D1", data_dir, labels=1000, steps=800, batch=64)
