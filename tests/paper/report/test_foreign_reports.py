"""Reports of records from somebody else: no script in a page, no formula in a table, no file elsewhere."""

import csv
import io
import json
import re

import numpy as np
import pytest
from records_fixture import write_learned, write_run

from regrep_paper.report import build
from regrep_paper.report.results import comma_separated
from regrep_paper.report.runs import read_runs
from regrep_paper.report.table import rows_of
from regrep_paper.report.text import plain_cell

SCRIPT = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def poisoned(value):
    """A record in which every text, at any depth, carries a script."""
    if isinstance(value, dict):
        return {key: poisoned(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [poisoned(entry) for entry in value]
    return value + SCRIPT if isinstance(value, str) else value


def poison(path, *kept):
    record = json.loads(path.read_text())
    path.write_text(json.dumps({key: value if key in kept else poisoned(value) for key, value in record.items()}))


def set_config(folder, **changes):
    record = json.loads((folder / "run.json").read_text())
    record["config" if "config" in record else "cell"].update(changes)
    (folder / "run.json").write_text(json.dumps(record))


def check(page):
    """Nothing of the script is left as a tag or outside of the quotes of an attribute."""
    own = page.count("\n<script>\n// Sorting of tables")
    assert own <= 1
    assert len(re.findall("<script", page)) == own
    assert "<img src=x" not in page
    assert not re.search(r'"\s*>\s*<script', page)


def test_names_in_records_are_no_html(tmp_path):
    for k, method in enumerate(("ours", "cnn")):
        folder = write_run(tmp_path / "runs" / f"a{k}", method)
        poison(folder / "run.json", "format", "config", "cell")
        poison(folder / "done.json", "format", "status", "test", "validation")
        set_config(folder, group=SCRIPT, data=SCRIPT, precision=SCRIPT, method=method + SCRIPT, network=SCRIPT)
    failed = write_run(tmp_path / "runs" / "failed", status="failed")
    poison(failed / "done.json", "status", "format")
    report = build(tmp_path / "runs")
    check(report.page.read_text())
    assert "&lt;script&gt;" in report.page.read_text()
    for path in report.figures:
        if path.suffix == ".svg":
            check(path.read_text())
    check((report.folder / "table.md").read_text())
    assert all(path.resolve().is_relative_to(report.folder.resolve()) for path in report.figures)


def test_names_beside_learned_representations_are_no_html(tmp_path):
    folder = write_learned(tmp_path / "runs" / "a", "mnist")
    set_config(folder, group=SCRIPT + "/../../x", data=SCRIPT)
    poison(folder / "done.json", "format", "status", "test", "validation", "representation", "controls")
    report = build(tmp_path / "runs")
    page = report.page.read_text()
    check(page)
    assert page.count("aria-label=") >= 2
    assert re.search(r'aria-label="[^"]*&quot;&gt;&lt;script', page)
    assert {path.parent for path in report.figures} == {report.folder / "figures"}


def test_generators_in_a_moving_picture_are_no_html(tmp_path):
    folder = write_learned(tmp_path / "runs" / SCRIPT.replace("/", "_"), "mnist")
    set_config(folder, init=SCRIPT, frozen_encoder=SCRIPT)
    with np.load(folder / "eigenvalues.npz") as file:
        arrays = dict(file)
    np.savez(folder / "eigenvalues.npz", **{**arrays, "generators": np.array([SCRIPT, "s"])})
    check(build(tmp_path / "runs").page.read_text())


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " ="])
def test_texts_in_a_csv_are_no_formulas(tmp_path, start):
    formula = f"{start}HYPERLINK(1)"
    assert plain_cell(formula) == f"'{formula}"
    folder = write_run(tmp_path / "runs" / "a")
    set_config(folder, method=formula, latent=formula, learning_rate=formula)
    runs, _ = read_runs(tmp_path / "runs")
    rows = rows_of(runs)
    cells = [cell for line in csv.reader(io.StringIO(comma_separated(rows, rows))) for cell in line]
    assert any("HYPERLINK" in cell for cell in cells)
    assert not [cell for cell in cells if re.match(r"\s*[=+@-]", cell) and not re.fullmatch(r"-?[\d.e-]+", cell)]


@pytest.mark.parametrize("number", [-1, -0.5, "-1e-3", "+2", "-inf", None])
def test_numbers_stay_numbers(number):
    assert plain_cell(number) is number
