"""What every command hands to what does the work: each option at its place, each default as its help states it."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

import regrep_paper.report.live
from regrep.groups import parse
from regrep.groups.description import describe
from regrep_paper import tables
from regrep_paper.cli import main
from regrep_paper.data import cifar10, downloads, medmnist, smoke_files
from regrep_paper.experiments import averaged, compared, fit
from regrep_paper.report import models
from regrep_paper.runs import sweep
from regrep_paper.runs.manifest import read_manifest


class Calls(list):
    """Stands for a function: notes the arguments of its calls, and returns what it was given."""

    def __init__(self, result=None):
        super().__init__()
        self.result = result

    def __call__(self, *args, **kwargs):
        self.append((args, kwargs))
        return self.result

    def only(self):
        """The arguments of its only call."""
        (call,) = self
        self.clear()
        return call


NO_FILES = {"data_dir": None, "font_a": None, "font_b": None}
FILES = {"data_dir": Path("d"), "font_a": Path("a"), "font_b": Path("b")}
FILE_WORDS = ["--data-dir", "d", "--font-a", "a", "--font-b", "b"]


def stopped(words, capsys):
    """What a command says that ends as misused."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    return capsys.readouterr().err.removeprefix(f"regrep {words[0]}: ").strip()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_compare(monkeypatch, here, capsys):
    compare = Calls((7, None))
    monkeypatch.setattr(compared, "compare_task", compare)
    plain = {"arms": None, "seeds": 5, "jobs": 1, "data_dir": None, "slurm": None, "device": None}
    plain["tuning_seeds"] = None
    assert main(["compare", "demo"]) == 7
    assert compare.only() == (("demo", Path("runs/compare-demo")), plain)
    assert main(["compare", "x/my.py", "--slurm"]) == 7
    assert compare.only() == (("x/my.py", Path("runs/compare-my")), {**plain, "slurm": {}})
    words = [
        "--arms",
        "a, b",
        "--seeds",
        "1",
        "--tuning-seeds",
        "1",
        "--jobs",
        "1",
        "--out",
        "o",
        "--data-dir",
        "d",
        "--device",
        "cuda",
    ]
    assert main(["compare", "demo", *words, "--slurm", "partition=cpu", "timeout_min=60"]) == 7
    slurm = {"partition": "cpu", "timeout_min": 60}
    given = {"arms": ["a", "b"], "seeds": 1, "jobs": 1, "data_dir": Path("d"), "slurm": slurm, "device": "cuda"}
    assert compare.only() == (("demo", Path("o")), {**given, "tuning_seeds": 1})
    assert stopped(["compare"], capsys) == "name a file TASK.py or a ready task; see regrep compare --help"
    for option in ("--jobs", "--seeds"):
        assert stopped(["compare", "demo", option, "0"], capsys) == f"{option} is at least 1, got 0"
    assert not compare


def test_one_run_of_a_comparison(monkeypatch, here):
    run = Calls()
    monkeypatch.setattr(compared, "run", run)
    assert main(["compare", "demo", "--run", "r", "--data-dir", "d", "--device", "cuda"]) == 0
    assert run.only() == (("demo", Path("r"), Path("d"), "cuda"), {})
    assert main(["compare", "demo", "--run", "r"]) == 0
    assert run.only() == (("demo", Path("r"), None, None), {})


def test_demo(monkeypatch, here, capsys):
    compare = Calls((0, None))
    monkeypatch.setattr(compared, "compare_task", compare)
    arms = ("penalty-mse", "penalty-whitened", "consistency", "averaged")
    given = {"arms": arms, "seeds": 3, "data_dir": None, "slurm": None, "device": None, "tuning_seeds": None}
    assert main(["demo"]) == 0
    assert compare.only() == (("demo", Path("demo")), {**given, "jobs": 2})
    assert main(["demo", "--jobs", "1", "--out", "o"]) == 0
    assert compare.only() == (("demo", Path("o")), {**given, "jobs": 1})
    assert stopped(["demo", "--jobs", "0"], capsys) == "--jobs is at least 1, got 0"


def test_arms_are_listed_without_a_task(capsys):
    assert main(["compare", "--list-arms"]) == 0
    assert capsys.readouterr().out.strip() == compared.arms_text().strip()
    assert main(["compare", "--list-arms", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(compared.arms_listed()))


def test_fit(monkeypatch, capsys):
    run = Calls({"accuracy": 0.5})
    monkeypatch.setattr(fit, "fit", run)
    assert main(["fit", "ddmnist", "--json", "--model.latent=8", "--quiet", "--out=o"]) == 0
    assert run.only() == (("ddmnist", ["--model.latent=8", "--out=o"]), {})
    assert json.loads(capsys.readouterr().out) == {"accuracy": 0.5}


def test_an_experiment_is_tested_by_name_and_a_run_by_folder(monkeypatch, here, capsys):
    by_name, by_folder, average = Calls(), Calls(), Calls()
    monkeypatch.setattr(fit, "test", by_name)
    monkeypatch.setattr(fit, "test_run", by_folder)
    monkeypatch.setattr(averaged, "test_averaged", average)
    (here / "run").mkdir()
    assert main(["test", "ddmnist", "--out=o"]) == 0
    assert by_name.only() == (("ddmnist", ["--out=o"]), {})
    assert main(["test", "run"]) == 0
    assert by_folder.only() == ((Path("run"), NO_FILES), {})
    assert main(["test", "no/run", *FILE_WORDS]) == 0
    assert by_folder.only() == ((Path("no/run"), FILES), {})
    assert main(["test", "run", "--averaged"]) == 0
    assert average.only() == ((Path("run"), None, NO_FILES), {})
    assert main(["test", "none", "--averaged", "--out", "o", *FILE_WORDS]) == 0
    assert average.only() == ((Path("none"), Path("o"), FILES), {})
    told = "--out is the folder of an averaged run; add --averaged, or leave it out"
    assert stopped(["test", "run", "--out", "o"], capsys) == told
    assert [by_name, by_folder, average] == [[], [], []]


def test_measure(monkeypatch, here):
    class Found:
        def as_dict(self):
            return {}

    latent, layers = Calls(Found()), Calls(Found())
    monkeypatch.setattr(fit, "measure", latent)
    monkeypatch.setattr(fit, "measure_layers", layers)
    assert main(["measure", "run"]) == 0
    assert latent.only() == ((Path("run"), None, NO_FILES), {})
    assert main(["measure", "run", "--layers", "--samples", "9", *FILE_WORDS]) == 0
    assert layers.only() == ((Path("run"), 9, FILES), {})
    assert [latent, layers] == [[], []]


@pytest.mark.parametrize(("name", "default"), [("measure", 256), ("measure_layers", 1024)])
def test_the_number_of_samples_to_measure(monkeypatch, name, default):
    found = Calls("found")
    cli = Namespace(model=Namespace(**{name: found}), datamodule="data")
    trained = Calls(cli)
    monkeypatch.setattr(fit, "trained", trained)
    assert getattr(fit, name)(Path("run")) == "found"
    assert found.only() == (("data", default), {})
    assert getattr(fit, name)(Path("run"), 1, FILES) == "found"
    assert found.only() == (("data", 1), {})
    assert [(args[0].path, *args[1:]) for args, _ in trained] == [(Path("run"), None), (Path("run"), FILES)]


def test_watch(monkeypatch, capsys):
    live = Calls()
    monkeypatch.setattr(regrep_paper.report.live, "watch", live)
    assert main(["watch", "runs"]) == 0
    (*args, say), _ = live.only()
    assert args == [Path("runs"), None, 0, 5.0]
    say("text")
    assert capsys.readouterr().out == "text\n"
    assert main(["watch", "runs", "-o", "o", "--port", "80", "--every", "0.1"]) == 0
    assert live.only()[0][:4] == (Path("runs"), Path("o"), 80, 0.1)
    assert main(["watch", "runs", "--every", "86400"]) == 0
    assert live.only()[0][3] == 86400
    for wrong in ("0.05", "86401"):
        told = f"--every is a number of seconds from 0.1 to 86400, got {wrong}"
        assert stopped(["watch", "runs", "--every", wrong], capsys) == told


def test_groups_and_models(monkeypatch, capsys):
    for words in (["-4", "--quiet"], ["--quiet", "-4"], ["-6m2", "--quiet"]):
        assert main(["groups", *words]) == 0
        assert capsys.readouterr().out == ""
    assert main(["groups", "-4"]) == 0
    assert capsys.readouterr().out.strip() == describe(parse("-4")).strip()
    text = Calls("text")
    monkeypatch.setattr(models, "models_text", text)
    for words, width in (([], None), (["--width", "20"], 20)):
        assert main(["models", *words]) == 0
        assert text.only() == ((width,), {})
    for wrong in ("19", "-1"):
        assert stopped(["models", "--width", wrong], capsys) == f"--width counts columns, at least 20, got {wrong}"


FILES_READ = {"a.gz": {"md5": "aa", "url": "x"}, "b.gz": {"md5": "bb", "url": "y"}}


@pytest.mark.parametrize(
    ("words", "call", "sizes"),
    [
        (["mnist"], ("mnist", None), {"train": 3, "test": 2}),
        (["mnist", "--data-dir", "d"], ("mnist", Path("d")), {"train": 3, "test": 2}),
        (["cifar10"], ("cifar10", None), {"train": 3, "test": 2}),
        (["cifar10", "--data-dir", "d"], ("cifar10", Path("d")), {"train": 3, "test": 2}),
        (["organ"], ("medmnist3d", "organ", 28, None), {"train": 3, "validation": 1, "test": 2}),
        (
            ["synapse", "--size", "64", "--data-dir", "d"],
            ("medmnist3d", "synapse", 64, Path("d")),
            {"train": 3, "validation": 1, "test": 2},
        ),
    ],
)
def test_data_that_are_downloaded(monkeypatch, capsys, words, call, sizes):
    train, validation, test = range(3), range(1), range(2)
    labels = {"train": train, "validation": validation, "test": test}
    found = {
        "mnist": Calls(({"train": ([], train), "test": ([], test)}, FILES_READ)),
        "cifar10": Calls(Namespace(files=FILES_READ, train=train, test=test)),
        "medmnist3d": Calls(Namespace(files=FILES_READ, labels=labels)),
    }
    for module, name in ((downloads, "mnist"), (cifar10, "cifar10"), (medmnist, "medmnist3d")):
        monkeypatch.setattr(module, name, found[name])
    monkeypatch.setenv("REGREP_DATA_DIR", "usual")
    folder = Path(call[-1] or "usual")
    assert main(["data", *words, "--json"]) == 0
    assert found[call[0]].only() == (call[1:], {})
    sums = {str(folder / "a.gz"): "aa", str(folder / "b.gz"): "bb"}
    assert json.loads(capsys.readouterr().out) == {"files": sums, "sizes": sizes}
    assert main(["data", *words]) == 0
    counts = ", ".join(f"{count} {part}" for part, count in sizes.items())
    lines = [f"aa  {folder / 'a.gz'}", f"bb  {folder / 'b.gz'}", f"verified: {counts}"]
    assert capsys.readouterr().out.splitlines() == lines


def test_data_that_are_simulated(monkeypatch, capsys):
    generate, load = Calls(), Calls(Namespace(velocity=range(4), frames=5, size=6))
    monkeypatch.setattr(smoke_files, "generate", generate)
    monkeypatch.setattr(smoke_files, "load", load)
    assert main(["data", "smoke", "--out", "o"]) == 0
    assert generate.only() == ((Path("o"), 64, 309, 36, 1), {})
    assert load.only() == ((Path("o"),), {})
    assert capsys.readouterr().out == "verified: 4 simulations of 5 frames of 6 x 6\n"
    words = ["--size", "1", "--frames", "2", "--simulations", "3", "--jobs", "4"]
    assert main(["data", "smoke", "--out", "o", "--json", *words]) == 0
    assert generate.only() == ((Path("o"), 1, 2, 3, 4), {})
    assert json.loads(capsys.readouterr().out) == {"simulations": 4, "frames": 5, "size": 6}
    with pytest.raises(SystemExit):
        main(["data", "smoke", "--out", "o", "--jobs", "0"])
    assert capsys.readouterr().err == "regrep data smoke: --jobs is at least 1, got 0\n"
    assert not generate


SWEEP = "experiment: ddmnist\nout: theirs\nfixed: {data: digits}\ngrid: {seed: [0, 1]}\n"


def test_sweep(monkeypatch, here):
    start = Calls(9)
    monkeypatch.setattr(sweep, "start", start)
    (here / "a.yaml").write_text(SWEEP)

    def configs(runs):
        return [run.config["seed"] for run in runs]

    assert main(["sweep", "a.yaml"]) == 9
    (runs, *rest), _ = start.only()
    assert rest == [Path("theirs"), 1, None]
    assert configs(runs) == [0, 1]
    words = ["--out", "o", "--jobs", "3", "--set", "seed=5", "--set", "data=mnist", "--data-dir", "d", "--slurm", "a=1"]
    assert main(["sweep", "a.yaml", *words]) == 9
    (runs, *rest), _ = start.only()
    assert rest == [Path("o"), 3, {"a": 1}]
    assert configs(runs) == [5]
    assert "--data.data_dir=d" in runs[0].command
    assert main(["sweep", "a.yaml", "--slurm"]) == 9
    assert start.only()[0][1:] == (Path("theirs"), 1, {})


@pytest.mark.parametrize("code", [0, 3])
def test_learn(monkeypatch, here, code):
    swept, check, told = Calls(code), Calls(), Calls(({}, ""))
    monkeypatch.setattr(sweep, "sweep", swept)
    monkeypatch.setattr(fit, "check", check)
    monkeypatch.setattr("regrep_paper.commands.trainings.reported", told)

    def call():
        (file, experiments), options = swept.only()
        assert experiments is tables
        assert read_manifest(file, tables.check_config).experiment == "tmnist"
        return options

    def checked(expected):
        commands = [args for args, _ in check]
        check.clear()
        assert len(commands) == 1
        assert commands[0][0][:3] == ["fit", "tmnist", f"--out={expected}"]
        assert "--seed_everything=0" in commands[0][0]
        return commands[0][0]

    out = Path("runs/learn-tmnist")
    assert main(["learn", "tmnist"]) == code
    assert call() == {"out": out, "data_dir": None, "jobs": 1, "settings": {"seed": [0, 1, 2, 3, 4]}}
    checked(out)
    assert list(told) == ([] if code else [((out,), {"drawn": False})])
    words = ["--runs", "1", "--jobs", "2", "--out", "o", "--font-a", "a", "--font-b", "b", "--set", "latent=8"]
    assert main(["learn", "tmnist", *words]) == code
    settings = {"seed": [0], "font_a": "a", "font_b": "b", "latent": 8}
    assert call() == {"out": Path("o"), "data_dir": None, "jobs": 2, "settings": settings}
    command = checked(Path("o"))
    assert {"--data.font_a=a", "--data.font_b=b", "--model.latent=8"} <= {*command}


def test_learn_refuses_what_does_not_fit(capsys):
    assert stopped(["learn", "mnst"], capsys) == "there is no experiment mnst; did you mean mnist?"
    for wrong in ("0", "1001", "9" * 20):
        assert stopped(["learn", "mnist", "--runs", wrong], capsys) == f"--runs is from 1 to 1000, got {wrong}"
    told = "only tmnist uses fonts, not mnist; leave out --font-a and --font-b"
    for option in ("--font-a", "--font-b"):
        assert stopped(["learn", "mnist", option, "x"], capsys) == told


@pytest.mark.parametrize("command", ["fit", "test"])
def test_experiments_are_listed_in_columns(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    lines = text.partition("experiments:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(tables.index.EXPERIMENTS)
    assert len({len(line) - len(line[2:].partition(" ")[2].lstrip()) for line in lines}) == 1
