"""The numbers in README and docs come from the records under results/, never from a hand."""

import json
import re
import runpy
from pathlib import Path

import pytest
from records_fixture import write_costs, write_run

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


def test_records_name_no_path_of_a_machine():
    for file in (ROOT / "results").rglob("*.*"):
        if file.suffix in (".json", ".yaml", ".csv"):
            assert not re.search(r"[\"'= ]/(?!/)\w", file.read_text()), file


def test_records_are_kept_without_paths(tmp_path):
    keep = runpy.run_path(str(ROOT / "results" / "keep.py"))["keep"]
    (tmp_path / "runs" / "a").mkdir(parents=True)
    (tmp_path / "runs" / "b").mkdir()
    for name, status in (("a", "finished"), ("b", "failed")):
        run = {"run_id": f"run-{name}", "config": {"seed": 0}, "command": f"--out={tmp_path}/runs/{name} --data=/d"}
        (tmp_path / "runs" / name / "run.json").write_text(json.dumps(run))
        (tmp_path / "runs" / name / "done.json").write_text(json.dumps({"status": status}))
    (tmp_path / "runs" / "costs.json").write_text("{}")
    keep.__globals__["__file__"] = str(tmp_path / "kept" / "keep.py")
    assert keep(tmp_path / "runs", "few", {"/d": "DATA_DIR"}) == 1
    assert sorted(path.name for path in (tmp_path / "kept" / "few").iterdir()) == ["costs.json", "run-a"]
    kept = json.loads((tmp_path / "kept" / "few" / "run-a" / "run.json").read_text())
    assert kept["command"] == "--out=runs/few/a --data=DATA_DIR"
