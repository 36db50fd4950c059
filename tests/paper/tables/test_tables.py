"""What the tables say of a config: every setting once, the same for sweeps, records and models."""

import inspect
import json
import re
from pathlib import Path

import pytest

from regrep.errors import RegrepError
from regrep_paper.tables import check_config, definition_of, entries, resolved
from regrep_paper.tables.index import EXPERIMENTS
from regrep_paper.tables.methods import METHODS
from regrep_paper.tables.network import load
from regrep_paper.tables.protocol import BEFORE

RECORDS = Path(__file__).parents[3] / "results"


def recorded():
    lines = (json.loads(line) for file in sorted(RECORDS.glob("*.jsonl")) for line in file.read_text().splitlines())
    configs = [line["config"] for line in lines if line["kind"] == "run"]
    return [config for config in configs if config["experiment"] != "own" and "averaged" not in config]


def test_a_record_is_its_own_resolution():
    """Values and order, so that a config resolved by a sweep and that of its run's record are the same."""
    configs = recorded()
    assert len(configs) > 100
    for config in configs:
        aged = {"protocol": BEFORE, **config}  # what records say from before there were several protocols
        found = resolved(aged)
        assert found == aged
        assert [name for name in found if name in config] == list(config)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_resolving_twice_changes_nothing(name):
    once = resolved({"experiment": name, "seed": 3})
    assert resolved(once) == once
    assert once["seed"] == 3
    assert next(iter(once)) == "experiment"
    assert ("precision" in once) == (name in ("tmnist", "mnist", "cifar10"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_option_is_an_argument_with_the_default_of_the_table(name):
    """A setting that neither model nor data takes, or takes with another default, is noticed."""
    one = definition_of(name)
    classes = {"model": load(one.model), "data": load(one.data)}
    for setting in one.settings:
        for option in filter(None, (setting.option, setting.also)):
            part, _, argument = option.partition(".")
            if part in classes:
                parameter = inspect.signature(classes[part]).parameters[argument]
                assert argument in ("group", "seed", "source") or parameter.default in (
                    None,
                    one.defaults[setting.name],
                )


def test_settings_that_follow_from_others():
    def of(method, **config):
        found = resolved({"experiment": "ddmnist", "method": method, "protocol": "published", **config})
        return found["learning_rate"], found["weight"], found["latent_augmentation"]

    assert of("ours", group="C4") == (1e-3, 2.0, False)
    assert of("ours-permuted", group="C4") == (1e-3, 2.0, False)
    assert of("ours-whitened", group="C4") == (1e-3, 0.3, True)
    assert of("latent-augmented", group="C4") == (1e-3, 0.0, True)
    assert of("cnn", group="C4") == (5e-4, 0.0, False)
    assert of("cnn-augmented", group="C4", network="scnn") == (5e-4, 0.0, False)
    assert of("ours", learning_rate=0.1, weight=3.0, latent_augmentation=True) == (0.1, 3.0, True)
    assert "network" not in resolved({"experiment": "smoke", "network": "cnn"})
    assert resolved({"experiment": "smoke", "network": "lift"})["network"] == "lift"
    assert resolved({"experiment": "medmnist3d", "data": "organ"})["weight"] == 2.0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"experiment": "ddmnist", "wieght": 1.0}, "no setting 'wieght'; did you mean weight?"),
        ({"experiment": "ddmnist", "group": "S3"}, "the groups of DDMNIST are C4, D1, D4, got 'S3'"),
        ({"experiment": "ddmnist", "method": "theirs"}, "the methods are cnn"),
        ({"experiment": "smoke", "method": "latent-augmented", "weight": 1.0}, "latent-augmented has no penalty"),
        ({"experiment": "medmnist3d", "data": "lungs"}, "volumes come from polycubes"),
        ({"experiment": "own"}, "there is no experiment 'own'; choose from ddmnist"),
        ({"group": "D4"}, "a config names its experiment"),
    ],
)
def test_a_wrong_config_says_so(config, message):
    with pytest.raises(RegrepError, match=re.escape(message)):
        resolved(config)


def test_methods_have_colours_of_their_own():
    colours = [row.colour for row in METHODS.values()]
    assert len(set(colours)) == len(colours)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)


def test_sizes_of_a_network_are_those_of_its_experiment():
    names = {one.experiment: set().union(*(e.sizes for e in entries(one.experiment))) for one in entries()}
    assert names == {
        "ddmnist": {"group", "latent", "classes"},
        "medmnist3d": {"group", "classes", "width", "size"},
        "smoke": {"width", "frames", "size"},
        "single-digits": {"latent", "classes"},
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: check_config({"experiment": "ddmnist", "wieght": 1}), "no setting 'wieght'; did you mean weight"),
        (lambda: check_config({"experiment": "minst"}), "there is no experiment 'minst'; did you mean mnist?"),
        (lambda: check_config({"group": "D4"}), "a config names its experiment"),
    ],
)
def test_wrong_keys_of_a_config_say_so(make, message):
    with pytest.raises(RegrepError, match=message):
        make()
