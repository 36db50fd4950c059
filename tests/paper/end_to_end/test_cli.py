"""The command line as a user types it: what it prints, its exit codes, its answers to mistakes."""

import importlib
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from records_fixture import write_run

from regrep._version import __version__
from regrep.errors import MissingExtraError
from regrep_paper import cli, doctor, tables
from regrep_paper.cli import main
from regrep_paper.commands.answers import reported
from regrep_paper.report.models import models
from regrep_paper.runs.manifest import read_manifest
from regrep_paper.runs.records import FolderBusyError
from regrep_paper.runs.sweep import plan

SWEEP = """
experiment: ddmnist
fixed: {data: digits, epochs: 1, classes: 2, train_pairs: 4, validation_pairs: 2, test_pairs: 2, group: D1}
grid: {method: [cnn-augmented, ours-relative], seed: [0]}
"""


def mistake(capsys, *words) -> tuple[int, str]:
    """Exit code and the one line on stderr."""
    try:
        code = main([*map(str, words)])
    except SystemExit as end:
        code = int(end.code)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    return code, captured.err


@pytest.mark.parametrize("words", [[], ["--help"], ["help"]])
def test_help_lists_every_command(capsys, words):
    assert main(words) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in cli.COMMANDS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"regrep {__version__}\n"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(capsys, command):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: regrep {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "usages", "where"),
    [
        ("data", ["data NAME [OPTIONS]"], "data NAME --help lists the options of a data set"),
        ("fit", ["fit EXPERIMENT [OPTIONS]"], "fit EXPERIMENT --help lists the options of an experiment"),
        (
            "test",
            ["test EXPERIMENT [OPTIONS]", "test RUN [--averaged] [--out DIR]"],
            "test EXPERIMENT --help lists the options of an experiment",
        ),
    ],
)
def test_commands_with_names_of_their_own_tell_their_forms(capsys, command, usages, where):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = capsys.readouterr().out
    found = text.partition("\n\n")[0].removeprefix("usage: ").splitlines()
    assert [line.strip() for line in found] == [f"regrep {usage}" for usage in usages]
    assert text.strip().splitlines()[-1] == f"regrep {where}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["swep"], "regrep: there is no command swep; did you mean sweep?"),
        (["--versoin"], "regrep: there is no option --versoin; choose from"),
        (["sweep", "a.yaml", "--job=2"], "regrep sweep: there is no option --job=2; did you mean --jobs?"),
        (["sweep", "a.yaml", "--jobs", "two"], "regrep sweep: argument --jobs: invalid int value: 'two'"),
        (["sweep"], "regrep sweep: the following arguments are required: FILE"),
        (["sweep", "a.yaml", "b.yaml"], "regrep sweep: unexpected argument b.yaml; see"),
        (["groups", "D4", "--jsno"], "regrep groups: there is no option --jsno; did you mean --json?"),
        (["data", "minst"], "regrep data: there is no data set minst to download; did you mean mnist?"),
        (["models", "--jsno"], "regrep models: there is no option --jsno; did you mean --json?"),
        (["doctor", "--all"], "regrep doctor: there is no option --all"),
        (["fit"], "regrep fit: the following arguments are required: EXPERIMENT"),
        (["fit", "ddmist"], "regrep fit: there is no experiment ddmist; did you mean ddmnist?"),
        (["test", "ddmist"], "regrep test: there is no experiment ddmist; did you mean ddmnist?"),
        (["fit", "ddmnist", "--model.methd=ours"], "regrep fit: there is no option --model.methd=ours; did you mean"),
        (["test", "ddmnist", "--model.methd=ours"], "regrep test: there is no option --model.methd=ours; did you mean"),
        (["fit", "ddmnist", "extra"], "regrep fit: unexpected argument extra"),
    ],
)
def test_a_misspelt_line_gets_one_sentence_and_exit_code_2(capsys, words, message):
    code, text = mistake(capsys, *words)
    assert code == 2
    assert text.startswith(message)


def test_wrong_content_gets_one_sentence_and_exit_code_1(capsys, tmp_path):
    assert mistake(capsys, "sweep", tmp_path / "none.yaml")[0] == 1
    file = tmp_path / "a.yaml"
    file.write_text("experiment: ddmist")
    code, text = mistake(capsys, "sweep", file)
    assert code == 1
    assert "there is no experiment 'ddmist'; did you mean ddmnist?" in text
    file.write_text("experiment: ddmnist\nfixed: {wieght: 1}")
    assert "has no setting 'wieght'; did you mean weight?" in mistake(capsys, "sweep", file)[1]
    file.write_text(SWEEP)
    assert "at least 1 job runs at a time, got 0" in mistake(capsys, "sweep", file, "--jobs=0")[1]
    assert "given as key=value, got 'epochs'" in mistake(capsys, "sweep", file, "--set", "epochs")[1]
    assert "at least one value, got seed: []" in mistake(capsys, "sweep", file, "--set", "seed=[]")[1]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{")
    assert "run.json is not valid JSON" in mistake(capsys, "report", tmp_path)[1]
    assert not (tmp_path / "report").exists()
    assert mistake(capsys, "groups", "Z99z")[0] == 1


def raising(error):
    def command(words):
        raise error

    return {"fit": command}


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (FolderBusyError("at work"), FolderBusyError.exit_code, "regrep fit: at work\n"),
        (KeyboardInterrupt(), 130, "regrep fit: stopped; the same command goes on\n"),
        (
            ModuleNotFoundError("no", name="lightning.pytorch"),
            1,
            f"regrep fit: {MissingExtraError('train')}\n",
        ),
    ],
)
def test_errors_become_exit_codes(capsys, monkeypatch, error, code, text):
    monkeypatch.setattr(cli, "COMMANDS", raising(error))
    assert main(["fit"]) == code
    assert capsys.readouterr().err == text


def test_an_error_of_the_program_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "COMMANDS", raising(ModuleNotFoundError("no", name="regrep.nonsense")))
    with pytest.raises(ModuleNotFoundError):
        main(["fit"])


def test_groups_for_people_and_machines(capsys):
    assert main(["groups", "D4"]) == 0
    text = capsys.readouterr().out
    assert "r3s" in text
    assert main(["groups", "D4", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_point_groups_by_either_symbol(capsys):
    for words in (["groups", "Th"], ["groups", "m-3"]):
        assert main(words) == 0
        assert "vectors (x, y, z) are Tu" in capsys.readouterr().out
    assert main(["groups", "--json", "-43m"]) == 0
    assert json.loads(capsys.readouterr().out)["point_group"] == {"schoenflies": "Td", "hermann_mauguin": "-43m"}


def test_models_for_people_and_machines(capsys):
    assert main(["models"]) == 0
    text = capsys.readouterr().out
    assert all(f"Table {n}, " in text for n in (4, 5, 6))
    assert main(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == models()


def test_doctor_tells_what_is_there(capsys):
    assert main(["doctor"]) == 0
    text = capsys.readouterr().out
    assert all(f"[{extra}]" in text for extra in doctor.EXTRAS)


def test_doctor_tells_what_to_run(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert 'submitit missing; run: pip install "regrep[sweep]"' in doctor.examine()


@pytest.mark.slow  # one process at a time is told the same in test_sweep_in_one_process.py
def test_a_sweep_of_two_processes(capfd, tmp_path, monkeypatch):
    (tmp_path / "small.yaml").write_text(SWEEP)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert main(["sweep", str(tmp_path / "small.yaml"), f"--out={tmp_path / 'runs'}", "--jobs=2"]) == 0
    assert "2/2 " in capfd.readouterr().out


PACKAGED = sorted(Path(str(resources.files("regrep_paper.tables"))).rglob("*.yaml"))


@pytest.mark.parametrize("file", PACKAGED, ids=lambda file: file.name)
def test_packaged_sweeps_are_right(file, tmp_path):
    assert plan(read_manifest(file, tables.check_config), tables, tmp_path)


def test_python_m_regrep(tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "regrep_paper", "nonsense"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("regrep: there is no command nonsense; ")


def test_a_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "regrep_paper", "models"]
    result = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_entry_point_exists():
    assert importlib.import_module("regrep_paper.cli").main is main


@pytest.mark.parametrize("name", ["ddmnist/table4", "src/regrep/experiments/ddmnist/table4.yaml"])
def test_packaged_sweeps_have_names(name, tmp_path, capfd):
    words = ["sweep", name, "--dry-run", "--out", str(tmp_path), "--set", "method=ours", "--set", "group=D1"]
    assert main(words) == 0
    assert capfd.readouterr().out.splitlines()[-2] == f"5 runs in {tmp_path}: 5 to do"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ddmnist/tabel4", "did you mean ddmnist/table4?"),
        ("table4.yaml", "did you mean ddmnist/table4?"),
        ("single-digits/studdy", "did you mean single-digits/study?"),
        ("NOTHING", "choose from ddmnist/competitors, "),
    ],
)
def test_a_misspelt_sweep_is_told_from_the_packaged_ones(capsys, name, meant):
    code, text = mistake(capsys, "sweep", name)
    assert code == 1
    assert meant in text


@pytest.mark.parametrize(
    ("sweep", "words", "message"),
    [
        ("ddmnist/demo", ("data=fashion",), "fashion"),
        ("ddmnist/demo", ("group=C5",), "C5"),
        ("ddmnist/demo", ("classes=11",), "classes"),
        ("ddmnist/demo", ("classes=0",), "classes"),
        ("ddmnist/demo", ("latent=3",), "3"),
        ("ddmnist/demo", ("batch_size=0",), "batch"),
        ("ddmnist/demo", ("epochs=0",), "epoch"),
        ("ddmnist/demo", ("seed=-1",), "seed"),
        ("ddmnist/demo", ("test_pairs=0",), "test_pairs"),
        ("ddmnist/demo", ("learning_rate=-1",), "learning"),
        ("ddmnist/demo", ("precision=8-bit",), "8-bit"),
        ("single-digits/study", ("labels=0",), "labels"),
        ("single-digits/study", ("group=D3",), "D3"),
        ("medmnist3d/polycubes", ("size=7",), "7"),
        ("medmnist3d/table5", ("size=30",), "30"),
        ("medmnist3d/table5", ("data=heart",), "heart"),
        ("smoke/small", ("size=64",), "64"),
        ("smoke/small", ("horizon=2",), "horizon"),
        ("learning/mnist", ("angle=400",), "angle"),
        ("learning/mnist", ("latent=0",), "latent"),
        ("learning/cifar10", ("init=nothing",), "nothing"),
    ],
)
def test_a_dry_run_refuses_what_a_run_would(capfd, tmp_path, sweep, words, message):
    settings = [part for word in words for part in ("--set", word)]
    code = main(["sweep", sweep, "--dry-run", "--out", str(tmp_path / "out"), *settings])
    text = capfd.readouterr().err
    assert code == 1, text
    assert message in text
    assert "the first is" in text
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_what_is_wrong(capfd, tmp_path):
    words = ["--out", str(tmp_path), "--set", "method=[ours,cnn]", "--set", "latent=[66,3]", "--set", "seed=[0,1]"]
    assert main(["sweep", "ddmnist/demo", "--dry-run", *words]) == 1
    assert "4 of 8 runs cannot be run, the first is ours D1 latent 3 seed 0: " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("sweep", "data", "message"),
    [
        ("ddmnist/small", "mnist", "there is no data folder"),
        ("single-digits/study", "mnist", "there is no data folder"),
        ("learning/mnist", "mnist", "there is no data folder"),
        ("learning/cifar10", None, "there is no data folder"),
        ("medmnist3d/table5", "organ", "there is no data folder"),
        ("smoke/small", None, "there is no data folder"),
        ("ddmnist/demo", "digits", "the data digits are read from no file"),
        ("learning/mnist", "digits", "the data digits are read from no file"),
        ("medmnist3d/polycubes", "polycubes", "the data polycubes are read from no file"),
        ("learning/tmnist", None, "tmnist reads no data folder"),
    ],
)
def test_a_given_data_folder_has_the_data(capfd, tmp_path, sweep, data, message):
    settings = ["--set", "seed=0", *([] if data is None else ["--set", f"data={data}"])]
    words = ["sweep", sweep, "--dry-run", "--out", str(tmp_path / "out"), *settings, "--data-dir"]
    assert main([*words, str(tmp_path / "none")]) == 1
    assert message in capfd.readouterr().err
    if message.startswith("there"):
        assert main([*words, str(tmp_path)]) == 1
        assert "does not hold the files of" in capfd.readouterr().err


def test_learning_from_a_folder_that_is_not_there(capsys, tmp_path):
    code, text = mistake(capsys, "learn", "mnist", "--data-dir", tmp_path / "none", "--out", tmp_path / "out")
    assert code == 1
    assert "the data digits are read from no file" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("svg_alone")
def test_tables_of_what_was_learned_need_no_extra_for_figures(tmp_path, monkeypatch, capsys):
    write_run(tmp_path / "a")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    found, text = reported(tmp_path, drawn=False)
    assert found["page"] is None
    assert len(found["rows"]) == 1
    assert text.startswith(f"tables: {tmp_path / 'report' / 'table.md'}; for figures: this needs the extra [report]")
    assert (tmp_path / "report" / "table.md").is_file()
    assert main(["report", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    "words", [["groups", "D4"], ["models"], ["doctor"], ["sweep", "ddmnist/demo", "--dry-run"], ["report", "."]]
)
@pytest.mark.usefixtures("svg_alone")
def test_json_is_all_on_stdout_and_quiet_leaves_nothing_else(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "a")
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main([*words, "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out) == found
    assert main([*words, "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_a_dry_run_shows_its_plan_and_cost_before_it_loads_lightning():
    code = "import sys; sys.modules['lightning'] = None\n"
    code += "from regrep_paper.cli import main; sys.exit(main(['sweep', 'ddmnist/table4', '--dry-run', '--jobs=3']))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    lines = found.stdout.splitlines()
    assert lines[-2] == "90 runs in runs/ddmnist-table4: 90 to do"
    assert lines[-1].startswith("about ")
    assert "with --jobs 3" in lines[-1]
    assert "[train]" in found.stderr  # what the runs themselves need is told last


@pytest.mark.parametrize(
    ("line", "some", "none"),
    [
        ("regrep s", {"sweep"}, {"fit"}),
        ("regrep fit dd", {"ddmnist"}, {"smoke"}),
        ("regrep fit ddmnist --data.gr", {"--data.group"}, {"--data.source"}),
        ("regrep sweep smoke/", {"smoke/small"}, {"ddmnist/demo"}),
        ("regrep groups D4 --js", {"--json"}, {"--quiet"}),
    ],
)
def test_a_shell_completes(tmp_path, line, some, none):
    pytest.importorskip("argcomplete")
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out"), "_ARGCOMPLETE_IFS": "\n"}
    words = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_SHELL": "bash"}
    code = "import sys; sys.argv = ['regrep']; from regrep_paper.cli import main; main()"
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **asked, **words}, check=True)
    found = {word.strip() for word in (tmp_path / "out").read_text().splitlines()}
    assert some <= found
    assert not none & found


def test_help_of_an_experiment_shows_ours_first_with_choices_and_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "ddmnist", "--help"])
    text = capsys.readouterr().out
    assert "--data.group=C4|D1|D4 (D4)" in text
    assert "--model.weight=WEIGHT (depends on the others)" in text
    assert "--data.second_noise=true|false (false)" in text
    assert text.index("--model.method=cnn|") < text.index("--out=OUT") < text.index("--trainer.strategy")
    assert max(map(len, text.splitlines())) <= 90


def test_experiments_are_listed(capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    assert "  medmnist3d" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--trainer.logger=CSVLogger", "--trainer.logger: the following arguments are required: save_dir; see"),
        ("--trainer.callbacks=EarlyStopping", "--trainer.callbacks: the following arguments are required: monitor"),
        ("--model.latent=abc", "--model.latent takes an integer, got abc"),
        ("--model=5", "--model: Unable to load config"),
    ],
)
def test_what_the_parser_of_options_says_is_shown(capsys, option, message):
    code, text = mistake(capsys, "fit", "ddmnist", option)
    assert code == 1
    assert message in text
