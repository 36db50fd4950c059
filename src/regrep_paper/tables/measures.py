"""What each experiment is called and measured by. The tables and figures follow from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One number of ``done.json``.

    Attributes:
        heading: of its column.
        split: the entry of ``done.json`` that holds it.
        metric: its name there.
        sign: 1 where more is better, -1 where less is, 0 where it is no contest.
        digits: after the point.
    """

    heading: str
    split: str
    metric: str
    sign: int = 0
    digits: int = 3

    def of(self, done: Mapping[str, Any] | None) -> float | None:
        """The number in a record, or None where there is none."""
        split = (done or {}).get(self.split)
        value = split.get(self.metric) if isinstance(split, Mapping) else None
        return float(value) if isinstance(value, (int, float)) else None


@dataclass(frozen=True)
class Experiment:
    """How the configs of an experiment become a table.

    Attributes:
        title: its name for people.
        selection: decides among tuned settings; never of the test split.
        results: what methods are compared by, the first above all; the paper's numbers stand beside them.
        others: further columns.
        task: settings that make another problem; configs that differ in them are never compared.
        baseline: the method that the others are compared with, seed by seed.
        tuned: settings that are chosen on validation; they name no row of their own.
        usual: values that a label leaves out.
        words: how a label spells a setting, where not by its name.
        factors: what the two parts of an element ``(g, h)`` move.
        learned: whether ρ itself is learned, so that its multiplicities are the result.
    """

    title: str
    selection: Measure = Measure("validation accuracy", "validation", "accuracy", 1)
    results: tuple[Measure, ...] = (Measure("test accuracy", "test", "accuracy", 1),)
    others: tuple[Measure, ...] = (
        Measure("relative error", "test", "relative_error"),
        Measure("latent scale", "test", "latent_scale"),
    )
    task: tuple[str, ...] = ("data", "group")
    baseline: str = "cnn-augmented"
    factors: tuple[str, str] = ("first factor", "second factor")
    learned: bool = False
    tuned: tuple[str, ...] = ("learning_rate", "weight")
    usual: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All columns of numbers, in order."""
        return (self.selection, *self.results, *self.others)


def _learned(title: str, *results: Measure) -> Experiment:
    """An experiment that learns ρ: nothing is tuned, and losses under other weights are no contest."""
    return Experiment(
        title=title,
        selection=Measure("validation loss", "validation", "loss", -1, 4),
        results=(Measure("test loss", "test", "loss", 0, 4), *results),
        others=(
            Measure("equivariance loss", "test", "equivariance", 0, 5),
            Measure("relative error", "test", "relative_error"),
            Measure("latent scale", "test", "latent_scale"),
        ),
        task=("data", "group", "latent"),
        tuned=(),
        usual={"frozen_encoder": False},
        words={"init": "{} initialisation"},
        learned=True,
    )


EXPERIMENTS = {
    "ddmnist": Experiment(
        title="DDMNIST",
        others=(
            Measure("upright accuracy", "test", "accuracy_upright"),
            Measure("relative error", "test", "relative_error"),
            Measure("latent scale", "test", "latent_scale"),
        ),
        task=(
            *("data", "group", "classes", "train_pairs", "validation_pairs", "test_pairs"),
            *("second_noise", "noise_as_published"),
        ),
        usual={"latent": 66},
        words={"latent": "{} channels"},
        factors=("left digit moved by", "right digit moved by"),
    ),
    "medmnist3d": Experiment(
        title="MedMNIST3D",
        results=(
            Measure("test accuracy", "test", "accuracy", 1),
            Measure("upright accuracy", "test", "accuracy_upright", 1),
        ),
        others=(
            Measure("AUC", "test", "auc"),
            Measure("upright AUC", "test", "auc_upright"),
            Measure("relative error", "test", "relative_error"),
            Measure("latent scale", "test", "latent_scale"),
        ),
        task=("data", "group", "size", "any_file", "per_class"),
        usual={"width": 6, "select": "moved", "any_file": False},
        words={"select": "epoch chosen on {} volumes"},
    ),
    "smoke": Experiment(
        title="SMOKE",
        selection=Measure("validation RMSE", "validation", "rmse", -1),
        results=(
            Measure("Future RMSE", "test", "future", -1),
            Measure("Domain RMSE", "test", "domain", -1),
        ),
        others=(
            Measure("Future RMSE, trained frames", "test", "future_short"),
            Measure("Domain RMSE, trained frames", "test", "domain_short"),
            Measure("relative error", "test", "relative_error"),
            Measure("latent scale", "test", "latent_scale"),
        ),
        task=("size", "group", "rollout", "horizon", "sampling", "splits_as_published"),
        usual={"width": 92, "layout": "grid"},
        words={"size": "{0} x {0}", "width": "{} channels", "layout": "layout {}"},
    ),
    "tmnist": _learned("TMNIST"),
    "mnist": _learned("MNIST"),
    "own": _learned("Own model", Measure("test accuracy", "test", "accuracy")),
    "cifar10": _learned("CIFAR10", Measure("test accuracy", "test", "accuracy")),
}
"""Experiments that differ from the default; an unknown one is measured by accuracy."""


def experiment(name: str) -> Experiment:
    """How an experiment is measured.

    >>> experiment("ddmnist").results[0].heading, experiment("something").title
    ('test accuracy', 'SOMETHING')
    """
    return EXPERIMENTS.get(name) or Experiment(title=name.upper())


def method_of(config: Mapping[str, Any]) -> str:
    """The name of a config's method in tables: that of its network first, where it has not the plain one.

    A network that is averaged over the group at test time says so.

    >>> method_of({"method": "ours"}), method_of({"method": "cnn", "network": "scnn"})
    ('ours', 'scnn')
    >>> method_of({"method": "cnn-augmented", "network": "scnn"}), method_of({"method": "ours", "network": "scnn"})
    ('scnn-augmented', 'scnn + ours')
    >>> method_of({"method": "cnn-augmented", "averaged": True})
    'cnn-augmented, averaged'
    """
    method, network = str(config["method"]), config.get("network")
    if network is not None:
        method = network + method.removeprefix("cnn") if method.startswith("cnn") else f"{network} + {method}"
    return f"{method}, averaged" if config.get("averaged") else method
