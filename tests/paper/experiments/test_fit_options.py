"""The options of ``regrep fit``: what they set, which mistakes are told how, and what a record keeps of them."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from regrep.errors import RegrepError
from regrep_paper.experiments import fit
from regrep_paper.experiments.fit import _kinds, _own_arguments
from regrep_paper.suggestions import MisuseError
from regrep_paper.tables import resolved

SMALL = ["--data.classes=2", "--data.train_pairs=2", "--data.validation_pairs=2", "--data.test_pairs=2"]


def cli(*words):
    return fit._cli("ddmnist", [*SMALL, *words])


def test_options_set_what_identifies_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "default_precision", lambda: "bf16-mixed")
    monkeypatch.setattr(sys, "argv", ["regrep", "fit", "more"])
    (tmp_path / "a.yaml").write_text("data: {group: D1}\nmodel: {weight: 3.0}\nseed_everything: 5\n")
    found = cli(
        f"--config={tmp_path / 'a.yaml'}", "--model.weight=4", "--trainer.gradient_clip_val=0.5", "--patience=2"
    )
    assert sys.argv == ["regrep", "fit", "more"]
    given = {"classes": 2, "train_pairs": 2, "validation_pairs": 2, "test_pairs": 2}
    given |= {"group": "D1", "weight": 4.0, "seed": 5, "patience": 2}
    assert found.named_config == resolved({"experiment": "ddmnist", **given})
    assert found.trainer_options == {"gradient_clip_val": 0.5}
    assert (found.trainer.precision, found.trainer.max_epochs) == ("bf16-mixed", 50)
    assert (found.model.objective.weight, found.datamodule.seed) == (4.0, 5)
    other = cli("--trainer.precision=32-true", "--trainer.max_epochs=3", "--trainer.log_every_n_steps=7", "-c",
                str(tmp_path / "a.yaml"))  # fmt: skip
    assert other.named_config["precision"] == "32-true"  # another one than the machine's is a setting
    assert other.named_config["weight"] == 3.0
    assert other.trainer_options == {}
    assert "precision" not in found.named_config


def test_a_precision_that_settings_name_is_one_of_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "default_precision", lambda: "32-true")
    (tmp_path / "a.json").write_text('{"precision": "32-true", "latent": 70}')
    found = cli(f"--settings={tmp_path / 'a.json'}")
    assert (found.named_config["precision"], found.named_config["latent"]) == ("32-true", 70)
    assert "precision" not in cli("--trainer.precision=32-true").named_config


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (["--model.latnt=3"], MisuseError, "there is no option --model.latnt=3; did you mean --model.latent?"),
        (["--qqqqqq"], MisuseError, "there is no option --qqqqqq; see regrep fit EXPERIMENT --help"),
        (["here"], MisuseError, "unexpected argument here; write options as --name=value"),
        (["--model.latent=abc"], RegrepError,
         "--model.latent takes an integer, got abc; see regrep fit EXPERIMENT --help"),
        (["--schedule=cosine"], RegrepError,
         "--schedule takes onecycle, constant or null, got cosine; see regrep fit EXPERIMENT --help"),
        (["--recalibrate=3"], RegrepError,
         "--recalibrate takes true or false or null, got 3; see regrep fit EXPERIMENT --help"),
        (["--trainer.max_epochs=0"], RegrepError, "a run has at least 1 epoch, got 0; choose how many it trains"),
        (["--patience=-1"], RegrepError, "patience counts epochs, got -1; leave it out to train all of them"),
        (["--trainer.check_val_every_n_epoch=3"], RegrepError,
         "check_val_every_n_epoch divides the 50 epochs, the last of which is evaluated, got 3"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(words, kind, told):
    before = list(sys.argv)
    with pytest.raises(RegrepError) as error:
        cli(*words)
    assert (type(error.value), str(error.value)) == (kind, told)
    assert sys.argv == before


def test_every_command_prepares_the_machine_and_has_a_place(monkeypatch, capsys):
    prepared = []
    monkeypatch.setattr(fit, "prepare", lambda: prepared.append(1))
    assert cli().config.out == Path("runs/latest")
    assert prepared == [1]
    with pytest.raises(SystemExit) as end:
        cli("--help")
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: regrep fit ddmnist [--OPTION=VALUE ...]\n")
    assert "  --model.learning_rate=LEARNING_RATE (depends on the others)\n" in text
    assert "  --out=OUT (runs/latest)\n" in text
    with pytest.raises(SystemExit):
        cli("--trainer.logger.help=CSVLogger")
    assert "--trainer.logger.save_dir" in capsys.readouterr().out  # of a class, in the words of its parser
    with pytest.raises(MisuseError, match="there is no option --optimizer=Adam"):  # every model has its own
        cli("--optimizer=Adam")


@pytest.mark.parametrize("error", [kind("no\n  such") for kind in (TypeError, ValueError, MisconfigurationException)])
def test_what_the_trainer_refuses_is_one_sentence(monkeypatch, error):
    def refuse(*given, **options):
        raise error

    monkeypatch.setattr("lightning.pytorch.cli.LightningCLI.instantiate_trainer", refuse)
    with pytest.raises(RegrepError, match="^the trainer cannot be built: no such$"):
        cli()


def test_values_in_words():
    text = "Errors: - Expected a <class '{}'> - Expected a <class 'NoneType'> Given value: x"
    for kind, word in (("int", "an integer"), ("float", "a number"), ("str", "a word"), ("Path", "Path")):
        assert _kinds(text.format(kind)) == f"{word} or null"
    assert _kinds("nothing") == "another value"


def test_arguments_of_the_process_are_hidden_and_come_back(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["regrep", "a", "b"])
    with _own_arguments():
        assert sys.argv == ["regrep"]
    with pytest.raises(ZeroDivisionError), _own_arguments():
        raise ZeroDivisionError
    assert sys.argv == ["regrep", "a", "b"]


@pytest.fixture
def parsed(monkeypatch, tmp_path):
    """A command that was parsed, of which the trainer is the first process or another one."""
    trainer = SimpleNamespace(is_global_zero=True, world_size=1, fast_dev_run=False)
    config = SimpleNamespace(
        out=tmp_path / "run", patience=None, trainer=SimpleNamespace(fast_dev_run=False, precision="32-true")
    )
    found = SimpleNamespace(
        config=config, trainer=trainer, model="model", datamodule="data", trainer_options={"a": 1},
        named_config={"experiment": "ddmnist", "compile": False, "protocol": "decaying"},
    )  # fmt: skip
    monkeypatch.setattr(fit, "_cli", lambda name, words: found)
    monkeypatch.setattr(fit, "check_processes", lambda *given, **options: found.asked.append(("processes", options)))
    found.asked = []
    return found


def test_a_run_is_planned_and_trained(monkeypatch, parsed, tmp_path, capsys):
    trained = []

    def train(folder, *given):
        trained.append(given)
        record = folder.record
        assert (record["config"], record["trainer"]) == (parsed.named_config, {"a": 1})
        folder.finish({"status": "finished", "epochs": 2})
        return "record"

    monkeypatch.setattr(fit, "train", train)
    monkeypatch.setattr(fit, "compile_training", lambda *given, **options: parsed.asked.append((given, options)))
    monkeypatch.setattr(fit, "can_capture", lambda trainer: "whether")
    assert fit.fit("ddmnist", ["--x"]) == "record"
    command = ["regrep", "fit", "ddmnist", "--x"]
    protocol = fit.PROTOCOLS["decaying"]
    assert trained == [(parsed.trainer, "model", "data", parsed.named_config, command, None, protocol)]
    assert parsed.asked == [("processes", {"compiled": False})]
    assert fit.fit("ddmnist", ["--x"]) == {"format": 1, "status": "finished", "epochs": 2}
    assert capsys.readouterr().out == f"{tmp_path / 'run'} holds a finished run; nothing to do\n"
    parsed.config.out, parsed.named_config["compile"] = tmp_path / "other", True
    parsed.asked.clear()
    assert fit.fit("ddmnist", []) == "record"
    assert parsed.asked == [("processes", {"compiled": True}), (("model", "data", True), {"capture": "whether"})]


def test_other_processes_train_along_and_leave_words_to_the_first(monkeypatch, parsed, tmp_path):
    parsed.trainer.is_global_zero = False
    monkeypatch.setattr(fit, "train", lambda folder, *given: {"trained": str(folder.path)})
    assert fit.fit("ddmnist", []) == {"trained": str(tmp_path / "run")}
    assert not (tmp_path / "run").exists()

    def fail(*given):
        raise RegrepError("told by the first")

    monkeypatch.setattr(fit, "train", fail)
    with pytest.raises(SystemExit) as end:
        fit.fit("ddmnist", [])
    assert end.value.code == 1
    fit.RunFolder(tmp_path / "run").finish({"status": "finished"})
    assert fit.fit("ddmnist", []) == {}


def test_trying_out_records_nothing(monkeypatch, parsed, tmp_path):
    tried = []
    monkeypatch.setattr(fit, "try_out", lambda *given: tried.append(given))
    parsed.config.trainer.fast_dev_run = 2
    assert fit.fit("ddmnist", []) == {}
    assert tried == [(parsed.trainer, "model", "data")]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("owner", [True, False])
def test_metrics_of_a_test_are_printed_in_columns(parsed, capsys, owner):
    parsed.trainer.is_global_zero = owner
    asked = []
    parsed.trainer.test = lambda *given, **options: asked.append((given, options)) or [{"test/a": 0.12345}, {"b": 2}]
    assert fit.tested(parsed) == {"test/a": 0.12345, "b": 2}
    assert asked == [(("model",), {"datamodule": "data", "verbose": False})]
    told = f"test/a{' ' * 18} 0.1235\nb{' ' * 23} 2.0000\n"
    assert capsys.readouterr().out == (told if owner else "")


def test_a_folder_without_a_trained_run_is_told(parsed, tmp_path):
    told = f"{tmp_path / 'run'} holds no run.json with checkpoints/best.ckpt; train it first with regrep fit smoke"
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    best.parent.mkdir(parents=True)
    for made in (None, best):  # neither, and weights without a record
        if made is not None:
            made.touch()
        with pytest.raises(RegrepError) as error:
            fit.test("smoke", [])
        assert str(error.value) == told
    told = f"{tmp_path / 'run'} holds no trained run (run.json, checkpoints/best.ckpt); train it with regrep fit"
    record = tmp_path / "run" / "run.json"
    for config in (None, parsed.named_config):
        if config is not None:
            record.write_text(json.dumps({"format": 1, "config": config}))
            best.unlink()
        with pytest.raises(RegrepError) as error:
            fit.trained(fit.RunFolder(tmp_path / "run"))
        assert str(error.value) == told
    best.touch()
    record.write_text(json.dumps({"format": 1, "config": {**parsed.named_config, "compile": True}}))
    with pytest.raises(RegrepError, match="they differ .compile True -> False."):
        fit.test("ddmnist", [])
    (tmp_path / "run" / "run.json").write_text('{"format": 1, "config": {"averaged": true}}')
    with pytest.raises(RegrepError, match="run is the average of another run and has no weights; name the run that it"):
        fit.trained(fit.RunFolder(tmp_path / "run"))


@pytest.mark.parametrize("measure", [fit.measure, fit.measure_layers])
def test_at_least_one_sample_is_measured(measure, tmp_path):
    with pytest.raises(RegrepError, match="an equivariance error needs at least one sample, got 0"):
        measure(tmp_path, 0)
