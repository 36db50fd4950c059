"""Commands that train: which words reach what does the work, and what is printed of its result."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from regrep_paper import tables
from regrep_paper.cli import main
from regrep_paper.commands import trainings
from regrep_paper.experiments import averaged, fit
from regrep_paper.runs import checks, outlook, sweep

SWEEP = "experiment: ddmnist\nout: theirs\ngrid: {seed: [0, 1]}\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SWEEP)
    return tmp_path


def data(capsys, *words, code=0):
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def stopped(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main([*words])
    assert end.value.code == 2
    return capsys.readouterr().err


def test_results_of_tests_are_data(monkeypatch, here, capsys):
    monkeypatch.setattr(fit, "test", lambda name, settings: {"by name": [name, settings]})
    monkeypatch.setattr(fit, "test_run", lambda run, files: {"by folder": run})
    monkeypatch.setattr(averaged, "test_averaged", lambda run, out, files: {"averaged": run})
    (here / "run").mkdir()
    assert data(capsys, "test", "ddmnist", "--model.latent=8") == {"by name": ["ddmnist", ["--model.latent=8"]]}
    assert data(capsys, "test", "run") == {"by folder": "run"}
    assert data(capsys, "test", "run", "--averaged") == {"averaged": "run"}
    assert stopped(capsys, "test") == "regrep test: the following arguments are required: EXPERIMENT\n"
    assert stopped(capsys, "test", "rn") == (
        "regrep test: there is no experiment rn; choose from " + ", ".join(tables.index.EXPERIMENTS) + "\n"
    )


class Stream(io.StringIO):
    """Notes what was there at the last flush."""

    flushed = ""

    def flush(self):
        self.flushed = self.getvalue()


def test_a_dry_run_prints_the_plan_and_then_checks_it(monkeypatch, here, capsys):
    checked, stream = [], Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(checks, "check_runs", lambda *given: checked.append((given, stream.flushed)))
    monkeypatch.setattr(sweep, "start", lambda *given: pytest.fail("a dry run starts nothing"))
    assert main(["sweep", "a.yaml", "--dry-run", "--jobs", "2", "--data-dir", "d"]) == 0
    (((runs, experiments, check, data_dir), printed),) = checked
    assert (experiments, check, data_dir) == (tables, trainings._check, Path("d"))
    assert [run.config["seed"] for run in runs] == [0, 1]
    assert printed == f"{sweep.plan_text(runs, Path('theirs'))}\n{outlook.Outlook(runs).text(2)}\n"
    assert stream.getvalue() == printed
    monkeypatch.undo()
    monkeypatch.chdir(here)
    monkeypatch.setattr(checks, "check_runs", lambda *given: None)
    found = data(capsys, "sweep", "a.yaml", "--dry-run")
    assert found == {**sweep.plan_dict(runs, Path("theirs")), "seconds": outlook.Outlook(runs).seconds}


def test_a_sweep_tells_the_states_it_ends_with(monkeypatch, here, capsys):
    def start(runs, folder, jobs, slurm):
        runs[1].folder.finish({"status": "finished"})
        return 1

    monkeypatch.setattr(sweep, "start", start)
    found = data(capsys, "sweep", "a.yaml", code=1)
    assert found["folder"] == "theirs"
    assert [(one["label"], one["state"]) for one in found["runs"]] == [("seed 0", "to do"), ("seed 1", "finished")]


def test_runs_are_checked_by_setting_them_up(monkeypatch):
    made = []
    monkeypatch.setattr(fit, "_cli", lambda *given: made.append(given))
    trainings._check(["fit", "ddmnist", "--out=o"])
    assert made == [("ddmnist", ["--out=o"])]


def test_what_is_learned_from_a_folder_of_data(monkeypatch, here, capsys):
    swept, checked = [], []
    monkeypatch.setattr(sweep, "sweep", lambda file, experiments, **options: swept.append(options) or 0)
    monkeypatch.setattr(trainings, "_check", lambda command: checked.append(command))
    monkeypatch.setattr(trainings, "reported", lambda *given, **options: ({"rows": []}, "a table"))
    words = ["learn", "mnist", "--data-dir", "d", "--set", "data=mnist", "--set", "latent=[6,12]", "--runs", "2"]
    assert main(words) == 0
    assert capsys.readouterr().out == "a table\n"
    settings = {"seed": [0, 1], "data": "mnist", "latent": [6, 12]}
    assert swept == [{"out": Path("runs/learn-mnist"), "data_dir": Path("d"), "jobs": 1, "settings": settings}]
    start = ["fit", "mnist", "--out=runs/learn-mnist", "--data.data_dir=d"]
    assert [command[:4] for command in checked] == [start, start]  # one for each kind of run
    for command, latent in zip(checked, (6, 12), strict=True):
        assert {f"--model.latent={latent}", "--seed_everything=0", "--data.source=mnist"} <= {*command}
    assert data(capsys, *words) == {"rows": []}


def test_names_of_data_are_told(capsys):
    names = "mnist, cifar10, organ, nodule, adrenal, fracture, vessel, synapse, smoke"
    assert stopped(capsys, "data", "qqq").endswith(f"no data set qqq to download; choose from {names}\n")
    assert stopped(capsys, "data", "smoke").endswith("the following arguments are required: --out\n")
    assert stopped(capsys, "data", "mnist", "--size", "64").startswith("regrep data mnist: there is no option --size;")


def test_one_result_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(fit, "fit", lambda name, settings: {"name": name, "settings": settings})
    assert data(capsys, "fit", "smoke") == {"name": "smoke", "settings": []}
    assert main(["fit", "smoke"]) == 0
    assert capsys.readouterr().out == ""  # training has said what there is to say
    files = SimpleNamespace(data_dir="a", font_a="b", font_b=None, other=1)
    assert trainings.files_of(files) == {"data_dir": "a", "font_a": "b", "font_b": None}
