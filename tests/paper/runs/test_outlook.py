"""How long a sweep takes: from its own finished runs, or from what is on record."""

import importlib.util
import json
from pathlib import Path

import pytest

from regrep_paper import tables
from regrep_paper.runs.manifest import read_manifest
from regrep_paper.runs.outlook import Outlook, duration
from regrep_paper.runs.sweep import plan
from regrep_paper.tables import workload
from regrep_paper.tables.sweeps import sweep_file

ROOT = Path(__file__).parents[3]


def runs_of(tmp_path, name="ddmnist/demo", **settings):
    return plan(read_manifest(sweep_file(Path(name)), tables.check_config), tables, tmp_path, settings=settings)


def test_samples_are_those_that_runs_have_recorded():
    """Of every record that names them."""
    counted = 0
    for file in (ROOT / "results").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if "config" in record and (count := workload.samples(record["config"])) is not None:
                assert count == record["data"]["sizes"]["train"], file.name
                counted += 1
    assert counted > 300


def test_paces_are_those_of_the_records():
    spec = importlib.util.spec_from_file_location("pace", ROOT / "tools" / "pace.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.pace(ROOT / "results") == workload.paces()


def test_an_estimate_from_records_is_their_pace_times_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("regrep_paper.runs.outlook.paces", lambda: {"ddmnist": {"seconds": 20.0, "runs": 3}})
    runs = runs_of(tmp_path, classes=10, train_pairs=100, epochs=6)
    outlook = Outlook(runs)
    assert outlook.seconds == pytest.approx(len(runs) * 120)
    assert outlook.text().startswith(f"about {2 * len(runs)} min for {len(runs)} runs one after the other (from 3 ")
    assert f"{len(runs)} min with --jobs 2" in outlook.text(jobs=2)


def test_finished_runs_of_the_sweep_tell_better(tmp_path):
    runs = runs_of(tmp_path, classes=[2, 4], seed=0)
    small = [run for run in runs if run.config["classes"] == 2]
    small[0].folder.finish({"status": "finished", "seconds": 60})
    outlook = Outlook(runs)
    assert outlook.basis == "from 1 finished runs of this sweep"
    # Four classes are sixteen kinds of pairs instead of four.
    assert outlook.seconds == pytest.approx(60 * (len(small) - 1) + 240 * (len(runs) - len(small)))
    for run in runs:
        run.folder.finish({"status": "finished", "seconds": 60})
    assert Outlook(runs).text() == "nothing is left to run"


def test_what_was_never_run_gets_no_number(tmp_path):
    outlook = Outlook(runs_of(tmp_path, "smoke/small"))
    assert outlook.seconds is None
    assert outlook.text().startswith("no estimate: nothing on record tells how long such a run of smoke takes")


def test_volumes_count_with_their_cube(tmp_path):
    small, large = (
        workload.work(
            {"experiment": "medmnist3d", "data": "polycubes", "per_class": 80, "size": size, "width": 6, "epochs": 1}
        )
        for size in (14, 28)
    )
    assert (small, large) == (960, 8 * 960)


@pytest.mark.parametrize("left", [1, 3])
def test_runs_of_unknown_size_count_alike(tmp_path, left):
    """Of those that are finished only the ones whose record says how long it took."""
    runs = runs_of(tmp_path, "smoke/small", seed=list(range(4 - left, 5)))[: left + 2]
    for run, seconds in zip(runs, (30, None), strict=False):
        run.folder.finish({"status": "finished", "seconds": seconds})
    outlook = Outlook(runs)
    assert (outlook.left, outlook.seconds, outlook.basis) == (left, 30 * left, "from 1 finished runs of this sweep")
    several = {1: "about 30 s for 1 run", 3: "about 2 min for 3 runs"}[left]
    assert outlook.text() == outlook.text(jobs=1) == f"{several} one after the other ({outlook.basis})"
    share = {1: "15 s", 3: "45 s"}[left]
    assert outlook.text(jobs=2) == f"{several} one after the other, {share} with --jobs 2 ({outlook.basis})"


def test_an_empty_sweep_needs_no_time():
    assert Outlook([]).text() == "nothing is left to run"


def test_a_record_of_other_runs_is_told_with_their_number(tmp_path, monkeypatch):
    paces = {"ddmnist": {"seconds": 20.0, "runs": 3}, "smoke": {"seconds": 1.0, "runs": 2}}
    monkeypatch.setattr("regrep_paper.runs.outlook.paces", lambda: paces)
    basis = "from 3 recorded runs of ddmnist on a CPU; by the first finished run it is known better"
    assert Outlook(runs_of(tmp_path)).basis == basis
    assert Outlook(runs_of(tmp_path, "smoke/small")).seconds is None  # the work of these is not known


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"), (1.4, "1 s"), (59.4, "59 s"), (59.6, "1 min"), (89, "1 min"), (91, "2 min"), (99.6 * 60, "100 min"),
        (100 * 60, "1.7 h"), (36 * 3600, "36.0 h"),
    ],
)  # fmt: skip
def test_times_are_short_to_read(seconds, text):
    assert duration(seconds) == text
