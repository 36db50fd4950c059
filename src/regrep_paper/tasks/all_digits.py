"""The embedded digits in random poses, with all 797 training labels and enough steps for an equivariant latent."""

import dataclasses

import regrep
from regrep_paper.tasks import few_digits
from regrep_paper.tasks.few_digits import TEST, VALIDATION

x, y = few_digits.posed()
parts = slice(TEST + VALIDATION, None), slice(TEST, TEST + VALIDATION), slice(TEST)
train, validation, test = ((x[part], y[part]) for part in parts)

task = dataclasses.replace(
    few_digits.task,
    name="digits-all",
    data=regrep.comparison.Splits(train, validation, test),
    steps=2000,
)
