"""Table 4: networks and methods on DDMNIST, under C4, D1 and D4 (section 6.1, appendix C.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regrep.errors import RegrepError
from regrep_paper.tables.columns import LATENT, Experiment, Measure
from regrep_paper.tables.definition import Definition
from regrep_paper.tables.methods import METHODS, augments_latent, check_method, usual_augmentation, weight_of
from regrep_paper.tables.network import INVARIANT, LEARNED, PLAIN, WITHOUT, Entry
from regrep_paper.tables.protocol import protocol_in
from regrep_paper.tables.published import PaperTable, parse_entries
from regrep_paper.tables.setting import Setting, of_data, of_model, of_run

GROUPS = ("C4", "D1", "D4")
"""Groups of Table 8; each acts independently on both digits, as G x G."""

PLAIN_RATE = {"C4": 5e-4, "D1": 1e-3, "D4": 5e-4}
"""Learning rate of the plain network on one view (Table 9)."""

OURS_RATE = {"C4": 1e-3, "D1": 1e-3, "D4": 5e-4}
"""Learning rate of ours and of the controls with two views, so that only the penalty differs."""

ONE_CYCLE_RATE = 2e-3
"""Peak rate of a schedule that rises and decays, for every network and method; not from the paper."""

COMPETITORS = 5e-4
"""Learning rate of all other networks, from their published code."""

WEIGHT = {"C4": 2.0, "D1": 1.0, "D4": 1.0}
"""Weight of the mean-squared penalty (Table 9)."""


def check_group(name: str) -> None:
    """Raise unless the table has the group.

    >>> check_group("S3")
    Traceback (most recent call last):
    regrep.errors.RegrepError: the groups of DDMNIST are C4, D1, D4, got 'S3'
    """
    if name not in GROUPS:
        raise RegrepError(f"the groups of DDMNIST are {', '.join(GROUPS)}, got {name!r}")


def rate(config: Mapping[str, Any]) -> float:
    """Learning rate of a config."""
    if config["learning_rate"] is not None:
        return float(config["learning_rate"])
    if protocol_in(config).schedule == "onecycle":
        return ONE_CYCLE_RATE
    if config["network"] != PLAIN:
        return COMPETITORS
    rates = OURS_RATE if METHODS[config["method"]].second_view else PLAIN_RATE
    return rates[config["group"]]


def weight(config: Mapping[str, Any]) -> float:
    """Weight of the penalty of a config."""
    return weight_of(config["method"], config["weight"], WEIGHT[config["group"]])


def _networks(
    network: str,
    builder: str,
    parameters: tuple[int, int, int],
    symmetry: str = WITHOUT,
    redundant: tuple[int, int, int] = (0, 0, 0),
    latent: int = 48,
    steerable: bool = True,
) -> tuple[Entry, ...]:
    """A network for each group; the paper's parameter counts, except that of the plain network, are for 48 channels."""
    return tuple(
        Entry(
            *("ddmnist", network, group, (latent,), count, f"regrep_paper.networks.{builder}"),
            {"group": group, "latent": latent, "classes": 100},
            *(symmetry, more, steerable),
        )
        for group, count, more in zip(GROUPS, parameters, redundant, strict=True)
    )


DEFINITION = Definition(
    name="ddmnist",
    model="regrep_paper.experiments.ddmnist:DDMNIST",
    data="regrep_paper.data.double_digits:DoubleDigits",
    settings=(
        Setting("group", "data.group", "D4", also="model.group", check=check_group),
        Setting("method", "model.method", "ours", check=check_method),
        *of_model(
            latent=66,
            copies=None,
            learning_rate=rate,
            weight=weight,
            fraction=1.0,
            latent_augmentation=augments_latent,
            as_published=False,
        ),
        Setting("one_sided", "model.one_sided", False, quiet=True),
        Setting("classes", "data.classes", 10, also="model.classes"),
        Setting("network", "model.network", PLAIN, quiet=True),
        Setting("data", "data.source", "digits"),
        *of_data(batch_size=256, train_pairs=100, validation_pairs=20, test_pairs=200, second_noise=False),
        Setting("noise_as_published", "data.as_published", False),
        *of_run(
            epochs=50, model=True
        ),  # of the original code; section 6.1 says that all other hyper-parameters match it
    ),
    columns=Experiment(
        title="DDMNIST",
        others=(
            Measure("upright accuracy", "test", "accuracy_upright"),
            *LATENT,
        ),
        task=(
            *("data", "group", "classes", "train_pairs", "validation_pairs", "test_pairs"),
            *("second_noise", "noise_as_published"),
        ),
        usual={"latent": 66, "latent_augmentation": usual_augmentation},
        words={"latent": "{} channels"},
        factors=("left digit transformed by", "right digit transformed by"),
    ),
    # Test accuracy by group; every model is trained on augmented data.
    paper=PaperTable(
        name="Table 4",
        entries=parse_entries(
            "C4                 D1                 D4",
            {
                "CNN": "        .907 .004 0.03     .938 .006 0.03     .800 .001 0.03",
                "SCNN": "       .484 .008 0.12     .474 .003 0.03     .431 .010 0.15",
                "Restriction": ".914 .007 0.12     .890 .007 0.33     .837 .020 0.17",
                "RPP": "        .908 .022 0.79     .903 .009 0.08     .827 .020 1.73",
                "PSCNN": "      .909 .007 0.51     .871 .016 0.04     .842 .011 1.23",
                "Ours": "       .915 .004 0.03     .947 .004 0.03     .868 .002 0.03",
            },
        ),
        rows={
            **{"cnn-augmented": "CNN", "ours": "Ours"},
            **{"scnn": "SCNN", "restriction": "Restriction", "rpp": "RPP", "pscnn": "PSCNN"},
        },
        columns="group",
        conditions={"data": "mnist", "classes": 10, "latent": 66},
    ),
    networks=(
        *_networks(PLAIN, "double_digit_cnn:DoubleDigitCNN", (33_742,) * 3, latent=66, steerable=False),
        *_networks("scnn", "scnn:SCNN", (116_632, 28_132, 145_636), INVARIANT),
        *_networks(
            "restriction", "restriction:Restriction", (124_192, 33_316, 169_828), "equivariant up to the fourth block"
        ),
        *_networks("rpp", "rpp:RPP", (793_696, 78_340, 1_733_404)),
        *_networks(
            "pscnn", "pscnn:PSCNN", (447_496, 38_596, 1_040_332), f"{INVARIANT} {LEARNED}", (61_920, 0, 185_760)
        ),
        *_networks("projection", "projected_cnns:ProjectionDoubleDigitCNN", (33_742,) * 3, latent=66, steerable=False),
    ),
)

DEFAULTS = DEFINITION.defaults
"""Defaults of the settings; None if the default depends on other settings."""
