"""Pairs of digits under D4 x D4, 10,000 labels: those of the paper, and none without."""

from regrep_paper.tasks.digit_pairs import pairs_task


def task(data_dir):
    """The task."""
    return pairs_task("D4", data_dir, labels=10_000, steps=1000, batch=128, unlabelled=0)
