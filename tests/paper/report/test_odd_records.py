"""One odd record never hides the others."""

import copy
import itertools
import json

import numpy as np
import pytest
from records_fixture import write_learned, write_run

from regrep_paper.report import build, page, print_table
from regrep_paper.runs.hits import Hits

ODD = [
    None,
    [],
    {},
    "x",
    -1,
    1e300,
    10**400,
    10**40,
    float("nan"),
    float("inf"),
    [[1]],
    {"a": {"b": [1]}},
    True,
    "gone",
]
"""Values of another kind or size; the last one stands for a field that is not there."""


def places(value, path=()):
    if path:
        yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    for key, entry in entries:
        yield from places(entry, (*path, key))


def edited(record, path, value):
    record = copy.deepcopy(record)
    part = record
    for key in path[:-1]:
        part = part[key]
    if value == "gone":
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return record


def runs_with_everything(folder):
    for name, method, seed in (("a", "ours", 0), ("b", "ours", 1), ("c", "cnn-augmented", 0)):
        path = write_run(folder / name, method, seed, pictures=False) / "done.json"
        hits = Hits(np.arange(40) < 20, np.arange(40, dtype=np.uint32)[:, None]).as_dict()
        more = {"hits": hits, "horizon": {"future": {"rmse": [0.1, 0.2]}}}
        path.write_text(json.dumps(json.loads(path.read_text()) | more))


def learned_runs(folder):
    for seed, name in enumerate("abc"):
        write_learned(folder / name, "mnist", seed)


@pytest.mark.parametrize("write", [runs_with_everything, learned_runs])
@pytest.mark.parametrize("file", ["run.json", "done.json"])
def test_an_odd_field_spoils_no_table(tmp_path, capsys, write, file):
    write(tmp_path)
    path = tmp_path / "a" / file
    record = json.loads(path.read_text())
    values = itertools.cycle(ODD)
    for place in list(places(record))[::2]:
        path.write_text(json.dumps(edited(record, place, value := next(values))))
        print_table(tmp_path)
        shown = capsys.readouterr().out
        assert shown.count("seed") + shown.count("0.7") >= 2, (place, value)
    path.write_text(json.dumps(edited(record, ("format",), 10**40)))
    print_table(tmp_path)
    assert "got one of 41 digits" in capsys.readouterr().out


@pytest.mark.usefixtures("first_figure")
@pytest.mark.parametrize("step", ["results", pytest.param("_content", marks=pytest.mark.slow)])
def test_a_record_that_no_check_foresaw_is_listed(tmp_path, monkeypatch, step):
    write_run(tmp_path / "runs" / "a")
    write_run(tmp_path / "runs" / "odd", seed=1)
    whole = getattr(page, step)

    def broken(first, *others):
        names = [run.name for one in first for run in (one.runs if step == "results" else [one])]
        if "odd" in names:
            raise TypeError("unforeseen")
        return whole(first, *others)

    monkeypatch.setattr(page, step, broken)
    made = build(tmp_path / "runs")
    assert "the record of odd cannot be shown (TypeError: unforeseen)" in made.text
    assert "the record of odd cannot be shown" in made.page.read_text()
    assert "0.700" in made.text
