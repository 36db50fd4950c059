"""Reports from records: grouping, selection on validation, marks, broken records, identical bytes."""

import json

import numpy as np
import pytest

from regrep.errors import RegrepError
from regrep.report import build
from regrep.report.runs import read_runs
from regrep.report.table import best_of, rows_of, select
from regrep.report.text import HEADINGS, cells, latex, markdown, plain, spread


def write_run(folder, method="ours", seed=0, weight=1.0, validation=0.8, test=0.7, status="finished", **cell):
    folder.mkdir(parents=True)
    cell = {
        "experiment": "ddmnist", "group": "D4", "method": method, "latent": 66, "learning_rate": 5e-4,
        "weight": weight, "data": "mnist", "seed": seed, "epochs": 2, **cell,
    }  # fmt: skip
    record = {
        "format": 1, "run_id": folder.name, "cell": cell, "command": ["regrep", "fit"], "seed": seed,
        "data": {"name": "mnist", "files": {}, "sizes": {"train": 10}}, "precision": "32-true",
        "git": {"commit": "abcdef0123456", "dirty": False}, "parameters": 33742,
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.csv").write_text(
        "epoch,validation/accuracy,validation/relative_error,validation/latent_scale\n"
        f"0,{validation / 2},1.4,0.05\n1,{validation},{0.5 + 0.1 * seed},0.1\n"
    )
    if status is not None:
        elements = [f"({g}, {h})" for g in "er" for h in "es"]
        done = {
            "format": 1, "status": status, "message": "the loss is not finite", "best_epoch": 1, "epochs": 2,
            "seconds": 60, "validation": {"accuracy": validation},
            "test": {"accuracy": test, "accuracy_upright": test, "relative_error": 0.5, "latent_scale": 0.1},
            "equivariance": {"elements": elements, "absolute": [0, 1, 1, 1], "relative": [0, None, 0.5, 0.6]},
        }  # fmt: skip
        (folder / "done.json").write_text(json.dumps(done))
    x = np.zeros((2, 8, 8), dtype=np.uint8)
    np.savez(folder / "examples.npz", x=x, gx=x, element=np.array(["(e, s)"] * 2), label=np.array([1, 2]))


@pytest.fixture
def records(tmp_path):
    for seed, test in enumerate((0.70, 0.74)):
        write_run(tmp_path / f"cnn{seed}", "cnn-augmented", seed, 0.0, test=test)
        write_run(tmp_path / f"light{seed}", seed=seed, weight=0.5, validation=0.81, test=0.60)
        write_run(tmp_path / f"heavy{seed}", seed=seed, weight=2.0, validation=0.79, test=0.90)
    write_run(tmp_path / "one", "ours-relative", 0, 0.1, test=0.71)
    write_run(tmp_path / "failed", "ours-relative", 1, 0.1, status="failed")
    write_run(tmp_path / "running", "ours-relative", 2, 0.1, status=None)
    return tmp_path


def by_method(rows):
    return {row.key["method"]: row for row in rows}


def test_mean_and_spread_by_hand(records):
    rows = by_method(select(rows_of(read_runs(records)[0])))
    assert spread(rows["cnn-augmented"], "test", "accuracy") == "0.720 (0.028)"  # 0.04 / sqrt(2)
    assert rows["cnn-augmented"].seeds == [0, 1]
    assert spread(rows["ours-relative"], "test", "accuracy") == "0.710 (–)"
    assert [run.state for run in rows["ours-relative"].open] == [
        "failed: the loss is not finite",
        "unfinished after 2 epochs",
    ]


def test_selection_looks_at_validation_only(records):
    rows = rows_of(read_runs(records)[0])
    assert len(rows) == 4
    chosen = by_method(select(rows))
    assert chosen["ours"].tuned["weight"] == 0.5  # better on validation, though worse on test


def test_selection_compares_common_seeds(tmp_path):
    """A setting with a lucky extra seed does not win by it."""
    for seed, validation in enumerate((0.5, 0.9)):
        write_run(tmp_path / f"a{seed}", seed=seed, weight=1.0, validation=validation)
    write_run(tmp_path / "b0", seed=0, weight=2.0, validation=0.6)
    (row,) = select(rows_of(read_runs(tmp_path)[0]))
    assert row.tuned["weight"] == 2.0


def test_marks_best_and_ties(records):
    rows = select(rows_of(read_runs(records)[0]))
    ((best, ties),) = best_of(rows).values()
    assert best.key["method"] == "cnn-augmented"
    assert [row.key["method"] for row in ties] == ["ours-relative"]  # 0.71 lies within 0.028 of 0.72
    table = {row[1]: row for row in cells(rows)}
    test, paper, difference = (HEADINGS.index(name) for name in ("test accuracy", "paper", "difference"))
    assert table["cnn-augmented"][test].endswith(" *")
    assert table["ours-relative"][test].endswith(" ~")
    assert table["ours"][paper] == "0.868 (0.002)"
    assert table["ours"][difference] == "-0.268"
    assert table["ours-relative"][paper] == "–"
    assert r"\textbf{0.720 (0.028)}" in latex(HEADINGS, cells(rows))
    assert markdown(HEADINGS, cells(rows)).count("\n") == plain(HEADINGS, cells(rows)).count("\n") == 5


def test_the_paper_stands_beside_its_own_task_only(tmp_path):
    write_run(tmp_path / "paper")
    write_run(tmp_path / "small", classes=4)
    write_run(tmp_path / "digits", data="digits")
    assert sorted(row.paper is not None for row in rows_of(read_runs(tmp_path)[0])) == [False, False, True]


def test_page_is_whole_and_deterministic(records, tmp_path_factory):
    first, second = (tmp_path_factory.mktemp("report") for _ in range(2))
    made = build(records, first)
    build(records, second)
    names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
    figures = ["error-per-element", "examples", "latent-scale", "relative-error", "validation-accuracy"]
    assert names == sorted(
        ["report.html", "table.csv", "table.md", "table.tex"]
        + [f"figures/{name}.{kind}" for name in figures for kind in ("pdf", "svg")]
    )
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    page = made.page.read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("https://matplotlib.org", "").replace(
        "http://purl.org", ""
    ).replace("http://creativecommons.org", "")
    assert page.count("<svg") == 5
    assert "failed: the loss is not finite" in page
    assert "cnn-augmented has the best mean test accuracy, 0.720 (0.028) over 2 seeds" in page


def test_unreadable_records_are_told_and_do_no_harm(records):
    (records / "cnn0" / "run.json").write_text('{"format": 1, "cell"')
    (records / "cnn1" / "done.json").write_text('{"format": 7}')
    (records / "one" / "metrics.csv").write_text("epoch,validation/accuracy\n0,many\n")
    runs, unreadable = read_runs(records)
    assert len(runs) == 6
    told = {path.name: reason for path, reason in unreadable.items()}
    assert "not readable JSON" in told["cnn0"]
    assert "record format 7" in told["cnn1"]
    assert "not a table of numbers" in told["one"]
    assert "not readable JSON" in build(records, records / "report").page.read_text()


def test_empty_folders_say_so(tmp_path):
    with pytest.raises(RegrepError, match="holds no run"):
        build(tmp_path)
    with pytest.raises(RegrepError, match="there is no folder"):
        build(tmp_path / "nowhere")
