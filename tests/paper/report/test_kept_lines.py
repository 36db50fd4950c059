"""A run as one line: its record, and the columns of its metrics over all epochs."""

import json
from pathlib import Path

import pytest

from regrep_paper.report.runs import Run, as_line, read_runs


@pytest.mark.parametrize("name", ["abc", "folder/abc"])
def test_columns_over_all_epochs(name):
    metrics = {
        "epoch": {1: 0, 2: 1}, "a": {1: 0.5, 2: 0.25}, "late": {2: 5.0, 4: 6.0}, "none": {},
        "same": dict.fromkeys((1, 2, 3, 4), 7.0), "once": {3: 1.0},
    }  # fmt: skip
    record = {"run_id": "abc", "config": {"seed": 1}}
    line = as_line(Run(name, record, {"status": "finished"}, metrics, 3, Path("x")))
    curve = {
        "epoch": [0, 1, 2, 3], "a": [0.5, 0.25, None, None], "late": [None, 5.0, None, 6.0], "same": 7.0,
        "once": [None, None, 1.0, None],
    }  # fmt: skip
    named = {} if name == "abc" else {"name": name}
    assert line == {"kind": "run", **named, **record, "done": {"status": "finished"}, "curve": curve}


def test_epochs_without_values_count():
    line = as_line(Run("a", {"run_id": "a"}, None, {"a": {1: 1.0}}, 3, Path("x")))
    assert line["curve"] == {"epoch": [0, 1, 2], "a": [1.0, None, None]}


def test_a_run_is_shown_without_its_metrics():
    shown = repr(Run("a", {"run_id": "abc"}, None, {"a": {1: 0.123}}, 3, Path("x")))
    assert "abc" in shown
    assert "0.123" not in shown


def test_a_line_is_checked_as_a_folder_is(tmp_path):
    config = {"experiment": "single-digits", "method": "ours", "seed": 1}
    made = {"kind": "run", "format": 1, "run_id": "a", "config": {"method": "ours"}, "done": None}
    odd = {**made, "run_id": "b", "config": config, "done": {"format": 1, "status": "perhaps"}}
    good = {**odd, "run_id": "c", "done": None}
    (tmp_path / "few.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in (made, odd, good)))
    runs, unreadable = read_runs(tmp_path)
    assert [run.record["run_id"] for run in runs] == ["c"]
    first, second = unreadable.values()
    assert 'few.jsonl, line 1 must name the run\'s experiment, seed under "config"' in first
    assert "few.jsonl, line 2 must have the status" in second
