"""Ready tasks of `regrep compare`, which are also templates: each file defines ``task``."""

from pathlib import Path

TASKS = {
    "digits": ("few_digits.py", "embedded digits under D4, 10 labels per class, the others unlabelled"),
    "polycubes": ("chiral_cubes.py", "polycubes under the 24 rotations of a cube, 20 labels per class"),
    "vectors": ("forces.py", "a regression with equivariant output: the force of charges, under D4"),
}
"""File and one line of each, by name."""


def task_file(name: str) -> Path:
    """The file of a ready task."""
    return Path(__file__).with_name(TASKS[name][0])
