"""Tables 1 to 3 and 7: experiments that learn the representation of a latent (section 4, appendix B)."""

from __future__ import annotations

from typing import Any

from regrep_paper.tables.columns import LATENT, Experiment, Measure
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.published import PaperRuns
from regrep_paper.tables.setting import Setting, of_data, of_model, of_run

ACCURACY = Measure("test accuracy", "test", "accuracy")


def _columns(title: str, *results: Measure) -> Experiment:
    """Nothing is tuned, and methods are not ranked by losses, which depend on the weights."""
    return Experiment(
        title=title,
        selection=Measure("validation loss", "validation", "loss", -1, 4),
        results=(Measure("test loss", "test", "loss", 0, 4), *results),
        others=(
            Measure("equivariance loss", "test", "equivariance", 0, 5),
            *LATENT,
        ),
        task=("data", "group", "latent"),
        tuned=(),
        usual={"frozen_encoder": False},
        words={"init": "{} initialisation"},
        learned=True,
    )


def _settings(group: str, *data: Setting, **table7: Any) -> tuple[Setting, ...]:
    """A row of Table 7, the initialisation of its representation, and the settings of its data."""
    return (
        Setting("group", None, group),
        Setting("method", None, "learned"),
        *of_model(**table7, learning_rate=0.003, noise=0.3, frozen_encoder=False),
        *data,
        # The published code stops after ten epochs without improvement (the option patience). The networks are small,
        # and a lower precision would hide how well the relations hold.
        *of_run(epochs=90, precision="32-true", protocol="published"),
    )


TMNIST = Definition(
    name="tmnist",
    model="regrep_paper.experiments.learning:TMNIST",
    data="regrep_paper.data.glyphs:GlyphPairs",
    settings=_settings(
        "C2",
        *of_data(font_a=None, font_b=None, batch_size=64),
        *of_data(train_samples=10000, validation_samples=1000, test_samples=1000, identity=True),
        **{"latent": 42, "init": "uniform", "algebra_weight": 1.0, "output_weight": 0.025, "latent_weight": 0.475},
    ),
    reads_files=False,
    columns=_columns("TMNIST"),
    runs=PaperRuns("Table 1", "C2", ("A", "B"), ((22, 20), (21, 21), (22, 20), (21, 21), (21, 21))),
)

MNIST = Definition(
    name="mnist",
    model="regrep_paper.experiments.learning:MNIST",
    data="regrep_paper.data.turned_digits:TurnedDigits",
    settings=_settings(
        "D3",
        Setting("data", "data.source", "digits"),
        *of_data(batch_size=64, augment=True, identity=True, angle=120.0),
        **{"latent": 30, "init": "orthogonal", "algebra_weight": 0.5, "output_weight": 0.495, "latent_weight": 0.005},
    ),
    columns=_columns("MNIST"),
    runs=PaperRuns(
        "Table 2",
        "D3",
        ("A1", "A2", "E"),
        (
            (5.017, 4.992, 9.99),
            (6.471, 4.752, 9.39),
            (5.004, 4.193, 10.40),
            (4.960, 4.928, 10.06),
            (5.021, 4.990, 9.99),
        ),
    ),
)

CIFAR10 = Definition(
    name="cifar10",
    model="regrep_paper.experiments.learning:CIFAR10",
    data="regrep_paper.data.turned_images:TurnedImages",
    settings=_settings(
        "C4",
        *of_data(batch_size=64, train_images=None, identity=True),
        **{"latent": 64, "init": "orthogonal+noise", "algebra_weight": 1.0, "output_weight": 0.25},
        latent_weight=0.25,
    ),
    columns=_columns("CIFAR10", ACCURACY),
    # It counts eigenvalues: A is those at 1, B those at −1, E the pairs i, −i.
    runs=PaperRuns(
        "Table 3",
        "C4",
        ("1", "i", "−1", "−i", "A", "B", "E"),
        tuple(
            (*counts, counts[0], counts[2], (counts[1] + counts[3]) / 2)
            for counts in ((16, 16, 16, 16),) * 2 + ((15, 17, 15, 17), (16, 16, 16, 16), (16, 15, 18, 15))
        ),
    ),
)

OWN = Definition(name="own", columns=_columns("Own model", ACCURACY))
"""Runs of a user's own model, which only its code can build; see :func:`regrep_paper.experiments.own.learn`."""

DEFINITIONS = (TMNIST, MNIST, CIFAR10, OWN)
