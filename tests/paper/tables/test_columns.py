"""How runs become rows: what is one problem, what a label says, what headings call it."""

import pytest

from regrep_paper.tables.index import DEFINITIONS, definition_of, resolved

PROBLEMS = {
    "ddmnist": ["data", "group", "classes", "train_pairs", "validation_pairs", "test_pairs", "second_noise",
                "noise_as_published"],
    "medmnist3d": ["data", "group", "size", "any_file", "per_class"],
    "smoke": ["size", "group", "rollout", "horizon", "sampling", "splits_as_published"],
    "single-digits": ["data", "group", "labels"],
    **{name: ["data", "group", "latent"] for name in ("tmnist", "mnist", "cifar10")},
}  # fmt: skip
"""What makes two runs of an experiment runs of one problem: only those are ever compared."""


@pytest.mark.parametrize("experiment", PROBLEMS)
def test_methods_are_compared_on_one_problem(experiment):
    columns = definition_of(experiment).columns
    assert list(columns.task) == PROBLEMS[experiment]
    assert columns.baseline == "cnn-augmented"


@pytest.mark.parametrize(
    ("experiment", "setting", "value", "words"),
    [
        ("ddmnist", "latent", 66, ""),
        ("ddmnist", "latent", 70, "70 channels"),
        ("ddmnist", "latent_augmentation", False, ""),
        ("ddmnist", "latent_augmentation", True, "latent augmentation"),
        ("medmnist3d", "width", 6, ""),
        ("medmnist3d", "width", 8, "width 8"),
        ("medmnist3d", "any_file", False, ""),
        ("medmnist3d", "any_file", True, "any file"),
        ("medmnist3d", "select", "moved", ""),
        ("medmnist3d", "select", "upright", "epoch chosen on upright volumes"),
        ("smoke", "width", 92, ""),
        ("smoke", "width", 48, "48 channels"),
        ("smoke", "layout", "grid", ""),
        ("smoke", "layout", "both", "layout both"),
        ("smoke", "size", 64, "64 x 64"),
        ("single-digits", "latent", 64, ""),
        ("single-digits", "latent", 32, "latent 32"),
        ("single-digits", "latent_augmentation", False, ""),
        ("single-digits", "latent_augmentation", True, "latent augmentation"),
        ("single-digits", "labels", None, "all labels"),
        ("single-digits", "labels", 30, "30 labels per class"),
        *((name, "init", "identity", "identity initialisation") for name in ("tmnist", "mnist", "cifar10")),
        *((name, "frozen_encoder", False, "") for name in ("tmnist", "mnist", "cifar10")),
        *((name, "frozen_encoder", True, "frozen encoder") for name in ("tmnist", "mnist", "cifar10")),
    ],
)
def test_settings_in_labels_of_rows(experiment, setting, value, words):
    """What a label leaves out is what most runs have."""
    config = {**resolved({"experiment": experiment}), setting: value}
    assert definition_of(experiment).columns.worded(setting, value, config) == words


def test_titles_and_what_parts_of_an_element_move():
    titles = {name: one.columns.title for name, one in DEFINITIONS.items()}
    assert titles == {
        "ddmnist": "DDMNIST", "medmnist3d": "MedMNIST3D", "smoke": "SMOKE", "single-digits": "Single digits",
        "tmnist": "TMNIST", "mnist": "MNIST", "cifar10": "CIFAR10", "own": "Own model",
    }  # fmt: skip
    digits = ("left digit transformed by", "right digit transformed by")
    for name, one in DEFINITIONS.items():
        assert one.columns.factors == (digits if name == "ddmnist" else ("first factor", "second factor"))
    own = DEFINITIONS["own"].columns
    assert [one.metric for one in own.measures[:3]] == ["loss", "loss", "accuracy"]
    assert own.learned
    assert not own.tuned
