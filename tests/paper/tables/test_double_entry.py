"""Numbers and settings of the tables, entered a second time from the paper and its published code."""

import re

import pytest

from regrep_paper.tables.columns import Experiment, Measure
from regrep_paper.tables.index import DEFINITIONS, definition_of, entries, published, resolved
from regrep_paper.tables.methods import METHODS, method_of, usual_augmentation
from regrep_paper.tables.network import PLAIN
from regrep_paper.tables.workload import samples, work

TABLES = {
    "ddmnist": """
        cnn-augmented 0.907 (0.004) 0.03  0.938 (0.006) 0.03  0.800 (0.001) 0.03
        scnn          0.484 (0.008) 0.12  0.474 (0.003) 0.03  0.431 (0.010) 0.15
        restriction   0.914 (0.007) 0.12  0.890 (0.007) 0.33  0.837 (0.020) 0.17
        rpp           0.908 (0.022) 0.79  0.903 (0.009) 0.08  0.827 (0.020) 1.73
        pscnn         0.909 (0.007) 0.51  0.871 (0.016) 0.04  0.842 (0.011) 1.23
        ours          0.915 (0.004) 0.03  0.947 (0.004) 0.03  0.868 (0.002) 0.03""",
    "medmnist3d": """
        cnn           0.873 (0.005)  0.716 (0.008)  0.920 (0.003)  00.19
        cnn-augmented 0.879 (0.007)  0.761 (0.008)  0.632 (0.005)  00.19
        scnn-so3      0.873 (0.002)  0.738 (0.009)  0.607 (0.006)  00.13
        rpp-so3       0.801 (0.003)  0.695 (0.037)  0.936 (0.002)  18.30
        pscnn-so3     0.871 (0.001)  0.770 (0.030)  0.902 (0.006)  04.17
        scnn-o3       0.868 (0.009)  0.743 (0.004)  0.902 (0.006)  00.19
        rpp-o3        0.810 (0.013)  0.722 (0.023)  0.940 (0.006)  29.30
        pscnn-o3      0.873 (0.008)  0.769 (0.005)  0.905 (0.004)  03.51
        ours          0.887 (0.005)  0.770 (0.002)  0.642 (0.056)  00.19""",
    "smoke": """
        cnn           0.81 (0.01)  0.63 (0.00)  0.25
        cnn-augmented 0.83 (0.03)  0.67 (0.06)  0.25
        mlp           1.38 (0.06)  1.34 (0.03)  8.33
        e2cnn         1.05 (0.06)  0.76 (0.02)  0.62
        rpp           0.96 (0.10)  0.82 (0.01)  4.36
        lift          0.82 (0.01)  0.73 (0.02)  3.32
        rgroup        0.82 (0.01)  0.73 (0.02)  1.88
        rsteer        0.80 (0.00)  0.67 (0.01)  5.60
        pscnn         0.77 (0.01)  0.57 (0.00)  3.12
        ours          0.78 (0.01)  0.61 (0.01)  0.25""",
}
"""Tables 4 to 6 as printed: mean, deviation, millions of parameters."""

COLUMNS = {
    "ddmnist": [({"group": group}, "accuracy") for group in ("C4", "D1", "D4")],
    "medmnist3d": [({"data": data}, "accuracy_upright") for data in ("nodule", "synapse", "organ")],
    "smoke": [({}, "future"), ({}, "domain")],
}
PROBLEM = {
    "ddmnist": {"data": "mnist", "classes": 10, "latent": 66},
    "medmnist3d": {"size": 28, "any_file": False},
    "smoke": {"group": "C4", "size": 64, "width": 92, "horizon": 20},
}


@pytest.mark.parametrize("experiment", TABLES)
def test_published_numbers(experiment):
    lines = TABLES[experiment].split("\n")[1:]
    for line in lines:
        name, *_ = line.split()
        means, deviations = (re.findall(pattern, line) for pattern in (r"([\d.]+) \(", r"\(([\d.]+)\)"))
        sizes = re.findall(r"(?<=\) )\s*([\d.]+)(?=\s|$)(?! \()", line)
        sizes = sizes if len(sizes) == len(means) else sizes[-1:] * len(means)
        method = {"method": name} if name in METHODS else {"method": "cnn", "network": name}
        for (part, metric), *numbers in zip(COLUMNS[experiment], means, deviations, sizes, strict=True):
            config = {"experiment": experiment, **PROBLEM[experiment], **part, **method}
            assert published(config, metric) == tuple(map(float, numbers)), (name, part)
            for key, value in PROBLEM[experiment].items():
                assert published({**config, key: f"other than {value}"}, metric) is None
            assert published(config, "loss") is None
    table = DEFINITIONS[experiment].paper
    assert len(table.entries) == len(lines) * len(COLUMNS[experiment])
    assert len(table.models) == len(table.rows) == len(lines)
    assert set(table.models) == set(table.rows.values())
    assert len(table.headings) == len(COLUMNS[experiment])


@pytest.mark.parametrize(
    ("experiment", "group", "columns", "text"),
    [
        ("tmnist", "C2", "A B", "22 20, 21 21, 22 20, 21 21, 21 21"),
        (
            *("mnist", "D3", "A1 A2 E"),
            "5.017 4.992 9.99, 6.471 4.752 9.39, 5.004 4.193 10.40, 4.960 4.928 10.06, 5.021 4.990 9.99",
        ),
        ("cifar10", "C4", "1 i −1 −i", "16 16 16 16, 16 16 16 16, 15 17 15 17, 16 16 16 16, 16 15 18 15"),
    ],
)
def test_runs_that_the_paper_learned(experiment, group, columns, text):
    runs = DEFINITIONS[experiment].runs
    lines = [[float(number) for number in line.split()] for line in text.split(",")]
    count = len(columns.split())
    assert runs.group == group
    assert list(runs.columns[:count]) == columns.split()
    assert [list(line[:count]) for line in runs.lines] == lines
    if experiment == "cifar10":  # characters at 1, i, -1, -i: eigenvalues 1 are A, -1 are B, a pair is one E
        assert runs.columns[count:] == ("A", "B", "E")
        assert [line[count:] for line in runs.lines] == [(a, b, (i + j) / 2) for a, i, b, j in lines]


RUN = {"seed": 0, "patience": None}
LEARNED = {
    "method": "learned", "learning_rate": 0.003, "noise": 0.3, "frozen_encoder": False, "batch_size": 64, "epochs": 90,
    "precision": "32-true", "protocol": "published", "identity": True,
}  # fmt: skip
DEFAULTS = {
    "ddmnist": {
        "group": "D4", "method": "ours", "latent": 66, "copies": None, "learning_rate": 0.002, "weight": 1.0,
        "fraction": 1.0, "latent_augmentation": False, "as_published": False, "classes": 10, "data": "digits",
        "batch_size": 256, "train_pairs": 100, "validation_pairs": 20, "test_pairs": 200, "second_noise": False,
        "noise_as_published": False, "epochs": 50, "protocol": "decaying",
    },
    "medmnist3d": {
        "group": "O", "method": "ours", "width": 6, "copies": None, "learning_rate": 0.001, "weight": 1.0,
        "fraction": 1.0, "select": "moved", "data": "polycubes", "size": 28, "any_file": False, "per_class": None,
        "batch_size": 32, "epochs": 150, "protocol": "decaying",
    },
    "smoke": {
        "group": "C4", "method": "ours", "learning_rate": 0.001, "weight": 0.005, "layout": "grid", "width": 92,
        "fraction": 1.0, "latent_augmentation": False, "weight_decay": 0.0004, "decay": 0.95, "size": 32,
        "batch_size": 16, "rollout": 6, "horizon": 20, "sampling": "centres", "splits_as_published": False,
        "epochs": 100, "protocol": "published",
    },
    "single-digits": {
        "group": "D4", "method": "ours", "latent": 64, "copies": None, "learning_rate": 0.002, "weight": 1.0,
        "fraction": 1.0, "latent_augmentation": False, "data": "digits", "batch_size": 128, "labels": None,
        "epochs": 30, "protocol": "decaying",
    },
    "tmnist": {
        **LEARNED, "group": "C2", "latent": 42, "init": "uniform", "algebra_weight": 1.0, "output_weight": 0.025,
        "latent_weight": 0.475, "font_a": None, "font_b": None, "train_samples": 10000, "validation_samples": 1000,
        "test_samples": 1000,
    },
    "mnist": {
        **LEARNED, "group": "D3", "latent": 30, "init": "orthogonal", "algebra_weight": 0.5, "output_weight": 0.495,
        "latent_weight": 0.005, "data": "digits", "augment": True, "angle": 120.0,
    },
    "cifar10": {
        **LEARNED, "group": "C4", "latent": 64, "init": "orthogonal+noise", "algebra_weight": 1.0,
        "output_weight": 0.25, "latent_weight": 0.25, "train_images": None,
    },
}  # fmt: skip
"""Settings of a run that names none, with Tables 7, 9 and 10."""


@pytest.mark.parametrize("experiment", DEFAULTS)
def test_settings_of_a_run_that_names_none(experiment):
    assert resolved({"experiment": experiment}) == {"experiment": experiment, **RUN, **DEFAULTS[experiment]}


def test_rates_and_weights_of_the_paper():
    """Tables 9 and 10."""

    def of(experiment, **config):
        found = resolved({"experiment": experiment, "protocol": "published", **config})
        return found["learning_rate"], found["weight"]

    rates = {"C4": (5e-4, 1e-3, 2.0), "D1": (1e-3, 1e-3, 1.0), "D4": (5e-4, 5e-4, 1.0)}
    for group, (plain, ours, weight) in rates.items():
        assert of("ddmnist", group=group, method="cnn") == (plain, 0)
        assert of("ddmnist", group=group, method="ours") == (ours, weight)
        assert of("ddmnist", group=group, method="cnn", network="rpp") == (5e-4, 0)
    for data in ("organ", "nodule", "adrenal", "fracture", "vessel", "synapse"):
        assert of("medmnist3d", data=data) == (5e-5 if data == "nodule" else 1e-4, 2.0 if data == "organ" else 1.0)
    assert resolved({"experiment": "medmnist3d", "data": "nodule"})["learning_rate"] == 1e-3
    assert resolved({"experiment": "ddmnist", "network": "rpp", "group": "C4"})["learning_rate"] == 2e-3


def test_latents_of_the_networks():
    wide = {"e2cnn", "rpp", "lift", "rgroup", "rsteer", "pscnn"}
    for one in entries():
        channels = {
            "ddmnist": 66 if one.network in (PLAIN, "projection") else 48, "medmnist3d": 48, "single-digits": 64,
            "smoke": 368 if one.network in wide else 92,
        }[one.experiment]  # fmt: skip
        maps = (64, 64) if one.experiment == "smoke" and one.network != "mlp" else ()
        assert one.latent == (channels, *maps), one


LATENT = [("test", name, 0, 3) for name in ("through_rho", "whitened_error", "moving_share", "latent_scale")]
LOSSES = [("validation", "loss", -1, 4), ("test", "loss", 0, 4), ("test", "equivariance", 0, 5)]
ACCURATE = [("validation", "accuracy", 1, 3), ("test", "accuracy", 1, 3)]
UPRIGHT = ("test", "accuracy_upright", 0, 3)
MEASURES = {
    "ddmnist": [*ACCURATE, UPRIGHT, *LATENT],
    "medmnist3d": [
        *ACCURATE, ("test", "accuracy_upright", 1, 3), ("test", "auc", 0, 3), ("test", "auc_upright", 0, 3), *LATENT,
    ],
    "smoke": [
        ("validation", "rmse", -1, 3), ("test", "future", -1, 3), ("test", "domain", -1, 3),
        ("test", "future_short", 0, 3), ("test", "domain_short", 0, 3), *LATENT,
    ],
    "single-digits": [*ACCURATE, *LATENT[:3], UPRIGHT],
    "tmnist": [*LOSSES, *LATENT],
    "mnist": [*LOSSES, *LATENT],
    "cifar10": [*LOSSES[:2], ("test", "accuracy", 0, 3), LOSSES[2], *LATENT],
}  # fmt: skip
"""Split, name in the record, sense and digits of each column."""


@pytest.mark.parametrize("experiment", MEASURES)
def test_columns_are_read_from_where_training_writes_them(experiment):
    columns = definition_of(experiment).columns
    found = [(one.split, one.metric, one.sign, one.digits) for one in columns.measures]
    assert found == MEASURES[experiment]
    assert len({one.heading for one in columns.measures}) == len(found)
    assert not any(one.heading in ("test", "validation") for one in columns.measures)
    for one in columns.measures:
        assert one.of({one.split: {one.metric: 3}}) == 3.0
    assert columns.task[:1] == (("size",) if experiment == "smoke" else ("data",))
    assert set(columns.task) - {"latent"} <= {*DEFAULTS[experiment], "data"}
    assert set(columns.tuned) == (set() if columns.learned else {"learning_rate", "weight"})
    assert columns.learned == (experiment in ("tmnist", "mnist", "cifar10"))


def test_measures_of_odd_records():
    one = Measure("a", "test", "b")
    assert one.of({"test": {"b": 2}}) == 2.0
    for done in (None, {}, {"test": None}, {"test": [1]}, {"test": {}}, {"test": {"b": "2"}}, {"test": {"b": None}}):
        assert one.of(done) is None


def test_settings_in_words():
    columns = Experiment(
        "X", usual={"a": 1, "none": None, "rule": lambda config: config["b"]}, words={"none": "{} of it", "a": str}
    )
    assert columns.worded("a", 1, {}) == ""
    assert columns.worded("a", 2, {}) == "2"
    assert columns.worded("none", None, {}) == "None of it"
    assert columns.worded("rule", 3, {"b": 3}) == ""
    assert columns.worded("rule", 3, {"b": 4}) == "rule 3"
    assert columns.worded("two_words", True, {}) == "two words"
    assert columns.worded("two_words", False, {}) == "no two words"
    assert columns.worded("other", None, {}) == ""


def test_names_and_kinds_of_methods():
    controls = {"latent-augmented", "ours-permuted", "ours-shuffled", "ours-shrunk", "ours-shuffled-latent-augmented"}
    assert {name for name, one in METHODS.items() if one.is_control} == controls
    assert {name for name, one in METHODS.items() if not one.second_view} == {"cnn"}
    assert {name for name, one in METHODS.items() if one.penalty is None} == {
        "cnn",
        "cnn-augmented",
        "latent-augmented",
    }
    augmented = {name for name, one in METHODS.items() if one.latent_augmentation}
    assert augmented == {"ours-whitened", "latent-augmented", "ours-shuffled-latent-augmented"}
    for name in METHODS:
        config = {"method": name, "latent_augmentation": None}
        assert usual_augmentation(config) == (name in augmented)
        assert usual_augmentation({"method": name}) is None
    assert usual_augmentation({"method": "x", "latent_augmentation": True}) is None
    assert method_of({"method": "ours", "network": "scnn", "averaged": True}) == "scnn + ours, averaged"
    assert method_of({"method": "cnn", "averaged": False}) == "cnn"


@pytest.mark.parametrize(
    ("config", "count"),
    [
        ({"experiment": "ddmnist", "classes": 4, "train_pairs": 7}, 112),
        ({"experiment": "single-digits", "data": "digits"}, 7548),  # 6 times 1,258
        ({"experiment": "single-digits", "data": "mnist", "labels": None}, 7000),
        ({"experiment": "single-digits", "data": "mnist", "labels": 640}, 6400),
        ({"experiment": "single-digits", "data": "mnist", "labels": 641}, 6410),
        ({"experiment": "single-digits", "data": "mnist", "labels": 3}, 6420),
        ({"experiment": "medmnist3d", "data": "polycubes", "per_class": 5}, 60),
        ({"experiment": "medmnist3d", "data": "organ", "per_class": None}, None),
        ({"experiment": "tmnist", "train_samples": 9}, 9),
        ({"experiment": "mnist", "data": "digits"}, 1258),
        ({"experiment": "mnist", "data": "mnist"}, 7000),
        ({"experiment": "cifar10", "train_images": None}, 45000),
        ({"experiment": "cifar10", "train_images": 8}, 8),
        ({"experiment": "smoke"}, None),
    ],
)
def test_samples_of_an_epoch(config, count):
    assert samples(config) == count
    sizes = {"epochs": 3, "size": 28, "width": 12}
    times = 8 * 4 if config["experiment"] == "medmnist3d" else 1
    assert work({**config, **sizes}) == (None if count is None else 3 * count * times)
