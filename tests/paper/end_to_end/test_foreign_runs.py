"""A run folder from somebody else: nothing in it names code, opens files elsewhere or hangs, whatever is done to it."""

import json
import os
import re
import shutil

import pytest
import torch
import yaml

from regrep.errors import RegrepError
from regrep_paper.cli import main
from regrep_paper.experiments.fit import fit
from regrep_paper.experiments.options_file import read_options
from regrep_paper.experiments.recorded import recorded_command
from regrep_paper.runs.records import RunFolder

SMALL = [
    "--data.classes=2",
    "--data.train_pairs=10",
    "--data.validation_pairs=5",
    "--data.test_pairs=5",
    "--data.group=D1",
    "--trainer.precision=32-true",
    "--trainer.accelerator=cpu",
    "--trainer.max_epochs=1",
]
COMMANDS = (["test"], ["measure", "--samples", "4"], ["test", "--averaged"])

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*num_workers.*", "ignore:.*number of training batches.*"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("foreign") / "one"
    fit("ddmnist", [*SMALL, f"--out={out}"])
    return out


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy to be damaged, and a current folder in which nothing may appear."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    return shutil.copytree(finished, tmp_path / "runs" / "one")


def command(words, run, *more):
    return main([words[0], str(run), *words[1:], *more])


def change(run, **config):
    record = json.loads((run / "run.json").read_text())
    record["config"].update(config)
    (run / "run.json").write_text(json.dumps(record))


class Touch:
    """Pickled, it makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def hostile_configs(tmp_path):
    popen = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(tmp_path / "ran")]}}
    (tmp_path / "planted_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    logger = {"class_path": "lightning.pytorch.loggers.CSVLogger", "init_args": {"save_dir": str(tmp_path / "ran")}}
    profiler = {
        "class_path": "lightning.pytorch.profilers.SimpleProfiler",
        "init_args": {"dirpath": str(tmp_path / "ran"), "filename": "a"},
    }
    bomb = "a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 12))
    return {
        "callback": yaml.safe_dump({"trainer": {"callbacks": [popen]}}),
        "module": yaml.safe_dump({"trainer": {"callbacks": [{"class_path": "planted_module.Callback"}]}}),
        "logger": yaml.safe_dump({"trainer": {"logger": logger}}),
        "logger by name": yaml.safe_dump({"trainer": {"logger": "planted_module.Logger"}}),
        "profiler": yaml.safe_dump({"trainer": {"profiler": profiler}}),
        "strategy": yaml.safe_dump({"trainer": {"strategy": popen}}),
        "plugins": yaml.safe_dump({"trainer": {"plugins": [popen]}}),
        "root": yaml.safe_dump({"trainer": {"default_root_dir": str(tmp_path / "ran")}}),
        "data": yaml.safe_dump({"data": {"data_dir": str(tmp_path / "ran")}}),
        "chain": "config: /etc/passwd\n",
        "section": "model: /etc/passwd\n",
        "bomb": bomb,
    }


KINDS = (
    "callback", "module", "logger", "logger by name", "profiler", "strategy", "plugins", "root", "data", "chain",
    "section", "bomb",
)  # fmt: skip


def test_all_hostile_files_together_change_nothing(run, tmp_path, monkeypatch, capsys):
    """config.yaml is not read at all: with any content, or none, the numbers are those of the record."""
    monkeypatch.syspath_prepend(tmp_path)
    expected = json.loads((run / "done.json").read_text())["test"]["accuracy"]
    files = hostile_configs(tmp_path)
    assert set(files) == set(KINDS)
    (run / "config.yaml").write_text("\n".join(files.values()))
    for words in COMMANDS:
        assert command(words, run) == 0, capsys.readouterr().err
    assert f"test/accuracy            {expected:.4f}" in capsys.readouterr().out
    assert not (tmp_path / "ran").exists()
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_each_hostile_file_is_refused_as_options_too(run, tmp_path, monkeypatch, capsys, kind):
    """A user who passes the file of such a run on the command line is told so in a sentence."""
    monkeypatch.syspath_prepend(tmp_path)
    (run / "config.yaml").write_text(hostile_configs(tmp_path)[kind])
    assert main(["fit", "ddmnist", f"--out={tmp_path / 'new'}", *SMALL, f"--config={run / 'config.yaml'}"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "root:" not in told
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "new").exists()
    assert not list((tmp_path / "here").iterdir())


def test_ones_own_file_of_options_is_read(finished, tmp_path, capsys):
    (tmp_path / "own.yaml").write_text(
        "trainer: {callbacks: [{class_path: lightning.pytorch.callbacks.ModelSummary}]}\n"
    )
    fit("ddmnist", [f"--config={tmp_path / 'own.yaml'}", *SMALL, f"--out={tmp_path / 'run'}"])
    done = [json.loads((folder / "done.json").read_text())["test"] for folder in (finished, tmp_path / "run")]
    assert done[0] == done[1]
    again = fit("ddmnist", [f"--settings={finished / 'run.json'}", f"--out={tmp_path / 'again'}"])
    assert again["test"] == done[0]
    (tmp_path / "chain.yaml").write_text(f"config: {tmp_path / 'own.yaml'}")
    (tmp_path / "section.yaml").write_text(f"trainer: {tmp_path / 'own.yaml'}")
    with pytest.raises(RegrepError, match="trainer in .* must be options with values"):
        fit("ddmnist", [f"--config={tmp_path / 'section.yaml'}"])
    with pytest.raises(RegrepError, match="may not name a further file"):
        fit("ddmnist", [f"--config={tmp_path / 'chain.yaml'}"])


def test_the_folder_of_a_run_continues_only_itself(run, tmp_path):
    (run / "config.yaml").write_text(f"out: {tmp_path / 'elsewhere'}\nseed_everything: 1\n")
    assert read_options(run / "config.yaml") == {"seed_everything": 1}
    (run / "config.yaml").write_text(f"out: {run}\n")
    assert read_options(run / "config.yaml") == {"out": str(run)}


@pytest.mark.parametrize(
    "value",
    [
        {"class_path": "subprocess.Popen"},
        ["D1"],
        "/etc/passwd",
        "../one",
        "a.b",
        "--trainer.logger=true",
        "D1 --x",
        "C:\\a",
        "*a",
        "{a: 1}",
        "",
        float("nan"),
        1e300,
        "D" * 1000,
    ],
)
@pytest.mark.parametrize("key", ["group", "precision", "seed", "network"])
def test_settings_of_a_record_are_plain(run, tmp_path, capsys, key, value):
    change(run, **{key: value})
    for words in COMMANDS:
        assert command(words, run) == 1
        told = capsys.readouterr().err
        assert f"may set {key} to a number or a plain word" in told
        assert told.count("\n") == 1


def test_unknown_settings_of_a_record_are_not_options(run, capsys):
    change(run, **{"trainer.callbacks": "subprocess.Popen"})
    assert "Popen" not in " ".join(recorded_command(RunFolder(run)))
    assert command(["test"], run) == 1
    assert "they differ" in capsys.readouterr().err


def test_a_word_that_is_the_name_of_a_file_stays_a_word(run, tmp_path, capsys):
    """Whoever stands in the run folder does not open its files by the words of its record."""
    (tmp_path / "here" / "planted").write_text("class_path: subprocess.Popen")
    for key in ("group", "precision", "network", "method"):
        change(run, **{key: "planted"})
        assert command(["test"], run) == 1
        assert "Popen" not in capsys.readouterr().err


def test_settings_that_are_missing_are_not_made_up(run, capsys):
    record = json.loads((run / "run.json").read_text())
    for key, code in (("network", 0), ("group", 1)):  # the first records name no network
        config = {name: value for name, value in record["config"].items() if name != key}
        (run / "run.json").write_text(json.dumps({**record, "config": config}))
        assert command(["test"], run) == code, capsys.readouterr().err
    assert "group None -> 'D4'" in capsys.readouterr().err


def test_a_class_is_not_taken_from_a_file_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planted = "class_path: lightning.pytorch.loggers.CSVLogger\ninit_args: {save_dir: ran}\n"
    (tmp_path / "planted").write_text(planted)
    with pytest.raises(RegrepError):
        fit("ddmnist", [*SMALL, f"--out={tmp_path / 'run'}", "--trainer.logger=planted"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("experiment", ["os", "../x", 3, None, {"a": 1}, "own"])
def test_only_experiments_are_set_up(run, capsys, experiment):
    change(run, experiment=experiment)
    for words in (["test"], ["measure"]):
        assert command(words, run) == 1
        assert "your own model" in capsys.readouterr().err


def test_a_data_folder_is_named_anew(run, tmp_path, capsys):
    record = json.loads((run / "run.json").read_text())
    for words in ([f"--data.data_dir={tmp_path}/ran"], ["--data.data_dir", f"{tmp_path}/ran"]):
        command_line = [*record["command"], *words]
        config = {**record["config"], "data": "mnist"}
        (run / "run.json").write_text(json.dumps({**record, "config": config, "command": command_line}))
        for name in COMMANDS:
            assert command(name, run) == 1
            told = capsys.readouterr().err
            assert "pass --data-dir" in told
            assert "ran" in told
    assert command(["test"], run, "--data-dir", str(tmp_path / "ran")) == 1
    assert "there is no data folder" in capsys.readouterr().err
    (run / "run.json").write_text(json.dumps({**record, "command": command_line}))  # embedded digits need no folder
    assert command(["test"], run) == 0
    assert command(["test"], run, "--data-dir", str(tmp_path)) == 1
    assert "the data digits are read from no file" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
    assert command(["test"], run, "--font-a", "a.ttf") == 1
    assert "ddmnist reads no such file; leave out --font-a" in capsys.readouterr().err


def test_fonts_are_named_anew(tmp_path):
    config = {"experiment": "tmnist", "font_a": "/etc/passwd", "font_b": None, "seed": 1}
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "config": config}))
    with pytest.raises(RegrepError, match="pass --font-a"):
        recorded_command(RunFolder(tmp_path))
    words = recorded_command(RunFolder(tmp_path), {"font_a": tmp_path / "a.ttf"})
    settings = ["--seed_everything=1", "--protocol=published", f"--data.font_a={tmp_path / 'a.ttf'}"]
    assert words == ["fit", "tmnist", f"--out={tmp_path}", *settings]
    with pytest.raises(RegrepError, match="tmnist reads no such file; leave out --data-dir"):
        recorded_command(RunFolder(tmp_path), {"font_a": tmp_path / "a.ttf", "data_dir": tmp_path})


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_pickle_in_a_checkpoint_is_not_run(run, tmp_path, capsys, which):
    path = run / "checkpoints" / f"{which}.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    torch.save({**checkpoint, "more": Touch(tmp_path / "ran")}, path)
    (run / "checkpoints" / "checksums.json").unlink()  # which would tell that somebody changed it
    torch.load(path, weights_only=False)  # as lightning < 2.6 did
    (tmp_path / "ran").rmdir()  # so it can be noticed
    for words in COMMANDS if which == "best" else ():
        assert command(words, run) == 1
        assert "cannot be read as a checkpoint" in capsys.readouterr().err
    if which == "last":
        (run / "done.json").unlink()
        assert main(["fit", "ddmnist", *SMALL, f"--out={run}"]) == 1
        assert re.search(
            r"last.ckpt cannot be read .* holds more than arrays and plain values.*; .* train", capsys.readouterr().err
        )
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02csubprocess\nPopen\n.", b"x" * 100])
def test_checkpoints_that_are_none_are_refused_in_a_sentence(run, capsys, content):
    (run / "done.json").unlink()
    for which in ("last", "best"):
        (run / "checkpoints" / f"{which}.ckpt").write_bytes(content)
    assert main(["fit", "ddmnist", *SMALL, f"--out={run}"]) == 1
    told = capsys.readouterr().err
    assert "no checkpoint in" in told
    assert told.count("\n") == 1


def test_a_checkpoint_outside_of_the_run_is_not_opened(run, tmp_path, capsys):
    shutil.move(run / "checkpoints", tmp_path / "elsewhere")
    (run / "checkpoints").symlink_to(tmp_path / "elsewhere")
    for words in COMMANDS:
        assert command(words, run) == 1
        assert "leads out of the run folder" in capsys.readouterr().err
    (run / "done.json").unlink()
    assert main(["fit", "ddmnist", *SMALL, f"--out={run}"]) == 1
    assert "leads out of the run folder" in capsys.readouterr().err


def test_a_lock_that_leads_elsewhere_makes_no_file(run, tmp_path, capsys):
    (run / "lock").unlink()
    (run / "lock").symlink_to(tmp_path / "ran")
    assert main(["fit", "ddmnist", *SMALL, f"--out={run}"]) == 1
    assert "cannot be used" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
