"""The study on single digits: penalties and their controls, with all labels and with few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.tables.columns import Experiment, Measure
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.methods import augments_latent, check_method, usual_augmentation, weight_of
from regrep_paper.tables.network import PLAIN, Entry
from regrep_paper.tables.setting import Setting, of_data, of_model, of_run

GROUPS = ("C2", "C4", "D1", "D2", "D4")
"""Groups of the square."""

WEIGHT = 1.0
"""Weight of the mean-squared penalty."""


def check_group(name: str) -> None:
    """Raise unless the group acts on square pictures.

    >>> check_group("S3")
    Traceback (most recent call last):
    regrep.errors.RegrepError: the groups of single digits are C2, C4, D1, D2, D4, got 'S3'
    """
    if name not in GROUPS:
        raise RegrepError(f"the groups of single digits are {', '.join(GROUPS)}, got {name!r}")


def weight(config: Mapping[str, Any]) -> float:
    """Weight of the penalty of a config."""
    return weight_of(config["method"], config["weight"], WEIGHT)


DEFINITION = Definition(
    name="single-digits",
    model="regrep_paper.experiments.single_digits:SingleDigits",
    data="regrep_paper.data.labelled_digits:LabelledDigits",
    settings=(
        Setting("group", "data.group", "D4", also="model.group", check=check_group),
        Setting("method", "model.method", "ours", check=check_method),
        *of_model(
            latent=64,
            copies=None,
            learning_rate=0.002,
            weight=weight,
            fraction=1.0,
            latent_augmentation=augments_latent,
        ),
        Setting("network", "model.network", PLAIN, quiet=True),
        Setting("data", "data.source", "digits"),
        *of_data(batch_size=128, labels=None),
        *of_run(epochs=30),
    ),
    columns=Experiment(
        title="Single digits",
        others=(
            Measure("through rho", "test", "through_rho"),
            Measure("whitened error", "test", "whitened_error"),
            Measure("moving share", "test", "moving_share"),
            Measure("upright accuracy", "test", "accuracy_upright"),
        ),
        task=("data", "group", "labels"),
        usual={"latent": 64, "latent_augmentation": usual_augmentation},
        words={"labels": lambda n: "all labels" if n is None else f"{n} labels per class", "latent": "latent {}"},
    ),
    networks=(
        Entry(
            *("single-digits", PLAIN, "D4", (64,), 89_898, "regrep_paper.networks.single_digit_cnn:SingleDigitCNN"),
            {"latent": 64, "classes": 10},
            steerable=False,
        ),
    ),
)

DEFAULTS = DEFINITION.defaults
"""Defaults of the settings; None if the default depends on other settings."""
