"""The numbers in README and docs come from the records under results/, never from a hand."""

import json
import re
import runpy
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from records_fixture import LEARNED, write_costs, write_learned, write_run, write_sweep

from regrep_paper.report import build
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of

ROOT = Path(__file__).parents[3]
TABLES = runpy.run_path(str(ROOT / "docs" / "tables.py"))


def test_readme_and_docs_have_tables():
    assert {"README.md", "penalty.md"} <= {
        page.name for page in TABLES["PAGES"] if TABLES["BLOCK"].search(page.read_text())
    }


@pytest.mark.parametrize("page", TABLES["PAGES"], ids=lambda page: page.name)
def test_tables_are_those_of_the_records(page):
    text = page.read_text()
    assert TABLES["rendered"](text) == text


def test_an_altered_number_is_noticed():
    text = (ROOT / "README.md").read_text()
    found = TABLES["BLOCK"].search(text)
    altered = re.sub(r"0\.\d", "0.0", found[3])
    assert altered != found[3]
    assert TABLES["rendered"](text.replace(found[3], altered)) == text


def test_blocks_show_costs(tmp_path, monkeypatch):
    monkeypatch.setitem(TABLES["block"].__globals__, "ROOT", tmp_path)
    write_run(tmp_path / "few" / "a")
    assert "step time" not in TABLES["block"]("table", "few")
    write_costs(tmp_path / "few", {"ours D4": (1.02, 1.0, 33.3)})
    assert TABLES["block"]("table", "few").endswith("| 33,742 | 1.02 | 1.00 | 33.30 |\n")
    (tmp_path / "few" / "costs.json").write_text("{")
    with pytest.raises(SystemExit, match="cannot be read"):
        TABLES["block"]("table", "few")


def test_a_setting_that_a_record_leaves_out_has_its_default_in_labels(tmp_path):
    for seed, settings in enumerate(({}, {"one_sided": True})):
        write_run(tmp_path / str(seed), **settings)
    assert {row.label for row in rows_of(read_runs(tmp_path)[0])} == {"ours", "ours, one sided"}


def test_records_name_no_path_of_a_machine():
    for file in (ROOT / "results").rglob("*.*"):
        if file.suffix in (".json", ".jsonl"):
            assert not re.search(r"[\"'= ]/(?!/)\w", file.read_text()), file


@pytest.fixture
def keep(tmp_path):
    """Keeps records under tmp_path."""
    found = runpy.run_path(str(ROOT / "results" / "keep.py"))["keep"]
    found.__globals__["__file__"] = str(tmp_path / "kept" / "keep.py")
    return found


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_finished_records_are_kept_without_paths(keep, tmp_path):
    write_run(tmp_path / "runs" / "a", command=f"--out={tmp_path}/runs/a --data=/d")
    write_run(tmp_path / "runs" / "b", status="failed")
    write_costs(tmp_path / "runs", {"ours D4": (1, 1, 1)})
    assert keep(tmp_path / "runs", "few", {"/d": "DATA_DIR"}) == 1
    costs, run = lines(tmp_path / "kept" / "few.jsonl")
    assert (costs["kind"], run["kind"]) == ("costs", "run")
    assert run["config"]["command"] == "--out=runs/few/a --data=DATA_DIR"
    assert json.dumps(run).count('"learning_rate"') == 1  # the settings stand in it once


def test_runs_of_changed_code_are_not_kept(keep, tmp_path):
    folder = write_run(tmp_path / "runs" / "a")
    record = json.loads((folder / "run.json").read_text())
    for changed in (
        record | {"git": {"commit": "abc", "dirty": True}},
        record | {"resumed": [{"git": {"dirty": None}}]},
    ):
        (folder / "run.json").write_text(json.dumps(changed))
        with pytest.raises(SystemExit, match="a ran on another; run it again"):
            keep(tmp_path / "runs", "few", {})


def write_each_learned(folder):
    for experiment in LEARNED:
        write_learned(folder / experiment, experiment)
    return folder


def write_one_learned(folder):
    write_learned(folder / "mnist", "mnist")
    return folder


def write_short_sweep(folder):
    return write_sweep(folder, epochs=4)


LEARNED_FOLDERS = (write_one_learned, write_each_learned)


@pytest.mark.parametrize(
    ("make", "whole"),
    [
        (write_short_sweep, False),
        *(pytest.param(make, True, marks=pytest.mark.slow) for make in (write_short_sweep, *LEARNED_FOLDERS)),
    ],
)
def test_a_file_and_its_folder_give_one_page(keep, tmp_path, make, whole, svg_alone, monkeypatch, request):
    """And the same records give the same bytes, in both forms of a figure; or with the first figure alone."""
    if whole:
        monkeypatch.setattr(*svg_alone)
    else:
        request.getfixturevalue("first_figure")
    folder = make(tmp_path / "few")
    for run in read_runs(folder)[0]:
        if not run.finished:
            shutil.rmtree(run.place)
    write_costs(folder, {"ours D4": (1.02, 1.0, 33.3)})
    keep(folder, "few", {})
    made = [build(source, tmp_path / source.name) for source in (folder, tmp_path / "kept" / "few.jsonl")]
    for one, other in zip(*([m.page, *m.tables, *m.figures] for m in made), strict=True):
        assert one.read_bytes() == other.read_bytes(), one
    assert len(made[0].figures) > (4 if whole else 0)


def test_runs_of_a_file_are_those_of_its_folder(keep, tmp_path):
    write_run(tmp_path / "few" / "deep" / "a", epochs=4)
    with (tmp_path / "few" / "deep" / "a" / "metrics.csv").open("a") as file:
        file.write("4,200,99,1.5,0.123456789,,nan\n3,160,98,1.5,0.5,0.25,12345678.9\n")
    keep(tmp_path / "few", "few", {})
    (one,), (other,) = (read_runs(tmp_path / source)[0] for source in ("few", "kept/few.jsonl"))
    assert replace(other, place=one.place, record=one.record) == replace(one, metrics=other.metrics)
    assert {k: v for k, v in one.metrics.items() if v} == other.metrics
    assert other.metrics["validation/accuracy"][5] == 0.123457
    assert other.metrics["train/total"] == dict.fromkeys(range(1, 6), 1.5)
    (run,) = lines(tmp_path / "kept" / "few.jsonl")
    assert (run["name"], run["curve"]["train/total"], run["curve"]["epoch"]) == ("deep/a", 1.5, [0, 1, 2, 3, 4])
    assert run["curve"]["validation/latent_scale"][3:] == [1.23457e7, None]
    (named,) = read_runs(tmp_path / "kept")[0]
    assert named.name == "few/deep/a"


def test_one_broken_line_does_not_hide_the_others(keep, tmp_path):
    for seed in range(3):
        write_run(tmp_path / "few" / f"a{seed}", seed=seed)
    keep(tmp_path / "few", "few", {})
    file = tmp_path / "kept" / "few.jsonl"
    first, second, third = file.read_text().splitlines()
    file.write_text("\n".join([first, second[:-40], third, '{"format": 1, "kind": "poem"}', '{"format": 7}', "[]"]))
    runs, unreadable = read_runs(file)
    assert [run.name for run in runs] == ["a0", "a2"]
    assert [where.split(", ")[-1] for where in unreadable] == ["line 2", "line 4", "line 5", "line 6"]
    assert "line 4 must be of kind run, costs, units, got 'poem'" in unreadable[f"{file}, line 4"]
    assert "could not be read" in build(file, tmp_path / "report").page.read_text()


def test_arrays_above_the_limit_become_coarse_and_equal_ones_stand_once(keep, tmp_path):
    draw = np.random.default_rng(0)
    for seed, method in ((0, "ours"), (0, "cnn"), (1, "ours")):
        folder = write_run(tmp_path / "few" / f"{method}{seed}", method, seed)
        truth = np.ones((20, 2, 4, 4), dtype=np.float16)
        np.savez(
            folder / "rollout.npz", future_true=truth, future_predicted=draw.normal(size=truth.shape).astype("float16")
        )
    keep(tmp_path / "few", "few", {})
    full = (tmp_path / "kept" / "few.npz").stat().st_size
    whole = {run.name: run.arrays("rollout") for run in read_runs(tmp_path / "kept" / "few.jsonl")[0]}
    assert [len(one) for one in whole.values()] == [2, 2, 0]  # cnn0, ours0, ours1: seed 0 alone
    with np.load(tmp_path / "kept" / "few.npz") as file:
        assert len(set(json.loads(str(file["index"])).values())) == len(file.files) - 1 < 12
    keep.__globals__["LIMIT"] = full - 1000
    keep(tmp_path / "few", "few", {})
    coarse = {run.name: run.arrays("rollout") for run in read_runs(tmp_path / "kept" / "few.jsonl")[0]}
    assert coarse["ours0"]["future_frame"].tolist() == [1, 7, 14, 20]
    error = coarse["ours0"]["future_predicted"] - whole["ours0"]["future_predicted"][[0, 6, 13, 19]]
    assert np.abs(error).max() < 1 / 128
    keep.__globals__["LIMIT"] = 10
    with pytest.raises(SystemExit, match="larger than 10 bytes"):
        keep(tmp_path / "few", "few", {})


def test_committed_arrays_are_small_and_belong_to_runs():
    for file in (ROOT / "results").glob("*.npz"):
        assert file.stat().st_size <= 200_000
        names = {run.name for run in read_runs(file.with_suffix(".jsonl"))[0] if run.config["seed"] == 0}
        with np.load(file) as arrays:
            assert {name.split("/")[0] for name in json.loads(str(arrays["index"]))} <= names
