"""Sweep files: what they expand into, and what they refuse."""

from pathlib import Path

import pytest

from regrep.errors import RegrepError
from regrep_paper.runs.manifest import (
    Manifest,
    Override,
    check_keys,
    parse_assignments,
    parse_yaml,
    read_manifest,
)

pytest.importorskip("yaml")

FILE = """
experiment: ddmnist
out: runs/table
fixed: {data: mnist, epochs: 30}
grid: {group: [D4, D1], method: [cnn, ours, ours-relative], seed: [0, 1]}
override:
  - where: {method: ours-relative}
    set: {weight: [0.01, 1e-1]}
  - where: {method: [cnn, ours], group: D1}
    set: {learning_rate: 5e-4}
"""


def check(config: dict) -> None:
    known = ("experiment", "data", "epochs", "group", "method", "seed", "weight", "learning_rate")
    check_keys("a config", config, known)


def read(tmp_path: Path, text: str) -> Manifest:
    path = tmp_path / "table.yaml"
    path.write_text(text)
    return read_manifest(path, check)


def test_the_grid_is_expanded_and_refined(tmp_path):
    manifest = read(tmp_path, FILE)
    cells = manifest.configs()
    assert manifest.out == Path("runs/table")
    assert len(cells) == 2 * 2 * (1 + 1 + 2)
    assert cells[0] == {
        "experiment": "ddmnist",
        "data": "mnist",
        "epochs": 30,
        "group": "D4",
        "method": "cnn",
        "seed": 0,
    }
    assert {config.get("weight") for config in cells if config["method"] == "ours-relative"} == {0.01, 0.1}
    assert not any("weight" in config for config in cells if config["method"] != "ours-relative")
    slow = [(config["method"], config["group"]) for config in cells if "learning_rate" in config]
    assert set(slow) == {("cnn", "D1"), ("ours", "D1")}


def test_settings_replace_those_of_the_file_and_its_overrides(tmp_path):
    manifest = read(tmp_path, FILE)
    cells = manifest.configs({"seed": [7, 8], "group": "D4", "method": "ours"})
    assert [(config["method"], config["seed"]) for config in cells] == [("ours", 7), ("ours", 8)]
    assert not any("weight" in config or "learning_rate" in config for config in cells)  # those of other cells
    weights = [config["weight"] for config in manifest.configs({"seed": 0, "group": "D4", "weight": 3.0})]
    assert set(weights) == {3.0}


def test_equal_cells_are_one():
    twice = Manifest("e", Path("o"), {}, {"seed": [0, 1]}, [Override({"seed": 1}, {"seed": 0})])
    assert twice.configs() == [{"experiment": "e", "seed": 0}]


def test_later_overrides_see_earlier_ones():
    first = Override({"seed": 1}, {"weight": 2})
    cells = Manifest("e", Path("o"), {}, {"seed": [0, 1]}, [first, Override({"weight": 2}, {"epochs": 3})]).configs()
    assert cells == [{"experiment": "e", "seed": 0}, {"experiment": "e", "seed": 1, "weight": 2, "epochs": 3}]


def test_out_is_named_after_the_file(tmp_path):
    assert read(tmp_path, "experiment: ddmnist").out == Path("runs/table")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experiment: ddmnist\nfxied: {}", "a sweep file has no key 'fxied'; did you mean fixed"),
        ("experiment: ddmnist\nfixed: {wieght: 1}", "a config has no key 'wieght'; did you mean weight"),
        ("experiment: ddmnist\ngrid: {sede: [1]}", "no key 'sede'; did you mean seed"),
        (
            "experiment: ddmnist\nfixed: {seed: [1]}",
            r"a setting in fixed has one value, got seed: \[1\]; move it",
        ),
        ("experiment: ddmnist\ngrid: {seed: 1}", r"has a list of values, got seed: 1; write \[1\]"),
        ("experiment: ddmnist\ngrid: {seed: []}", "has a list of values"),
        ("experiment: ddmnist\nfixed: {seed: 1}\ngrid: {seed: [2]}", "but seed is in both"),
        ("experiment: ddmnist\nfixed: {seed: 1, seed: 2}", "the key 'seed' is given twice"),
        ("experiment: ddmnist\nfixed: [seed]", "fixed holds keys with values"),
        ("experiment: ddmnist\noverride: {where: {}, set: {}}", "override is a list"),
        ("experiment: ddmnist\noverride: [{where: {seed: 1}}]", "both where and set, got where"),
        ("experiment: ddmnist\noverride: [{were: {}, set: {}}]", "no key 'were'; did you mean where"),
        ("experiment: ddmnist\noverride: [{where: {sede: 1}, set: {}}]", "no key 'sede'"),
        ("experiment: ddmnist\nout: 3", "out is the folder of the runs, got 3"),
        ("fixed: {seed: 1}", "names its experiment, got None"),
        ("experiment: [a", "is not valid YAML"),
        ("- a", "a sweep file holds keys with values"),
        ("", "a sweep file holds keys with values, got None"),
    ],
)
def test_mistakes_are_told_with_the_file(tmp_path, text, message):
    with pytest.raises(RegrepError, match=rf"in .*table\.yaml: .*{message}"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RegrepError, match=r"the sweep file .*none\.yaml cannot be read"):
        read_manifest(tmp_path / "none.yaml", check)


def test_an_override_that_matches_nothing_is_a_mistake(tmp_path):
    manifest = read(tmp_path, FILE.replace("{method: ours-relative}", "{method: our-relative}"))
    with pytest.raises(RegrepError, match=r"where: \{'method': 'our-relative'\} matches none"):
        manifest.configs()


@pytest.mark.parametrize(
    ("text", "value"),
    [("5e-4", 5e-4), ("1E3", 1e3), ("-.5e2", -50.0), ("0.1", 0.1), ("3", 3), ("D4", "D4"), ("e4", "e4")],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


def test_yaml_makes_no_objects():
    with pytest.raises(RegrepError, match="not valid YAML"):
        parse_yaml("!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize("word", ["seed", "=3"])
def test_assignments_have_a_key_and_a_value(word):
    with pytest.raises(RegrepError, match="given as key=value"):
        parse_assignments([word])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x [1]\nb: *x", r"the alias \*x is not allowed"),
        ("- &a [*a]", r"the alias \*a is not allowed"),
        ("[" * 5000, "at most 20 deep"),
        ("{a: " * 30 + "1" + "}" * 30, "at most 20 deep"),
        ("# " + "x" * 2**18, "at most 262144 characters"),
        ("a: 2024-13-45", "not valid YAML"),
        ("a: " + "9" * 6000, "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]\n" for k in range(1, 60)), "alias"),
    ],
)
def test_texts_that_grow_or_run_are_refused(text, told):
    with pytest.raises(RegrepError, match=told):
        parse_yaml(text)
