"""Ready tasks of `regrep compare`, which are also templates: each file defines ``task``."""

from pathlib import Path

TASKS = {
    "demo": ("demo_digits.py", "the task digits with two weights, for `regrep demo`"),
    "digits": ("few_digits.py", "embedded digits under D4, 10 labels per class, the others unlabelled"),
    "digits-all": ("all_digits.py", "embedded digits under D4, all labels, more steps"),
    "polycubes": ("chiral_cubes.py", "polycubes under the 24 rotations of a cube, 20 labels per class"),
    "vectors": ("forces.py", "a regression with equivariant output: the force of charges, under D4"),
    "mnist": ("few_mnist.py", "MNIST's digits under D4, 30 labels per class (downloaded, or --data-dir)"),
    "ddmnist-c4": ("pairs_c4.py", "pairs of digits under C4 x C4, 1,000 labels (downloaded, or --data-dir)"),
    "ddmnist-d1": ("pairs_d1.py", "pairs of digits under D1 x D1, 1,000 labels (downloaded, or --data-dir)"),
    "ddmnist-d4": ("pairs_d4.py", "pairs of digits under D4 x D4, 10,000 labels (downloaded, or --data-dir)"),
}
"""File and one line of each, by name."""


def task_file(name: str) -> Path:
    """The file of a ready task."""
    return Path(__file__).with_name(TASKS[name][0])
