"""Embedded digits with two weights for every arm, so that a comparison takes minutes."""

import dataclasses

from regrep_paper.tasks import few_digits

task = dataclasses.replace(few_digits.task, name="demo", weights=(0.3, 1.0))
